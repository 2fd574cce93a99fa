//! The receptive fields of pooling along one axis: which input positions an output position reads.

use core::ops::Range;

use crate::sizes;

/// One axis of an image before and after pooling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The length of the input.
    pub input: usize,
    /// The length of the output.
    pub output: usize,
    pub reach: Reach,
}

/// The receptive field of an output position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `kernel` positions, `dilation` apart. The first window begins `pad` positions before the
    /// axis, and each further one `stride` positions later. Positions beyond the axis do not exist.
    Windows {
        kernel: usize,
        stride: usize,
        pad: usize,
        dilation: usize,
    },
    /// The positions from `o * input / output`, rounded down, to `(o + 1) * input / output`,
    /// rounded up.
    Even,
    /// The two positions around `(o + 1/2) / factor - 1/2`, or the one at the border, with weights
    /// that fall with the distance. The output has `factor` positions for each input position.
    Linear { factor: usize },
}

/// The positions that a window reads: `first`, `first + step`, .., `count` of them. They are its
/// taps from number `tap`: those before it lie in the padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub first: usize,
    pub count: usize,
    pub tap: usize,
}

impl Axis {
    /// One position that reads itself: the rows of a sequence.
    pub const ONE: Axis = Axis {
        input: 1,
        output: 1,
        reach: Reach::Windows {
            kernel: 1,
            stride: 1,
            pad: 0,
            dilation: 1,
        },
    };

    /// Panics unless the axis is well-formed.
    pub(super) fn check(&self, name: &str) {
        match self.reach {
            Reach::Windows {
                kernel,
                stride,
                dilation,
                ..
            } => {
                assert!(
                    kernel > 0 && stride > 0 && dilation > 0,
                    "{name}: a window of 0 places"
                );
            }
            Reach::Even => {}
            Reach::Linear { factor } => {
                let whole = self.output == sizes::product(&[self.input, factor]);

                assert!(factor > 0 && whole, "{name}: {factor} places for each");
            }
        }
        assert!(
            self.is_countable(),
            "{name}: more places than memory has: {self:?}"
        );
    }

    /// Returns whether all windows lie on the padded axis and its positions can be counted: if so,
    /// no arithmetic on them wraps.
    pub const fn is_countable(&self) -> bool {
        match self.reach {
            Reach::Windows {
                kernel,
                stride,
                pad,
                dilation,
            } => {
                let padded = sizes::sum(&[self.input, pad, pad]);
                let last = sizes::product(&[self.output.saturating_sub(1), stride]);
                let within = sizes::product(&[kernel.saturating_sub(1), dilation]);
                sizes::countable(padded)
                    && sizes::countable(stride)
                    && sizes::countable(dilation)
                    && (self.output == 0 || sizes::sum(&[last, within]) < padded)
            }
            Reach::Even => sizes::countable(sizes::product(&[self.input, self.output])),
            Reach::Linear { .. } => sizes::countable(self.output),
        }
    }

    /// Returns the positions that `o` reads. All of them are below `input`, and `first` is at most
    /// `input`.
    #[inline(always)]
    pub(super) fn window(&self, o: usize) -> Window {
        match self.reach {
            Reach::Windows {
                kernel,
                stride,
                pad,
                dilation,
            } => {
                let begin = o * stride;
                let tap = if begin >= pad {
                    0
                } else {
                    over(pad - begin, dilation)
                };

                let first = begin + tap * dilation - pad;
                let room = over(self.input.saturating_sub(first), dilation);
                let count = room.min(kernel.saturating_sub(tap));
                Window {
                    first: first.min(self.input),
                    count,
                    tap,
                }
            }
            Reach::Even => {
                let first = o * self.input / self.output;
                let end = ((o + 1) * self.input).div_ceil(self.output);
                Window {
                    first,
                    count: end - first,
                    tap: 0,
                }
            }
            Reach::Linear { factor } => {
                let first = (2 * o + 1).saturating_sub(factor) / (2 * factor);
                Window {
                    first,
                    count: if first + 1 < self.input { 2 } else { 1 },
                    tap: 0,
                }
            }
        }
    }

    /// Returns the output positions from the first to the last one whose window covers `i`. With a
    /// dilation, some of them do not read it.
    #[inline(always)]
    pub(super) fn readers(&self, i: usize) -> Range<usize> {
        match self.reach {
            Reach::Windows {
                kernel,
                stride,
                pad,
                dilation,
            } => {
                let before = (i + pad).saturating_sub((kernel - 1) * dilation);
                before.div_ceil(stride)..((i + pad) / stride + 1).min(self.output)
            }
            Reach::Even => {
                i * self.output / self.input
                    ..((i + 1) * self.output)
                        .div_ceil(self.input)
                        .min(self.output)
            }
            Reach::Linear { factor } => {
                // The first output position whose left neighbour is at least `i`.
                let from = |i: usize| {
                    if i == 0 {
                        0
                    } else {
                        (2 * factor * i + factor - 1).div_ceil(2)
                    }
                };

                from(i.saturating_sub(1))..from(i + 1).min(self.output)
            }
        }
    }

    /// Returns the readers of `i`, given those of `i - 1` or an empty range: without a division
    /// where windows are alike.
    #[inline(always)]
    pub(super) fn next_readers(&self, before: Range<usize>, i: usize) -> Range<usize> {
        let Reach::Windows {
            kernel,
            stride,
            pad,
            dilation,
        } = self.reach
        else {
            return self.readers(i);
        };

        let Range { mut start, mut end } = before;
        while end < self.output && end * stride <= i + pad {
            end += 1;
        }
        while start < end && start * stride + (kernel - 1) * dilation < i + pad {
            start += 1;
        }

        start..end
    }

    /// Returns the tap of the window of `o`, one of its readers, that is at `i`.
    #[inline(always)]
    pub(super) fn tap(&self, o: usize, i: usize) -> Option<usize> {
        match self.reach {
            Reach::Windows {
                stride,
                pad,
                dilation,
                ..
            } => {
                let distance = i + pad - o * stride;
                if dilation == 1 {
                    Some(distance)
                } else {
                    distance
                        .is_multiple_of(dilation)
                        .then(|| distance / dilation)
                }
            }
            _ => Some(i - self.window(o).first),
        }
    }

    /// Returns the weight of position `i` in the interpolation at `o`, which reads it, as a
    /// multiple of `1 / unit`.
    #[inline(always)]
    pub(super) fn weight(&self, o: usize, i: usize) -> usize {
        let Reach::Linear { factor } = self.reach else {
            return 1;
        };
        let unit = self.unit();

        let center = (2 * o + 1)
            .saturating_sub(factor)
            .min(unit * (self.input - 1));
        unit - center.abs_diff(unit * i)
    }

    /// Returns the sum of the weights of an interpolation.
    #[inline(always)]
    pub(super) fn unit(&self) -> usize {
        match self.reach {
            Reach::Linear { factor } => 2 * factor,
            _ => 1,
        }
    }

    /// Returns the distance of the taps of a window.
    #[inline(always)]
    pub(super) fn step(&self) -> usize {
        match self.reach {
            Reach::Windows { dilation, .. } => dilation,
            _ => 1,
        }
    }

    /// Returns the largest number of taps of a window.
    pub const fn widest(&self) -> usize {
        match self.reach {
            Reach::Windows { kernel, .. } => kernel,
            Reach::Even => self.input.div_ceil(self.output) + 1,
            Reach::Linear { .. } => 2,
        }
    }

    /// Returns the size of the windows if they are adjacent from the first position.
    #[inline(always)]
    pub(super) const fn tiles(&self) -> Option<usize> {
        match self.reach {
            Reach::Windows {
                kernel,
                stride,
                pad: 0,
                dilation: 1,
            } if kernel == stride => Some(kernel),
            _ => None,
        }
    }

    /// Returns the largest number of positions that all windows read together.
    pub(super) const fn all_reads(&self) -> usize {
        match self.reach {
            Reach::Windows { kernel, .. } => sizes::product(&[self.output, kernel]),
            // Two windows share at most one position.
            Reach::Even => sizes::sum(&[self.input, self.output]),
            Reach::Linear { .. } => sizes::product(&[self.output, 2]),
        }
    }
}

/// Returns `a / b`, rounded up; without a division for the common `b`.
#[inline(always)]
fn over(a: usize, b: usize) -> usize {
    if b == 1 { a } else { a.div_ceil(b) }
}

#[cfg(test)]
mod tests {
    use super::{Axis, Reach, Window};

    /// Checks that `window` and `readers` agree.
    fn agrees(axis: Axis) {
        let mut next = 0..0;
        for i in 0..axis.input {
            let readers = axis.readers(i);
            next = axis.next_readers(next, i);
            assert!(
                next == readers || next.is_empty() && readers.is_empty(),
                "{axis:?} at {i}"
            );

            for o in 0..axis.output {
                let window = axis.window(o);
                let mut taps =
                    (0..window.count).map(|t| (window.first + t * axis.step(), window.tap + t));
                let found = taps.find(|&(place, _)| place == i).map(|(_, tap)| tap);
                let tap = if readers.contains(&o) {
                    axis.tap(o, i)
                } else {
                    None
                };
                assert_eq!(found, tap, "{axis:?}, {o} reads {i}");
            }
        }

        // The weights of each window add up to the unit.
        if let Reach::Linear { .. } = axis.reach {
            for o in 0..axis.output {
                let Window { first, count, .. } = axis.window(o);
                assert_eq!(
                    (first..first + count)
                        .map(|i| axis.weight(o, i))
                        .sum::<usize>(),
                    axis.unit()
                );
            }
        }

        for o in 0..axis.output {
            let window = axis.window(o);
            assert!(window.count <= axis.widest() && window.first <= axis.input);
            assert!(
                window.count == 0 || window.first + (window.count - 1) * axis.step() < axis.input
            );
        }
    }

    #[test]
    fn windows_and_readers_agree() {
        for input in 1..12 {
            for kernel in 1..5 {
                for (stride, pad, dilation) in [
                    (1, 0, 1),
                    (2, 0, 1),
                    (3, 1, 1),
                    (1, 2, 1),
                    (1, 0, 2),
                    (2, 1, 3),
                    (4, 1, 2),
                    (kernel, 0, 1),
                ] {
                    let reach = Reach::Windows {
                        kernel,
                        stride,
                        pad: pad.min(kernel / 2),
                        dilation,
                    };
                    let whole = input + 2 * pad.min(kernel / 2);
                    let Some(room) = whole.checked_sub((kernel - 1) * dilation + 1) else {
                        continue;
                    };

                    agrees(Axis {
                        input,
                        output: room / stride + 1,
                        reach,
                    });
                }
            }

            for output in 1..15 {
                agrees(Axis {
                    input,
                    output,
                    reach: Reach::Even,
                });
            }

            for factor in 1..5 {
                agrees(Axis {
                    input,
                    output: input * factor,
                    reach: Reach::Linear { factor },
                });
            }
        }
    }

    #[test]
    fn windows_are_pytorchs() {
        let axis = Axis {
            input: 5,
            output: 3,
            reach: Reach::Even,
        };
        assert_eq!(
            [0, 1, 2].map(|o| (axis.window(o).first, axis.window(o).count)),
            [(0, 2), (1, 3), (3, 2)]
        );

        let reach = Reach::Windows {
            kernel: 3,
            stride: 2,
            pad: 1,
            dilation: 2,
        };
        let axis = Axis {
            input: 6,
            output: 2,
            reach,
        };
        assert_eq!(
            [0, 1].map(|o| (axis.window(o).first, axis.window(o).count)),
            [(1, 2), (1, 3)]
        );

        let axis = Axis {
            input: 2,
            output: 4,
            reach: Reach::Linear { factor: 2 },
        };
        assert_eq!([0, 1, 2, 3].map(|o| axis.weight(o, 1)), [0, 1, 3, 4]);
    }
}
