//! Gives libFuzzer's bytes to [`vestibule_fuzz::app_reply`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::app_reply::run(data));
