//! Averages of a network's parameters over its training.

use super::share;
use crate::kernels::flush;
use crate::memory;
use crate::network::Network;
use crate::params::param_tree::PlaceKind;
use crate::params::{self, Parameters};
use crate::tensor::Element;
use crate::threads;

/// An average of a network's parameters over the steps of its training, which often generalizes
/// better than the last parameters. It is a network of the same type.
///
/// PyTorch's `optim.swa_utils.AveragedModel` with `use_buffers=True`: the running statistics of
/// batch normalizations are averaged as well. [Buffers](crate::ext::Buffer) are those of the last
/// update.
///
/// ```
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<1, 1> } }
/// let mut net = Line::init(&mut shapewright::rng(0));
/// let mut average = WeightAverage::<Line>::ema(0.999);
/// for _ in 0..10 {
///     // .. a step of training ..
///     average.update(&net);
/// }
/// let y = average.network().forward(&Tensor1::from([1.0]));
/// assert_eq!(y, net.forward(&Tensor1::from([1.0])));
/// ```
pub struct WeightAverage<N: Network> {
    kind: AverageKind,
    network: Box<N>,
    updates: u64,
}

impl<N: Network> Clone for WeightAverage<N> {
    fn clone(&self) -> Self {
        WeightAverage {
            kind: self.kind,
            network: self.network.to_boxed(),
            updates: self.updates,
        }
    }
}

/// The weights of an average.
#[derive(Clone, Copy, Debug)]
enum AverageKind {
    Ema(f64),
    EmaCorrected(f64),
    Swa,
}

impl<N: Network> WeightAverage<N> {
    /// Returns the exponential moving average: `decay * average + (1 - decay) * parameters`, which
    /// begins with the parameters of the first update. PyTorch's `get_ema_multi_avg_fn`, where the
    /// decay is 0.999 by default.
    ///
    /// In `f32`, the change of one update is rounded away once it is below 3e-8 of the average, as
    /// PyTorch's is: with a decay of 0.9999, an average may stay 3e-4 away from parameters that no
    /// longer change.
    ///
    /// # Panics
    /// Panics if the decay is not from 0 to 1.
    pub fn ema(decay: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&decay),
            "an average with a decay of {decay}; it must be from 0 to 1"
        );
        Self::new(AverageKind::Ema(decay))
    }

    /// Returns the exponential moving average with bias correction: it begins with zeros and is
    /// divided by `1 - decay^updates`, as Adam's moments are. The first parameters then have no
    /// more weight than their age gives them.
    ///
    /// # Panics
    /// Panics if the decay is not at least 0 and less than 1.
    pub fn ema_corrected(decay: f64) -> Self {
        assert!(
            (0.0..1.0).contains(&decay),
            "an average with a decay of {decay}; it must be from 0 to below 1"
        );
        Self::new(AverageKind::EmaCorrected(decay))
    }

    /// Returns the mean of the parameters of all updates, for stochastic weight averaging (Izmailov
    /// et al., 2018). Update it once per epoch, towards the end of the training.
    pub fn swa() -> Self {
        Self::new(AverageKind::Swa)
    }

    fn new(kind: AverageKind) -> Self {
        WeightAverage {
            kind,
            network: N::zeros(),
            updates: 0,
        }
    }

    /// Adds the network's parameters to the average, without allocation.
    pub fn update(&mut self, network: &N) {
        self.updates = self.updates.saturating_add(1);
        let updates = self.updates as f64;

        // The weight of the new parameters. The corrected average is a moving average as well,
        // whose weight falls to 1 - decay.
        let weight = match self.kind {
            AverageKind::Ema(_) if self.updates == 1 => 1.0,
            AverageKind::Ema(decay) => 1.0 - decay,
            AverageKind::EmaCorrected(decay) => (1.0 - decay) / (1.0 - decay.powf(updates)),
            AverageKind::Swa => 1.0 / updates,
        };
        let rest = N::Element::from_f64_lossy(1.0 - weight);
        let weight = N::Element::from_f64_lossy(weight);

        // Interpolates from the nearer end, as PyTorch's `lerp` does, so that a weight of 1 copies.
        let from_average = weight < N::Element::from_f64_lossy(0.5);
        let average = self.network.params_mut();
        N::PARAM_TREE.for_each_range(average.len(), &mut |range| {
            let news = params::parameters_in(network, range.clone());
            let per_part = share(news.len());
            let average = &mut average[range];
            threads::split_mut(average, per_part, &|part, average: &mut [N::Element]| {
                for (average, &new) in average.iter_mut().zip(&news[part * per_part..]) {
                    let difference = new - *average;
                    *average = flush(if !num_traits::Float::is_finite(difference) {
                        rest * *average + weight * new
                    } else if from_average {
                        *average + weight * difference
                    } else {
                        new - rest * difference
                    });
                }
            });
        });

        // Bits of other number types have no average.
        if <N as Parameters<N::Element>>::BUFFER_NUMBERS > 0 {
            N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
                if let PlaceKind::Buffer { bytes } = kind {
                    let new = params::parameter_bytes(network, place.start, bytes);
                    memory::bytes_mut(&mut average[place])[..bytes].copy_from_slice(new);
                }
            });
        }
    }

    /// Returns the average; zeros before the first update.
    pub fn network(&self) -> &N {
        &self.network
    }

    /// Returns the number of updates.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Returns whether a trainer updates it once per epoch instead of after each step.
    pub(crate) fn is_by_epoch(&self) -> bool {
        matches!(self.kind, AverageKind::Swa)
    }

    /// Returns the kind of the average as it is written in checkpoints.
    pub(crate) fn written(&self) -> String {
        match self.kind {
            AverageKind::Ema(decay) => format!("Ema({decay:?})"),
            AverageKind::EmaCorrected(decay) => format!("EmaCorrected({decay:?})"),
            AverageKind::Swa => "Swa".to_owned(),
        }
    }

    /// Continues with an average that [`WeightAverage::network`] returned after `updates` updates.
    pub fn restore(&mut self, network: &N, updates: u64) {
        params::copy_parameters(network, &mut *self.network);
        self.updates = updates;
    }
}
