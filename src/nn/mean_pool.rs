//! The traits of layers that sum over windows, or spread each input over a window.

use super::kernel_needs::kernel_needs;
use crate::kernels::{Divisor, Plane};
use crate::network::Needs;
use crate::tensor::Element;

/// Returns the number of numbers in the memory of a mean over windows.
pub(super) const fn mean_len<T: Element>(
    plane: &Plane,
    divide: Divisor,
    transposed: bool,
) -> usize {
    if T::KERNELS_USE_MEMORY {
        plane.mean_memory(divide, transposed)
    } else {
        0
    }
}

/// Returns the needs of a layer for a mean over windows.
pub(super) const fn mean_needs<T: Element>(
    plane: &Plane,
    divide: Divisor,
    transposed: bool,
) -> Needs {
    let len = mean_len::<T>(plane, divide, transposed);
    kernel_needs::<T>(len, len)
}

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

        impl<In: Shape, Out: Shape, T: Element, $($generics)*> Infer<In, Out, T> for $name {
            const ORDER: FeatureOrder = FeatureOrder::Channels;
            const NEEDS: Needs =
                mean_needs::<T>(&Self::plane(In::DIMS), $divisor, $transposed);

            #[cfg(feature = "onnx-export")]
            fn export(
                _: &(),
                _: &(),
                call: crate::export::Export<'_>,
            ) -> crate::export::Exported {
                use crate::nn::export::images::{Pool, pool, upsample};
                match $divisor {
                    crate::kernels::Divisor::One => upsample(call, !$transposed),
                    divisor => pool(call, &Self::plane(In::DIMS), Pool::Mean(divisor)),
                }
            }

            #[inline(always)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let Forward { x, y, mut thread_memory, cx, .. } = call;
                let plane = const { &Self::plane(In::DIMS) };
                let len = const { mean_len::<T>(&Self::plane(In::DIMS), $divisor, $transposed) };
                cx.kernels.mean_pool(MeanPool {
                    plane,
                    divide: $divisor,
                    transposed: $transposed,
                    x: flatten(x),
                    y: flatten_mut(y),
                    memory: thread_memory.take(len),
                });
            }
        }

        impl<In: Shape, Out: Shape, T: Element, $($generics)*> Train<In, Out, T> for $name {
            const READS_OUTPUT: bool = false;
            const TRAIN_NEEDS: Needs = {
                let backward = mean_needs::<T>(&Self::plane(In::DIMS), $divisor, !$transposed);
                <Self as Infer<In, Out, T>>::NEEDS.or(backward).in_training()
            };

            #[inline(always)]
            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let BackwardInput { dy, dx, mut thread_memory, cx, .. } = call;
                let Some(dx) = dx else { return };
                let plane = const { &Self::plane(In::DIMS) };
                let len = const { mean_len::<T>(&Self::plane(In::DIMS), $divisor, !$transposed) };
                cx.kernels.mean_pool(MeanPool {
                    plane,
                    divide: $divisor,
                    transposed: !$transposed,
                    x: flatten(dy),
                    y: flatten_mut(dx),
                    memory: thread_memory.take(len),
                });
            }
        }
    };
}
pub(super) use mean_pool;
