//! The arithmetic: all kernels of one element type and one instruction tier as safe functions.
//!
//! Kernels know slices and sizes, nothing of layers. They are compiled once, in this crate, and have no generic
//! parameter that a user's crate would instantiate (that of `function` only chooses): sizes are run-time arguments,
//! which costs 0 to 4 % against constant ones and saves a third of a second of compile time per layer. Every entry
//! checks its lengths and panics when they do not fit; none of them allocates (but see [`F64Kernels`]) or starts
//! threads: callers cut the rows.
//!
//! Each kernel chooses among its tiers itself, rather than through a table of all kernels, so that a program contains
//! only those that it uses.
//!
//! # Bits
//!
//! Products of `f32` with more than one row compute each element as one chain of (fused) multiply-adds in the order
//! of the inner index, so that results do not depend on how rows are cut or on whether the inner index is cut in two
//! calls. Sums go through a fixed number of partial sums. AVX2 and AVX-512 agree in every bit of every kernel; the
//! portable tier, which has no fused multiply-add, differs in the last places. Large products on processors other
//! than x86-64 are the exception: `matrixmultiply` computes them.

mod args;
mod conv;
mod elementwise;
pub mod function;
mod glu;
mod log_softmax;
mod loss;
mod math;
mod norm;
mod plain;
mod pool;
mod prelu;
mod product;
mod reduce;
mod resample;
mod rules;
mod simd;
#[cfg(test)]
mod tests;
mod tile;
mod update;
mod vector_product;

pub use args::{Bend, Matrix, Product, Start};
pub use conv::{Conv, ConvInputGrad, ConvSizes, ConvWeightGrad};
pub use function::Function;
pub use norm::{BatchNorm, GroupNorm, Normalize, RowNorm, RowNormSums, RunningNorm, STATISTICS};
pub use pool::{Axis, Divisor, Plane, Reach};
pub use resample::Resample;
pub use rules::{
    AdadeltaStep, AdagradStep, AdamStep, AdamaxStep, Begin, LionStep, NAdamStep, RAdamStep, RmsPropStep,
    SgdStep,
};

use self::simd::{Op, Simd};
use crate::tier::{self, Tier};

/// One step of an optimizer by the rule `R`. A trait of its own, so that a program contains only the rules that it
/// uses.
pub trait Update<T, R> {
    /// Changes the parameters and what the rule remembers of each, one slice for each of its memories.
    fn update(self, rule: &R, params: &mut [T], grad: &[T], memories: &mut [&mut [T]]);
}

/// The kernels of an element type in one instruction tier: a network asks for them once per call.
pub trait Kernels<T>: Updates<T> + Normalize<T> + Copy + Send + Sync + 'static {
    /// The tier in which they run.
    fn tier(self) -> Tier;
    /// `C = start + A * B`, then `max(0, C)` if asked. See [`Product`].
    fn product(self, product: Product<'_, T>);
    /// A convolution. See [`Conv`].
    fn conv(self, conv: Conv<'_, T>);
    /// The gradient of a convolution with respect to its input, or a transposed convolution.
    fn conv_input_grad(self, conv: ConvInputGrad<'_, T>);
    /// The gradient of a convolution with respect to its weight.
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, T>);
    /// Sums the columns of the row-major `x` into `sums`, or onto it.
    fn column_sums(self, rows: usize, cols: usize, x: &[T], sums: &mut [T], accumulate: bool);
    /// `y = f(x)`, or `y = f(y)` without an `x`.
    fn function<F: Function>(self, f: F, x: Option<&[T]>, y: &mut [T]);
    /// `dy *= f'`, known from `at`: the outputs if [`Function::FROM_OUTPUT`], the inputs otherwise.
    fn function_grad<F: Function>(self, f: F, at: &[T], dy: &mut [T]);
    /// `y = x`, or `weight * x` where `x` is not above 0, with one weight or as many as each row has elements.
    fn prelu(self, weight: &[T], x: &[T], y: &mut [T]);
    /// `dy *= 1`, or `weight` where `x` is not above 0.
    fn prelu_grad(self, weight: &[T], x: &[T], dy: &mut [T]);
    /// Sums `x * dy` where `x` is not above 0 into `sums`, or onto it: one per weight.
    fn prelu_weight_grad(self, x: &[T], dy: &[T], sums: &mut [T], accumulate: bool);
    /// `y = a * sigmoid(b)`, where `a` and `b` are the halves of each row of `x`, of `half` elements.
    fn glu(self, half: usize, x: &[T], y: &mut [T]);
    /// `dx` from `dy`, for `glu`.
    fn glu_grad(self, half: usize, x: &[T], dy: &[T], dx: &mut [T]);
    /// `y` is the largest element of each window and channel: the first of equals, or the last NaN. `codes`, if there
    /// are any, are what `max_pool_grad` needs: one for each output.
    fn max_pool(self, plane: &Plane, x: &[T], y: &mut [T], codes: Option<&mut [T]>);
    /// `dx` from `dy`, for `max_pool`.
    fn max_pool_grad(self, plane: &Plane, codes: &[T], dy: &[T], dx: &mut [T]);
    /// `y` is the sum over each window and channel, divided by what `divide` says, or the interpolation. If
    /// `transposed`, `x` is a gradient with respect to that and `y` becomes the one with respect to its input.
    fn mean_pool(self, plane: &Plane, divide: Divisor, transposed: bool, x: &[T], y: &mut [T]);
    /// Softmax of every row of `width` elements.
    fn softmax(self, width: usize, x: &mut [T]);
    /// `dy = y * (dy - sum(y * dy))` per row, where `y` is the softmax.
    fn softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Logarithm of the softmax of every row of `width` elements.
    fn log_softmax(self, width: usize, x: &mut [T]);
    /// `dy -= exp(y) * sum(dy)` per row, where `y` is the logarithm of the softmax.
    fn log_softmax_grad(self, width: usize, y: &[T], dy: &mut [T]);
    /// Softmax and negative log-likelihood; returns the sum over the rows and sets `grad` to `scale` times its
    /// gradient with respect to the logits. Each row counts as often as `weights` says, or once if that is empty; a row
    /// that counts 0 times is not looked at.
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[T],
        labels: &[u32],
        weights: &[T],
        scale: T,
        grad: &mut [T],
    ) -> T;
    /// Sigmoid and binary cross-entropy; returns the sum over the elements and sets `grad` to `scale` times its
    /// gradient with respect to the logits.
    fn bce_with_logits(self, logits: &[T], targets: &[T], scale: T, grad: &mut [T]) -> T;
    /// Returns the sum of the squared differences and sets `grad` to `scale` times its gradient with respect to the
    /// output.
    fn mse(self, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// As `mse`, of the absolute differences with a round tip. See [`Bend`].
    fn smooth_l1(self, bend: Bend, output: &[T], target: &[T], scale: T, grad: &mut [T]) -> T;
    /// An image seen through an affine map. See [`Resample`].
    fn resample(self, resample: Resample<'_, T>, to: &mut [T]);
}

/// The kernels for `f32` in a tier that the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F32Kernels(Level);

/// What the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(any(target_arch = "x86_64", miri))]
    Baseline,
    /// Arrays for processors that no tier is written for, with `matrixmultiply`, which knows some of them, for large
    /// products. Its elements are sums of a chain per block, and it allocates.
    #[cfg(any(test, not(any(target_arch = "x86_64", miri))))]
    Foreign,
    /// Arrays alone, for the tests.
    #[cfg(test)]
    Arrays,
}

impl F32Kernels {
    /// Those in the tier that [`tier()`](crate::tier::tier) names now.
    #[inline]
    pub fn now() -> Self {
        Self::checked(tier::tier())
    }

    /// Those in a tier of choice.
    #[cfg(test)]
    fn of(tier: Tier) -> Result<Self, tier::UnsupportedTier> {
        tier::check(tier)?;
        Ok(Self::checked(tier))
    }

    /// The caller has checked that the processor has `tier`.
    #[inline]
    fn checked(tier: Tier) -> Self {
        F32Kernels(match tier {
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => Level::Avx512,
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => Level::Avx2,
            #[cfg(any(target_arch = "x86_64", miri))]
            _ => Level::Baseline,
            #[cfg(not(any(target_arch = "x86_64", miri)))]
            _ => Level::Foreign,
        })
    }

    /// The tier for so few numbers side by side: for 8 and less, half of AVX-512's lanes would be idle. The bits are the
    /// same.
    #[inline(always)]
    fn for_width(self, width: usize) -> Self {
        match self.0 {
            // Every processor with AVX-512 has AVX2 and FMA: `tier` asks for them, too.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if width <= 8 => F32Kernels(Level::Avx2),
            _ => self,
        }
    }

    /// The tier for a convolution that gives so many channels.
    fn for_conv(self, sizes: &ConvSizes, channels: usize) -> Self {
        if sizes.is_depthwise() { self } else { self.for_width(channels / sizes.groups) }
    }

    /// How many numbers a vector has.
    fn lanes(self) -> usize {
        self.run(simd::Lanes)
    }

    /// Runs a kernel in this tier.
    #[inline(always)]
    fn run<O: Op>(self, op: O) -> O::Out {
        // SAFETY (all): a value with this level is made only after the processor was found to have the tier.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { simd::Avx512::run(op) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { simd::Avx2::run(op) },
            #[cfg(any(target_arch = "x86_64", miri))]
            Level::Baseline => unsafe { simd::Baseline::run(op) },
            #[cfg(any(test, not(any(target_arch = "x86_64", miri))))]
            Level::Foreign => unsafe { simd::Portable::run(op) },
            #[cfg(test)]
            Level::Arrays => unsafe { simd::Portable::run(op) },
        }
    }
}

impl Kernels<f32> for F32Kernels {
    fn tier(self) -> Tier {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Tier::Avx512,
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Tier::Avx2,
            _ => Tier::Portable,
        }
    }
    fn product(self, mut product: Product<'_, f32>) {
        #[cfg(any(test, not(any(target_arch = "x86_64", miri))))]
        if self.0 == Level::Foreign && plain::is_large(&product) {
            return plain::product(product);
        }
        self.run(product::ProductOp(&mut product));
    }
    fn conv(self, conv: Conv<'_, f32>) {
        conv::conv(self, conv);
    }
    fn conv_input_grad(self, conv: ConvInputGrad<'_, f32>) {
        conv::conv_input_grad(self, conv);
    }
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, f32>) {
        conv::conv_weight_grad(self, conv);
    }
    fn column_sums(self, rows: usize, cols: usize, x: &[f32], sums: &mut [f32], accumulate: bool) {
        self.run(reduce::ColumnSumsOp { rows, cols, x, sums, accumulate });
    }
    #[inline]
    fn function<F: Function>(self, f: F, x: Option<&[f32]>, y: &mut [f32]) {
        f.single(self, x, y);
    }
    #[inline]
    fn function_grad<F: Function>(self, f: F, at: &[f32], dy: &mut [f32]) {
        f.single_grad(self, at, dy);
    }
    fn prelu(self, weight: &[f32], x: &[f32], y: &mut [f32]) {
        self.run(prelu::PReluOp { weight, x, y });
    }
    fn prelu_grad(self, weight: &[f32], x: &[f32], dy: &mut [f32]) {
        self.run(prelu::PReluGradOp { weight, x, dy });
    }
    fn prelu_weight_grad(self, x: &[f32], dy: &[f32], sums: &mut [f32], accumulate: bool) {
        self.run(prelu::PReluWeightGradOp { x, dy, sums, accumulate });
    }
    fn glu(self, half: usize, x: &[f32], y: &mut [f32]) {
        self.run(glu::GluOp { half, x, y });
    }
    fn glu_grad(self, half: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        self.run(glu::GluGradOp { half, x, dy, dx });
    }
    fn max_pool(self, &plane: &Plane, x: &[f32], y: &mut [f32], codes: Option<&mut [f32]>) {
        match codes {
            None => self.run(pool::MaxPoolOp::<false> { plane, x, y, codes: &mut [] }),
            Some(codes) => self.run(pool::MaxPoolOp::<true> { plane, x, y, codes }),
        }
    }
    fn max_pool_grad(self, &plane: &Plane, codes: &[f32], dy: &[f32], dx: &mut [f32]) {
        self.run(pool::MaxPoolGradOp { plane, codes, dy, dx });
    }
    fn mean_pool(self, &plane: &Plane, divide: Divisor, transposed: bool, x: &[f32], y: &mut [f32]) {
        self.run(pool::MeanPoolOp { plane, divide, transposed, x, y });
    }
    fn softmax(self, width: usize, x: &mut [f32]) {
        self.run(reduce::SoftmaxOp { width, x });
    }
    fn softmax_grad(self, width: usize, y: &[f32], dy: &mut [f32]) {
        self.run(reduce::SoftmaxGradOp { width, y, dy });
    }
    fn log_softmax(self, width: usize, x: &mut [f32]) {
        self.run(log_softmax::LogSoftmaxOp { width, x });
    }
    fn log_softmax_grad(self, width: usize, y: &[f32], dy: &mut [f32]) {
        self.run(log_softmax::LogSoftmaxGradOp { width, y, dy });
    }
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[f32],
        labels: &[u32],
        weights: &[f32],
        scale: f32,
        grad: &mut [f32],
    ) -> f32 {
        self.run(loss::CrossEntropyOp { classes, logits, labels, weights, scale, grad })
    }
    fn bce_with_logits(self, logits: &[f32], targets: &[f32], scale: f32, grad: &mut [f32]) -> f32 {
        self.run(loss::BceOp { logits, targets, scale, grad })
    }
    fn mse(self, output: &[f32], target: &[f32], scale: f32, grad: &mut [f32]) -> f32 {
        self.run(loss::MseOp { output, target, scale, grad })
    }
    fn smooth_l1(self, bend: Bend, output: &[f32], target: &[f32], scale: f32, grad: &mut [f32]) -> f32 {
        self.run(loss::SmoothL1Op { bend, output, target, scale, grad })
    }
    fn resample(self, resample: Resample<'_, f32>, to: &mut [f32]) {
        self.run(resample::ResampleOp { resample, to });
    }
}

/// The kernels for `f64`: plain loops, and `matrixmultiply` (which allocates its packing buffers in every call) for
/// products of more than a few thousand multiplications. They are the same in every tier. All are `#[inline]`: the
/// program that uses one compiles it, and the others, who are many, need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F64Kernels;

impl Kernels<f64> for F64Kernels {
    #[inline]
    fn tier(self) -> Tier {
        Tier::Portable
    }
    #[inline]
    fn product(self, product: Product<'_, f64>) {
        plain::product(product);
    }
    #[inline]
    fn conv(self, conv: Conv<'_, f64>) {
        conv::plain::conv(conv);
    }
    #[inline]
    fn conv_input_grad(self, conv: ConvInputGrad<'_, f64>) {
        conv::plain::conv_input_grad(conv);
    }
    #[inline]
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, f64>) {
        conv::plain::conv_weight_grad(conv);
    }
    #[inline]
    fn column_sums(self, rows: usize, cols: usize, x: &[f64], sums: &mut [f64], accumulate: bool) {
        plain::column_sums(rows, cols, x, sums, accumulate);
    }
    #[inline]
    fn function<F: Function>(self, f: F, x: Option<&[f64]>, y: &mut [f64]) {
        f.double(x, y);
    }
    #[inline]
    fn function_grad<F: Function>(self, f: F, at: &[f64], dy: &mut [f64]) {
        f.double_grad(at, dy);
    }
    #[inline]
    fn prelu(self, weight: &[f64], x: &[f64], y: &mut [f64]) {
        plain::prelu(weight, x, y);
    }
    #[inline]
    fn prelu_grad(self, weight: &[f64], x: &[f64], dy: &mut [f64]) {
        plain::prelu_grad(weight, x, dy);
    }
    #[inline]
    fn prelu_weight_grad(self, x: &[f64], dy: &[f64], sums: &mut [f64], accumulate: bool) {
        plain::prelu_weight_grad(x, dy, sums, accumulate);
    }
    #[inline]
    fn glu(self, half: usize, x: &[f64], y: &mut [f64]) {
        plain::glu(half, x, y);
    }
    #[inline]
    fn glu_grad(self, half: usize, x: &[f64], dy: &[f64], dx: &mut [f64]) {
        plain::glu_grad(half, x, dy, dx);
    }
    #[inline]
    fn max_pool(self, plane: &Plane, x: &[f64], y: &mut [f64], codes: Option<&mut [f64]>) {
        pool::plain::max_pool(plane, x, y, codes);
    }
    #[inline]
    fn max_pool_grad(self, plane: &Plane, codes: &[f64], dy: &[f64], dx: &mut [f64]) {
        pool::plain::max_pool_grad(plane, codes, dy, dx);
    }
    #[inline]
    fn mean_pool(self, plane: &Plane, divide: Divisor, transposed: bool, x: &[f64], y: &mut [f64]) {
        pool::plain::mean_pool(plane, divide, transposed, x, y);
    }
    #[inline]
    fn softmax(self, width: usize, x: &mut [f64]) {
        plain::softmax(width, x);
    }
    #[inline]
    fn softmax_grad(self, width: usize, y: &[f64], dy: &mut [f64]) {
        plain::softmax_grad(width, y, dy);
    }
    #[inline]
    fn log_softmax(self, width: usize, x: &mut [f64]) {
        plain::log_softmax(width, x);
    }
    #[inline]
    fn log_softmax_grad(self, width: usize, y: &[f64], dy: &mut [f64]) {
        plain::log_softmax_grad(width, y, dy);
    }
    #[inline]
    fn cross_entropy(
        self,
        classes: usize,
        logits: &[f64],
        labels: &[u32],
        weights: &[f64],
        scale: f64,
        grad: &mut [f64],
    ) -> f64 {
        plain::cross_entropy(classes, logits, labels, weights, scale, grad)
    }
    #[inline]
    fn bce_with_logits(self, logits: &[f64], targets: &[f64], scale: f64, grad: &mut [f64]) -> f64 {
        plain::bce_with_logits(logits, targets, scale, grad)
    }
    #[inline]
    fn mse(self, output: &[f64], target: &[f64], scale: f64, grad: &mut [f64]) -> f64 {
        plain::mse(output, target, scale, grad)
    }
    #[inline]
    fn smooth_l1(self, bend: Bend, output: &[f64], target: &[f64], scale: f64, grad: &mut [f64]) -> f64 {
        plain::smooth_l1(bend, output, target, scale, grad)
    }
    #[inline]
    fn resample(self, resample: Resample<'_, f64>, to: &mut [f64]) {
        resample::resample(resample, to);
    }
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
                    memories: &mut [&mut [f32]],
                ) {
                    self.run(update::UpdateOp { rule, params, grad, memories });
                }
            }
            impl Update<f64, $rule> for F64Kernels {
                #[inline]
                fn update(
                    self,
                    rule: &$rule,
                    params: &mut [f64],
                    grad: &[f64],
                    memories: &mut [&mut [f64]],
                ) {
                    update::update(rule, params, grad, memories);
                }
            }
        )*
    };
}
updates! {
    SgdStep AdamStep NAdamStep RAdamStep AdamaxStep AdagradStep AdadeltaStep RmsPropStep LionStep
}
