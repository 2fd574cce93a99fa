//! The traits of activations that are functions of single numbers.

/// Makes a layer from a kernel function. It works in place if the derivative can be computed from
/// the output.
macro_rules! elementwise {
    ($name:ident, $config:ty, $function:ty, |$arguments:ident| $make:expr, $kind:expr) => {
        impl<In: Shape> ShapeRule<In> for $name {
            const OUTPUT: Inferred = Inferred::shape(In::DIMS);
        }

        impl<T: Element> Layer<T> for $name {
            type Config = $config;
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element> Compute<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;
            const FLOW: Flow = if <$function>::FROM_OUTPUT {
                Flow::InPlace
            } else {
                Flow::Apart
            };
            const READS_OUTPUT: bool = <$function>::FROM_OUTPUT;
            const OUTPUT_KIND: OutputKind = $kind;

            #[inline(always)]
            fn forward(
                $arguments: &$config,
                _: &(),
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                _: &mut [T],
                cx: &Context<T>,
            ) {
                cx.kernels.function($make, Some(flatten(x)), flatten_mut(y));
            }

            #[inline(always)]
            fn backward_input(
                $arguments: &$config,
                _: &(),
                x: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                dy: &mut [Tensor<Out, T>],
                dx: Option<&mut [Tensor<In, T>]>,
                cx: &Context<T>,
            ) {
                let Some(dx) = dx else { return };
                let dx = flatten_mut(dx);
                dx.copy_from_slice(flatten(dy));
                cx.kernels.function_grad($make, flatten(x), dx);
            }

            #[inline(always)]
            fn infer_in_place($arguments: &$config, y: &mut [Tensor<Out, T>], cx: &Context<T>) {
                cx.kernels.function($make, None, flatten_mut(y));
            }

            #[inline(always)]
            fn return_in_place(
                $arguments: &$config,
                y: LayerOutputs<'_, Out, T>,
                dy: &mut [Tensor<Out, T>],
                cx: &Context<T>,
            ) {
                cx.kernels
                    .function_grad($make, flatten(&y), flatten_mut(dy));
            }
        }
    };
}
pub(super) use elementwise;
