//! Gives libFuzzer's bytes to [`vestibule_fuzz::cycle`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::cycle::run(data));
