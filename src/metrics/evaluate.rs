//! Metrics of a network on whole data sets.

use core::fmt;

use super::{ConfusionMatrix, Measures};
use crate::kernels::AlignedBuffer;
use crate::loss::{Classes, Label, MaybeLabel};
use crate::memory;
use crate::network::{InputOf, Network};
use crate::tensor::{Shape, Tensor};
use crate::threads;

/// The number of samples that are run at a time, unless their outputs have more elements than
/// `MAX_ELEMENTS`.
const PIECE: usize = 1024;
/// The largest number of elements of the outputs at a time: a megabyte of `f32`.
const MAX_ELEMENTS: usize = 1 << 18;

/// The tensor of a network's output.
type Out<N> = Tensor<<N as Network>::Output, <N as Network>::Element>;

/// Methods of every network for data whose targets are known.
pub trait Evaluate: Network {
    /// Runs the network over all inputs and counts the class that each is taken for; with labels of
    /// pixels or positions, the class of each of them.
    ///
    /// A label that is `None` is ignored. The outputs of 1024 samples at most are in memory at a
    /// time, however long the data.
    ///
    /// # Errors
    /// Returns an error if there are not as many labels as inputs.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// network! {
    ///     struct Iris: [4] -> [3] { Linear<_, 10>, Relu, Linear<_, 3> }
    /// }
    /// let net = Iris::init(&mut shapewright::rng(0));
    /// let (inputs, labels) = (vec![Tensor1::ones(); 150], vec![Label::<3>::default(); 150]);
    /// let confusion = net.evaluate(&inputs, &labels)?;
    /// println!("accuracy {:.3}\n{confusion}", confusion.accuracy()?);
    /// # assert_eq!(confusion.total(), 150);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn evaluate<X, L, const N: usize>(
        &self,
        inputs: &[X],
        labels: &[<Self::Output as Classes>::Each<X::Then<L>>],
    ) -> Result<ConfusionMatrix<N>, CountError>
    where
        X: InputOf<Tensor<Self::Input, Self::Element>, Self>,
        X::Then<L>: MaybeLabel<N>,
        Self::Output: Classes<Label = Label<N>>,
    {
        let mut confusion = ConfusionMatrix::new();
        in_pieces(self, inputs, labels, |outputs, labels| {
            confusion.add_batch(outputs, labels)
        })?;
        Ok(confusion)
    }

    /// Runs the network over all inputs and updates the metrics with the outputs.
    ///
    /// # Errors
    /// Returns an error if there are not as many targets as inputs.
    ///
    /// ```
    /// use shapewright::metrics::{MeanAbsoluteError, R2Score};
    /// use shapewright::prelude::*;
    /// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
    /// let net = Line::init(&mut shapewright::rng(0));
    /// let inputs: Vec<_> = (0..10).map(|i| Tensor1::from([i as f32])).collect();
    /// let (mut mae, mut r2) = (MeanAbsoluteError::new(), R2Score::new());
    /// net.measure(&inputs, &inputs, &mut [&mut mae, &mut r2])?;
    /// println!("{}: {:.3}", r2.name(), r2.value()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn measure<X, G>(
        &self,
        inputs: &[X],
        targets: &[X::Then<G>],
        metrics: &mut [&mut dyn Measures<Out<Self>, X::Then<G>>],
    ) -> Result<(), CountError>
    where
        X: InputOf<Tensor<Self::Input, Self::Element>, Self>,
    {
        in_pieces(self, inputs, targets, |outputs, targets| {
            for metric in &mut *metrics {
                metric.update(outputs, targets);
            }
        })
    }
}

impl<N: Network> Evaluate for N {}

/// Calls `f` with the outputs and targets of each piece.
fn in_pieces<N: Network, X: InputOf<Tensor<N::Input, N::Element>, N>, G>(
    network: &N,
    inputs: &[X],
    targets: &[G],
    mut f: impl FnMut(&[Out<N>], &[G]),
) -> Result<(), CountError> {
    if inputs.len() != targets.len() {
        return Err(CountError {
            inputs: inputs.len(),
            targets: targets.len(),
        });
    }

    // At least one sample for each thread.
    let piece = (MAX_ELEMENTS / N::Output::LEN.max(1))
        .clamp(threads::threads(), PIECE.max(threads::threads()));

    let mut buffer = AlignedBuffer::new();
    for (inputs, targets) in inputs.chunks(piece).zip(targets.chunks(piece)) {
        let what = || {
            format!(
                "the outputs of `{}` for a batch of {}",
                N::NAME,
                inputs.len()
            )
        };

        let outputs = memory::reserve(&mut buffer, inputs.len(), N::Output::LEN, what);
        let outputs = outputs.unwrap_or_else(|error| panic!("{error}"));
        let outputs = memory::tensors_mut(outputs, inputs.len());
        network.forward_batch(inputs, outputs);
        f(outputs, targets);
    }
    Ok(())
}

/// There are not as many targets as inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountError {
    /// The number of inputs.
    pub inputs: usize,
    /// The number of targets.
    pub targets: usize,
}

impl fmt::Display for CountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CountError { inputs, targets } = self;
        write!(
            f,
            "there are {inputs} inputs but {targets} targets; give one target for each input"
        )
    }
}

impl std::error::Error for CountError {}
