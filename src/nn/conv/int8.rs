//! The 8-bit forms of convolutions.

use super::compute;
use super::{Conv1d, Conv2d};
use crate::kernels::ConvSizes;
use crate::memory::ThreadMemory;
use crate::network::{Context, Reach};
use crate::nn::int8::{HasInt8, Int8Conv1dParams, Int8Conv2dParams, Int8Sizes};
use crate::tensor::Shape;

/// Implements the 8-bit form of a layer with or without bias.
macro_rules! int8 {
    ($layer:ident<$($size:ident)*; $($causal:ident)?> $params:ident<$($of:ident)*>, $axes:literal) => {
        int8!(@ $layer<$($size)*; $($causal)?> true, $params<$($of)*>, $axes);
        int8!(@ $layer<$($size)*; $($causal)?> false, $params<$($of)*>, $axes);
    };
    (
        @ $layer:ident<$($size:ident)*; $($causal:ident)?> $bias:literal,
        $params:ident<$($of:ident)*>, $axes:literal
    ) => {
        impl<$(const $size: usize,)* $(const $causal: bool,)? const EACH: usize> HasInt8
            for $layer<$($size,)* $($causal,)? $bias, EACH>
        {
            type Int8Params = $params<$($of),*>;
            // A stream would keep quantized inputs from step to step, which nothing does yet.
            const INT8_REACH: Reach = Reach::WHOLE;
        }

        impl<
            In: Shape,
            Out: Shape,
            $(const $size: usize,)*
            $(const $causal: bool,)?
            const EACH: usize,
        > Int8Sizes<In, Out> for $layer<$($size,)* $($causal,)? $bias, EACH>
        {
            const SIZES: ConvSizes = Self::RULE.sizes(In::DIMS, Out::DIMS);
            const AXES: usize = $axes;
            const CAUSAL: bool = Self::RULE.causal;

            fn backward_with(
                weight: &[f32],
                dy: &[f32],
                dx: &mut [f32],
                memory: ThreadMemory<'_>,
                cx: &Context<f32>,
            ) {
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                compute::input_grad(sizes, weight, None, dy, dx, memory, cx);
            }
        }
    };
}
int8!(Conv1d<CI CO K S P D GROUPS; CAUSAL> Int8Conv1dParams<K EACH CO>, 1);
int8!(Conv2d<CI CO KH KW SH SW PH PW DH DW GROUPS;> Int8Conv2dParams<KH KW EACH CO>, 2);
