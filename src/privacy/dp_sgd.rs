//! The gradient of DP-SGD: clipped per sample, summed, noised.

use core::fmt::{self, Debug, Formatter};
use core::ops::Range;

use num_traits::ToPrimitive;
use rand::Rng;

use super::accountant::RdpAccountant;
use super::sampling::poisson_sample;
use crate::init::standard_normal;
use crate::kernels::flush;
use crate::loss::{Accepts, Loss, TargetOf};
use crate::network::{Batching, Infer, InputOf, Network, Trainable, Workspace};
use crate::optim::{NonFiniteNorm, ParamGroup, gradient};
use crate::params::Parameters;
use crate::setting_error::{
    SettingError, assert_setting, fraction, not_negative, positive, positive_single,
};
use crate::tensor::{Element, Tensor, double};
use crate::threads;

/// The number of parameters that one part of a sum has.
const CHUNK: usize = 1 << 13;

/// Settings of differentially private training by gradients that are clipped per sample and noised
/// (Abadi et al., 2016, "Deep Learning with Differential Privacy").
///
/// The gradient of a step is the sum of the gradients of the samples of a batch, each scaled down to
/// the norm `max_grad_norm` over all parameters, plus Gaussian noise with the standard deviation
/// `noise_multiplier * max_grad_norm`, divided by the expected length of a batch. This is what
/// Opacus's `DPOptimizer` computes.
///
/// | setting | default |
/// |---|---|
/// | `sample_rate` | the argument of [`new`](DpSgd::new) |
/// | `max_grad_norm` | 1.0 |
/// | `noise_multiplier` | 1.0 |
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use = "settings do nothing by themselves"]
pub struct DpSgd {
    sample_rate: f64,
    max_grad_norm: f64,
    noise_multiplier: f64,
}

impl DpSgd {
    /// Returns the default settings with this probability of each sample to be in a batch: the
    /// expected length of a batch, divided by the number of samples.
    pub const fn new(sample_rate: f64) -> Self {
        DpSgd {
            sample_rate,
            max_grad_norm: 1.0,
            noise_multiplier: 1.0,
        }
    }

    /// Sets the largest norm of the gradient of a sample.
    pub const fn max_grad_norm(self, max_grad_norm: f64) -> Self {
        DpSgd {
            max_grad_norm,
            ..self
        }
    }

    /// Sets the standard deviation of the noise, relative to `max_grad_norm`.
    /// [`noise_multiplier_for`](super::noise_multiplier_for) finds the one for a wanted epsilon.
    pub const fn noise_multiplier(self, noise_multiplier: f64) -> Self {
        DpSgd {
            noise_multiplier,
            ..self
        }
    }

    /// Checks that the settings are in their ranges.
    ///
    /// # Errors
    /// Returns an error for the first setting that is out of its range.
    pub fn check(&self) -> Result<(), SettingError> {
        let checked = fraction("sample_rate", self.sample_rate)
            .and_then(|()| positive("sample_rate", self.sample_rate))
            .and_then(|()| positive_single("max_grad_norm", self.max_grad_norm))
            .and_then(|()| {
                not_negative(&[
                    ("max_grad_norm", self.max_grad_norm),
                    ("noise_multiplier", self.noise_multiplier),
                ])
            });
        checked.map_err(|error| error.of("DpSgd"))
    }

    /// Creates the state of a training on this number of samples.
    ///
    /// A network with a layer that mixes the samples of a batch does not compile:
    ///
    /// ```compile_fail,E0080
    /// use shapewright::prelude::*;
    /// use shapewright::privacy::DpSgd;
    /// network! { struct Net: [4] -> [2] { Linear<_, 8>, BatchNorm1d<_>, Linear<_, 2> } }
    /// let private = DpSgd::new(0.1).state::<Net>(100);
    /// ```
    ///
    /// # Panics
    /// Panics if a setting is out of its range ([`check`](DpSgd::check) returns the error), or if
    /// there are no samples.
    #[track_caller]
    pub fn state<N: Trainable>(self, samples: usize) -> DpSgdState<N> {
        const {
            assert!(
                !mixes_samples::<N>(),
                "DP-SGD clips the gradient of each sample, but a layer of this network mixes the \
                 samples of a batch, as batch normalization does: use `GroupNorm` or `LayerNorm`"
            );
        }
        assert_setting(self.check());
        assert!(
            samples > 0,
            "DP-SGD is asked for a training on 0 samples; give it the number of all samples"
        );

        let mut places = Vec::new();
        let all = 0..<N as Parameters<N::Element>>::LEN;
        gradient::for_each_trained::<N>(all, &mut |place| places.push(place));
        DpSgdState {
            settings: self,
            samples,
            accountant: RdpAccountant::new(),
            drawn: 0,
            slots: Vec::new(),
            places,
            frozen: Vec::new(),
        }
    }
}

/// Returns whether a layer of a network needs the whole batch in training.
const fn mixes_samples<N: Network>() -> bool {
    let batching = <N as Infer<N::Input, N::Output, N::Element>>::BATCHING;
    matches!(batching, Batching::WholeBatch)
}

/// The state of a private training: its memory, and what it has spent. [`DpSgd::state`] makes it.
///
/// In addition to the network, it has a gradient and a [`Workspace`] for each thread.
pub struct DpSgdState<N: Network> {
    settings: DpSgd,
    /// The number of all samples.
    samples: usize,
    accountant: RdpAccountant,
    /// The number of samples of all batches so far, for the seeds of random layers.
    drawn: u64,
    /// Memory for the samples that are computed at the same time.
    slots: Vec<Slot<N>>,
    /// The places of the trained parameters.
    places: Vec<Range<usize>>,
    /// The parameters that are frozen.
    frozen: Vec<Range<usize>>,
}

/// The memory of one sample, and its result.
struct Slot<N: Network> {
    workspace: Workspace<N>,
    gradient: Box<N>,
    loss: f64,
    norm: f64,
}

/// Statistics of a batch before the noise. They depend on the samples: no epsilon covers them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrivateBatch {
    /// The mean loss of the samples; NaN if there are none.
    pub loss: f64,
    /// The number of samples.
    pub samples: usize,
    /// The number of samples whose gradient was longer than `max_grad_norm`.
    pub clipped: usize,
}

impl<N: Trainable> DpSgdState<N> {
    /// Freezes a part of the network: its gradient is 0, has no noise, and does not count in the norm
    /// of a sample's gradient. It is for a pretrained body under a new head.
    ///
    /// An optimizer that also moves parameters without a gradient, for example by weight decay, must
    /// [freeze](crate::optim::OptimizerState::freeze) the part as well.
    ///
    /// ```
    /// use shapewright::prelude::*;
    /// use shapewright::privacy::DpSgd;
    /// network! { struct Net: [4] -> [2] { body: Linear<_, 8>, Relu, head: Linear<_, 2> } }
    /// let mut private = DpSgd::new(0.5).state::<Net>(2);
    /// private.freeze(layer!(Net, body));
    ///
    /// let mut rng = shapewright::rng(0);
    /// let net = Net::init(&mut rng);
    /// let mut gradient = Net::zeros();
    /// let x = [Tensor1::ones()];
    /// let labels = [Label::new(1)?];
    /// private.gradient(&net, &CrossEntropy, &x, &labels, &mut gradient, &mut rng)?;
    /// assert_eq!(gradient.body.bias, [0.0; 8]);
    /// assert_ne!(gradient.head.bias, [0.0; 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn freeze(&mut self, part: ParamGroup<N>) {
        let frozen = part.range(&N::zeros());
        let rest = self.places.iter().flat_map(|place| {
            let before = place.start..place.end.min(frozen.start);
            let behind = place.start.max(frozen.end)..place.end;
            [before, behind]
        });
        self.places = rest.filter(|place| !place.is_empty()).collect();
        self.frozen.push(frozen);
    }

    /// Returns the positions of the next batch, by [Poisson sampling](poisson_sample).
    pub fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> Vec<usize> {
        poisson_sample(self.samples, self.settings.sample_rate, rng)
    }

    /// Returns the accountant, which has counted each gradient.
    pub const fn accountant(&self) -> &RdpAccountant {
        &self.accountant
    }

    /// Returns the expected length of a batch.
    pub fn expected_batch(&self) -> f64 {
        self.samples as f64 * self.settings.sample_rate
    }

    /// Sets `gradient` to the noised gradient of a batch that [`sample`](DpSgdState::sample) has
    /// drawn, and counts the step. An empty batch gives noise alone.
    ///
    /// The loss is computed for each sample by itself. Random layers draw by the number of the
    /// sample, and the noise is drawn from `rng`, number after number in the order of the
    /// parameters. The result has the same bits at every number of threads.
    ///
    /// # Errors
    /// Returns an error if the gradient of a sample has a norm that is NaN or infinite. The step
    /// counts nevertheless, and `gradient` has no meaning.
    ///
    /// # Panics
    /// Panics if there are not as many targets as inputs.
    pub fn gradient<L, G, X, R>(
        &mut self,
        net: &N,
        loss: &L,
        inputs: &[X],
        targets: &[G],
        gradient: &mut N,
        rng: &mut R,
    ) -> Result<PrivateBatch, NonFiniteNorm>
    where
        N: Sync,
        L: Loss<N::Output, N::Element> + Sync,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N> + Sync,
        X: InputOf<Tensor<N::Input, N::Element>, N> + Sync,
        R: Rng + ?Sized,
    {
        assert!(
            inputs.len() == targets.len(),
            "the batch has {} inputs but {} targets; give one target for each input",
            inputs.len(),
            targets.len()
        );
        let DpSgd {
            sample_rate,
            noise_multiplier,
            max_grad_norm,
        } = self.settings;
        self.accountant.step(noise_multiplier, sample_rate);

        for place in self.places.iter().chain(&self.frozen) {
            gradient.params_mut()[place.clone()].fill(num_traits::zero());
        }
        let mut batch = PrivateBatch {
            loss: 0.0,
            samples: inputs.len(),
            clipped: 0,
        };
        let at_a_time = threads::most_parts();
        for (x, y) in inputs.chunks(at_a_time).zip(targets.chunks(at_a_time)) {
            self.per_sample(net, loss, x, y);
            let slots = &self.slots[..x.len()];
            for slot in slots {
                if !slot.norm.is_finite() {
                    return Err(NonFiniteNorm { norm: slot.norm });
                }
                batch.loss += slot.loss;
                batch.clipped += usize::from(slot.norm > max_grad_norm);
            }
            add_clipped(gradient, slots, &self.places, max_grad_norm);
        }
        batch.loss /= inputs.len() as f64;

        let std = noise_multiplier * max_grad_norm;
        let expected = self.expected_batch();
        for place in &self.places {
            for g in &mut gradient.params_mut()[place.clone()] {
                let noise = if std > 0.0 {
                    std * standard_normal(rng)
                } else {
                    0.0
                };
                *g = flush(N::Element::from_f64_lossy((double(*g) + noise) / expected));
            }
        }
        Ok(batch)
    }

    /// Computes loss, gradient and norm of each of a few samples, on all threads.
    fn per_sample<L, G, X>(&mut self, net: &N, loss: &L, inputs: &[X], targets: &[G])
    where
        N: Sync,
        L: Loss<N::Output, N::Element> + Sync,
        L::Accepts: Accepts<N::Ends, L, N>,
        G: TargetOf<L::Target, L, N> + Sync,
        X: InputOf<Tensor<N::Input, N::Element>, N> + Sync,
    {
        while self.slots.len() < inputs.len() {
            self.slots.push(Slot {
                workspace: N::workspace(),
                gradient: N::zeros(),
                loss: 0.0,
                norm: 0.0,
            });
        }

        let frozen = &self.frozen;
        let first = self.drawn;
        self.drawn += inputs.len() as u64;
        threads::split_mut(
            &mut self.slots[..inputs.len()],
            1,
            &|index, slots: &mut [Slot<N>]| {
                let slot = &mut slots[0];
                threads::alone(|| {
                    slot.workspace.go_to(first + index as u64);
                    let one = index..index + 1;
                    let mut pass = net.forward_train(&inputs[one.clone()], &mut slot.workspace);
                    let value = pass.loss(loss, &targets[one]);
                    slot.loss = value.to_f64().unwrap_or(f64::NAN);
                    pass.backward(&mut slot.gradient);
                    for part in frozen {
                        slot.gradient.params_mut()[part.clone()].fill(num_traits::zero());
                    }
                    slot.norm = gradient::norm(&*slot.gradient);
                });
            },
        );
    }
}

/// Adds the gradients of samples to a sum, sample after sample, each scaled down to a norm.
fn add_clipped<N: Network>(
    sum: &mut N,
    slots: &[Slot<N>],
    places: &[Range<usize>],
    max_grad_norm: f64,
) {
    for place in places {
        let sums = &mut sum.params_mut()[place.clone()];
        threads::split_mut(sums, CHUNK, &|part, sums: &mut [N::Element]| {
            let start = place.start + part * CHUNK;
            for slot in slots {
                // As in Opacus, with the summand that prevents a division by 0.
                let factor = (max_grad_norm / (slot.norm + 1e-6)).min(1.0);
                let gradient = &slot.gradient.params()[start..start + sums.len()];
                for (sum, &g) in sums.iter_mut().zip(gradient) {
                    *sum += N::Element::from_f64_lossy(double(g) * factor);
                }
            }
        });
    }
}

impl<N: Network> Debug for DpSgdState<N> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpSgdState")
            .field("network", &N::NAME)
            .field("settings", &self.settings)
            .field("samples", &self.samples)
            .field("accountant", &self.accountant)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::mixes_samples;
    use crate::prelude::*;

    network! { struct Inner: [4] -> [8] { Linear<_, 8>, BatchNorm1d<_> } }
    network! { struct Nested: [4] -> [2] { Inner, Linear<_, 2> } }
    network! { struct InBlock: [4] -> [4] { Residual { BatchNorm1d<_>, Linear<_, 4> }, Relu } }
    network! { struct Repeated: [4] -> [4] { Repeat<2> { Concat { BatchNorm1d<_>, {} }, Linear<_, 4> } } }
    network! { struct Without: [4] -> [4] { Repeat<2> { Residual { LayerNorm<_>, Linear<_, 4> } } } }

    #[test]
    fn layers_that_mix_samples_are_found() {
        assert!(mixes_samples::<Inner>());
        assert!(mixes_samples::<Nested>());
        assert!(mixes_samples::<InBlock>());
        assert!(mixes_samples::<Repeated>());
        assert!(!mixes_samples::<Without>());
    }
}
