//! The parameters of a layer as tensors in the layout of PyTorch's files.

use crate::params::Parameters;
use crate::tensor::{Element, double};

/// A tensor of parameters, with the axes of PyTorch's files.
pub(super) struct Tensor {
    pub sizes: Vec<usize>,
    pub numbers: Vec<f64>,
}

/// Returns the parameter with this name, if there is one that is no buffer.
pub(super) fn find<T: Element, P: Parameters<T>>(params: &P, key: &str) -> Option<Tensor> {
    let mut found = None;
    P::PARAM_TREE.for_each("", 0, &mut |name, first, layout| {
        if name == key && layout.buffer.is_none() {
            found = Some((first, *layout));
        }
    });
    let (first, layout) = found?;
    let here = crate::params::parameters_in(params, first..first + layout.len());

    let own = layout.sizes();
    let rank = own.len();
    let order = &layout.in_file[..rank];
    let sizes: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
    let strides: Vec<usize> = order
        .iter()
        .map(|&axis| own[axis + 1..].iter().product())
        .collect();
    let numbers = (0..here.len())
        .map(|index| {
            let mut rest = index;
            let mut position = 0;
            for (size, stride) in sizes.iter().zip(&strides).rev() {
                position += rest % size * stride;
                rest /= size;
            }
            double(here[position])
        })
        .collect();
    Some(Tensor { sizes, numbers })
}
