//! Gives libFuzzer's bytes to [`vestibule_fuzz::cookies`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::cookies::run(data));
