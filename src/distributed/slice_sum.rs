//! Sums over slices in a fixed tree.

use core::mem;
use core::ops::Range;

use super::collectives::{share_of, to_all};
use super::{CommunicationError, Communicator, Incoming, Outgoing};
use crate::memory;
use crate::tensor::{BF16, Element, double};

/// The sum of the vectors of a fixed number of slices over all ranks, in the order of a fixed binary
/// tree: the same bits at any number of ranks.
///
/// Each rank adds the vectors of its own slices, in their order, and then all ranks call
/// [`all_reduce`](SliceSum::all_reduce). All memory is reused for the next sum.
///
/// ```
/// use shapewright::distributed::{Communicator, SliceSum, ThreadGroup, slices_of};
/// let sums = ThreadGroup::run(2, |rank| {
///     let mut sum = SliceSum::<f32>::new(4, 3);
///     for slice in slices_of(rank.rank(), rank.size(), 4) {
///         sum.add(slice, &[slice as f32, 1.0, 0.5]);
///     }
///     sum.all_reduce(rank).map(|sum| sum.to_vec())
/// });
/// for sum in sums {
///     assert_eq!(sum?, [6.0, 4.0, 2.0]);
/// }
/// # Ok::<(), shapewright::distributed::CommunicationError>(())
/// ```
pub struct SliceSum<T> {
    slices: usize,
    len: usize,
    bf16: bool,
    /// The sums so far of this rank's slices, in order: those that have no sibling yet.
    nodes: Vec<Node<T>>,
    /// Vectors that are not in use.
    free: Vec<Vec<T>>,
    /// The bytes that are sent and received.
    sent: Vec<u8>,
    received: Vec<Vec<u8>>,
    total: Vec<T>,
}

/// The sum of a node of the tree.
struct Node<T> {
    at: Position,
    values: Vec<T>,
}

/// The position of a node in the tree: its height above the slices, and its index among the nodes of
/// this height.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    height: u32,
    index: usize,
}

impl Position {
    /// Returns the position of the parent, if this node is the right child of `left`.
    fn joined(self, left: Position) -> Option<Position> {
        let is_right = self.index % 2 == 1;
        let are_siblings = left.height == self.height && left.index + 1 == self.index;
        (is_right && are_siblings).then_some(Position {
            height: self.height + 1,
            index: self.index / 2,
        })
    }
}

/// Returns the largest nodes whose slices all lie in a range, in order.
fn nodes_of(slices: Range<usize>) -> Vec<Position> {
    let mut nodes: Vec<Position> = Vec::new();
    for index in slices {
        let mut at = Position { height: 0, index };
        while let Some(parent) = nodes.last().and_then(|&left| at.joined(left)) {
            nodes.pop();
            at = parent;
        }
        nodes.push(at);
    }
    nodes
}

impl<T: Element> SliceSum<T> {
    /// Returns a sum of vectors of `len` numbers over `slices` slices.
    ///
    /// # Panics
    /// Panics if `slices` is not a power of two.
    #[track_caller]
    pub fn new(slices: usize, len: usize) -> Self {
        assert!(
            slices.is_power_of_two(),
            "a sum over {slices} slices has no binary tree; take a power of two"
        );
        SliceSum {
            slices,
            len,
            bf16: false,
            nodes: Vec::new(),
            free: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            total: vec![T::zero(); len],
        }
    }

    /// Returns the length of the vectors.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Rounds each vector and each sum to [`BF16`], which is then what is sent.
    pub fn bf16(self, bf16: bool) -> Self {
        SliceSum { bf16, ..self }
    }

    /// Adds the vector of a slice of this rank. Slices come in their order.
    ///
    /// # Panics
    /// Panics if the vector has another length.
    #[track_caller]
    pub fn add(&mut self, slice: usize, values: &[T]) {
        assert!(
            values.len() == self.len,
            "the slice has {} numbers, but the sum {}",
            values.len(),
            self.len
        );
        let mut at = Position {
            height: 0,
            index: slice,
        };
        // With a sibling, its vector has room for the sum.
        let mut copy = match self.nodes.pop_if(|left| at.joined(left.at).is_some()) {
            Some(mut left) => {
                at = at.joined(left.at).unwrap_or(at);
                for (sum, &right) in left.values.iter_mut().zip(values) {
                    *sum += if self.bf16 { rounded(right) } else { right };
                }
                left.values
            }
            None => {
                let mut copy = self.free.pop().unwrap_or_default();
                copy.clear();
                copy.extend_from_slice(values);
                copy
            }
        };
        if self.bf16 {
            copy.iter_mut().for_each(|x| *x = rounded(*x));
        }
        let node = Node { at, values: copy };
        push(&mut self.nodes, &mut self.free, node, self.bf16);
    }

    /// Returns the sum over all ranks, and begins a new one.
    ///
    /// # Errors
    /// Returns the errors of [`Communicator::exchange`], and an error if a rank has not added all of
    /// its slices.
    pub fn all_reduce(
        &mut self,
        communicator: &dyn Communicator,
    ) -> Result<&[T], CommunicationError> {
        let rank = communicator.rank();
        let size = communicator.size();
        let own = nodes_of(share_of(rank, size, self.slices));
        if !self.nodes.iter().map(|node| node.at).eq(own) {
            return Err(CommunicationError::Engine {
                message: "a rank has not added each of its slices once".to_owned(),
            });
        }

        let share = share_of(rank, size, self.len);
        self.scatter(communicator)?;
        let total = self.total_of_share(rank, size, share.clone());
        self.total[share.clone()].copy_from_slice(&total);
        self.free.push(total);
        self.gather(communicator, share)?;

        let nodes = self.nodes.drain(..);
        self.free.extend(nodes.map(|node| node.values));
        Ok(&self.total)
    }

    /// Returns the last sum over all ranks.
    pub(crate) fn total(&self) -> &[T] {
        &self.total
    }

    /// Sends each other rank its share of this rank's nodes, and receives its own share of theirs.
    fn scatter(&mut self, communicator: &dyn Communicator) -> Result<(), CommunicationError> {
        let rank = communicator.rank();
        let size = communicator.size();
        let number = self.number_bytes();

        let mut sent = mem::take(&mut self.sent);
        sent.clear();
        let mut ends = Vec::with_capacity(size);
        for to in 0..size {
            if to != rank {
                let share = share_of(to, size, self.len);
                for node in &self.nodes {
                    self.encode(&node.values[share.clone()], &mut sent);
                }
            }
            ends.push(sent.len());
        }

        let own = share_of(rank, size, self.len).len();
        self.received.resize_with(size, Vec::new);
        for (from, bytes) in self.received.iter_mut().enumerate() {
            let nodes = nodes_of(share_of(from, size, self.slices)).len();
            let is_own = from == rank;
            bytes.resize(if is_own { 0 } else { nodes * own * number }, 0);
        }

        let begin = |to: usize| if to == 0 { 0 } else { ends[to - 1] };
        let others = (0..size).filter(|&other| other != rank);
        let sends: Vec<_> = others
            .map(|to| Outgoing {
                to,
                bytes: &sent[begin(to)..ends[to]],
            })
            .collect();
        let mut receives: Vec<_> = self
            .received
            .iter_mut()
            .enumerate()
            .filter(|&(from, _)| from != rank)
            .map(|(from, bytes)| Incoming { from, bytes })
            .collect();
        communicator.exchange(&sends, &mut receives)?;
        self.sent = sent;
        Ok(())
    }

    /// Adds the nodes of all ranks in the order of the tree, for this rank's share of the elements.
    fn total_of_share(&mut self, rank: usize, size: usize, share: Range<usize>) -> Vec<T> {
        let number = self.number_bytes();
        let mut sums = Vec::new();
        for from in 0..size {
            let nodes = nodes_of(share_of(from, size, self.slices));
            for (index, at) in nodes.into_iter().enumerate() {
                let mut values = self.free.pop().unwrap_or_default();
                values.clear();
                if from == rank {
                    values.extend_from_slice(&self.nodes[index].values[share.clone()]);
                } else {
                    let len = share.len() * number;
                    let bytes = &self.received[from][index * len..][..len];
                    values.resize(share.len(), T::zero());
                    self.decode(bytes, &mut values);
                }
                push(&mut sums, &mut self.free, Node { at, values }, self.bf16);
            }
        }
        // One node is left, as the number of slices is a power of two.
        sums.pop().map_or_else(Vec::new, |root| root.values)
    }

    /// Sends this rank's share of the total to all others, and receives theirs.
    fn gather(
        &mut self,
        communicator: &dyn Communicator,
        share: Range<usize>,
    ) -> Result<(), CommunicationError> {
        let rank = communicator.rank();
        let size = communicator.size();
        let number = self.number_bytes();

        let mut sent = mem::take(&mut self.sent);
        sent.clear();
        self.encode(&self.total[share], &mut sent);
        for (from, bytes) in self.received.iter_mut().enumerate() {
            let is_own = from == rank;
            let share = share_of(from, size, self.len);
            bytes.resize(if is_own { 0 } else { share.len() * number }, 0);
        }
        to_all(
            rank,
            &sent,
            self.received.iter_mut().map(Vec::as_mut_slice),
            &|sends, receives| communicator.exchange(sends, receives),
        )?;
        self.sent = sent;

        let mut total = mem::take(&mut self.total);
        for from in (0..size).filter(|&from| from != rank) {
            let share = share_of(from, size, self.len);
            self.decode(&self.received[from], &mut total[share]);
        }
        self.total = total;
        Ok(())
    }

    /// Returns the number of bytes that a number takes in a message.
    fn number_bytes(&self) -> usize {
        if self.bf16 { 2 } else { size_of::<T>() }
    }

    fn encode(&self, values: &[T], bytes: &mut Vec<u8>) {
        if self.bf16 {
            bytes.extend(
                values
                    .iter()
                    .flat_map(|&x| bf16_of(x).to_bits().to_ne_bytes()),
            );
        } else {
            bytes.extend_from_slice(memory::bytes(values));
        }
    }

    fn decode(&self, bytes: &[u8], values: &mut [T]) {
        if self.bf16 {
            for (x, bits) in values.iter_mut().zip(bytes.as_chunks().0) {
                let x16 = BF16::from_bits(u16::from_ne_bytes(*bits));
                *x = T::from_f64_lossy(f64::from(x16.to_f32()));
            }
        } else {
            memory::bytes_mut(values).copy_from_slice(bytes);
        }
    }
}

/// Appends a node to those that have no sibling yet, after it was added to its siblings.
fn push<T: Element>(
    nodes: &mut Vec<Node<T>>,
    free: &mut Vec<Vec<T>>,
    mut node: Node<T>,
    bf16: bool,
) {
    while let Some(left) = nodes.pop_if(|left| node.at.joined(left.at).is_some()) {
        node.at = Position {
            height: node.at.height + 1,
            index: node.at.index / 2,
        };
        for (right, &left) in node.values.iter_mut().zip(&left.values) {
            *right = left + *right;
        }
        if bf16 {
            node.values.iter_mut().for_each(|x| *x = rounded(*x));
        }
        free.push(left.values);
    }
    nodes.push(node);
}

fn bf16_of<T: Element>(x: T) -> BF16 {
    BF16::from_f64(double(x))
}

/// Rounds a number to the nearest one of bf16.
fn rounded<T: Element>(x: T) -> T {
    T::from_f64_lossy(f64::from(bf16_of(x).to_f32()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributed::ThreadGroup;

    /// Returns numbers whose sum depends on its order.
    fn vector(slice: usize, len: usize) -> Vec<f32> {
        let number = |i: usize| {
            let x = ((slice * 7919 + i * 104_729) % 1000) as f32 - 500.0;
            x * 10.0_f32.powi(slice as i32 % 7 - 3) / 3.0
        };
        (0..len).map(number).collect()
    }

    fn sum_on(ranks: usize, slices: usize, len: usize, bf16: bool) -> Vec<Vec<u32>> {
        ThreadGroup::run(ranks, |rank| {
            let mut sum = SliceSum::new(slices, len).bf16(bf16);
            // The second sum uses the memory of the first.
            for _ in 0..2 {
                for slice in share_of(rank.rank(), ranks, slices) {
                    sum.add(slice, &vector(slice, len));
                }
                sum.all_reduce(rank).expect("all ranks are there");
            }
            sum.total.iter().map(|x| x.to_bits()).collect()
        })
    }

    #[test]
    fn sums_have_the_bits_of_the_tree_on_any_number_of_ranks() {
        fn tree(slices: Range<usize>, len: usize) -> Vec<f32> {
            if slices.len() == 1 {
                return vector(slices.start, len);
            }
            let middle = slices.start + slices.len() / 2;
            let left = tree(slices.start..middle, len);
            let right = tree(middle..slices.end, len);
            left.iter()
                .zip(right)
                .map(|(left, right)| left + right)
                .collect()
        }

        for (slices, len) in [(8, 37), (8, 2), (16, 5), (1, 4)] {
            let expected: Vec<_> = tree(0..slices, len).iter().map(|x| x.to_bits()).collect();
            for ranks in (1..=slices).filter(|ranks| *ranks < 9) {
                for sum in sum_on(ranks, slices, len, false) {
                    assert_eq!(
                        sum, expected,
                        "{slices} slices, {ranks} ranks, {len} numbers"
                    );
                }
            }
        }
    }

    #[test]
    fn the_order_decides_the_bits() {
        let chain = (0..8)
            .map(|slice| vector(slice, 37))
            .reduce(|sum, next| sum.iter().zip(next).map(|(sum, next)| sum + next).collect());
        let chain: Vec<_> = chain
            .expect("8 slices")
            .iter()
            .map(|x| x.to_bits())
            .collect();
        assert_ne!(sum_on(1, 8, 37, false)[0], chain);
    }

    #[test]
    fn sums_of_16_bits_are_the_same_on_any_number_of_ranks() {
        let one = sum_on(1, 8, 37, true).remove(0);
        assert!(one.iter().all(|bits| bits % 0x1_0000 == 0));
        for ranks in 2..=8 {
            assert!(
                sum_on(ranks, 8, 37, true).iter().all(|sum| *sum == one),
                "{ranks} ranks"
            );
        }
    }

    #[test]
    fn a_missing_slice_is_an_error() {
        let errors = ThreadGroup::run(1, |rank| {
            let mut sum = SliceSum::<f32>::new(4, 1);
            sum.add(0, &[1.0]);
            sum.all_reduce(rank).map(<[f32]>::to_vec)
        });
        assert!(matches!(errors[0], Err(CommunicationError::Engine { .. })));
    }
}
