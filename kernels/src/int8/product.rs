//! Sums of products of activations in 16 bits and weights in 8 bits.

use crate::{F32Kernels, sizes};

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

/// Returns the length of packed weights of a depthwise convolution.
pub(super) const fn depthwise_packed_len(channels: usize, taps: usize) -> usize {
    sizes::product(&[channels, taps.next_multiple_of(2)])
}

/// Packs the weights `[channels][taps]` of a depthwise convolution for [`depthwise`]: pairs of taps for
/// sixteen channels at a time, in the order in which `punpcklwd` and `punpckhwd` give them. Returns the
/// number of channels that are packed.
#[inline(always)]
pub(super) fn pack_depthwise(
    instructions: Instructions,
    weight: &[i8],
    taps: usize,
    packed: &mut [i16],
) -> usize {
    if instructions == Instructions::Compiled {
        return 0;
    }
    let blocks = weight.len() / taps / 16;
    packed.fill(0);
    for (channel, weight) in weight.chunks_exact(taps).take(blocks * 16).enumerate() {
        let (block, lane) = (channel / 16, channel % 16);
        let half = lane / 4 % 2;
        let place = lane / 8 * 4 + lane % 4;
        for (tap, &weight) in weight.iter().enumerate() {
            let vector = (tap / 2 * blocks + block) * 2 + half;
            packed[vector * 16 + place * 2 + tap % 2] = i16::from(weight);
        }
    }
    blocks * 16
}

/// Computes the sums of the channels of a pixel whose weights are packed. `x` begins at the first tap
/// of the pixel, and the taps are `offsets` away from it.
#[inline(always)]
pub(super) fn depthwise(
    instructions: Instructions,
    x: &[i16],
    offsets: &[usize],
    packed: &[i16],
    sums: &mut [i32],
) {
    match instructions {
        // SAFETY: the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::depthwise(x, offsets, packed, sums) },
        Instructions::Compiled => unreachable!("nothing is packed for them"),
    }
}

/// Returns the length of packed weights.
pub(super) const fn packed_len(terms: usize, outputs: usize) -> usize {
    sizes::product(&[terms.div_ceil(2), outputs.div_ceil(8), 16])
}

/// Packs the rows of a weight for [`product_packed`]. Returns `false` if these instructions have no
/// use for it.
#[inline(always)]
pub(super) fn pack(
    instructions: Instructions,
    weight: &[i8],
    terms: usize,
    packed: &mut [i16],
) -> bool {
    if instructions == Instructions::Compiled {
        return false;
    }
    // Pairs of terms for eight outputs at a time: the order in which `pmaddwd` reads them.
    let vectors = (weight.len() / terms).div_ceil(8);
    packed.fill(0);
    for (output, weight) in weight.chunks_exact(terms).enumerate() {
        for (term, &weight) in weight.iter().enumerate() {
            let vector = term / 2 * vectors + output / 8;
            packed[vector * 16 + output % 8 * 2 + term % 2] = i16::from(weight);
        }
    }
    true
}

/// Like [`product`], with packed weights. It is faster for short rows, whose sums would spend most of
/// the time on adding up the lanes of vectors.
#[inline(always)]
pub(super) fn product_packed(
    instructions: Instructions,
    x: &[i16],
    packed: &[i16],
    [terms, outputs]: [usize; 2],
    sums: &mut [i32],
) {
    match instructions {
        // SAFETY: the tier was detected.
        #[cfg(target_arch = "x86_64")]
        Instructions::Avx2 => unsafe { avx2::product_packed(x, packed, [terms, outputs], sums) },
        Instructions::Compiled => unreachable!("nothing is packed for them"),
    }
}

#[inline(always)]
fn compiled(x: &[i16], weight: &[i8], terms: usize, sums: &mut [i32]) {
    let outputs = weight.len() / terms;
    let rows = x.chunks_exact(super::padded(terms));
    for (x, sums) in rows.zip(sums.chunks_exact_mut(outputs)) {
        for (sum, weight) in sums.iter_mut().zip(weight.chunks_exact(terms)) {
            let x = &x[..weight.len()];
            let mut total = 0;
            let mut i = 0;
            while i < weight.len() {
                total += i32::from(x[i]) * i32::from(weight[i]);
                i += 1;
            }
            *sum = total;
        }
    }
}

// Several arrays share an index in the loops over registers.
#[allow(clippy::needless_range_loop)]
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

        // A loop instead of `array::from_fn`, into which the compiler inlines no vector instruction.
        let mut rows = [_mm256_setzero_si256(); ROWS];
        let mut at = 0;
        while at < inside {
            // SAFETY: `inside` keeps the weights of each row within the slice, and the rows of `x`
            // have `stride` numbers.
            unsafe {
                for row in 0..ROWS {
                    rows[row] = load(x.as_ptr().add(row * stride + at));
                }
                for index in 0..OUTPUTS {
                    let weight = weight.as_ptr().add((output + index) * terms + at);
                    let weight = _mm256_cvtepi8_epi16(_mm_loadu_si128(weight.cast()));
                    for row in 0..ROWS {
                        let sum = &mut sums[row * OUTPUTS + index];
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(rows[row], weight));
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

    #[target_feature(enable = "avx2")]
    pub(super) fn product_packed(
        x: &[i16],
        packed: &[i16],
        [terms, outputs]: [usize; 2],
        sums: &mut [i32],
    ) {
        let vectors = outputs.div_ceil(8);
        let mut first = 0;
        while first < vectors {
            let size = [terms, outputs];
            first += match vectors - first {
                1 => columns::<1>(x, packed, size, first, sums),
                2 => columns::<2>(x, packed, size, first, sums),
                3 => columns::<3>(x, packed, size, first, sums),
                _ => columns::<4>(x, packed, size, first, sums),
            };
        }
    }

    /// Computes `VECTORS` vectors of outputs of all rows, from the vector `first` on. Returns their
    /// number.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn columns<const VECTORS: usize>(
        x: &[i16],
        packed: &[i16],
        size: [usize; 2],
        first: usize,
        sums: &mut [i32],
    ) -> usize {
        let stride = padded(size[0]);
        let rows = x.len() / stride;
        let mut row = 0;
        while row < rows {
            let x = &x[row * stride..];
            let sums = &mut sums[row * size[1]..];
            row += match rows - row {
                1 => packed_tile::<1, VECTORS>(x, packed, size, first, sums),
                _ => packed_tile::<2, VECTORS>(x, packed, size, first, sums),
            };
        }
        VECTORS
    }

    /// Computes `VECTORS` vectors of outputs of `ROWS` rows. Returns the number of rows.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn packed_tile<const ROWS: usize, const VECTORS: usize>(
        x: &[i16],
        packed: &[i16],
        [terms, outputs]: [usize; 2],
        first: usize,
        sums: &mut [i32],
    ) -> usize {
        let stride = padded(terms);
        let pairs = terms.div_ceil(2);
        let step = outputs.div_ceil(8) * 16;
        assert!(x.len() >= ROWS * stride && packed.len() >= pairs * step);
        assert!((first + VECTORS) * 16 <= step && sums.len() >= ROWS * outputs);

        let mut tile = [[_mm256_setzero_si256(); VECTORS]; ROWS];
        let mut pair = [_mm256_setzero_si256(); ROWS];
        for index in 0..pairs {
            for row in 0..ROWS {
                // SAFETY: a row has `stride` numbers, an even number of at least `2 * pairs`.
                let both = unsafe {
                    let at = x.as_ptr().add(row * stride + 2 * index);
                    at.cast::<i32>().read_unaligned()
                };
                pair[row] = _mm256_set1_epi32(both);
            }
            for vector in 0..VECTORS {
                // SAFETY: there are `pairs * step` packed weights, and the vector lies within a step.
                let weight =
                    unsafe { load(packed.as_ptr().add(index * step + (first + vector) * 16)) };
                for row in 0..ROWS {
                    let sum = &mut tile[row][vector];
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair[row], weight));
                }
            }
        }

        for row in 0..ROWS {
            for vector in 0..VECTORS {
                let begin = (first + vector) * 8;
                let count = (outputs - begin).min(8);
                let to = &mut sums[row * outputs + begin..][..count];
                store(tile[row][vector], to);
            }
        }
        ROWS
    }

    /// The sums of a depthwise convolution for the channels of a pixel, sixteen at a time, as many as
    /// there are. `x` begins at the first tap of the pixel, and the taps are `offsets` away from it.
    #[target_feature(enable = "avx2")]
    pub(super) fn depthwise(x: &[i16], offsets: &[usize], packed: &[i16], sums: &mut [i32]) {
        let blocks = sums.len() / 16;
        let pairs = offsets.len().div_ceil(2);
        assert!(packed.len() >= pairs * blocks * 32);
        let is_within = |offset: usize| offset + blocks * 16 <= x.len();
        assert!(offsets.iter().copied().all(is_within));
        for block in 0..blocks {
            let mut low = _mm256_setzero_si256();
            let mut high = _mm256_setzero_si256();
            let mut index = 0;
            while index < pairs {
                // SAFETY: 16 numbers can be read at each tap, and each pair has 32 weights of a block.
                unsafe {
                    let a = load(x.as_ptr().add(offsets[2 * index] + block * 16));
                    let b = match 2 * index + 1 < offsets.len() {
                        true => load(x.as_ptr().add(offsets[2 * index + 1] + block * 16)),
                        false => _mm256_setzero_si256(),
                    };
                    let weight = packed.as_ptr().add((index * blocks + block) * 32);
                    let first = _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), load(weight));
                    let second =
                        _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), load(weight.add(16)));
                    low = _mm256_add_epi32(low, first);
                    high = _mm256_add_epi32(high, second);
                }
                index += 1;
            }
            let to = &mut sums[block * 16..][..16];
            store(_mm256_permute2x128_si256(low, high, 0x20), &mut to[..8]);
            store(_mm256_permute2x128_si256(low, high, 0x31), &mut to[8..]);
        }
    }

    /// Copies the first lanes of a vector, at most eight.
    #[target_feature(enable = "avx2")]
    #[inline]
    fn store(vector: __m256i, to: &mut [i32]) {
        if to.len() == 8 {
            // SAFETY: eight numbers can be written.
            return unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), vector) };
        }
        let mut lanes = [0; 8];
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), vector) };
        to.copy_from_slice(&lanes[..to.len()]);
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
