//! Gives libFuzzer's bytes to [`vestibule_fuzz::heads`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vestibule_fuzz::heads::run(data));
