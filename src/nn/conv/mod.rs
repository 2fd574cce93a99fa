//! Convolutions of sequences and images, and transposed convolutions.

mod causal;
mod compute;
mod conv1d;
mod conv2d;
mod int8;
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
        $layer:ident<$($size:ident)* $(; $causal:ident)?> $rule:tt,
        $params:ident<$($of:ident)*> / $no_bias:ident<$($of_no_bias:ident)*>,
        fan_in: $fan_in:expr,
        forward: $forward:ident needs $forward_needs:ident,
        backward_input: $backward:ident needs $backward_needs:ident,
        images: $images:ident,
    ) => {
        impl<$(const $size: usize,)* $(const $causal: bool,)? const BIAS: bool, const EACH: usize>
            $layer<$($size,)* $($causal,)? BIAS, EACH>
        {
            pub(super) const RULE: ConvRule = ConvRule $rule;
        }

        impl<
            In: Shape,
            $(const $size: usize,)*
            $(const $causal: bool,)?
            const BIAS: bool,
            const EACH: usize,
        > ShapeRule<In> for $layer<$($size,)* $($causal,)? BIAS, EACH>
        {
            const OUTPUT: Inferred = Self::RULE.infer(In::DIMS);
            const REACH: crate::network::Reach = Self::RULE.positions();
        }

        convolution!(
            @ $layer<$($size)* $(; $causal)?> true, $params<$($of)*>, $fan_in, $forward needs $forward_needs,
            $backward needs $backward_needs, $images, |params| Some(&params.bias[..])
        );
        convolution!(
            @ $layer<$($size)* $(; $causal)?> false, $no_bias<$($of_no_bias)*>, $fan_in,
            $forward needs $forward_needs, $backward needs $backward_needs, $images, |params| None
        );
    };
    (
        @ $layer:ident<$($size:ident)* $(; $causal:ident)?> $bias:tt, $params:ident<$($of:ident)*>, $fan_in:expr,
        $forward:ident needs $forward_needs:ident, $backward:ident needs $backward_needs:ident,
        $images:ident, |$p:ident| $get:expr
    ) => {
        impl<T: Element, $(const $size: usize,)* $(const $causal: bool,)? const EACH: usize>
            Layer<T> for $layer<$($size,)* $($causal,)? $bias, EACH>
        {
            type Config = ();
            type Params = $params<$($of,)* T>;

            fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
                $crate::init::fan_in_uniform(params.as_mut_slice(), $fan_in, rng);
            }
        }

        impl<
            In: Shape,
            Out: Shape,
            T: Element,
            $(const $size: usize,)*
            $(const $causal: bool,)?
            const EACH: usize,
        > Infer<In, Out, T> for $layer<$($size,)* $($causal,)? $bias, EACH>
        {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const RELU_FUSION: crate::network::ReluFusion = crate::network::ReluFusion::Epilogue;
            const MULTIPLY_ADDS: usize = Self::RULE.sizes(In::DIMS, Out::DIMS).multiply_adds();
            const NEEDS: Needs = {
                let sizes = &Self::RULE.sizes(In::DIMS, Out::DIMS);
                let needs = compute::$forward_needs::<T>(sizes);
                match super::causal::past(&Self::RULE) {
                    0 => needs,
                    past => needs.or(super::causal::needs::<T>(sizes, past)),
                }
            };

            #[cfg(feature = "onnx-export")]
            fn export(
                _: &(),
                params: &Self::Params,
                call: crate::export::Export<'_>,
            ) -> crate::export::Exported {
                Self::RULE.export::<T, _>(params, call)
            }

            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { params: $p, x, y, thread_memory, state, cx, .. } = call;
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let weight = Parameters::<T>::as_slice(&$p.weight);
                let bias: Option<&[T]> = $get;
                let x = flatten(x);
                let y = flatten_mut(y);
                let streams = cx.is_stream() || state.is_some();
                if const { super::causal::past(&Self::RULE) > 0 } && streams {
                    super::causal::forward(sizes, weight, bias, x, y, thread_memory, state, cx);
                } else {
                    compute::$forward(sizes, weight, bias, x, y, thread_memory, cx);
                }
            }
        }

        impl<
            In: Shape,
            Out: Shape,
            T: Element,
            $(const $size: usize,)*
            $(const $causal: bool,)?
            const EACH: usize,
        > Train<In, Out, T> for $layer<$($size,)* $($causal,)? $bias, EACH>
        {
            const READS_OUTPUT: bool = false;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: Needs = {
                let sizes = &Self::RULE.sizes(In::DIMS, Out::DIMS);
                <Self as Infer<In, Out, T>>::NEEDS
                    .or(compute::$backward_needs::<T>(sizes))
                    .or(compute::weight_gradient_needs::<T>(sizes))
                    .in_training()
            };

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { params, dy, dx, thread_memory, cx, .. } = call;
                let Some(dx) = dx else { return };
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let weight = Parameters::<T>::as_slice(&params.weight);
                let dx = flatten_mut(dx);
                compute::$backward(sizes, weight, None, flatten(dy), dx, thread_memory, cx);
            }

            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let BackwardParams { x, dy, gradient, thread_memory, cx, .. } = call;
                let sizes = const { &Self::RULE.sizes(In::DIMS, Out::DIMS) };
                let x = flatten(x);
                let dy = flatten(dy);
                convolution!(@$images $bias, sizes, x, dy, gradient, thread_memory, cx);
            }
        }
    };
    (
        @inputs $bias:tt, $sizes:ident, $x:ident, $dy:ident, $gradient:ident, $memory:ident,
        $cx:ident
    ) => {
        let gradient = Parameters::<T>::as_mut_slice($gradient);
        compute::weight_grad($sizes, $x, $dy, gradient, $memory, $cx)
    };
    (
        @gradients $bias:tt, $sizes:ident, $x:ident, $dy:ident, $gradient:ident, $memory:ident,
        $cx:ident
    ) => {
        let weight = Parameters::<T>::as_mut_slice(&mut $gradient.weight);
        compute::weight_grad($sizes, $dy, $x, weight, $memory, $cx);
        convolution!(@bias $bias, $gradient, $dy, $cx);
    };
    (@bias true, $gradient:ident, $dy:ident, $cx:ident) => {
        compute::bias_grad($dy, &mut $gradient.bias, $cx)
    };
    (@bias false, $gradient:ident, $dy:ident, $cx:ident) => {};
}
use convolution;
