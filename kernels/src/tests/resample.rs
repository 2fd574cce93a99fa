//! Resampling in every tier: against the definition, and the same bits in all.

use super::super::{F64Kernels, Kernels, Resample};
use super::{Guarded, all_tiers, numbers, widen};

/// The definition: the weights of all pixels, each from its distance.
fn naive(resample: Resample<'_, f64>) -> Vec<f64> {
    let Resample {
        from,
        height,
        width,
        channels,
        map,
        bilinear,
        fill,
    } = resample;

    let mut to = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let [x, y] = map.map(|m| m[0] * column as f64 + m[1] * row as f64 + m[2]);

            for channel in 0..channels {
                let mut sum = fill;
                for (i, &pixel) in from.iter().skip(channel).step_by(channels).enumerate() {
                    let off = [x - (i % width) as f64, y - (i / width) as f64];
                    let weight = |off: f64| match bilinear {
                        true => (1.0 - off.abs()).max(0.0),
                        false => f64::from((-0.5..0.5).contains(&off) as u8),
                    };
                    sum += (pixel - fill) * weight(off[0]) * weight(off[1]);
                }
                to.push(sum);
            }
        }
    }
    to
}

#[test]
fn resampling_matches_its_definition_in_every_tier() {
    let maps = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[0.8, -0.6, 1.37], [0.6, 0.8, -0.91]],
        [[-1.0, 0.0, 4.0], [0.0, 1.0, 1.0]],
        [[0.3, 0.1, 0.73], [-0.2, 0.45, 1.12]],
        [[3.0, 0.5, -2.26], [0.25, -2.0, 3.31]],
        [[1.0, 0.0, 1e300], [0.0, 1.0, f64::NAN]],
    ];

    for (height, width, channels) in [
        (5, 5, 1),
        (1, 1, 3),
        (3, 8, 2),
        (9, 2, 3),
        (0, 4, 1),
        (2, 3, 0),
    ] {
        for (map, bilinear) in maps.iter().flat_map(|&map| [(map, true), (map, false)]) {
            let from = Guarded::new(&numbers(3, height * width * channels));

            let wide = widen(&from);
            let resample = Resample {
                from: &wide[..],
                height,
                width,
                channels,
                map,
                bilinear,
                fill: 0.25,
            };

            let want = match map[1][2].is_nan() {
                true => vec![0.25; wide.len()],
                false => naive(resample),
            };

            let mut double = vec![0.0; wide.len()];
            F64Kernels.resample(resample, &mut double);
            let close = |got: f64, want: f64, bound: f64| {
                assert!(
                    (got - want).abs() < bound,
                    "{got} is not {want}, {map:?} {bilinear}"
                );
            };

            double
                .iter()
                .zip(&want)
                .for_each(|(&got, &want)| close(got, want, 1e-14));

            let mut first: Option<Vec<u32>> = None;
            for kernels in all_tiers() {
                let mut to = Guarded::empty(from.len());
                kernels.resample(
                    Resample {
                        from: &from,
                        height,
                        width,
                        channels,
                        map,
                        bilinear,
                        fill: 0.25,
                    },
                    &mut to,
                );

                to.iter()
                    .zip(&want)
                    .for_each(|(&got, &want)| close(f64::from(got), want, 1e-6));

                let bits: Vec<u32> = to.iter().map(|x| x.to_bits()).collect();
                assert_eq!(
                    *first.get_or_insert(bits.clone()),
                    bits,
                    "{}",
                    kernels.tier()
                );
            }
        }
    }
}

/// The difference of two pixels is infinite, and their weighted mean is not.
#[test]
fn pixels_at_both_ends_of_the_range() {
    let most = f32::MAX;
    for kernels in all_tiers() {
        for (x, want) in [(0.25, 0.5 * most), (0.5, 0.0), (1.0, -most)] {
            let mut to = [f32::NAN; 2];
            kernels.resample(
                Resample {
                    from: &[most, -most],
                    height: 1,
                    width: 2,
                    channels: 1,
                    map: [[1.0, 0.0, x], [0.0, 1.0, 0.0]],
                    bilinear: true,
                    fill: 0.0,
                },
                &mut to,
            );
            assert!((to[0] - want).abs() <= 1e-6 * most, "{x}: {}", to[0]);
        }
    }
}
