//! Samples that are made when a batch is gathered.

use core::fmt;

use super::Sample;

/// Samples that are made when they are needed, instead of lying in slices: overlapping windows of a
/// long text or recording, or pairs of other samples. PyTorch's `Dataset`.
///
/// [`Batches::of_dataset`](super::Batches::of_dataset) and
/// [`Trainer::fit_dataset`](crate::train::Trainer::fit_dataset) take it. A sample is made by the
/// training thread or one of the [workers](crate::threads), at any time before its batch is used.
///
/// ```
/// use shapewright::data::Dataset;
/// use shapewright::prelude::*;
/// network! { struct Forecast: [3] -> [1] { Linear<_, 1> } }
///
/// /// The values of a series, and the three values before each.
/// struct Series(Vec<f32>);
///
/// impl Dataset<Tensor1<3>, Tensor1<1>> for Series {
///     fn len(&self) -> usize {
///         self.0.len().saturating_sub(3)
///     }
///     fn push(&self, position: usize, x: &mut Vec<Tensor1<3>>, y: &mut Vec<Tensor1<1>>) {
///         let window = &self.0[position..position + 4];
///         x.push(Tensor1::from([window[0], window[1], window[2]]));
///         y.push(Tensor1::from([window[3]]));
///     }
/// }
///
/// let series = Series((0..100).map(|t| (t as f32 * 0.3).sin()).collect());
/// let mut net = Forecast::init(&mut shapewright::rng(0));
/// let history = Forecast::trainer(Adam::new(0.05), Mse)
///     .epochs(200)
///     .fit_dataset(&mut net, &series)?;
/// assert!(history.last().unwrap().loss < 1e-2);
/// # Ok::<(), shapewright::train::TrainError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a data set with inputs of `{X}` and targets of `{Y}`",
    label = "not a data set with inputs of `{X}` and targets of `{Y}`",
    note = "the inputs are tensors of the shape that the network declares, and the targets those \
            of its loss",
    note = "slices of inputs and targets are given to `fit`"
)]
pub trait Dataset<X, Y>: Sync {
    /// Returns the number of different samples.
    fn len(&self) -> usize;

    /// Returns whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of samples that each epoch draws at random, of which some may be the
    /// same; `None`, the default, if an epoch has each sample once.
    fn draws(&self) -> Option<usize> {
        None
    }

    /// Appends one input and one target: those of the sample at a position below `len`.
    fn push(&self, position: usize, inputs: &mut Vec<X>, targets: &mut Vec<Y>);
}

/// The samples of batches.
pub(super) enum Samples<'a, X, Y> {
    Slices(&'a [X], &'a [Y]),
    Dataset(&'a dyn Dataset<X, Y>),
}

impl<X, Y> Clone for Samples<'_, X, Y> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X, Y> Copy for Samples<'_, X, Y> {}

impl<X, Y> fmt::Debug for Samples<'_, X, Y> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Samples::Slices(..) => "Slices",
            Samples::Dataset(_) => "Dataset",
        };
        f.debug_struct(name).finish_non_exhaustive()
    }
}

impl<X: Sample, Y: Sample> Samples<'_, X, Y> {
    /// Replaces the contents of the buffers by the samples at these positions.
    pub fn fill(&self, inputs: &mut Vec<X>, targets: &mut Vec<Y>, positions: &[usize]) {
        inputs.clear();
        targets.clear();
        inputs.reserve_exact(positions.len());
        targets.reserve_exact(positions.len());
        self.extend(inputs, targets, positions);
    }

    /// Appends the samples at those of the positions that the buffers do not have yet.
    pub fn extend(&self, inputs: &mut Vec<X>, targets: &mut Vec<Y>, positions: &[usize]) {
        match self {
            Samples::Slices(all_inputs, all_targets) => {
                extend(inputs, all_inputs, positions);
                extend(targets, all_targets, positions);
            }
            Samples::Dataset(dataset) => {
                // A panic of the data set may have left an input without its target.
                let done = inputs.len().min(targets.len());
                inputs.truncate(done);
                targets.truncate(done);

                for (&position, done) in positions[done..].iter().zip(done + 1..) {
                    dataset.push(position, inputs, targets);
                    assert!(
                        inputs.len() == done && targets.len() == done,
                        "`Dataset::push` appends one input and one target, but now there are {} \
                         and {} of {done}",
                        inputs.len(),
                        targets.len()
                    );
                }
            }
        }
    }
}

/// Appends the samples at those of the positions that the buffer does not have yet.
pub(super) fn extend<X: Sample>(buffer: &mut Vec<X>, samples: &[X], positions: &[usize]) {
    for &position in &positions[buffer.len()..] {
        super::extend_from_slice(buffer, &samples[position..=position]);
    }
}
