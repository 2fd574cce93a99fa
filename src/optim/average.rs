//! Averages of the parameters over the steps.

use super::share;
use crate::kernels::flush;
use crate::network::Network;
use crate::tensor::Element;
use crate::threads;

/// An average of a network's parameters over the steps of its training, which often does better
/// than the last ones. PyTorch's `optim.swa_utils.AveragedModel` with `use_buffers=True`: the
/// running statistics of batch normalizations are averaged as well. It is a network of the same
/// type.
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
    kind: Kind,
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

#[derive(Clone, Copy, Debug)]
enum Kind {
    Ema(f64),
    EmaCorrected(f64),
    Swa,
}

impl<N: Network> WeightAverage<N> {
    /// The exponential moving average: `decay * average + (1 - decay) * parameters`, from the
    /// parameters of the first update on. PyTorch's `get_ema_multi_avg_fn`, where the decay is
    /// 0.999 by default.
    ///
    /// # Panics
    /// If the decay is not between 0 and 1.
    pub fn ema(decay: f64) -> Self {
        assert!(
            (0.0..=1.0).contains(&decay),
            "an average with a decay of {decay}; it must be from 0 to 1"
        );
        Self::new(Kind::Ema(decay))
    }

    /// The exponential moving average that begins with zeros, divided by `1 - decay^updates`: the
    /// first parameters count no more than their age lets them, as in Adam's moments.
    ///
    /// # Panics
    /// If the decay is not at least 0 and less than 1.
    pub fn ema_corrected(decay: f64) -> Self {
        assert!(
            (0.0..1.0).contains(&decay),
            "an average with a decay of {decay}; it must be from 0 to below 1"
        );
        Self::new(Kind::EmaCorrected(decay))
    }

    /// The mean of the parameters of all updates, for stochastic weight averaging (Izmailov et al.,
    /// 2018): update it once per epoch, when most of the training is over.
    pub fn swa() -> Self {
        Self::new(Kind::Swa)
    }

    fn new(kind: Kind) -> Self {
        WeightAverage {
            kind,
            network: N::zeros(),
            updates: 0,
        }
    }

    /// Takes the network's parameters into the average. Does not allocate.
    pub fn update(&mut self, network: &N) {
        self.updates = self.updates.saturating_add(1);
        let updates = self.updates as f64;
        // What the new parameters count for. The corrected average is one as well, with a weight
        // that falls to 1 - decay.
        let weight = match self.kind {
            Kind::Ema(_) if self.updates == 1 => 1.0,
            Kind::Ema(decay) => 1.0 - decay,
            Kind::EmaCorrected(decay) => (1.0 - decay) / (1.0 - decay.powf(updates)),
            Kind::Swa => 1.0 / updates,
        };
        let (rest, weight) = (
            N::Element::from_f64_lossy(1.0 - weight),
            N::Element::from_f64_lossy(weight),
        );
        // From the nearer one, as PyTorch's `lerp`: a weight of 1 copies.
        let near = weight < N::Element::from_f64_lossy(0.5);
        let average = self.network.params_mut();
        let per_part = share(average.len());
        threads::split_mut(average, per_part, &|part, average: &mut [N::Element]| {
            for (average, &new) in average.iter_mut().zip(&network.params()[part * per_part..]) {
                let way = new - *average;
                *average = flush(if near {
                    *average + weight * way
                } else {
                    new - rest * way
                });
            }
        });
    }

    /// The average; zeros before the first update.
    pub fn network(&self) -> &N {
        &self.network
    }

    /// How many networks it is of.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Whether it is to be updated once per epoch, and not in each step.
    pub(crate) fn is_by_epoch(&self) -> bool {
        matches!(self.kind, Kind::Swa)
    }

    /// Which average it is, to be compared.
    pub(crate) fn kind(&self) -> impl std::fmt::Debug {
        self.kind
    }

    /// Goes on with an average that was taken out by [`WeightAverage::network`] after so many
    /// updates.
    pub fn restore(&mut self, network: &N, updates: u64) {
        self.network.params_mut().copy_from_slice(network.params());
        self.updates = updates;
    }
}
