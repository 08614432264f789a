//! Gives libFuzzer's bytes to [`vestibule_fuzz::paths`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::paths::run(data));
