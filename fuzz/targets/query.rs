//! Gives libFuzzer's bytes to [`vestibule_fuzz::query`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::query::run(data));
