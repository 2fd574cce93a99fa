//! EfficientNet-Lite0, an image classifier of 4.65 million parameters (Tan and Le, 2019; the variant
//! of 2020 for phones, without squeeze-and-excitation).

use std::path::Path;

use shapewright::prelude::*;
use shapewright::weights::{LoadError, Loader};

/// The numbers of rows and columns of a picture.
pub const SIDE: usize = 224;
/// The number of classes, those of ImageNet.
pub const CLASSES: usize = 1000;

network! {
    /// An inverted residual block (Sandler et al., 2018): six times as many channels, a filter for each,
    /// and back. Normalizations have the epsilon and the momentum of the
    /// TensorFlow model.
    struct Bottleneck<const SIDE: usize, const CHANNELS: usize, const KERNEL: usize>:
        [SIDE, SIDE, CHANNELS] -> [SIDE, SIDE, CHANNELS]
    {
        expand_conv: Conv2d<_, { 6 * CHANNELS }, 1, NoBias>,
        bn0: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        depthwise_conv: Conv2d<_, { 6 * CHANNELS }, KERNEL, Pad<{ KERNEL / 2 }>, Groups<{ 6 * CHANNELS }>, NoBias>,
        bn1: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        project_conv: Conv2d<_, CHANNELS, 1, NoBias>,
        bn2: BatchNorm2d<_>(1e-3, 0.01),
        Add <- (input, bn2),
    }
}

network! {
    /// The same from one number of channels to another.
    struct Widening<const SIDE: usize, const FROM: usize, const TO: usize, const KERNEL: usize>:
        [SIDE, SIDE, FROM] -> [SIDE, SIDE, TO]
    {
        expand_conv: Conv2d<_, { 6 * FROM }, 1, NoBias>,
        bn0: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        depthwise_conv: Conv2d<_, { 6 * FROM }, KERNEL, Pad<{ KERNEL / 2 }>, Groups<{ 6 * FROM }>, NoBias>,
        bn1: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        project_conv: Conv2d<_, TO, 1, NoBias>,
        bn2: BatchNorm2d<_>(1e-3, 0.01),
    }
}

network! {
    /// The same to half as many rows and columns. TensorFlow pads one row and column less at the top
    /// and on the left.
    struct Halving<const SIDE: usize, const FROM: usize, const TO: usize, const KERNEL: usize>:
        [SIDE, SIDE, FROM] -> [{ SIDE / 2 }, { SIDE / 2 }, TO]
    {
        expand_conv: Conv2d<_, { 6 * FROM }, 1, NoBias>,
        bn0: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        ZeroPad2d<({ KERNEL / 2 - 1 }, { KERNEL / 2 }, { KERNEL / 2 - 1 }, { KERNEL / 2 })>,
        depthwise_conv: Conv2d<_, { 6 * FROM }, KERNEL, Stride<2>, Groups<{ 6 * FROM }>, NoBias>,
        bn1: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        project_conv: Conv2d<_, TO, 1, NoBias>,
        bn2: BatchNorm2d<_>(1e-3, 0.01),
    }
}

network! {
    #[folded(FoldedBlock0)]
    struct Block0: [112, 112, 32] -> [112, 112, 16] {
        depthwise_conv: Conv2d<_, 32, 3, Pad<1>, Groups<32>, NoBias>,
        bn1: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        project_conv: Conv2d<_, 16, 1, NoBias>,
        bn2: BatchNorm2d<_>(1e-3, 0.01),
    }
}
network! { #[folded(FoldedBlock1)] struct Block1 = Halving<112, 16, 24, 3>; }
network! { #[folded(FoldedBlock2)] struct Block2 = Bottleneck<56, 24, 3>; }
network! { #[folded(FoldedBlock3)] struct Block3 = Halving<56, 24, 40, 5>; }
network! { #[folded(FoldedBlock4)] struct Block4 = Bottleneck<28, 40, 5>; }
network! { #[folded(FoldedBlock5)] struct Block5 = Halving<28, 40, 80, 3>; }
network! { #[folded(FoldedBlock6)] struct Block6 = Bottleneck<14, 80, 3>; }
network! { #[folded(FoldedBlock8)] struct Block8 = Widening<14, 80, 112, 5>; }
network! { #[folded(FoldedBlock9)] struct Block9 = Bottleneck<14, 112, 5>; }
network! { #[folded(FoldedBlock11)] struct Block11 = Halving<14, 112, 192, 5>; }
network! { #[folded(FoldedBlock12)] struct Block12 = Bottleneck<7, 192, 5>; }
network! { #[folded(FoldedBlock15)] struct Block15 = Widening<7, 192, 320, 3>; }

network! {
    /// Red, green and blue from about -1 to 1 to a logit for each class.
    #[folded(Classifier)]
    pub struct EfficientNet: [SIDE, SIDE, 3] -> [CLASSES] {
        ZeroPad2d<(0, 1, 0, 1)>,
        conv_stem: Conv2d<_, 32, 3, Stride<2>, NoBias>,
        bn0: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        block0: Block0,
        block1: Block1,
        block2: Block2,
        block3: Block3,
        block4: Block4,
        block5: Block5,
        block6: Block6,
        block7: Block6,
        block8: Block8,
        block9: Block9,
        block10: Block9,
        block11: Block11,
        block12: Block12,
        block13: Block12,
        block14: Block12,
        block15: Block15,
        conv_head: Conv2d<_, 1280, 1, NoBias>,
        bn1: BatchNorm2d<_>(1e-3, 0.01),
        Relu6,
        GlobalAvgPool2d,
        Dropout(0.2),
        fc: Linear<_, CLASSES>,
    }
}

/// Reads the weights by the names of the package efficientnet-lite-pytorch, and folds the
/// normalizations into the convolutions.
pub fn classifier(path: &Path) -> Result<Box<Classifier>, LoadError> {
    let net: Box<EfficientNet> = Loader::open(path)?
        .rename_patterns(&[
            ("_blocks.{i}._depthwise_conv", "block{i}.depthwise_conv"),
            ("_blocks.{i}._expand_conv", "block{i}.expand_conv"),
            ("_blocks.{i}._project_conv", "block{i}.project_conv"),
            ("_blocks.{i}._bn0", "block{i}.bn0"),
            ("_blocks.{i}._bn1", "block{i}.bn1"),
            ("_blocks.{i}._bn2", "block{i}.bn2"),
            ("_conv_stem", "conv_stem"),
            ("_conv_head", "conv_head"),
            ("_bn0", "bn0"),
            ("_bn1", "bn1"),
            ("_fc", "fc"),
        ])?
        .allow_missing(|name| name.ends_with("num_batches_tracked"))
        .load()?;
    Ok(net.folded())
}

/// Returns a picture whose numbers are from 0 to 1 as the network takes it.
pub fn input(picture: &Tensor3<SIDE, SIDE, 3>) -> Box<Tensor3<SIDE, SIDE, 3>> {
    let mut x = Box::new(*picture);
    x.iter_mut().for_each(|x| *x = (255.0 * *x - 127.0) / 128.0);
    x
}
