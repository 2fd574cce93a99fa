//! The workers under odd numbers of parts, nesting, panics.

use super::*;
use std::collections::HashSet;
use std::mem;
use std::panic::panic_any;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

#[test]
fn every_part_runs_once() {
    for parts in [0, 1, 2, 3, 7, 64] {
        let counts: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
        for round in 1..=20 {
            parallel(parts, &|part| {
                counts[part].fetch_add(1, Ordering::Relaxed);
            });
            assert!(
                counts
                    .iter()
                    .all(|count| count.load(Ordering::Relaxed) == round)
            );
        }
    }
}

#[test]
fn a_team_larger_than_the_machine_works_and_parks() {
    for _ in 0..3 {
        let Some(team) = claim_patiently() else {
            return;
        };
        let sum = AtomicUsize::new(0);
        team.run(4, 11, &|part| {
            sum.fetch_add(part + 1, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 66);
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn no_more_threads_than_processors_work() {
    set_threads(1000);
    let asked = threads();
    let parts = parts(usize::MAX);
    let workers = Mutex::new(HashSet::new());
    let ran = AtomicUsize::new(0);
    parallel(1000, &|_| {
        workers.lock().unwrap().insert(thread::current().id());
        ran.fetch_add(1, Ordering::Relaxed);
    });
    set_threads(0);

    assert_eq!((asked, ran.into_inner()), (1000, 1000));
    assert!(workers.into_inner().unwrap().len() <= processors());
    // Each has the same number of parts.
    assert!(parts.is_multiple_of(processors()) && parts <= MAX_PARTS_PER_PROCESSOR * processors());
}

/// Claims the pool, which other tests use, too.
fn claim_patiently() -> Option<Team> {
    (0..10_000).find_map(|_| {
        thread::yield_now();
        Team::claim()
    })
}

#[test]
fn nested_and_concurrent_callers_finish() {
    let total = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..50 {
                    parallel(4, &|_| {
                        parallel(3, &|_| {
                            total.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                }
            });
        }
    });
    assert_eq!(total.into_inner(), 3 * 50 * 12);
}

#[test]
fn alone_means_one_thread_until_it_ends() {
    let here = thread::current().id();
    alone(|| {
        alone(|| assert_eq!(threads(), 1));
        assert_eq!((threads(), parts(usize::MAX)), (1, 1));
        parallel(8, &|_| assert_eq!(thread::current().id(), here));
    });
    assert!(!ALONE.get());
    catch_unwind(|| alone(|| panic!("inside"))).unwrap_err();
    assert!(!ALONE.get(), "after a panic, too");
}

#[test]
fn a_panic_reaches_the_caller_after_the_others_ended() {
    for bad in 0..4 {
        let Some(team) = claim_patiently() else {
            return;
        };

        let ended = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            team.run(4, 4, &|part| {
                if part == bad {
                    panic!("part {part}");
                }
                thread::yield_now();
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }));

        assert_eq!(
            result.unwrap_err().downcast_ref::<String>(),
            Some(&format!("part {bad}"))
        );
        assert_eq!(ended.into_inner(), 3);
    }
}

/// The payload of a panic whose drop panics, with such a payload again.
struct Grenade(u32);

impl Drop for Grenade {
    fn drop(&mut self) {
        if self.0 > 0 {
            panic_any(Grenade(self.0 - 1));
        }
    }
}

#[test]
fn payloads_that_panic_when_they_are_dropped_wait_for_the_others() {
    for healthy in 0..4 {
        let Some(team) = claim_patiently() else {
            return;
        };
        let ended = AtomicBool::new(false);
        let result = catch_unwind(AssertUnwindSafe(|| {
            team.run(4, 4, &|part| {
                if part != healthy {
                    panic_any(Grenade(2));
                }
                thread::sleep(Duration::from_millis(20));
                ended.store(true, Ordering::Release);
            });
        }));
        let payload = mem::ManuallyDrop::new(result.unwrap_err());
        assert!(
            ended.into_inner(),
            "the caller goes on while part {healthy} runs"
        );
        assert!(payload.is::<Grenade>());

        // The workers are still usable.
        let Some(team) = claim_patiently() else {
            return;
        };
        let sum = AtomicUsize::new(0);
        team.run(4, 11, &|part| {
            sum.fetch_add(part, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 55);
    }
}

#[test]
fn a_payload_that_nobody_gets_is_dropped() {
    static DROPPED: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let Some(team) = claim_patiently() else {
        return;
    };
    let result = catch_unwind(AssertUnwindSafe(|| team.run(3, 3, &|_| panic_any(Counted))));
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2);
    drop(result);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 3);
}

#[test]
fn split_mut_covers_everything() {
    for (len, chunk) in [(0, 0), (1, 1), (10, 3), (9, 3), (5, 100)] {
        let mut data = vec![0; len];
        split_mut(&mut data, chunk, &|part, piece| {
            for (i, x) in piece.iter_mut().enumerate() {
                *x += part * chunk + i + 1;
            }
        });
        assert_eq!(data, (1..=len).collect::<Vec<_>>());
    }
}

#[test]
#[should_panic(expected = "chunks of length 0")]
fn split_mut_refuses_empty_pieces() {
    split_mut(&mut [1, 2], 0, &|_, _| {});
}

/// Side work of a number of pieces.
struct Pieces {
    left: AtomicUsize,
    /// The number of pieces done, and whether one is being done.
    done: AtomicUsize,
    inside: AtomicBool,
    each: fn(),
}

impl Pieces {
    fn new(count: usize, each: fn()) -> Self {
        Pieces {
            left: AtomicUsize::new(count),
            done: AtomicUsize::new(0),
            inside: AtomicBool::new(false),
            each,
        }
    }
}

impl IdleTask for Pieces {
    fn piece(&self) -> bool {
        let took = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            });
        if took.is_ok() {
            self.inside.store(true, Ordering::Relaxed);
            (self.each)();
            self.inside.store(false, Ordering::Relaxed);
            self.done.fetch_add(1, Ordering::Release);
        }
        took.is_ok()
    }
}

/// Calls with side work, once no other test has the place for it; `None` if there is no such place.
fn idle_task_patiently<R>(work: &dyn IdleTask, f: impl Fn(&IdleHelp) -> R) -> Option<R> {
    (processors() > 1).then(|| {
        loop {
            let result = with_idle_task(work, |helped| helped.0.then(|| f(helped)));
            if let Some(result) = result {
                return result;
            }
            thread::yield_now();
        }
    })
}

/// Wakes a worker repeatedly, as other tests may have the team.
fn wake_until(helped: &IdleHelp, enough: impl Fn() -> bool) {
    let begin = Instant::now();
    while !enough() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "nobody does the side work"
        );
        helped.more(true);
        thread::yield_now();
    }
}

#[test]
fn side_work_is_done_while_jobs_run_as_ever() {
    let work = Pieces::new(500, || ());
    idle_task_patiently(&work, |helped| {
        wake_until(helped, || work.done.load(Ordering::Acquire) == 500);
        // At first there is no work left, then there is more.
        work.left.store(300, Ordering::Relaxed);
        let rounds = AtomicUsize::new(0);
        wake_until(helped, || {
            let sum = AtomicUsize::new(0);
            parallel(5, &|part| {
                sum.fetch_add(part, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 10);
            rounds.fetch_add(1, Ordering::Relaxed) >= 100
                && work.done.load(Ordering::Acquire) == 800
        });
    });
}

#[test]
fn side_work_has_ended_when_its_owner_goes_on() {
    for unwinds in [false, true] {
        let work = Pieces::new(usize::MAX, || thread::sleep(Duration::from_millis(5)));
        let result = catch_unwind(AssertUnwindSafe(|| {
            idle_task_patiently(&work, |helped| {
                wake_until(helped, || work.inside.load(Ordering::Relaxed));
                if unwinds {
                    panic!("the owner's");
                }
            })
        }));
        assert_eq!(result.is_err(), unwinds && processors() > 1);
        assert!(!work.inside.load(Ordering::Relaxed));
        let done = work.done.load(Ordering::Acquire);
        thread::sleep(Duration::from_millis(20));
        assert_eq!(work.done.into_inner(), done);
    }
}

#[test]
fn a_panic_of_side_work_reaches_its_owner_at_the_end() {
    let work = Pieces::new(10, || panic!("a piece"));
    let went_on = AtomicBool::new(false);

    let result = catch_unwind(AssertUnwindSafe(|| {
        idle_task_patiently(&work, |helped| {
            wake_until(helped, || work.inside.load(Ordering::Relaxed));
            // The work is not called again.
            for _ in 0..100 {
                helped.more(true);
                parallel(4, &|_| thread::yield_now());
            }
            went_on.store(true, Ordering::Relaxed);
        })
    }));

    if processors() > 1 {
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"a piece"));
        assert_eq!((went_on.into_inner(), work.left.into_inner()), (true, 9));
    }

    // The workers and the place are still usable.
    side_work_is_done_while_jobs_run_as_ever();
}

#[test]
fn side_work_and_its_owner_may_both_panic() {
    let work = Pieces::new(10, || panic_any(Grenade(2)));
    let result = catch_unwind(AssertUnwindSafe(|| {
        idle_task_patiently(&work, |helped| {
            wake_until(helped, || work.left.load(Ordering::Relaxed) < 10);
            panic!("the owner's");
        })
    }));
    if processors() > 1 {
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"the owner's"));
    }
    side_work_is_done_while_jobs_run_as_ever();
}

#[test]
fn one_has_the_place_and_the_others_help_themselves() {
    let (outer, inner) = (Pieces::new(0, || ()), Pieces::new(1, || ()));
    idle_task_patiently(&outer, |_| {
        let helped = with_idle_task(&inner, |helped| {
            helped.more(true);
            helped.0
        });
        assert!(!helped);
    });

    assert!(!alone(|| with_idle_task(&inner, |helped| helped.0)));
    assert_eq!(inner.done.into_inner(), 0);

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let work = Pieces::new(3, || ());
                    with_idle_task(&work, |helped| {
                        helped.more(true);
                        parallel(2, &|_| ());
                        while work.piece() {}
                    });
                    // The thread that did them has ended.
                    assert_eq!(work.done.into_inner(), 3);
                }
            });
        }
    });
}

#[test]
fn values_of_the_environment_variable() {
    let sentence = |value| match from_value(value) {
        Ok(count) => count.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(sentence(" 3 "), "3");
    for value in ["", "0", "-1", "two", "1.5", "18446744073709551616"] {
        assert_eq!(
            sentence(value),
            format!(
                "`SHAPEWRIGHT_THREADS` is ignored: it is `{value}`, but must be a number from 1 up"
            )
        );
    }
}
