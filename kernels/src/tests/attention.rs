//! Attention between the products.

use super::{Guarded, LENGTHS, all_tiers, assert_close, bits, numbers, widen};
use crate::{AttentionGrad, AttentionSoftmax, F32Kernels, F64Kernels, Kernels, Transpose, Visible};

/// Some ways in which queries see keys.
fn views(keys: usize) -> Vec<Visible> {
    let mut views = Vec::new();
    for (first, causal, window) in [
        (0, false, usize::MAX),
        (0, true, usize::MAX),
        (keys / 2, true, usize::MAX),
        (keys / 2, true, 3),
        (keys.saturating_sub(2), true, 70),
    ] {
        for block in [1, 5, 64] {
            views.push(Visible {
                keys,
                first,
                causal,
                window,
                block,
            });
        }
    }
    views
}

/// The inputs of a softmax of rows.
struct Case {
    visible: Visible,
    rows: usize,
    scores: Vec<f32>,
    bias: Vec<f32>,
    mask: Vec<f32>,
}

impl Case {
    fn softmax<T: num_traits::Float>(
        &self,
        kernels: impl Kernels<T>,
        scores: &mut [T],
        statistics: &mut [T],
        known: bool,
    ) {
        let of = |x: &[f32]| -> Vec<T> { x.iter().map(|&x| T::from(x).unwrap()).collect() };
        kernels.attention_softmax(AttentionSoftmax {
            visible: self.visible,
            scale: T::from(0.5).unwrap(),
            bias: (&of(&self.bias), self.visible.keys + 1),
            mask: &of(&self.mask),
            scores,
            statistics,
            known,
        });
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &keys in LENGTHS.iter().filter(|&&keys| keys > 0) {
        for visible in views(keys) {
            for options in 0..4 {
                let rows = 3;
                let bias = if options & 1 == 0 {
                    Vec::new()
                } else {
                    numbers(7, rows * (keys + 1))
                };
                let mut mask = vec![1.0; keys];
                mask.iter_mut().step_by(3).for_each(|x| *x = 0.0);
                cases.push(Case {
                    visible,
                    rows,
                    scores: numbers(keys as u32, rows * keys),
                    bias,
                    mask: if options & 2 == 0 { Vec::new() } else { mask },
                });
            }
        }
    }
    cases
}

/// The results of softmax and gradient in all cases.
pub(super) fn everything(kernels: F32Kernels) -> Vec<f32> {
    let mut out = Vec::new();
    for case in cases() {
        let keys = case.visible.keys;
        let mut scores = case.scores.clone();
        let mut statistics = vec![0.0; 2 * case.rows];
        case.softmax(kernels, &mut scores, &mut statistics, false);

        let mut gradient = numbers(99, case.rows * keys);
        let mut bias = vec![1.0; case.bias.len()];
        kernels.attention_grad(AttentionGrad {
            visible: case.visible,
            scale: 0.5,
            means: &numbers(98, case.rows),
            probabilities: &scores,
            gradient: &mut gradient,
            bias: (&mut bias, keys + 1),
        });
        out.extend([scores, statistics, gradient, bias].concat());
    }
    out
}

/// The sum of thousands of blocks keeps its digits.
#[test]
fn a_softmax_over_many_keys_sums_to_one() {
    let keys = if cfg!(miri) { 300 } else { 300_000 };
    let case = Case {
        visible: Visible {
            keys,
            first: 0,
            causal: false,
            window: usize::MAX,
            block: 64,
        },
        rows: 1,
        scores: (0..keys)
            .map(|key| if key == 0 { 0.0 } else { -2.0 })
            .collect(),
        bias: Vec::new(),
        mask: Vec::new(),
    };
    let sum = 1.0 + (keys - 1) as f64 * (-1.0_f64).exp();
    for kernels in all_tiers() {
        let mut scores = case.scores.clone();
        let mut statistics = [0.0; 2];
        case.softmax(kernels, &mut scores, &mut statistics, false);
        let found = f64::from(statistics[1]) * sum;
        assert!((found - 1.0).abs() < 5e-7, "{found}");
    }
}

#[test]
fn softmax_and_its_gradient_match_the_definition() {
    for case in cases() {
        let keys = case.visible.keys;

        // The definition.
        let mut want = vec![0.0; case.rows * keys];
        for row in 0..case.rows {
            let position = case.visible.first + row;
            let score = |j: usize| {
                let hidden = case.visible.causal && j > position
                    || position >= case.visible.window && j <= position - case.visible.window
                    || case.mask.get(j) == Some(&0.0);
                let bias = case.bias.get(row * (keys + 1) + j).copied().unwrap_or(0.0);
                let score = f64::from(case.scores[row * keys + j]) * 0.5 + f64::from(bias);
                if hidden { f64::NEG_INFINITY } else { score }
            };
            let sum: f64 = (0..keys).map(|j| score(j).exp()).sum();
            for j in 0..keys {
                if sum > 0.0 {
                    want[row * keys + j] = score(j).exp() / sum;
                }
            }
        }

        let mut scores = widen(&case.scores);
        let mut statistics = vec![f64::NAN; 2 * case.rows];
        case.softmax(F64Kernels, &mut scores, &mut statistics, false);
        for (got, want) in scores.iter().zip(&want) {
            assert!((got - want).abs() < 1e-14);
        }

        let upstream = numbers(99, case.rows * keys);
        let means: Vec<f64> = (0..case.rows)
            .map(|row| {
                let range = row * keys..(row + 1) * keys;
                let pairs = want[range.clone()].iter().zip(&upstream[range]);
                pairs.map(|(p, &g)| p * f64::from(g)).sum()
            })
            .collect();
        let mut want_grad = widen(&upstream);
        let mut want_bias = vec![1.0; case.bias.len()];
        F64Kernels.attention_grad(AttentionGrad {
            visible: case.visible,
            scale: 0.5,
            means: &means,
            probabilities: &want,
            gradient: &mut want_grad,
            bias: (&mut want_bias, keys + 1),
        });
        for (i, got) in want_grad.iter().enumerate() {
            let want = 0.5 * want[i] * (f64::from(upstream[i]) - means[i / keys]);
            assert!((got - want).abs() < 1e-14);
        }

        for kernels in all_tiers() {
            let mut scores = Guarded::new(&case.scores);
            let mut statistics = Guarded::empty(2 * case.rows);
            case.softmax(kernels, &mut scores, &mut statistics, false);
            assert_close(kernels.tier(), &scores, &want, 1e-6);

            // With known statistics, the same bits.
            let mut again = Guarded::new(&case.scores);
            case.softmax(kernels, &mut again, &mut statistics, true);
            assert_eq!(bits(&again), bits(&scores));

            let means: Vec<f32> = means.iter().map(|&x| x as f32).collect();
            let mut gradient = Guarded::new(&upstream);
            let mut bias = Guarded::new(&vec![1.0; case.bias.len()]);
            kernels.attention_grad(AttentionGrad {
                visible: case.visible,
                scale: 0.5,
                means: &means,
                probabilities: &scores,
                gradient: &mut gradient,
                bias: (&mut bias, keys + 1),
            });
            assert_close(kernels.tier(), &gradient, &want_grad, 2e-6);
            assert_close(kernels.tier(), &bias, &want_bias, 2e-6);
        }
    }
}

/// A row by itself, from the block in which its first visible key lies to its own position, has the
/// bits that it has among others.
#[test]
fn rows_do_not_depend_on_what_they_do_not_see() {
    let keys = if cfg!(miri) { 12 } else { 100 };
    let all = numbers(3, keys * keys);
    for kernels in all_tiers() {
        for (window, block) in [(usize::MAX, 64), (40, 64), (40, 40), (7, 7), (1, 1)] {
            let visible = Visible {
                keys,
                first: 0,
                causal: true,
                window,
                block,
            };
            let mut whole = all.clone();
            softmax(kernels, visible, &mut whole);

            for position in 0..keys {
                let seen = visible.keys_of(position);
                let base = seen.start / block * block;
                let mut row = all[position * keys..][base..=position].to_vec();
                let alone = Visible {
                    keys: row.len(),
                    first: position - base,
                    ..visible
                };
                softmax(kernels, alone, &mut row);
                assert_eq!(bits(&row), bits(&whole[position * keys..][base..=position]));
            }
        }
    }
}

fn softmax(kernels: F32Kernels, visible: Visible, scores: &mut [f32]) {
    let rows = scores.len() / visible.keys;
    kernels.attention_softmax(AttentionSoftmax {
        visible,
        scale: 0.3,
        bias: (&[], 0),
        mask: &[],
        scores,
        statistics: &mut vec![0.0; 2 * rows],
        known: false,
    });
}

/// As in `functions::a_softmax_has_no_long_tail`: keys that count for nothing have the weight 0.
#[test]
fn the_weights_of_attention_have_no_long_tail() {
    let keys = 40;
    let visible = Visible {
        keys,
        ..views(keys)[0]
    };
    let mut scores = vec![-67.0 / 0.3_f32; keys];
    scores[3] = 0.0;
    scores[30] = -66.0 / 0.3;

    for kernels in all_tiers() {
        let mut scores = scores.clone();
        softmax(kernels, visible, &mut scores);
        let left: Vec<usize> = (0..keys).filter(|&i| scores[i] != 0.0).collect();
        assert_eq!(left, [3, 30], "{}", kernels.tier());
    }
}

#[test]
fn transposition_moves_every_element() {
    for kernels in all_tiers() {
        for &rows in LENGTHS {
            for cols in [0, 1, 3, 8, 16, 21, 33] {
                let from = Guarded::new(&numbers(1, rows * (cols + 2)));
                let mut to = Guarded::new(&vec![9.0; cols * (rows + 3)]);
                kernels.transpose(Transpose {
                    rows,
                    cols,
                    from: &from,
                    from_stride: cols + 2,
                    to: &mut to,
                    to_stride: rows + 3,
                });
                for i in 0..cols {
                    for j in 0..rows + 3 {
                        let want = if j < rows {
                            from[j * (cols + 2) + i]
                        } else {
                            9.0
                        };
                        assert_eq!(to[i * (rows + 3) + j], want);
                    }
                }
            }
        }
    }
}
