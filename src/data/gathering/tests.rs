//! Gathered batches are those of `Batches`, whoever gathers them.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use super::*;

type Row = [u32; 300];

fn rows(count: usize) -> (Vec<Row>, Vec<usize>) {
    (
        (0..count).map(|i| [i as u32; 300]).collect(),
        (0..count).collect(),
    )
}

/// Calls while this many threads do pieces all the time.
fn with_helpers<R>(helpers: usize, work: &dyn IdleTask, f: impl FnOnce() -> R) -> R {
    struct End<'a>(&'a AtomicBool);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let end = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(|| {
                while !end.load(Ordering::Relaxed) {
                    if !work.piece() {
                        thread::yield_now();
                    }
                }
            });
        }

        let _end = End(&end);
        f()
    })
}

#[test]
fn gathered_batches_come_in_order() {
    for (count, size) in [
        (0, 3),
        (1, 1),
        (1, 9),
        (2, 1),
        (7, 3),
        (60, 7),
        (64, 16),
        (65, 16),
        (30, 30),
        (999, 500),
    ] {
        let (x, y) = rows(if cfg!(miri) { count.min(65) } else { count });
        for (drop_last, helpers) in [(false, 0), (true, 1), (false, 1), (true, 0), (false, 2)] {
            let mut plain = Batches::new(&x, &y, size);
            if drop_last {
                plain = plain.drop_last();
            }
            let mut gathering = Gathering::new(plain.clone());
            let (mut rng, mut same) = (crate::rng(1), crate::rng(1));

            for epoch in 0..4 {
                plain.shuffle(&mut rng);
                gathering.batches_mut().shuffle(&mut same);

                // The second epoch begins in the middle, and the third stops there.
                if epoch == 1 {
                    plain.go_to(plain.steps() / 2);
                    gathering.batches_mut().go_to(plain.steps() / 2);
                }

                let Gathering { ring, current } = &mut gathering;
                ring.begin(current.take());
                with_helpers(helpers, &*ring, || {
                    with_idle_task(&*ring, |helped| {
                        let mut gathered = Gathered {
                            ring,
                            current,
                            helped,
                        };
                        let mut left = if epoch == 2 {
                            plain.steps() / 2
                        } else {
                            usize::MAX
                        };

                        while left > 0
                            && let Some(batch) = plain.next_batch()
                        {
                            assert_eq!(gathered.next_batch(), Some(batch));
                            left -= 1;
                        }

                        if epoch != 2 {
                            assert_eq!(gathered.next_batch(), None);
                            assert_eq!(gathered.next_batch(), None);
                        }
                    });
                });
            }
        }
    }
}

#[test]
fn helpers_fill_what_fits_and_no_more_buffers_are_made() {
    let (x, y) = rows(100);
    for (size, most) in [(10, MOST), (3, MOST), (50, 2), (100, 1)] {
        let mut gathering = Gathering::new(Batches::new(&x, &y, size));
        let mut places = Vec::new();

        for _ in 0..3 {
            gathering.run(|mut gathered| {
                let ring = gathered.ring;
                while gathered.next_batch().is_some() {
                    // Other threads may gather at the same time.
                    while ring.piece() || !ring.lock().is_full(&ring.batches) {}

                    let buffers = ring.lock();
                    let ready = buffers.filled.len();
                    assert!(ready < most, "{ready} batches ahead");

                    let begins = |buffer: &Buffer<Row, usize>| buffer.0.as_ptr();
                    places.extend(buffers.filled.iter().chain(&buffers.free).map(begins));
                    places.extend(gathered.current.as_ref().map(begins));
                }
            });
        }

        places.sort();
        places.dedup();
        assert_eq!(places.len(), most, "buffers for batches of {size}");
    }
}

impl<X, Y> Buffers<X, Y> {
    fn is_full(&self, batches: &Batches<'_, X, Y>) -> bool
    where
        X: Sample,
        Y: Sample,
    {
        self.filling.is_none() && (self.free.is_empty() || self.next == batches.steps())
    }
}

/// The copy of sample 5 panics on threads where this is set.
#[derive(Debug, PartialEq)]
struct Fragile(usize);

thread_local! {
    static PANICS: Cell<bool> = const { Cell::new(false) };
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        assert!(self.0 != 5 || !PANICS.get(), "sample 5");
        Fragile(self.0)
    }
}

impl Sample for Fragile {}

#[test]
fn a_panic_of_a_helper_loses_no_sample() {
    let x: Vec<_> = (0..12).map(Fragile).collect();
    let mut gathering = Gathering::new(Batches::new(&x, &x, 4));

    let Gathering { ring, current } = &mut gathering;
    ring.begin(None);
    let ring = &*ring;

    thread::scope(|scope| {
        scope.spawn(|| {
            PANICS.set(true);
            let result = catch_unwind(AssertUnwindSafe(|| while ring.piece() {}));
            assert_eq!(result.unwrap_err().downcast_ref(), Some(&"sample 5"));
        });
    });

    let mut gathered = Gathered {
        ring,
        current,
        helped: &IdleHelp::NOT,
    };

    for batch in x.chunks(4) {
        assert_eq!(gathered.next_batch(), Some((batch, batch)));
    }
    assert_eq!(gathered.next_batch(), None);
}
