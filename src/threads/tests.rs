//! The workers under odd numbers of parts, nesting, panics.

use super::*;
use std::sync::atomic::AtomicU32;

#[test]
fn every_part_runs_once() {
    for parts in [0, 1, 2, 3, 7, 64] {
        let counts: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
        for round in 1..=20 {
            parallel(parts, &|part| {
                counts[part].fetch_add(1, Ordering::Relaxed);
            });
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == round));
        }
    }
}

#[test]
fn a_team_larger_than_the_machine_works_and_parks() {
    for _ in 0..3 {
        let Some(team) = claim_patiently() else { return };
        let sum = AtomicUsize::new(0);
        team.run(4, 11, &|part| {
            sum.fetch_add(part + 1, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 66);
        thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Other tests use the pool too.
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
        let Some(team) = claim_patiently() else { return };
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
        assert_eq!(result.unwrap_err().downcast_ref::<String>(), Some(&format!("part {bad}")));
        assert_eq!(ended.into_inner(), 3);
    }
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
#[should_panic(expected = "pieces of length 0")]
fn split_mut_refuses_empty_pieces() {
    split_mut(&mut [1, 2], 0, &|_, _| {});
}
