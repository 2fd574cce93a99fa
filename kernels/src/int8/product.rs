//! Sums of products of activations in 16 bits and weights in 8 bits.

use crate::F32Kernels;

/// The instructions that a product runs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Those that the caller is compiled for.
    Compiled,
}

impl Instructions {
    /// Returns those of a tier.
    pub fn of(kernels: F32Kernels) -> Self {
        use crate::kernels_f32::Level;
        match kernels.0 {
            // Every processor with AVX-512 has AVX2.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 | Level::Avx512 => Instructions::Avx2,
            _ => Instructions::Compiled,
        }
    }
}

/// Computes the sums over `terms` of each row of `x` with each row of `weight`, one row after
/// another. The rows of `x` end with zeros up to a multiple of [`STEP`](super::STEP), those of
/// `weight` do not.
#[inline(always)]
pub(super) fn product(
    instructions: Instructions,
    x: &[i16],
    weight: &[i8],
    terms: usize,
    sums: &mut [i32],
) {
    match instructions {
        // SAFETY: the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::product(x, weight, terms, sums) },
        Instructions::Compiled => compiled(x, weight, terms, sums),
    }
}

#[inline(always)]
fn compiled(x: &[i16], weight: &[i8], terms: usize, sums: &mut [i32]) {
    let outputs = weight.len() / terms;
    let rows = x.chunks_exact(super::padded(terms));
    for (x, sums) in rows.zip(sums.chunks_exact_mut(outputs)) {
        for (sum, weight) in sums.iter_mut().zip(weight.chunks_exact(terms)) {
            *sum = 0;
            for (&x, &weight) in x.iter().zip(weight) {
                *sum += i32::from(x) * i32::from(weight);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use core::arch::x86_64::*;

    use super::super::{STEP, padded};

    /// The rows of the larger tile, and its outputs. Eight sums, four rows and a weight are in
    /// registers.
    const TILE: [usize; 2] = [4, 2];
    /// The outputs of the tile of one row.
    const OUTPUTS: usize = 4;

    #[target_feature(enable = "avx2")]
    pub(super) fn product(x: &[i16], weight: &[i8], terms: usize, sums: &mut [i32]) {
        let outputs = weight.len() / terms;
        let stride = padded(terms);
        let rows = x.len() / stride;

        let mut row = 0;
        while row + TILE[0] <= rows {
            let x = &x[row * stride..][..TILE[0] * stride];
            let sums = &mut sums[row * outputs..][..TILE[0] * outputs];
            let mut output = 0;
            while output + TILE[1] <= outputs {
                let [a, b, c, d, e, f, g, h] = tile::<4, 2, 8>(x, weight, terms, output);
                let halves = [sum_of_four(a, b, c, d), sum_of_four(e, f, g, h)];
                for (half, four) in halves.into_iter().enumerate() {
                    for (index, sum) in four.into_iter().enumerate() {
                        let row = 2 * half + index / 2;
                        sums[row * outputs + output + index % 2] = sum;
                    }
                }
                output += TILE[1];
            }
            if output < outputs {
                let four = tile::<4, 1, 4>(x, weight, terms, output);
                let [a, b, c, d] = four;
                for (row, sum) in sum_of_four(a, b, c, d).into_iter().enumerate() {
                    sums[row * outputs + output] = sum;
                }
            }
            row += TILE[0];
        }

        while row < rows {
            let x = &x[row * stride..][..stride];
            let sums = &mut sums[row * outputs..][..outputs];
            let mut output = 0;
            while output + OUTPUTS <= outputs {
                let [a, b, c, d] = tile::<1, OUTPUTS, OUTPUTS>(x, weight, terms, output);
                sums[output..][..OUTPUTS].copy_from_slice(&sum_of_four(a, b, c, d));
                output += OUTPUTS;
            }
            while output < outputs {
                let [a] = tile::<1, 1, 1>(x, weight, terms, output);
                let zero = _mm256_setzero_si256();
                sums[output] = sum_of_four(a, zero, zero, zero)[0];
                output += 1;
            }
            row += 1;
        }
    }

    /// Returns the partial sums of `ROWS` rows with the `OUTPUTS` rows of the weight from `output`
    /// on, row after row.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn tile<const ROWS: usize, const OUTPUTS: usize, const SUMS: usize>(
        x: &[i16],
        weight: &[i8],
        terms: usize,
        output: usize,
    ) -> [__m256i; SUMS] {
        const { assert!(ROWS * OUTPUTS == SUMS) };
        let stride = padded(terms);
        assert!(x.len() >= ROWS * stride && weight.len() >= (output + OUTPUTS) * terms);

        let mut sums = [_mm256_setzero_si256(); SUMS];
        // The last step of a row may reach into the next one, whose weights meet zeros, but not
        // beyond the end.
        let ends_inside = (output + OUTPUTS - 1) * terms + stride <= weight.len();
        let inside = match ends_inside {
            true => stride,
            false => stride - STEP,
        };

        let mut at = 0;
        while at < inside {
            // SAFETY: `inside` keeps the weights of each row within the slice, and the rows of `x`
            // have `stride` numbers.
            unsafe {
                let rows: [__m256i; ROWS] =
                    core::array::from_fn(|row| load(x.as_ptr().add(row * stride + at)));
                for index in 0..OUTPUTS {
                    let weight = weight.as_ptr().add((output + index) * terms + at);
                    let weight = _mm256_cvtepi8_epi16(_mm_loadu_si128(weight.cast()));
                    for (row, &x) in rows.iter().enumerate() {
                        let sum = &mut sums[row * OUTPUTS + index];
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, weight));
                    }
                }
            }
            at += STEP;
        }

        if at < stride {
            for index in 0..OUTPUTS {
                let rest = &weight[(output + index) * terms + at..][..terms - at];
                let mut last = [0_i8; STEP];
                last[..rest.len()].copy_from_slice(rest);
                for row in 0..ROWS {
                    // SAFETY: `last` has 16 bytes, and the rows of `x` have `stride` numbers.
                    let (x, weight) = unsafe {
                        let weight = _mm256_cvtepi8_epi16(_mm_loadu_si128(last.as_ptr().cast()));
                        (load(x.as_ptr().add(row * stride + at)), weight)
                    };
                    let sum = &mut sums[row * OUTPUTS + index];
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(x, weight));
                }
            }
        }
        sums
    }

    /// # Safety
    /// 16 numbers can be read at `p`.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn load(p: *const i16) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    /// Returns the sum of the lanes of each vector.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn sum_of_four(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [i32; 4] {
        let pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
        let low = _mm256_castsi256_si128(pairs);
        let sums = _mm_add_epi32(low, _mm256_extracti128_si256(pairs, 1));
        let mut array = [0; 4];
        // SAFETY: the array has 16 bytes.
        unsafe { _mm_storeu_si128(array.as_mut_ptr().cast(), sums) };
        array
    }
}
