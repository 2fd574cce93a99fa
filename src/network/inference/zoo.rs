//! A network with the kernels that inference has, and its outputs in the portable tier, which are the
//! same with and without the standard library and on every processor.

use shapewright::init;
use shapewright::prelude::*;

network! {
    /// The kernels that inference has, once each.
    pub struct Zoo: [12, 11, 3] -> [6] {
        Conv2d<_, 16, 3>,
        Silu,
        Conv2d<_, 16, 3, Pad<1>>,
        norm: BatchNorm2d<_>,
        Gelu,
        Residual { Conv2d<_, 16, 5, Pad<2>, Groups<16>>, GroupNorm<4, _>, Tanh },
        AvgPool2d<3, Stride<1>, Pad<1>>,
        ConvTranspose2d<_, 6, 3, Stride<2>>,
        Concat { MaxPool2d<2>, AdaptiveAvgPool2d<(10, 9)>, Conv2d<_, 2, (4, 5), Stride<2>, Pad<1>> },
        LayerNorm<_>,
        Upsample<(1, 2)>,
        UpsampleBilinear<(2, 1)>,
        GeluTanh,
        Linear<_, 5>,
        Elu,
        GlobalAvgPool2d,
        Linear<_, 70>,
        Mish,
        Linear<_, 12>,
        Glu,
        Softplus,
        LogSoftmax,
    }
}

/// The bits of the outputs in the portable tier.
pub const BITS: [u32; 6] = [
    0xbf3e_b00e,
    0xc0ac_ba8f,
    0xbf2e_3ade,
    0xc08e_5da3,
    0xc0c1_21d1,
    0xc103_2b53,
];

/// Fills a network of zeros and returns the bits of its outputs.
pub fn bits(net: &mut Zoo) -> [u32; 6] {
    init::uniform(net, -0.6, 0.9, &mut shapewright::rng(0));
    net.norm.running_var.fill(0.7);

    let image = Tensor::from_position(|i| (i * 37 % 64) as f32 / 32.0 - 1.0);
    let outputs = net.forward(&image);
    core::array::from_fn(|i| outputs[i].to_bits())
}
