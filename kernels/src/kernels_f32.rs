//! The kernels for `f32`, each in the chosen tier.

use crate::args::{Bend, Product};
use crate::attention::{self, AttentionGrad, AttentionSoftmax, Transpose};
use crate::conv::{self, Conv, ConvInputGrad, ConvSizes, ConvWeightGrad};
use crate::function::Function;
use crate::pool::{self, MeanPool, Plane};
use crate::recurrent::{Half, Recurrent, RecurrentCell, RecurrentStepGrad};
use crate::resample::{self, Resample};
use crate::simd::{self, Op, Simd};
use crate::tier::{self, Tier};
use crate::{Kernels, denormals, glu, log_softmax, loss, prelu, product, reduce};

/// The kernels for `f32` in a tier that the processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct F32Kernels(pub(crate) Level);

/// The instructions that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
    Neon,
    /// The same vectors as in `Baseline`.
    #[cfg(target_feature = "simd128")]
    Simd128,
    #[cfg(any(target_arch = "x86_64", target_feature = "simd128", miri))]
    Baseline,
    /// Arrays, where the portable tier has no vectors. With the standard library, large products go
    /// to `matrixmultiply`, which knows some of these processors. Its elements are sums of one
    /// chain per block, and it allocates.
    #[cfg(any(
        test,
        not(any(target_arch = "x86_64", target_feature = "simd128", miri))
    ))]
    Foreign,
    /// Arrays alone, for the tests.
    #[cfg(test)]
    Arrays,
}

impl F32Kernels {
    /// Returns the kernels in the tier that [`tier()`](crate::tier::tier) names now.
    #[inline]
    pub fn now() -> Self {
        Self::checked(tier::tier())
    }

    /// Returns the kernels in the given tier.
    #[cfg(test)]
    pub(crate) fn of(tier: Tier) -> Result<Self, tier::UnsupportedTier> {
        tier::check(tier)?;
        Ok(Self::checked(tier))
    }

    /// Returns the kernels in a tier that the caller has checked.
    #[inline]
    fn checked(tier: Tier) -> Self {
        F32Kernels(match tier {
            #[cfg(target_arch = "x86_64")]
            Tier::Avx512 => Level::Avx512,
            #[cfg(target_arch = "x86_64")]
            Tier::Avx2 => Level::Avx2,
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
            Tier::Neon => Level::Neon,
            #[cfg(target_feature = "simd128")]
            Tier::Simd128 => Level::Simd128,
            #[cfg(any(target_arch = "x86_64", target_feature = "simd128", miri))]
            _ => Level::Baseline,
            #[cfg(not(any(target_arch = "x86_64", target_feature = "simd128", miri)))]
            _ => Level::Foreign,
        })
    }

    /// Returns the kernels for rows of `width` elements: for 8 or fewer, half of the lanes of
    /// AVX-512 would be idle. The bits are the same.
    #[inline(always)]
    pub(crate) fn for_width(self, width: usize) -> Self {
        // Every processor with AVX-512 has AVX2 and FMA: `tier` asks for them, too.
        #[cfg(target_arch = "x86_64")]
        if self.0 == Level::Avx512 && width <= 8 {
            return F32Kernels(Level::Avx2);
        }
        let _ = width;
        self
    }

    /// Returns the kernels for a convolution with `channels` outputs.
    pub(crate) fn for_conv(self, sizes: &ConvSizes, channels: usize) -> Self {
        if sizes.is_depthwise() {
            self
        } else {
            self.for_width(channels / sizes.groups)
        }
    }

    /// Returns the number of lanes of a vector.
    pub(crate) fn lanes(self) -> usize {
        self.run(simd::Lanes)
    }

    /// Runs a kernel in this tier.
    #[inline(always)]
    pub(crate) fn run<O: Op>(self, op: O) -> O::Out {
        // SAFETY (all): a value with this level is created only after the tier was detected.
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { simd::Avx512::run(op) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { simd::Avx2::run(op) },
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
            Level::Neon => unsafe { simd::Neon::run(op) },
            #[cfg(target_feature = "simd128")]
            Level::Simd128 => unsafe { simd::Baseline::run(op) },
            #[cfg(any(target_arch = "x86_64", target_feature = "simd128", miri))]
            Level::Baseline => unsafe { simd::Baseline::run(op) },
            #[cfg(any(
                test,
                not(any(target_arch = "x86_64", target_feature = "simd128", miri))
            ))]
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
            #[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
            Level::Neon => Tier::Neon,
            #[cfg(target_feature = "simd128")]
            Level::Simd128 => Tier::Simd128,
            _ => Tier::Portable,
        }
    }
    fn product(self, mut product: Product<'_, f32>) {
        if product.k > product::LONG {
            return product::long_f32(self, product);
        }
        #[cfg(all(
            feature = "std",
            any(
                test,
                not(any(target_arch = "x86_64", target_feature = "simd128", miri))
            )
        ))]
        if self.0 == Level::Foreign && crate::reference::is_large(&product) {
            return crate::reference::product(product);
        }
        self.run(product::ProductOp(&mut product));
    }
    #[cfg_attr(not(feature = "std"), inline(always))]
    fn conv(self, conv: Conv<'_, f32>) {
        conv::conv(self, conv);
    }
    fn conv_input_grad(self, conv: ConvInputGrad<'_, f32>) {
        conv::conv_input_grad(self, conv);
    }
    fn conv_weight_grad(self, conv: ConvWeightGrad<'_, f32>) {
        conv::conv_weight_grad(self, conv);
    }
    fn sum(self, x: &[f32]) -> f32 {
        self.run(reduce::SumOp(x))
    }
    fn dot(self, x: &[f32], y: &[f32]) -> f32 {
        self.run(reduce::DotOp { x, y })
    }
    fn column_sums(self, rows: usize, cols: usize, x: &[f32], sums: &mut [f32], accumulate: bool) {
        self.run(reduce::ColumnSumsOp {
            rows,
            cols,
            x,
            sums,
            accumulate,
        });
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
        self.run(prelu::PReluWeightGradOp {
            x,
            dy,
            sums,
            accumulate,
        });
    }
    fn glu(self, half: usize, x: &[f32], y: &mut [f32]) {
        self.run(glu::GluOp { half, x, y });
    }
    fn glu_grad(self, half: usize, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        self.run(glu::GluGradOp { half, x, dy, dx });
    }
    fn max_pool(self, &plane: &Plane, x: &[f32], y: &mut [f32], codes: Option<&mut [f32]>) {
        match codes {
            None => self.run(pool::MaxPoolOp::<false> {
                plane,
                x,
                y,
                codes: &mut [],
            }),
            Some(codes) => self.run(pool::MaxPoolOp::<true> { plane, x, y, codes }),
        }
    }
    fn max_pool_grad(self, &plane: &Plane, codes: &[f32], dy: &[f32], dx: &mut [f32]) {
        self.run(pool::MaxPoolGradOp {
            plane,
            codes,
            dy,
            dx,
        });
    }
    fn mean_pool(self, pool: MeanPool<'_, f32>) {
        self.run(pool::MeanPoolOp(pool));
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
    fn attention_softmax(self, softmax: AttentionSoftmax<'_, f32>) {
        self.run(attention::SoftmaxOp(softmax));
    }
    fn attention_grad(self, grad: AttentionGrad<'_, f32>) {
        self.run(attention::GradOp(grad));
    }
    fn transpose(self, transpose: Transpose<'_, f32>) {
        self.run(attention::TransposeOp(transpose));
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
        self.run(loss::CrossEntropyOp {
            classes,
            logits,
            labels,
            weights,
            scale,
            grad,
        })
    }
    fn bce_with_logits(self, logits: &[f32], targets: &[f32], scale: f32, grad: &mut [f32]) -> f32 {
        self.run(loss::BceOp {
            logits,
            targets,
            scale,
            grad,
        })
    }
    fn mse(self, output: &[f32], target: &[f32], scale: f32, grad: &mut [f32]) -> f32 {
        self.run(loss::MseOp {
            output,
            target,
            scale,
            grad,
        })
    }
    fn smooth_l1(
        self,
        bend: Bend,
        output: &[f32],
        target: &[f32],
        scale: f32,
        grad: &mut [f32],
    ) -> f32 {
        self.run(loss::SmoothL1Op {
            bend,
            output,
            target,
            scale,
            grad,
        })
    }
    fn flush_denormals(self, x: &mut [f32]) {
        self.run(denormals::FlushOp(x));
    }
    #[inline]
    fn recurrent<C: RecurrentCell>(self, cell: C, call: &mut Recurrent<'_, f32>) {
        cell.single(self, call);
    }
    #[inline]
    fn recurrent_step_grad<C: RecurrentCell>(
        self,
        cell: C,
        call: RecurrentStepGrad<'_, f32>,
        half: Half,
    ) {
        cell.single_grad(self, call, half);
    }
    fn resample(self, resample: Resample<'_, f32>, to: &mut [f32]) {
        self.run(resample::ResampleOp { resample, to });
    }
}
