//! A library without the standard library and without a heap, with a folded network.
#![no_std]
#![forbid(warnings, unused, clippy::all)]

use shapewright::prelude::*;

network! {
    #[derive(Clone, Debug, PartialEq)]
    #[folded(NetFolded)]
    pub struct Net: [8, 8, 1] -> [3] {
        Conv2d<_, 4, 3, NoBias>,
        BatchNorm2d<_>,
        Relu,
        Flatten,
        Dropout,
        head: Linear<_, 3>,
    }
}

/// Folds a network in memory of the caller's.
pub fn fold(net: &Net, folded: &mut NetFolded) {
    net.fold_into(folded);
}

/// The class of an image.
pub fn classify(net: &NetFolded, image: &Tensor3<8, 8, 1>) -> usize {
    net.forward(image).argmax()
}
