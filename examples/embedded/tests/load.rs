//! The filter of the example, loaded as the example loads it.

callgate_sys::include_policy!("sealed");

/// A filter lasts as long as its thread.
fn in_a_thread<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

#[test]
fn loading_allocates_nothing() {
    let allocated = in_a_thread(|| {
        allocation_counter::measure(|| {
            callgate_sys::install(&SEALED, callgate_sys::Flags::NEW).unwrap();
        })
    });
    assert_eq!(allocated.count_total, 0, "{allocated:?}");
}

#[test]
fn the_filter_is_in_force() {
    let error = in_a_thread(|| {
        callgate_sys::install(&SEALED, callgate_sys::Flags::NEW).unwrap();
        std::fs::File::open("/proc/self/status").unwrap_err()
    });
    assert_eq!(error.raw_os_error(), Some(13));
}
