#![no_main]

#[allow(dead_code, reason = "every target needs one of the entries")]
#[path = "../src/trace.rs"]
mod trace;

libfuzzer_sys::fuzz_target!(|data: &[u8]| trace::state(data));
