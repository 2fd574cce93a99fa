//! Convolutions of sequences and images, and transposed convolutions.

mod compute;
mod conv1d;
mod conv2d;
mod shape;
mod transpose2d;

pub use conv1d::{Conv1d, Conv1dNoBiasParams, Conv1dParams};
pub use conv2d::{Conv2d, Conv2dNoBiasParams, Conv2dParams};
pub use transpose2d::{ConvTranspose2d, ConvTranspose2dNoBiasParams, ConvTranspose2dParams};

/// Implements a layer with and without bias. `forward` and `backward_input` name the functions of
/// `compute` that compute them. The images of the weight gradient are the inputs or, for a
/// transposed convolution, the gradients of the outputs.
macro_rules! convolution {
    (
        $layer:ident<$($size:ident)*> $rule:tt,
        $params:ident<$($of:ident)*> / $no_bias:ident<$($of_no_bias:ident)*>,
        fan_in: $fan_in:expr,
        forward: $forward:ident in $memory:ident,
        backward_input: $backward:ident,
        images: $images:ident,
    ) => {
        impl<$(const $size: usize,)* const BIAS: bool, const EACH: usize>
            $layer<$($size,)* BIAS, EACH>
        {
            const RULE: ConvRule = ConvRule $rule;
        }

        impl<In: Shape, $(const $size: usize,)* const BIAS: bool, const EACH: usize> ShapeRule<In>
            for $layer<$($size,)* BIAS, EACH>
        {
            const OUTPUT: Inferred = Self::RULE.infer(In::DIMS);
        }

        convolution!(
            @ $layer<$($size)*> true, $params<$($of)*>, $fan_in, $forward in $memory, $backward,
            $images, |params| Some(&params.bias[..])
        );
        convolution!(
            @ $layer<$($size)*> false, $no_bias<$($of_no_bias)*>, $fan_in,
            $forward in $memory, $backward, $images, |params| None
        );
    };
    (
        @ $layer:ident<$($size:ident)*> $bias:tt, $params:ident<$($of:ident)*>, $fan_in:expr,
        $forward:ident in $memory:ident, $backward:ident, $images:ident, |$p:ident| $get:expr
    ) => {
        impl<T: Element, $(const $size: usize,)* const EACH: usize> Layer<T>
            for $layer<$($size,)* $bias, EACH>
        {
            type Config = ();
            type Params = $params<$($of,)* T>;

            fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
                $crate::init::fan_in_uniform(params.as_mut_slice(), $fan_in, rng);
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize,)* const EACH: usize>
            Infer<In, Out, T> for $layer<$($size,)* $bias, EACH>
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const RELU_FUSION: crate::network::ReluFusion = crate::network::ReluFusion::Epilogue;
            const MULTIPLY_ADDS: usize = Self::RULE.sizes(In::DIMS, Out::DIMS).multiply_adds();
            const NEEDS: Needs = compute::needs::<T>(
                &Self::RULE.sizes(In::DIMS, Out::DIMS),
                Self::RULE.sizes(In::DIMS, Out::DIMS).$memory(1, 1),
            );

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { params: $p, x, y, thread_memory, cx, .. } = call;
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let weight = Parameters::<T>::as_slice(&$p.weight);
                let bias: Option<&[T]> = $get;
                let x = flatten(x);
                compute::$forward(sizes, weight, bias, x, flatten_mut(y), thread_memory, cx);
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $(const $size: usize,)* const EACH: usize>
            Train<In, Out, T> for $layer<$($size,)* $bias, EACH>
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { params, dy, dx, thread_memory, cx, .. } = call;
                let Some(dx) = dx else { return };
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let weight = Parameters::<T>::as_slice(&params.weight);
                let dx = flatten_mut(dx);
                compute::$backward(sizes, weight, None, flatten(dy), dx, thread_memory, cx);
            }

            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, dy, gradient, cx, .. } = call;
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let x = flatten(x);
                let dy = flatten(dy);
                convolution!(@$images $bias, sizes, x, dy, gradient, cx);
            }
        }
    };
    (@inputs $bias:tt, $sizes:ident, $x:ident, $dy:ident, $gradient:ident, $cx:ident) => {
        compute::weight_grad($sizes, $x, $dy, Parameters::<T>::as_mut_slice($gradient), $cx)
    };
    (@gradients $bias:tt, $sizes:ident, $x:ident, $dy:ident, $gradient:ident, $cx:ident) => {
        let weight = Parameters::<T>::as_mut_slice(&mut $gradient.weight);
        compute::weight_grad($sizes, $dy, $x, weight, $cx);
        convolution!(@bias $bias, $gradient, $dy, $cx);
    };
    (@bias true, $gradient:ident, $dy:ident, $cx:ident) => {
        compute::bias_grad($dy, &mut $gradient.bias, $cx)
    };
    (@bias false, $gradient:ident, $dy:ident, $cx:ident) => {};
}
use convolution;
