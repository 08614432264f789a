//! Gives libFuzzer's bytes to [`vestibule_fuzz::configuration`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::configuration::run(data));
