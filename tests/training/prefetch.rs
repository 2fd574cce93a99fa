//! Batches that are made on another thread: order, end, panics, and the end of the threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use shapewright::data::{Prefetch, Refill};

/// A value whose living instances are counted.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The text of a panic.
fn panic_of<T>(f: impl FnOnce() -> T) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).err().expect("a panic");
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .unwrap_or_default()
}

#[test]
fn items_come_in_order_whatever_the_room() {
    for ahead in [0, 1, 2, 1000, usize::MAX] {
        let items: Vec<usize> = Prefetch::new(ahead, 0..500).collect();
        assert_eq!(items, (0..500).collect::<Vec<_>>());
    }
    assert_eq!(Prefetch::new(2, Vec::<i32>::new()).next(), None);
}

#[test]
fn an_ended_iterator_stays_ended() {
    let mut one = Prefetch::new(1, [7]);
    assert_eq!([one.next(), one.next(), one.next()], [Some(7), None, None]);
}

/// Receives a message, or fails after a time that is far longer than it should take.
fn expect<T>(messages: &Receiver<T>) -> T {
    messages
        .recv_timeout(std::time::Duration::from_secs(60))
        .expect("a message of the other thread")
}

#[test]
fn items_are_made_ahead_while_one_is_used_and_no_more_than_the_room() {
    let (made, seen) = channel();
    let source = (0..).inspect(move |i| made.send(*i).expect("the test listens"));
    let mut items = Prefetch::new(2, source);
    // Nothing has been requested yet: two items wait, and the other thread holds a third one.
    assert_eq!([expect(&seen), expect(&seen), expect(&seen)], [0, 1, 2]);
    thread::sleep(std::time::Duration::from_millis(20));
    assert!(
        seen.try_recv().is_err(),
        "more was made than there is room for"
    );
    assert_eq!(items.next(), Some(0));
    assert_eq!(expect(&seen), 3);
}

#[test]
fn items_are_made_on_another_thread_from_borrowed_data() {
    let data = [1, 2, 3, 4, 5];
    let here = thread::current().id();
    thread::scope(|scope| {
        let batches = data.chunks(2).map(|chunk| (chunk, thread::current().id()));
        for (batch, maker) in Prefetch::scoped(scope, 1, batches) {
            assert!(data.as_ptr_range().contains(&batch.as_ptr()));
            assert_ne!(maker, here);
        }
    });
}

#[test]
fn panics_come_after_the_items_before_them() {
    let source = |i| if i == 3 { panic!("item three") } else { i };
    let mut items = Prefetch::new(8, (0..10).map(source));
    assert_eq!(items.by_ref().take(3).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(panic_of(|| items.next()), "item three");
    assert_eq!(items.next(), None);

    thread::scope(|scope| {
        let mut items = Prefetch::scoped(scope, 0, (3..10).map(source));
        assert_eq!(panic_of(|| items.next()), "item three");
    });

    let mut batches = Refill::new([0, 0], |batch| {
        *batch += 1;
        if *batch == 2 {
            panic!("second round")
        } else {
            true
        }
    });
    assert_eq!(
        (batches.next_batch().copied(), batches.next_batch().copied()),
        (Some(1), Some(1))
    );
    assert_eq!(panic_of(|| batches.next_batch().copied()), "second round");
    assert_eq!(batches.next_batch(), None);
}

#[test]
fn dropping_early_ends_the_thread_and_drops_everything() {
    let count = Arc::new(AtomicUsize::new(0));
    for taken in 0..5 {
        let kept = count.clone();
        let mut items = Prefetch::new(3, std::iter::repeat_with(move || Counted::new(&kept)));
        assert_eq!(items.by_ref().take(taken).count(), taken);
        drop(items);
        assert_eq!(count.load(Ordering::SeqCst), 0, "after {taken} items");
        assert_eq!(Arc::strong_count(&count), 1, "the thread has ended");

        let buffers: Vec<_> = (0..3).map(|_| Counted::new(&count)).collect();
        let kept = count.clone();
        let mut batches = Refill::new(buffers, move |_| kept.load(Ordering::SeqCst) == 3);
        (0..taken).for_each(|_| assert!(batches.next_batch().is_some()));
        drop(batches);
        assert_eq!(
            (count.load(Ordering::SeqCst), Arc::strong_count(&count)),
            (0, 1)
        );
    }
    // The panic of an item that nobody requested is ignored.
    let (about_to, seen) = channel();
    let items = Prefetch::new(
        1,
        std::iter::repeat_with(move || -> i32 {
            about_to.send(()).expect("the test listens");
            panic!("unasked")
        }),
    );
    expect(&seen);
    drop(items);
}

#[test]
fn buffers_are_used_again_in_turn() {
    let data: Vec<usize> = (0..100).collect();
    let mut chunks = data.chunks(7);
    thread::scope(|scope| {
        let buffers = [
            Vec::with_capacity(7),
            Vec::with_capacity(7),
            Vec::with_capacity(7),
        ];
        let places = buffers
            .each_ref()
            .map(|buffer: &Vec<usize>| buffer.as_ptr());

        let mut batches = Refill::scoped(scope, buffers, |batch| {
            let Some(chunk) = chunks.next() else {
                return false;
            };
            batch.clear();
            batch.extend(chunk);
            true
        });

        let mut all = Vec::new();
        let mut round = 0;
        while let Some(batch) = batches.next_batch() {
            assert_eq!(batch.as_ptr(), places[round % 3]);
            all.append(&mut batch.clone());
            round += 1;
        }

        assert_eq!((all, round), (data.clone(), 15));
        assert!(batches.next_batch().is_none());
    });
}

#[test]
#[should_panic = "two buffers are needed"]
fn one_buffer_is_too_few() {
    let _ = Refill::new([()], |()| true);
}

/// A panic's payload whose drop panics.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("a payload was dropped");
    }
}

#[test]
fn a_payload_whose_drop_panics_is_ignored() {
    let (about_to, seen) = channel();
    let items = Prefetch::new(
        1,
        std::iter::repeat_with(move || -> i32 {
            about_to.send(()).expect("the test listens");
            std::panic::panic_any(Grenade);
        }),
    );
    expect(&seen);
    drop(items);
}

#[test]
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
fn without_threads_the_caller_makes_the_items() {
    if !crate::common::without_threads("prefetch::without_threads_the_caller_makes_the_items") {
        return;
    }
    let here = thread::current().id();
    let items = Prefetch::new(2, (0..10).map(|i| (i, thread::current().id())));
    assert_eq!(
        items.collect::<Vec<_>>(),
        (0..10).map(|i| (i, here)).collect::<Vec<_>>()
    );

    let source = |i| if i == 3 { panic!("item three") } else { i };
    let mut items = Prefetch::new(8, (0..10).map(source));
    assert_eq!(items.by_ref().take(3).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(panic_of(|| items.next()), "item three");
    assert_eq!(items.next(), None);

    let count = Arc::new(AtomicUsize::new(0));
    let buffers: Vec<_> = (0..3).map(|_| (0, Counted::new(&count))).collect();
    let mut numbers = 1..8;
    thread::scope(|scope| {
        let mut batches = Refill::scoped(scope, buffers, |batch| {
            let Some(number) = numbers.next() else {
                return false;
            };
            // The buffers are used again in turn.
            assert_eq!(batch.0, if number > 3 { number - 3 } else { 0 });
            batch.0 = number;
            true
        });
        let mut all = Vec::new();
        while let Some(batch) = batches.next_batch() {
            all.push(batch.0);
        }
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
        assert!(batches.next_batch().is_none());
    });
    assert_eq!(count.load(Ordering::SeqCst), 0);
}
