//! Stand-ins for the methods of features that are off: a call is one compile error, which names the
//! feature. No call gets past the compiler, as nothing implements the traits that they require.
//!
//! Types and functions need none: for a path that exists with a feature, the compiler names the
//! feature itself.

/// Keeps the items of networks that write themselves as ONNX graphs.
#[cfg(feature = "onnx-export")]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_export {
    ($($item:tt)*) => { $($item)* };
}

/// Drops the items of networks that write themselves as ONNX graphs.
#[cfg(not(feature = "onnx-export"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __with_export {
    ($($item:tt)*) => {};
}

/// Declares for each feature a trait that nothing implements.
macro_rules! features {
    ($($feature:literal $needed:ident $message:literal)*) => { $(
        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(
            message = $message,
            label = "its feature of the crate `shapewright` is off"
        )]
        pub trait $needed {
            fn off() -> !;
        }
    )* };
}
features! {
    "ctrlc" NeedsCtrlC
        "`stop_on_ctrl_c` needs the feature `ctrlc`: `cargo add shapewright --features ctrlc`"
    "ndarray" NeedsNdarray
        "arrays of `ndarray` need the feature `ndarray`: `cargo add shapewright --features ndarray`"
    "onnx-export" NeedsOnnxExport
        "ONNX files need the feature `onnx-export`: `cargo add shapewright --features onnx-export`"
    "plots" NeedsPlots
        "`draw` needs the feature `plots`: `cargo add shapewright --features plots`"
    "progress" NeedsProgress
        "`progress` needs the feature `progress`: `cargo add shapewright --features progress`"
    "safetensors" NeedsSafetensors
        "weight files need the feature `safetensors`: `cargo add shapewright --features safetensors`"
    "serde" NeedsSerde
        "serde's traits need the feature `serde`: `cargo add shapewright --features serde`"
}

#[cfg(all(feature = "std", not(feature = "safetensors")))]
pub use weight_files::SaveLoad;

#[cfg(all(feature = "std", not(feature = "safetensors")))]
mod weight_files {
    use core::convert::Infallible;
    use std::path::Path;

    use super::NeedsSafetensors;
    use crate::network::Network;

    /// The stand-in for the trait with the methods for weight files.
    #[doc(hidden)]
    pub trait SaveLoad: Network {
        fn save(&self, _: impl AsRef<Path>) -> Result<(), Infallible>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }

        fn save_with(&self, _: impl AsRef<Path>, _: &[(&str, &str)]) -> Result<(), Infallible>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }

        fn save_half<Half>(&self, _: impl AsRef<Path>, _: Half) -> Result<(), Infallible>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }

        fn to_safetensors(&self, _: &[(&str, &str)]) -> Vec<u8>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }

        fn load(&mut self, _: impl AsRef<Path>) -> Result<(), Infallible>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }

        fn load_from<Loader: ?Sized>(&mut self, _: &Loader) -> Result<(), Infallible>
        where
            Self: NeedsSafetensors,
        {
            Self::off()
        }
    }

    impl<N: Network> SaveLoad for N {}
}

#[cfg(all(feature = "std", not(feature = "onnx-export")))]
pub use onnx_files::ToOnnx;

#[cfg(all(feature = "std", not(feature = "onnx-export")))]
mod onnx_files {
    use core::convert::Infallible;
    use std::path::Path;

    use super::NeedsOnnxExport;
    use crate::network::Network;

    /// The stand-in for the methods for ONNX files.
    #[doc(hidden)]
    pub trait ToOnnx: Network {
        fn to_onnx(&self, _: impl AsRef<Path>) -> Result<(), Infallible>
        where
            Self: NeedsOnnxExport,
        {
            Self::off()
        }

        fn to_onnx_bytes(&self) -> Result<Vec<u8>, Infallible>
        where
            Self: NeedsOnnxExport,
        {
            Self::off()
        }

        fn to_onnx_bytes_with(&self, _: &[(&str, &str)]) -> Result<Vec<u8>, Infallible>
        where
            Self: NeedsOnnxExport,
        {
            Self::off()
        }
    }

    impl<N: Network> ToOnnx for N {}
}

/// The stand-in for the macro that puts weights into the program.
#[cfg(not(feature = "safetensors"))]
#[doc(hidden)]
#[macro_export]
macro_rules! include_weights {
    ($($file:tt)*) => {
        ::core::compile_error! {
            "`include_weights!` needs the feature `safetensors`: \
`cargo add shapewright --features safetensors`"
        }
    };
}

#[cfg(all(feature = "std", not(feature = "progress")))]
impl<N: crate::Network, O, L, G> crate::train::Trainer<'_, N, O, L, G> {
    #[doc(hidden)]
    pub fn progress(self, _: bool) -> Self
    where
        N: NeedsProgress,
    {
        N::off()
    }
}

#[cfg(all(feature = "std", not(feature = "ctrlc")))]
impl<N: crate::Network, O, L, G> crate::train::Trainer<'_, N, O, L, G> {
    #[doc(hidden)]
    pub fn stop_on_ctrl_c(self, _: bool) -> Self
    where
        N: NeedsCtrlC,
    {
        N::off()
    }
}

#[cfg(all(feature = "std", not(feature = "plots")))]
mod pictures {
    use core::convert::Infallible;

    use super::NeedsPlots;
    use crate::metrics::{ConfusionMatrix, NamedConfusionMatrix};
    use crate::train::History;

    impl History {
        #[doc(hidden)]
        pub fn draw<P: NeedsPlots>(&self, _: P) -> Result<(), Infallible> {
            P::off()
        }
    }

    impl<const N: usize> ConfusionMatrix<N> {
        #[doc(hidden)]
        pub fn draw<P: NeedsPlots>(&self, _: P) -> Result<(), Infallible> {
            P::off()
        }
    }

    impl<const N: usize> NamedConfusionMatrix<'_, N> {
        #[doc(hidden)]
        pub fn draw<P: NeedsPlots>(&self, _: P) -> Result<(), Infallible> {
            P::off()
        }
    }
}

#[cfg(not(feature = "ndarray"))]
mod arrays {
    #[cfg(feature = "alloc")]
    use alloc::{boxed::Box, vec::Vec};
    use core::convert::Infallible;

    use super::NeedsNdarray;
    use crate::tensor::{Scalar, Shape, Tensor};

    #[doc(hidden)]
    impl<S: Shape, T: Scalar> Tensor<S, T> {
        pub fn from_ndarray<A: NeedsNdarray + ?Sized>(_: &A) -> Result<Self, Infallible> {
            A::off()
        }

        #[cfg(feature = "alloc")]
        pub fn from_ndarray_boxed<A: NeedsNdarray + ?Sized>(
            _: &A,
        ) -> Result<Box<Self>, Infallible> {
            A::off()
        }

        #[cfg(feature = "alloc")]
        pub fn from_ndarray_batch<A: NeedsNdarray + ?Sized>(
            _: &A,
        ) -> Result<Vec<Self>, Infallible> {
            A::off()
        }

        pub fn over_ndarray<A: NeedsNdarray + ?Sized>(_: &A) -> Result<&Self, Infallible> {
            A::off()
        }

        pub fn over_ndarray_batch<A: NeedsNdarray + ?Sized>(_: &A) -> Result<&[Self], Infallible> {
            A::off()
        }

        pub fn to_ndarray(&self) -> Infallible
        where
            T: NeedsNdarray,
        {
            T::off()
        }

        pub fn ndarray_view(&self) -> Infallible
        where
            T: NeedsNdarray,
        {
            T::off()
        }

        pub fn ndarray_view_mut(&mut self) -> Infallible
        where
            T: NeedsNdarray,
        {
            T::off()
        }

        pub fn ndarray_batch_view(_: &[Self]) -> Infallible
        where
            T: NeedsNdarray,
        {
            T::off()
        }
    }
}

#[cfg(all(feature = "alloc", not(feature = "serde")))]
mod reading {
    use alloc::{boxed::Box, vec::Vec};
    use core::convert::Infallible;

    use super::NeedsSerde;
    use crate::tensor::{Scalar, Shape, Tensor};

    #[doc(hidden)]
    impl<S: Shape, T: Scalar> Tensor<S, T> {
        pub fn deserialize_boxed<D: NeedsSerde>(_: D) -> Result<Box<Self>, Infallible> {
            D::off()
        }

        pub fn deserialize_vec<D: NeedsSerde>(_: D) -> Result<Vec<Self>, Infallible> {
            D::off()
        }
    }
}
