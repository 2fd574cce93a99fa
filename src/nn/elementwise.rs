//! The traits of activations that are functions of single numbers.

/// Makes a layer from a kernel function. It works in place if the derivative can be computed from
/// the output.
macro_rules! elementwise {
    ($name:ident, $config:ty, $function:ty, |$arguments:ident| $make:expr, $kind:expr) => {
        impl<In: Shape> ShapeRule<In> for $name {
            const OUTPUT: Inferred = Inferred::shape(In::DIMS);
            const REACH: Reach = Reach::POSITION;
        }

        impl<T: Element> Layer<T> for $name {
            type Config = $config;
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element> Infer<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;
            const FLOW: Flow = if <$function>::FROM_OUTPUT {
                Flow::InPlace
            } else {
                Flow::Apart
            };
            const OUTPUT_KIND: OutputKind = $kind;

            #[cfg(feature = "onnx-export")]
            fn export(
                $arguments: &$config,
                _: &(),
                call: crate::export::Export<'_>,
            ) -> crate::export::Exported {
                use crate::nn::export::elementwise::WriteFunction;
                call.map(|graph, x| $make.write(graph, x))
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward {
                    config: $arguments,
                    x,
                    y,
                    cx,
                    ..
                } = call;
                cx.kernels.function($make, Some(flatten(x)), flatten_mut(y));
            }

            #[inline(always)]
            fn infer_in_place(call: ForwardInPlace<'_, $config, Out, T>) {
                let ForwardInPlace {
                    config: $arguments,
                    y,
                    cx,
                    ..
                } = call;
                cx.kernels.function($make, None, flatten_mut(y));
            }
        }

        impl<In: Shape, Out: Shape, T: Element> Train<In, Out, T> for $name {
            const READS_OUTPUT: bool = <$function>::FROM_OUTPUT;

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput {
                    config: $arguments,
                    x,
                    dy,
                    dx,
                    cx,
                    ..
                } = call;
                let Some(dx) = dx else { return };
                let dx = flatten_mut(dx);
                dx.copy_from_slice(flatten(dy));
                cx.kernels.function_grad($make, flatten(x), dx);
            }

            #[inline(always)]
            fn return_in_place(call: BackwardInPlace<'_, $config, Out, T>) {
                let BackwardInPlace {
                    config: $arguments,
                    y,
                    dy,
                    cx,
                    ..
                } = call;
                cx.kernels
                    .function_grad($make, flatten(&y), flatten_mut(dy));
            }
        }
    };
}
pub(super) use elementwise;
