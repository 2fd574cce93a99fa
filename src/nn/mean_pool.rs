//! The traits of layers that sum over windows, or spread each input over a window.

/// Implements a layer by its generic arguments, its shape rule, its axes over an input that fits,
/// the divisor of its sums, and whether it is transposed, that is, spreads its inputs.
macro_rules! mean_pool {
    (
        [$($generics:tt)*]
        $name:ty,
        |$dims:ident| $inferred:expr,
        $plane:expr,
        $divisor:expr,
        transposed: $transposed:literal
    ) => {
        impl<In: Shape, $($generics)*> ShapeRule<In> for $name {
            const OUTPUT: Inferred = {
                let $dims = In::DIMS;
                let inferred = $inferred;
                if !inferred.is_fine() || $dims.is_unknown() {
                    inferred
                } else {
                    let plane = $plane;
                    inferred.if_countable(plane.is_countable())
                }
            };
        }

        impl<$($generics)*> $name {
            const fn plane($dims: Dims) -> Plane {
                $plane
            }
        }

        impl<T: Element, $($generics)*> Layer<T> for $name {
            type Config = ();
            type Params = ();
        }

        impl<In: Shape, Out: Shape, T: Element, $($generics)*> Compute<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const READS_OUTPUT: bool = false;

            #[inline(always)]
            fn forward(
                _: &(),
                _: &(),
                x: &[Tensor<In, T>],
                y: &mut [Tensor<Out, T>],
                _: &mut [T],
                cx: &Context<T>,
            ) {
                let plane = const { Self::plane(In::DIMS) };
                let y = flatten_mut(y);
                mean_pool_of(cx.kernels, &plane, $divisor, $transposed, flatten(x), y);
            }

            #[inline(always)]
            fn backward_input(
                _: &(),
                _: &(),
                _: &[Tensor<In, T>],
                _: LayerOutputs<'_, Out, T>,
                _: ActivationStore<'_, T>,
                dy: &mut [Tensor<Out, T>],
                dx: Option<&mut [Tensor<In, T>]>,
                cx: &Context<T>,
            ) {
                let Some(dx) = dx else { return };
                let plane = const { Self::plane(In::DIMS) };
                let dx = flatten_mut(dx);
                mean_pool_of(cx.kernels, &plane, $divisor, !$transposed, flatten(dy), dx);
            }
        }
    };
}
pub(super) use mean_pool;
