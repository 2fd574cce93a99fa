//! The processor's mode itself, where it is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use super::*;
use crate::threads;

/// Returns whether this processor flushes now; `None` if it has no such mode.
fn flushes() -> Option<bool> {
    (processor::FLUSH != 0).then(|| processor::word() & processor::FLUSH == processor::FLUSH)
}

/// Returns the expected result of [`flushes`]: `None` on a processor without such a mode.
fn only(flushes: bool) -> Option<bool> {
    (processor::FLUSH != 0).then_some(flushes)
}

#[test]
fn a_scope_changes_calls_alone() {
    let before = processor::word();
    with_flushed_denormals(|| {
        assert_eq!(flushes(), only(false), "the closure itself");
        {
            let _mode = FloatMode::of_scope();
            assert_eq!(flushes(), only(true));
            {
                let _inner = FloatMode::of_scope();
                let _others = FloatMode::of_others();
                assert_eq!(flushes(), only(false), "work for others");
            }
            assert_eq!(flushes(), only(true), "after what is nested");
        }
        assert_eq!(processor::word(), before);

        with_flushed_denormals(|| assert!(is_marked()));
        assert!(is_marked(), "after a nested scope");
        thread::scope(|scope| {
            scope.spawn(|| assert!(!is_marked(), "another thread"));
        });
    });
    assert!(!is_marked());
    let _mode = FloatMode::of_scope();
    assert_eq!(processor::word(), before);
}

#[test]
fn a_panic_ends_scope_and_mode() {
    let before = processor::word();
    let panics = || {
        with_flushed_denormals(|| {
            let _mode = FloatMode::of_scope();
            panic!("inside");
        });
    };
    catch_unwind(panics).unwrap_err();
    assert_eq!((processor::word(), is_marked()), (before, false));
}

/// As a host of audio plugins does.
#[test]
fn a_mode_that_was_set_stays() {
    let before = processor::word();
    processor::set_word(before | processor::FLUSH);
    with_flushed_denormals(|| drop(FloatMode::of_scope()));
    let after = flushes();
    processor::set_word(before);
    assert_eq!(after, only(true));
}

/// Workers set the mode for the scope's jobs only, also after one panicked.
#[test]
fn workers_follow_the_scope() {
    let seen = |count: usize| {
        let seen = Mutex::new(Vec::new());
        threads::parallel(count, &|_| {
            // Long enough for all threads to take part.
            thread::sleep(core::time::Duration::from_millis(1));
            seen.lock().unwrap().push((flushes(), is_marked()));
        });
        seen.into_inner().unwrap()
    };

    // The workers are spawned within the scope, unless another test has done so before.
    for _ in 0..3 {
        assert!(
            with_flushed_denormals(|| seen(16))
                .iter()
                .all(|&saw| saw == (only(true), true))
        );
        assert!(seen(16).iter().all(|&saw| saw == (only(false), false)));

        let result = catch_unwind(AssertUnwindSafe(|| {
            with_flushed_denormals(|| threads::parallel(16, &|_| panic!("in a part")));
        }));
        assert!(result.is_err());
        assert!(
            seen(16).iter().all(|&saw| saw == (only(false), false)),
            "after a panic"
        );
    }

    assert_eq!(flushes(), only(false));
}
