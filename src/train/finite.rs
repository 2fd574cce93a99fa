//! The search for numbers that are NaN or infinite, and for the cause.

use super::error::{NonFinite, TrainError};
use super::trainer::Progress;
use super::{Input, Samples};
use crate::network::{Network, Pass};
use crate::optim::{Optimizer, OptimizerState};
use crate::params::param_tree::PlaceKind;
use crate::params::{self, Parameters};
use crate::tensor::{Element, Tensor};

/// The least size of inputs and parameters that are taken for the cause of a layer's infinite
/// outputs.
const HUGE: f64 = 1e9;

/// The number of elements that are checked before the search may end: enough for vectors.
const CHUNK: usize = 64;

/// Returns whether all numbers are finite.
pub(super) fn all<T: Element>(numbers: &[T]) -> bool {
    numbers
        .chunks(CHUNK)
        .all(|chunk| chunk.iter().fold(true, |finite, x| finite & x.is_finite()))
}

/// Returns the size of the largest number.
fn largest<T: Element>(numbers: &[T]) -> f64 {
    numbers.iter().fold(0.0, |most: f64, x| {
        most.max(x.to_f64().unwrap_or(f64::NAN).abs())
    })
}

/// Returns the names of the first and the last tensor of a network that is not finite.
fn bad_tensors<N: Network>(network: &N) -> Option<(String, String)> {
    let mut found: Option<(String, String)> = None;
    network.for_each_param(|name, _, values| {
        if !all(values) {
            let first = found
                .take()
                .map_or_else(|| name.to_owned(), |(first, _)| first);
            found = Some((first, name.to_owned()));
        }
    });
    found
}

/// Returns the name of the first tensor of a network that is not finite, if there is one.
fn first_bad_tensor<N: Network>(network: &N) -> Option<String> {
    let mut finite = true;
    let len = <N as Parameters<N::Element>>::LEN;
    N::PARAM_TREE.for_each_range(len, &mut |range| {
        finite = finite && all(params::parameters_in(network, range));
    });
    if finite {
        return None;
    }
    bad_tensors(network).map(|(first, _)| first)
}

/// Returns the name of the tensor with the largest number, and that number's size.
fn largest_tensor<N: Network>(network: &N) -> (String, f64) {
    let mut found = (String::new(), 0.0);
    network.for_each_param(|name, _, values| {
        let most = largest(values);
        if most > found.1 {
            found = (name.to_owned(), most);
        }
    });
    found
}

/// Returns the error of numbers that were found at a step.
pub(super) fn error(at: Progress, cause: NonFinite) -> TrainError {
    TrainError::NotFinite {
        epoch: at.epoch,
        step: at.step,
        cause,
    }
}

/// Checks the statistics that a batch measured, before the running ones of the network are updated.
pub(super) fn check_measured<N: Network>(gradient: &N, at: Progress) -> Result<(), TrainError> {
    if <N as Parameters<N::Element>>::STATISTICS == 0 {
        return Ok(());
    }
    let mut finite = true;
    N::PARAM_TREE.for_each_place(0, &mut |place, kind| {
        finite &= kind != PlaceKind::Statistic || all(params::parameters_in(gradient, place));
    });
    if finite {
        return Ok(());
    }

    // Only now, as finding the name takes time.
    let mut found = None;
    N::PARAM_TREE.for_each("", 0, &mut |name, first, tensor| {
        if found.is_none()
            && tensor.statistic
            && !all(params::parameters_in(gradient, first..first + tensor.len()))
        {
            found = Some(name.to_owned());
        }
    });
    let name = found.unwrap_or_default();
    Err(error(at, NonFinite::Statistic { name }))
}

/// Checks the parameters with which a training begins.
pub(super) fn check_initial<N: Network>(network: &N, at: Progress) -> Result<(), TrainError> {
    first_bad_tensor(network).map_or(Ok(()), |name| Err(error(at, NonFinite::Initial { name })))
}

/// Checks the parameters after a step, the values that the optimizer keeps for them, and their
/// average. `gradient` is that of the step.
pub(super) fn check_network<N: Network, O: Optimizer>(
    network: &N,
    gradient: &N,
    state: &OptimizerState<O, N>,
    average: Option<&N>,
    at: Progress,
) -> Result<(), TrainError> {
    let cause = if let Some(name) = first_bad_tensor(network) {
        let lr = *state.optimizer.clone().lr_mut();
        Some(NonFinite::Parameter { name, lr })
    } else {
        state.find_wrong(all).map(|name| NonFinite::Memory { name })
    };
    if let Some(cause) = cause {
        // The backward pass begins at the last layer, so the last tensor is the first one that was
        // not finite.
        let gradient = bad_tensors(gradient).map(|(_, name)| NonFinite::Gradient { name });
        return Err(error(at, gradient.unwrap_or(cause)));
    }

    let average = average.and_then(first_bad_tensor);
    average.map_or(Ok(()), |name| Err(error(at, NonFinite::Average { name })))
}

/// Returns the cause of a NaN or infinite loss of a pass whose parameters are all finite.
pub(super) fn of_loss<N: Network>(
    pass: &Pass<'_, '_, N>,
    network: &N,
    inputs: &[Input<N>],
    lr: f64,
) -> NonFinite {
    let inputs = Tensor::flatten(inputs);
    if !all(inputs) {
        return NonFinite::Inputs;
    }

    let input = largest(inputs);
    let (name, parameter) = largest_tensor(network);
    if parameter.max(input) >= HUGE {
        return if parameter >= input {
            NonFinite::Diverged {
                name,
                largest: parameter,
                lr,
            }
        } else {
            NonFinite::LargeInputs { largest: input }
        };
    }

    let mut outputs = pass.layer_outputs();
    let Some((layer, values)) = outputs.find(|(_, values)| !all(values)) else {
        return NonFinite::Loss;
    };

    if layer.takes_indices {
        return NonFinite::Index { layer: layer.layer };
    }

    // Layers that work in place have the same memory for their outputs.
    let later = outputs.filter(|(_, later)| core::ptr::eq(later.as_ptr(), values.as_ptr()));
    NonFinite::Layer {
        layer: layer.layer,
        in_place: later.last().map(|(layer, _)| layer.layer),
    }
}

/// Returns the cause of a NaN or infinite loss of validation samples, as far as it is known.
pub(super) fn of_validation<N: Network, G>(samples: Samples<'_, N, G>) -> NonFinite {
    let inputs = Tensor::flatten(samples.inputs);
    let largest = largest(inputs);
    if largest.is_finite() && largest >= HUGE {
        return NonFinite::LargeValidationInputs { largest };
    }
    NonFinite::ValidationLoss {
        inputs: !all(inputs),
    }
}
