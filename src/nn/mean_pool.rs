//! What all layers have in common that sum over windows, or spread what they get over windows.

/// Makes a layer of its generic arguments, what it says to an input, its axes over one that fits,
/// what sums are divided by, and whether it spreads.
macro_rules! mean_pool {
    (
        [$($generics:tt)*]
        $name:ty,
        |$dims:ident| $fit:expr,
        $plane:expr,
        $divide:expr,
        transposed: $transposed:literal
    ) => {
        impl<In: Shape, $($generics)*> ShapeRule<In> for $name {
            const OUTPUT: Inferred = {
                let $dims = In::DIMS;
                let fit = $fit;
                if !fit.is_fine() || $dims.is_unknown() {
                    fit
                } else {
                    let plane = $plane;
                    fit.if_countable(plane.is_countable())
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
                cx.kernels.mean_pool(&plane, $divide, $transposed, flatten(x), flatten_mut(y));
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
                cx.kernels.mean_pool(&plane, $divide, !$transposed, flatten(dy), flatten_mut(dx));
            }
        }
    };
}
pub(super) use mean_pool;
