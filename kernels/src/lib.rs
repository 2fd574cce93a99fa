//! The arithmetic of [shapewright](https://docs.rs/shapewright): safe functions for one element
//! type and one instruction tier. Use that crate; this one makes no promise of stability.
//!
//! Kernels know slices and sizes and nothing of layers. They are compiled once, in a crate of their
//! own, and can be optimized in debug builds where nothing else is. None has a generic parameter
//! that a user's crate would instantiate (that of `function` only selects). Sizes are run-time
//! arguments, which costs 0 to 4 % compared with constants and saves a third of a second of compile
//! time per layer. Every entry point checks its lengths and panics if they do not fit. None of them
//! allocates (except as noted at [`F64Kernels`]) or starts threads: callers distribute the rows.
//!
//! # Memory
//!
//! The caller provides the memory that kernels need, such as for padded images: see
//! [`Product::memory`]. Constant functions next to their arguments return its length, which is
//! enough in every tier: [`product_memory`], [`ConvSizes::forward_memory`] and so on. They count
//! elements, not bytes, and saturate at [`sizes::TOO_LARGE`].
//!
//! Each kernel selects its tier itself rather than through a table of all kernels, so that a
//! program contains only the kernels that it uses.
//!
//! # Without the standard library
//!
//! Without the feature `std` the crate is `no_std`. The tier is then the largest that the build's
//! target has, such as with `-C target-cpu`, and no kernel allocates. The feature `alloc` adds
//! `AlignedBuffer`. Results of `f32` have the bits of that tier with `std`, except for large products
//! of a portable tier without vectors, which `matrixmultiply` computes with `std` alone.
//!
//! # Bits
//!
//! Products of `f32` with more than one row compute each element as a sum of blocks of the inner
//! index, each a chain of (fused) multiply-adds. Where the blocks end depends on the length of the
//! inner index alone, so that results do not depend on how rows are distributed. Sums go through a
//! fixed number of partial sums. AVX2, AVX-512 and NEON agree in every bit of every kernel of `f32`,
//! except for the sign and the payload of a NaN. The portable tier and `simd128`, which have no fused
//! multiply-add, agree with each other, and differ from the others in the last places.
//!
//! Large products in the portable tier of other processors (64-bit Arm among them) are the exception:
//! with `std`, `matrixmultiply` computes them. So are large products of `f64` in every tier, for which
//! it has instructions of its own; and what a system's mathematical functions round differently, such
//! as the exponential function of `f64`.
//!
//! # Rounding of sums
//!
//! No sum loses its digits, however long it is: blocks of 64 terms are added in pairs. A sum of `n`
//! terms is off by at most `(64 + log2(n)) * EPSILON / 2` times the sum of the magnitudes of its
//! terms, in addition to the rounding of the terms themselves. Products and, in `f32`, convolutions
//! and the gradients of their weights keep their sums in memory. They have blocks of at most 512
//! terms, runs of at most 2^16 terms, and sums of runs, and are off by at most
//! `(768 + n / 2^16) * EPSILON / 2` times the sum of the magnitudes. The bits of a sum depend on
//! its length, not on the number of threads.

#![cfg_attr(not(any(test, feature = "std")), no_std)]

#[cfg(feature = "alloc")]
extern crate alloc;

#[cfg(feature = "alloc")]
mod aligned;
mod args;
mod attention;
mod conv;
mod denormals;
mod elementwise;
pub mod function;
mod glu;
mod int8;
mod kernels_f32;
mod kernels_f64;
mod log_softmax;
mod loss;
mod math;
mod memory;
mod norm;
mod optim_steps;
mod pairs;
mod pool;
mod prelu;
mod product;
mod recurrent;
mod reduce;
mod reference;
mod resample;
mod simd;
pub mod sizes;
#[cfg(test)]
mod tests;
pub mod tier;
mod tile;
mod update;
mod vector_product;

#[cfg(feature = "alloc")]
pub use aligned::AlignedBuffer;
pub use args::{ANY_SHAPE, Bend, Matrix, Product, Start};
pub use attention::{AttentionGrad, AttentionSoftmax, Transpose, Visible};
pub use conv::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad};
pub use denormals::flush;
pub use function::Function;
pub use int8::{Int8Conv, MOST_TERMS, Quantization};
pub use kernels_f32::F32Kernels;
pub use kernels_f64::F64Kernels;
pub use norm::{BatchNorm, GroupNorm, Normalize, RowNorm, RowNormSums, RunningNorm, STATISTICS};
pub use optim_steps::{
    AdadeltaStep, AdagradStep, AdamStep, AdamaxStep, LionStep, NAdamStep, Preprocess, RAdamStep,
    RmsPropStep, SgdStep,
};
pub use pool::{Axis, Divisor, MeanPool, Plane, Reach};
pub use product::product_memory;
pub use recurrent::{
    GruCell, Half, LstmCell, Recurrent, RecurrentCell, RecurrentGrad, RecurrentStepGrad,
    RecurrentWeights, RnnCell, recurrent_grad,
};
pub use resample::Resample;

use tier::Tier;

/// One step of an optimizer with the rule `R`. This is a trait of its own so that a program
/// contains only the rules that it uses.
pub trait Update<T, R> {
    /// Updates the parameters and the states of the rule, one slice for each state.
    fn update(self, rule: &R, params: &mut [T], grad: &[T], states: &mut [&mut [T]]);
}

/// The kernels of an element type in one instruction tier. A network selects them once per call.
pub trait Kernels<T>: Updates<T> + Normalize<T> + Copy + Send + Sync + 'static {
    /// Returns the tier in which the kernels run.
    fn tier(self) -> Tier;
    /// Computes `C = start + A * B`, then `max(0, C)` if `relu`. See [`Product`].
    fn product(self, product: Product<'_, T>);
    /// Computes a convolution. See [`Conv`].
    fn conv(self, conv: Conv<'_, T>);
    /// Computes the gradient of a convolution with respect to its input, or a transposed
    /// convolution. See [`ConvInputGrad`].
    fn conv_input_grad(self, conv: ConvInputGrad<'_, T>);
    /// Computes the gradient of a convolution with respect to its weight. See [`ConvWeightGrad`].
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, T>);
    /// Returns the sum of all elements.
    fn sum(self, x: &[T]) -> T;
    /// Returns the sum of the products of corresponding elements.
    fn dot(self, x: &[T], y: &[T]) -> T;
    /// Sums the columns of the row-major `x` into `sums`, or adds the sums to it if `accumulate`.
    fn column_sums(self, rows: usize, cols: usize, x: &[T], sums: &mut [T], accumulate: bool);
    /// Computes `y = f(x)`, or `y = f(y)` without an `x`.
    fn function<F: Function>(self, f: F, x: Option<&[T]>, y: &mut [T]);
    /// Computes `dy *= f'` from `at`: the outputs if [`Function::FROM_OUTPUT`], the inputs
    /// otherwise.
    fn function_grad<F: Function>(self, f: F, at: &[T], dy: &mut [T]);
    /// Computes `y = x`, or `y = weight * x` where `x` is not above 0. There is one weight, or one
    /// for each element of a row.
    fn prelu(self, weight: &[T], x: &[T], y: &mut [T]);
    /// Multiplies `dy` by the weight where `x` is not above 0.
    fn prelu_grad(self, weight: &[T], x: &[T], dy: &mut [T]);
    /// Sums `x * dy` where `x` is not above 0 into `sums`, one for each weight, or adds the sums to
    /// it if `accumulate`.
    fn prelu_weight_grad(self, x: &[T], dy: &[T], sums: &mut [T], accumulate: bool);
    /// Computes `y = a * sigmoid(b)`, where `a` and `b` are the halves of each row of `x`. Each
    /// half has `half` elements.
    fn glu(self, half: usize, x: &[T], y: &mut [T]);
    /// Computes `dx` from `dy`, for `glu`.
    fn glu_grad(self, half: usize, x: &[T], dy: &[T], dx: &mut [T]);
    /// Sets `y` to the largest element of each window and channel: the first of equals, or the last
    /// NaN. `codes`, if present, receives what `max_pool_grad` needs: one code for each output.
    fn max_pool(self, plane: &Plane, x: &[T], y: &mut [T], codes: Option<&mut [T]>);
    /// Computes `dx` from `dy`, for `max_pool`.
    fn max_pool_grad(self, plane: &Plane, codes: &[T], dy: &[T], dx: &mut [T]);
    /// Sums, averages or interpolates over windows. See [`MeanPool`].
    fn mean_pool(self, pool: MeanPool<'_, T>);
    /// Replaces every row of `width` elements by its softmax.
    fn softmax(self, width: usize, x: &mut [T]);
    /// Computes `dy = y * (dy - sum(y * dy))` for each row, where `y` is the softmax.
    fn softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Replaces every row of `width` elements by the logarithm of its softmax.
    fn log_softmax(self, width: usize, x: &mut [T]);
    /// Computes `dy -= exp(y) * sum(dy)` for each row, where `y` is the logarithm of the softmax.
    fn log_softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Replaces rows of attention scores by their softmax. See [`AttentionSoftmax`].
    fn attention_softmax(self, softmax: AttentionSoftmax<'_, T>);
    /// Computes the gradient of attention scores. See [`AttentionGrad`].
    fn attention_grad(self, grad: AttentionGrad<'_, T>);
    /// Transposes a part of a matrix. See [`Transpose`].
    fn transpose(self, transpose: Transpose<'_, T>);
    /// Softmax and negative log-likelihood: returns the sum over the rows and sets `grad` to
    /// `scale` times its gradient with respect to the logits. Each row counts as often as `weights`
    /// says, or once if that is empty. A row that counts 0 times is not read.
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[T],
        labels: &[u32],
        weights: &[T],
        scale: T,
        grad: &mut [T],
    ) -> T;
    /// Sigmoid and binary cross-entropy: returns the sum over the elements and sets `grad` to
    /// `scale` times its gradient with respect to the logits.
    fn bce_with_logits(self, logits: &[T], targets: &[T], scale: T, grad: &mut [T]) -> T;
    /// Returns the sum of the squared differences and sets `grad` to `scale` times its gradient
    /// with respect to the output.
    fn mse(self, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// Like `mse`, for the absolute differences with a rounded tip. See [`Bend`].
    fn smooth_l1(self, bend: Bend, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// Sets denormal numbers to 0, as the kernels already do with activations and their gradients.
    fn flush_denormals(self, x: &mut [T]);
    /// Computes all steps of a recurrent layer in one direction. See [`Recurrent`].
    fn recurrent<C: RecurrentCell>(self, cell: C, call: &mut Recurrent<'_, T>);
    /// Turns what a step of `recurrent` has kept into the gradients of its sums. See
    /// [`RecurrentStepGrad`].
    fn recurrent_step_grad<C: RecurrentCell>(
        self,
        cell: C,
        call: RecurrentStepGrad<'_, T>,
        half: Half,
    );
    /// Maps an image through an affine transform. See [`Resample`].
    fn resample(self, resample: Resample<'_, T>, to: &mut [T]);
}

macro_rules! updates {
    ($($rule:ident)*) => {
        /// The steps of all optimizers.
        pub trait Updates<T>: $(Update<T, $rule> +)* {}
        impl Updates<f32> for F32Kernels {}
        impl Updates<f64> for F64Kernels {}
        $(
            impl Update<f32, $rule> for F32Kernels {
                fn update(
                    self,
                    &rule: &$rule,
                    params: &mut [f32],
                    grad: &[f32],
                    states: &mut [&mut [f32]],
                ) {
                    self.run(update::UpdateOp { rule, params, grad, states });
                }
            }
            impl Update<f64, $rule> for F64Kernels {
                #[inline]
                fn update(
                    self,
                    rule: &$rule,
                    params: &mut [f64],
                    grad: &[f64],
                    states: &mut [&mut [f64]],
                ) {
                    update::update(rule, params, grad, states);
                }
            }
        )*
    };
}
updates! {
    SgdStep AdamStep NAdamStep RAdamStep AdamaxStep AdagradStep AdadeltaStep RmsPropStep LionStep
}
