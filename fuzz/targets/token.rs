//! Gives libFuzzer's bytes to [`vestibule_fuzz::token`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::token::run(data));
