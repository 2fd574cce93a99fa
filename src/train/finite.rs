//! Looks for numbers that are NaN or infinite, and for what made them so.

use super::error::{NonFinite, TrainError};
use super::trainer::Progress;
use super::{Input, Samples};
use crate::network::{Network, Parameters, Pass};
use crate::optim::{Optimizer, OptimizerState};
use crate::tensor::{Element, Tensor};

/// Inputs and parameters from this size on are the reason if a layer's outputs are too large for
/// their type.
const HUGE: f64 = 1e9;

/// How many numbers are looked at before the search may end: enough for vectors.
const CHUNK: usize = 64;

/// Whether all numbers are finite.
pub(super) fn all<T: Element>(numbers: &[T]) -> bool {
    numbers
        .chunks(CHUNK)
        .all(|chunk| chunk.iter().fold(true, |finite, x| finite & x.is_finite()))
}

/// The largest size of a number.
fn largest<T: Element>(numbers: &[T]) -> f64 {
    numbers.iter().fold(0.0, |most: f64, x| {
        most.max(x.to_f64().unwrap_or(f64::NAN).abs())
    })
}

/// The names of the first and the last tensor of a network that is not finite.
fn tensors<N: Network>(network: &N) -> Option<(String, String)> {
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

/// The first tensor of a network that is not finite.
fn first_tensor<N: Network>(network: &N) -> Option<String> {
    tensors(network).map(|(first, _)| first)
}

/// The tensor with the largest number, and that number.
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

/// An error about numbers that were found at this step.
pub(super) fn error(at: Progress, cause: NonFinite) -> TrainError {
    TrainError::NotFinite {
        epoch: at.epoch,
        step: at.step,
        cause,
    }
}

/// Looks at what a batch measured, before a network's running statistics take it in.
pub(super) fn check_measured<N: Network>(gradient: &N, at: Progress) -> Result<(), TrainError> {
    if <N as Parameters<N::Element>>::STATISTICS == 0 {
        return Ok(());
    }
    let mut finite = true;
    N::PARAM_TREE.for_each_place(0, &mut |place, statistic| {
        finite &= !statistic || all(&gradient.params()[place]);
    });
    if finite {
        return Ok(());
    }

    let mut found = None;
    N::PARAM_TREE.for_each("", 0, &mut |name, first, tensor| {
        if found.is_none()
            && tensor.statistic
            && !all(&gradient.params()[first..first + tensor.len()])
        {
            found = Some(name.to_owned());
        }
    });
    Err(error(
        at,
        NonFinite::Statistic {
            name: found.unwrap_or_default(),
        },
    ))
}

/// Looks at the parameters that a training begins with.
pub(super) fn check_initial<N: Network>(network: &N, at: Progress) -> Result<(), TrainError> {
    let name = if all(network.params()) {
        None
    } else {
        first_tensor(network)
    };
    name.map_or(Ok(()), |name| Err(error(at, NonFinite::Initial { name })))
}

/// Looks at the parameters after a step, at what the optimizer remembers, and at their average.
/// `gradient` is that of the step.
pub(super) fn check_network<N: Network, O: Optimizer>(
    network: &N,
    gradient: &N,
    state: &OptimizerState<O, N>,
    average: Option<&N>,
    at: Progress,
) -> Result<(), TrainError> {
    let sick = |network: &N| {
        if all(network.params()) {
            None
        } else {
            first_tensor(network)
        }
    };

    let cause = if let Some(name) = sick(network) {
        let lr = *state.optimizer.clone().lr_mut();
        Some(NonFinite::Parameter { name, lr })
    } else {
        state
            .states()
            .find_map(sick)
            .map(|name| NonFinite::Memory { name })
    };
    if let Some(cause) = cause {
        // Backward comes from the end.
        let gradient = tensors(gradient).map(|(_, name)| NonFinite::Gradient { name });
        return Err(error(at, gradient.unwrap_or(cause)));
    }

    let average = average.and_then(sick);
    average.map_or(Ok(()), |name| Err(error(at, NonFinite::Average { name })))
}

/// What made the loss of a pass NaN or infinite, if all parameters are finite.
pub(super) fn of_loss<N: Network>(
    pass: &Pass<'_, N>,
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
    let later = outputs.take_while(|(_, later)| core::ptr::eq(later.as_ptr(), values.as_ptr()));
    NonFinite::Layer {
        layer: layer.layer,
        in_place: later.last().map(|(layer, _)| layer.layer),
    }
}

/// What is known of a loss of validation samples that is not finite.
pub(super) fn of_validation<N: Network, G>(samples: Samples<'_, N, G>) -> NonFinite {
    NonFinite::ValidationLoss {
        inputs: !all(Tensor::flatten(samples.inputs)),
    }
}
