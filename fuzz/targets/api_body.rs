//! Gives libFuzzer's bytes to [`vestibule_fuzz::api_body`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::api_body::run(data));
