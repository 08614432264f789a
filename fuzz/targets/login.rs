//! Gives libFuzzer's bytes to [`vestibule_fuzz::login`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::login::run(data));
