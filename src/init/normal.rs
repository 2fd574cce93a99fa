//! Normal numbers, each from one uniform number through the inverse of the normal distribution: the
//! same on every machine, and truncated ones without trying again.

use rand::Rng;

/// Draws a number between 0 and 1, both excluded: the middle of one of `2^52` equal parts.
fn open_unit<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Draws a number of the normal distribution with mean 0 and standard deviation 1.
pub(crate) fn standard_normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    quantile(open_unit(rng))
}

/// Draws a number of the same distribution between `low` and `high`.
pub(super) fn truncated<R: Rng + ?Sized>(low: f64, high: f64, rng: &mut R) -> f64 {
    // Above 0 the distribution comes close to 1 and loses its digits; the mirror image does not.
    if low > 0.0 {
        return -truncated(-high, -low, rng);
    }

    let below_low = distribution(low);
    let below_high = distribution(high);
    let p = below_low + open_unit(rng) * (below_high - below_low);
    // So far out that the distribution is 0, nearly everything lies at the end towards the middle.
    if p > 0.0 {
        quantile(p).clamp(low, high)
    } else {
        high
    }
}

/// The probability of a number up to `x`.
fn distribution(x: f64) -> f64 {
    0.5 * libm::erfc(-x * core::f64::consts::FRAC_1_SQRT_2)
}

/// The number up to which the probability is `p`, between 0 and 1; to about 1e-16 by Wichura, 1988,
/// algorithm AS 241.
fn quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180_625 - q * q, &CENTRE_NUMERATOR, &CENTRE_DENOMINATOR);
    }
    // `libm` rather than the platform's logarithm, for the same bits everywhere.
    let r = crate::float::sqrt(-libm::log(if q < 0.0 { p } else { 1.0 - p }));
    let x = if r <= 5.0 {
        ratio(r - 1.6, &SIDE_NUMERATOR, &SIDE_DENOMINATOR)
    } else {
        ratio(r - 5.0, &TAIL_NUMERATOR, &TAIL_DENOMINATOR)
    };
    if q < 0.0 { -x } else { x }
}

fn ratio(x: f64, numerator: &[f64; 8], denominator: &[f64; 8]) -> f64 {
    let polynomial = |p: &[f64; 8]| p.iter().fold(0.0, |y, c| y * x + c);
    polynomial(numerator) / polynomial(denominator)
}

const CENTRE_NUMERATOR: [f64; 8] = [
    2_509.080_928_730_122_7,
    33_430.575_583_588_13,
    67_265.770_927_008_7,
    45_921.953_931_549_87,
    13_731.693_765_509_46,
    1_971.590_950_306_551_3,
    133.141_667_891_784_38,
    3.387_132_872_796_366_5,
];
const CENTRE_DENOMINATOR: [f64; 8] = [
    5_226.495_278_852_854,
    28_729.085_735_721_943,
    39_307.895_800_092_71,
    21_213.794_301_586_597,
    5_394.196_021_424_751,
    687.187_007_492_057_9,
    42.313_330_701_600_91,
    1.0,
];
const SIDE_NUMERATOR: [f64; 8] = [
    0.000_774_545_014_278_341_4,
    0.022_723_844_989_269_184,
    0.241_780_725_177_450_6,
    1.270_458_252_452_368_4,
    3.647_848_324_763_204_5,
    5.769_497_221_460_691,
    4.630_337_846_156_546,
    1.423_437_110_749_683_5,
];
const SIDE_DENOMINATOR: [f64; 8] = [
    1.050_750_071_644_416_9e-9,
    0.000_547_593_808_499_534_5,
    0.015_198_666_563_616_457,
    0.148_103_976_427_480_08,
    0.689_767_334_985_1,
    1.676_384_830_183_803_8,
    2.053_191_626_637_759,
    1.0,
];
const TAIL_NUMERATOR: [f64; 8] = [
    2.010_334_399_292_288_1e-7,
    2.711_555_568_743_487_6e-5,
    0.001_242_660_947_388_078_4,
    0.026_532_189_526_576_124,
    0.296_560_571_828_504_87,
    1.784_826_539_917_291_3,
    5.463_784_911_164_114,
    6.657_904_643_501_103,
];
const TAIL_DENOMINATOR: [f64; 8] = [
    2.044_263_103_389_939_7e-15,
    1.421_511_758_316_446e-7,
    1.846_318_317_510_054_8e-5,
    0.000_786_869_131_145_613_3,
    0.014_875_361_290_850_615,
    0.136_929_880_922_735_8,
    0.599_832_206_555_888,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::{distribution, quantile, truncated};

    #[test]
    fn quantile_is_the_inverse_of_the_distribution() {
        for i in -80..=80 {
            let x = f64::from(i) / 10.0;
            // Above 0 the probability has fewer digits than its inverse would need.
            let p = distribution(-x.abs());
            assert!(
                (quantile(p) + x.abs()).abs() < 1e-13 * x.abs().max(1.0),
                "{x}"
            );
            assert!(
                (quantile(1.0 - p) - x.abs()).abs() < 1e-15 / (p + 1e-17) + 1e-13,
                "{x}"
            );
        }
        assert_eq!(quantile(0.5), 0.0);
        // torch.special.ndtri
        assert!((quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-15);
        assert!((quantile(1e-300) + 37.047_096_299_361_2).abs() < 1e-12);
    }

    #[test]
    fn far_windows_are_hit() {
        let mut rng = crate::rng(1);
        for (low, high) in [
            (5.0, 6.0),
            (-31.0, -30.0),
            (37.0, 39.0),
            (100.0, 101.0),
            (-200.0, -100.0),
        ] {
            for _ in 0..100 {
                let x = truncated(low, high, &mut rng);
                assert!(low <= x && x <= high, "{x} in {low} to {high}");
                assert!(
                    x.abs() < low.abs().min(high.abs()) + 2.0,
                    "{x} in {low} to {high}"
                );
            }
        }
    }
}
