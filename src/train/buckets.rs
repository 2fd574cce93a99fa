//! The gradient of a network in buckets, each of which is summed over the ranks as soon as its layers
//! have theirs.

use core::mem;
use core::ops::Range;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::distributed::{CommunicationError, Communicator, SliceSum};
use crate::network::{Network, Pass};
use crate::params::param_tree::PlaceKind;
use crate::params::{self, Parameters};
use crate::tensor::Element;

/// The fewest bytes of a bucket: smaller messages take as long.
const BYTES: usize = 128 << 10;

/// A gradient in buckets of adjacent layers.
pub(super) struct Buckets<N: Network> {
    layout: Vec<Bucket>,
    sums: Vec<SliceSum<N::Element>>,
    /// The gradient of each bucket, for one slice.
    flats: Vec<Mutex<Vec<N::Element>>>,
    /// The number of buckets that are summed already.
    reduced: usize,
}

/// Adjacent layers.
struct Bucket {
    /// Their indices; none if their gradient is complete only at the end.
    layers: Range<usize>,
    /// The trained parameters and the statistics, in order.
    places: Vec<(Range<usize>, PlaceKind)>,
    len: usize,
}

impl Bucket {
    fn new(layers: Range<usize>) -> Self {
        Bucket {
            layers,
            places: Vec::new(),
            len: 0,
        }
    }

    /// Calls `f` with each place, and with its position in the bucket.
    fn for_each(&self, mut f: impl FnMut(&Range<usize>, PlaceKind, Range<usize>)) {
        let mut begin = 0;
        for (place, kind) in &self.places {
            f(place, *kind, begin..begin + place.len());
            begin += place.len();
        }
    }
}

/// Returns the buckets of a network, in the order in which they become ready.
fn layout<N: Network>() -> Vec<Bucket> {
    let all = trained_places::<N>();
    let mut buckets = vec![Bucket::new(0..0)];
    // Layers with tied ones behind them have their gradient at the end.
    let mut late = Bucket::new(0..0);

    let with_params = N::LAYERS
        .iter()
        .enumerate()
        .filter(|(_, layer)| layer.params > 0);
    let starts: Vec<_> = with_params
        .map(|(index, layer)| (index, layer.params_at))
        .collect();
    let ends = starts.iter().skip(1).map(|&(_, start)| start);
    let ends = ends.chain([<N as Parameters<N::Element>>::LEN]);
    for (&(index, start), end) in starts.iter().zip(ends) {
        let is_late = N::LAYERS.iter().any(|layer| layer.tied_to == Some(index));

        if let Some(last) = buckets.last()
            && last.len * size_of::<N::Element>() >= BYTES
            && !is_late
        {
            buckets.push(Bucket::new(index..index));
        }
        let bucket = match buckets.last_mut() {
            Some(bucket) if !is_late => {
                bucket.layers.end = index + 1;
                bucket
            }
            _ => &mut late,
        };
        for (place, kind) in &all {
            let place = place.start.max(start)..place.end.min(end);
            if place.start < place.end {
                bucket.len += place.len();
                bucket.places.push((place, *kind));
            }
        }
    }
    buckets.push(late);
    buckets.retain(|bucket| bucket.len > 0);
    buckets
}

/// Returns the trained parameters and the statistics of a network, in order.
fn trained_places<N: Network>() -> Vec<(Range<usize>, PlaceKind)> {
    let mut places = Vec::new();
    N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
        if matches!(kind, PlaceKind::Trained | PlaceKind::Statistic) {
            places.push((place, kind));
        }
    });
    places
}

impl<N: Network> Buckets<N> {
    pub fn new(slices: usize, bf16: bool) -> Self {
        let layout = layout::<N>();
        let lens = || layout.iter().map(|bucket| bucket.len);
        Buckets {
            sums: lens()
                .map(|len| SliceSum::new(slices, len).bf16(bf16))
                .collect(),
            flats: lens()
                .map(|len| Mutex::new(vec![num_traits::zero(); len]))
                .collect(),
            reduced: 0,
            layout,
        }
    }

    /// Returns the trained parameters and the statistics.
    pub fn places(&self) -> impl Iterator<Item = &(Range<usize>, PlaceKind)> {
        self.layout.iter().flat_map(|bucket| &bucket.places)
    }

    /// Returns whether there are several, so that one can be sent before the next is ready.
    pub fn are_several(&self) -> bool {
        self.layout.len() > 1
    }

    /// Adds the gradient of a slice without samples.
    pub fn add_zeros(&mut self, slice: usize) {
        for (flat, sum) in self.flats.iter_mut().zip(&mut self.sums) {
            let flat = flat.get_mut().unwrap_or_else(PoisonError::into_inner);
            flat.fill(num_traits::zero());
            sum.add(slice, flat);
        }
    }

    /// Adds the gradient of a slice.
    pub fn add(&mut self, slice: usize, gradient: &N) {
        for ((bucket, flat), sum) in self.layout.iter().zip(&mut self.flats).zip(&mut self.sums) {
            let flat = flat.get_mut().unwrap_or_else(PoisonError::into_inner);
            bucket.for_each(|place, _, at| {
                flat[at].copy_from_slice(params::parameters_in(gradient, place.clone()));
            });
            sum.add(slice, flat);
        }
    }

    /// Computes the gradient of the last slice of this rank, while another thread adds those of the
    /// layers that are ready and sums them over all ranks.
    pub fn add_and_reduce(
        &mut self,
        slice: usize,
        pass: Pass<'_, '_, N>,
        gradient: &mut N,
        communicator: &dyn Communicator,
    ) -> Result<(), CommunicationError> {
        for flat in &mut self.flats {
            let flat = flat.get_mut().unwrap_or_else(PoisonError::into_inner);
            flat.fill(num_traits::zero());
        }

        let Buckets {
            layout,
            sums,
            flats,
            reduced,
        } = self;
        let flats = &*flats;
        thread::scope(|scope| {
            let (sender, ready) = mpsc::channel();
            let reducing = scope.spawn(move || {
                for (bucket, sum) in ready.into_iter().zip(&mut *sums) {
                    let bucket: usize = bucket;
                    sum.add(slice, &lock(&flats[bucket]));
                    sum.all_reduce(communicator)?;
                }
                Ok(())
            });

            let filling = Filling {
                layout,
                flats,
                next: Mutex::new(0),
                sender,
            };
            pass.backward_by_layers(gradient, &|layer, values| {
                filling.take::<N>(layer, values);
            });
            filling.finish(gradient);
            drop(filling);

            *reduced = layout.len();
            match reducing.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Sums all buckets over the ranks that are not summed yet.
    pub fn reduce(&mut self, communicator: &dyn Communicator) -> Result<(), CommunicationError> {
        for sum in &mut self.sums[mem::take(&mut self.reduced)..] {
            sum.all_reduce(communicator)?;
        }
        Ok(())
    }

    /// Sets a gradient to the sums. Statistics become the mean over this many slices.
    pub fn write_to(&self, gradient: &mut N, slices: usize) {
        let count = N::Element::from_f64_lossy(slices as f64);
        for (bucket, sum) in self.layout.iter().zip(&self.sums) {
            let total = sum.total();
            bucket.for_each(|place, kind, at| {
                let gradient = &mut gradient.params_mut()[place.clone()];
                gradient.copy_from_slice(&total[at]);
                if kind == PlaceKind::Statistic {
                    gradient.iter_mut().for_each(|change| *change /= count);
                }
            });
        }
    }
}

/// The buckets while a backward pass fills them.
struct Filling<'b, T> {
    layout: &'b [Bucket],
    flats: &'b [Mutex<Vec<T>>],
    /// The first bucket that is not sent yet.
    next: Mutex<usize>,
    sender: Sender<usize>,
}

impl<T: Element> Filling<'_, T> {
    /// Takes the gradient of a layer, and sends the buckets that are complete. Layers come in their
    /// order, without those that are frozen.
    fn take<N: Network<Element = T>>(&self, layer: usize, values: &[T]) {
        let of_layer = |bucket: &Bucket| bucket.layers.contains(&layer);
        let Some(index) = self.layout.iter().position(of_layer) else {
            return;
        };
        let mut next = lock(&self.next);
        self.send_until(&mut next, index);

        let bucket = &self.layout[index];
        let start = N::LAYERS[layer].params_at;
        let own = start..start + values.len();
        let mut flat = lock(&self.flats[index]);
        bucket.for_each(|place, _, at| {
            if own.contains(&place.start) {
                flat[at].copy_from_slice(&values[place.start - start..place.end - start]);
            }
        });
        drop(flat);
        if layer + 1 == bucket.layers.end {
            self.send_until(&mut next, index + 1);
        }
    }

    /// Sends the rest, some of which is complete only now.
    fn finish<N: Network<Element = T>>(&self, gradient: &N) {
        for (bucket, flat) in self.layout.iter().zip(self.flats) {
            if bucket.layers.is_empty() {
                let mut flat = lock(flat);
                bucket.for_each(|place, _, at| {
                    flat[at].copy_from_slice(params::parameters_in(gradient, place.clone()));
                });
            }
        }
        self.send_until(&mut lock(&self.next), self.layout.len());
    }

    fn send_until(&self, next: &mut usize, end: usize) {
        for bucket in *next..end {
            // After an error of the messages nobody receives; it is returned at the end.
            let _ = self.sender.send(bucket);
        }
        *next = end.max(*next);
    }
}

fn lock<V>(mutex: &Mutex<V>) -> MutexGuard<'_, V> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
