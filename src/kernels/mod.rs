//! The arithmetic: all kernels of one element type and one instruction tier in a table of safe functions.
//!
//! Kernels know slices and sizes, nothing of layers. They are compiled once, in this crate, and take no generic
//! parameter that a user's crate could instantiate: sizes are run-time arguments, which costs 0 to 4 % against
//! constant ones and saves a third of a second of compile time per layer. Every entry checks its lengths and panics
//! when they do not fit; none of them allocates (but see [`f64_kernels`]) or starts threads: callers cut the rows.
//!
//! # Bits
//!
//! Products of `f32` with more than one row compute each element as one chain of (fused) multiply-adds in the order
//! of the inner index, so that results do not depend on how rows are cut or on whether the inner index is cut in two
//! calls. Sums go through a fixed number of partial sums. AVX2 and AVX-512 agree in every bit of every kernel; the
//! portable tier, which has no fused multiply-add, differs in the last places. Large products on processors other
//! than x86-64 are the exception: `matrixmultiply` computes them.

mod args;
mod elementwise;
mod loss;
mod math;
mod plain;
mod product;
mod reduce;
mod simd;
#[cfg(test)]
mod tests;
mod tile;
mod update;
mod vector_product;

pub use args::{AdamStep, Matrix, Product, SgdStep, Start, Unary};

use self::simd::{Op, Simd};
use crate::tier::{self, Tier, UnsupportedTier};

/// See [`Kernels::cross_entropy`].
pub type CrossEntropy<T> = fn(usize, &[T], &[u32], T, &mut [T]) -> T;
/// See [`Kernels::adam`].
pub type Adam<T> = fn(&AdamStep, &mut [T], &[T], &mut [T], &mut [T]);

/// All kernels of one element type in one instruction tier: asked for once per network call.
pub struct Kernels<T: 'static> {
    /// The tier these kernels are compiled for.
    pub tier: Tier,
    /// `C = start + A * B`, then `max(0, C)` if asked. See [`Product`].
    pub product: fn(Product<'_, T>),
    /// `(rows, cols, x, sums, accumulate)`: sums the columns of the row-major `x` into `sums`, or onto it.
    pub column_sums: fn(usize, usize, &[T], &mut [T], bool),
    /// `(f, x)`: `x = f(x)`.
    pub unary: fn(Unary, &mut [T]),
    /// `(f, y, dy)`: `dy *= f'(x)`, where `y = f(x)`.
    pub unary_grad: fn(Unary, &[T], &mut [T]),
    /// `(x, y)`: `y = gelu(x)`, the exact form with the error function.
    pub gelu: fn(&[T], &mut [T]),
    /// `(x, dy)`: `dy *= gelu'(x)`.
    pub gelu_grad: fn(&[T], &mut [T]),
    /// `(width, x)`: softmax of every row of `width` elements.
    pub softmax: fn(usize, &mut [T]),
    /// `(width, y, dy)`: `dy = y * (dy - sum(y * dy))` per row, where `y` is the softmax.
    pub softmax_grad: fn(usize, &[T], &mut [T]),
    /// `(classes, logits, labels, scale, grad)`: softmax and negative log-likelihood; returns the sum over the rows
    /// and sets `grad` to `scale` times its gradient with respect to the logits.
    pub cross_entropy: CrossEntropy<T>,
    /// `(logits, targets, scale, grad)`: sigmoid and binary cross-entropy; returns the sum over the elements and sets
    /// `grad` to `scale` times its gradient with respect to the logits.
    pub bce_with_logits: fn(&[T], &[T], T, &mut [T]) -> T,
    /// `(output, target, scale, grad)`: returns the sum of the squared differences and sets `grad` to `scale` times
    /// its gradient with respect to the output.
    pub mse: fn(&[T], &[T], T, &mut [T]) -> T,
    /// `(step, params, grad, velocity)`: one step of stochastic gradient descent; `velocity` is empty if and only if
    /// the momentum is 0.
    pub sgd: fn(&SgdStep, &mut [T], &[T], &mut [T]),
    /// `(step, params, grad, m, v)`: one step of Adam.
    pub adam: Adam<T>,
    /// `(y, x)`: `y += x`.
    pub add: fn(&mut [T], &[T]),
    /// `(y, s)`: `y *= s`.
    pub scale: fn(&mut [T], T),
    /// The sum of the elements.
    pub sum: fn(&[T]) -> T,
    /// The sum of the products of the elements.
    pub dot: fn(&[T], &[T]) -> T,
}

/// The kernels for `f32` in the tier that [`tier()`](crate::tier::tier) names now.
#[inline]
pub fn f32_kernels() -> &'static Kernels<f32> {
    table(tier::tier())
}

/// The kernels for `f32` in a tier of choice.
pub fn f32_kernels_of(tier: Tier) -> Result<&'static Kernels<f32>, UnsupportedTier> {
    tier::check(tier)?;
    Ok(table(tier))
}

/// The kernels for `f64`: plain loops, and `matrixmultiply` (which allocates its packing buffers in every call) for
/// products of more than a few thousand multiplications. They are the same in every tier.
#[inline]
pub fn f64_kernels() -> &'static Kernels<f64> {
    &plain::F64
}

/// The caller has checked that the processor has `tier`.
fn table(tier: Tier) -> &'static Kernels<f32> {
    match tier {
        #[cfg(target_arch = "x86_64")]
        Tier::Avx512 => const { &f32_table::<simd::Avx512>() },
        #[cfg(target_arch = "x86_64")]
        Tier::Avx2 => const { &f32_table::<simd::Avx2>() },
        #[cfg(any(target_arch = "x86_64", miri))]
        _ => const { &f32_table::<simd::Baseline>() },
        #[cfg(not(any(target_arch = "x86_64", miri)))]
        _ => const { &Kernels { product: foreign_product, ..f32_table::<simd::Baseline>() } },
    }
}

/// Products on processors that no tier is written for: `matrixmultiply` knows some of them, and serves the large ones.
/// Its elements are sums of a chain per block, and it allocates.
#[cfg(any(test, not(any(target_arch = "x86_64", miri))))]
fn foreign_product(p: Product<'_, f32>) {
    if plain::is_large(&p) { plain::product(p) } else { enter::<simd::Portable, _>(product::ProductOp(p)) }
}

/// Runs a kernel in the tier `S`.
#[inline(always)]
fn enter<S: Simd, O: Op>(op: O) -> O::Out {
    // SAFETY: this is called by the functions in the table of `S` alone, and `table` gives that out only after the
    // processor was found to have the tier.
    unsafe { S::run(op) }
}

/// The arrays that other processors use, for the tests.
#[cfg(test)]
fn array_table() -> &'static Kernels<f32> {
    const { &f32_table::<simd::Portable>() }
}

const fn f32_table<S: Simd>() -> Kernels<f32> {
    Kernels {
        tier: S::TIER,
        product: |p| enter::<S, _>(product::ProductOp(p)),
        column_sums: |rows, cols, x, sums, accumulate| {
            enter::<S, _>(reduce::ColumnSumsOp { rows, cols, x, sums, accumulate })
        },
        unary: |f, x| enter::<S, _>(elementwise::UnaryOp(f, x)),
        unary_grad: |f, y, dy| enter::<S, _>(elementwise::UnaryGradOp(f, y, dy)),
        gelu: |x, y| enter::<S, _>(elementwise::GeluOp(x, y)),
        gelu_grad: |x, dy| enter::<S, _>(elementwise::GeluGradOp(x, dy)),
        softmax: |width, x| enter::<S, _>(reduce::SoftmaxOp { width, x }),
        softmax_grad: |width, y, dy| enter::<S, _>(reduce::SoftmaxGradOp { width, y, dy }),
        cross_entropy: |classes, logits, labels, scale, grad| {
            enter::<S, _>(loss::CrossEntropyOp { classes, logits, labels, scale, grad })
        },
        bce_with_logits: |logits, targets, scale, grad| {
            enter::<S, _>(loss::BceOp { logits, targets, scale, grad })
        },
        mse: |output, target, scale, grad| enter::<S, _>(loss::MseOp { output, target, scale, grad }),
        sgd: |step, params, grad, velocity| enter::<S, _>(update::SgdOp { step, params, grad, velocity }),
        adam: |step, params, grad, m, v| enter::<S, _>(update::AdamOp { step, params, grad, m, v }),
        add: |y, x| enter::<S, _>(elementwise::AddOp(y, x)),
        scale: |y, factor| enter::<S, _>(elementwise::ScaleOp(y, factor)),
        sum: |x| enter::<S, _>(elementwise::SumOp(x)),
        dot: |x, y| enter::<S, _>(elementwise::DotOp(x, y)),
    }
}
