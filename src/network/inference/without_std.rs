//! Without the standard library: one sample after the other, in memory on the caller's stack.

use super::one_with;
use crate::network::inference_workspace::InferenceWorkspace;
use crate::network::network::Network;
use crate::tensor::Tensor;

/// Runs one sample.
#[inline(always)]
pub(in crate::network) fn one<N: Network>(
    network: &N,
    x: &Tensor<N::Input, N::Element>,
    y: &mut Tensor<N::Output, N::Element>,
    state: Option<&mut [u8]>,
) {
    one_with(network, x, y, state, &mut InferenceWorkspace::new());
}

/// Runs a batch.
pub(in crate::network) fn batch<N: Network>(
    network: &N,
    x: &[Tensor<N::Input, N::Element>],
    y: &mut [Tensor<N::Output, N::Element>],
) {
    let mut workspace = InferenceWorkspace::new();
    for (x, y) in x.iter().zip(y) {
        one_with(network, x, y, None, &mut workspace);
    }
}

#[cfg(test)]
mod tests {
    use crate::network::inference::zoo;
    use crate::prelude::*;
    use crate::tensor::Rank3;
    use crate::tier::{Tier, tier};
    use crate::{init, params};

    network! {
        struct Net: [9, 9, 2] -> [3] {
            Conv2d<_, 5, 3>,
            Relu,
            Residual { Conv2d<_, 5, 3, Pad<1>>, Tanh },
            MaxPool2d<2>,
            Concat { Conv2d<_, 4, 3>, Conv2d<_, 2, 3> },
            Flatten,
            Linear<_, 3>,
            Softmax,
        }
    }

    fn image(seed: usize) -> Tensor<Rank3<9, 9, 2>> {
        Tensor::from_position(|i| ((i * 37 + seed * 11) % 64) as f32 / 32.0 - 1.0)
    }

    #[test]
    fn memory_on_the_stack_and_of_the_caller_give_the_same_bits() {
        let mut net: Net = params::zeroed_parameters_by_value();
        init::uniform(&mut net, -0.5, 0.5, &mut crate::rng(0));

        let images = core::array::from_fn::<_, 5, _>(image);
        let mut outputs = [Tensor1::zeros(); 5];
        net.forward_batch(&images, &mut outputs);

        // The workspace keeps the values of the image before.
        let mut workspace = InferenceWorkspace::new();
        for (image, output) in images.iter().zip(&outputs) {
            assert_eq!(net.forward(image), *output);
            assert_eq!(net.forward_with(image, &mut workspace), *output);
            assert!((output.sum() - 1.0).abs() < 1e-6);
        }
    }
    #[test]
    fn bits_are_those_of_the_portable_tier() {
        let mut net: zoo::Zoo = params::zeroed_parameters_by_value();
        if tier() == Tier::Portable {
            assert_eq!(zoo::bits(&mut net), zoo::BITS);
        }
    }
}
