//! Pooling as plain loops in any float: all kernels of `f64`, and the reference for those of `f32`.

use super::super::args::check_same;
use super::super::reference::{Real, Sums, WIDE};
use super::{Axis, Divisor, MeanPool, Plane, Reach};

impl Plane {
    /// Calls `f` with each output pixel, each tap of its window that is not padding and the input
    /// pixel at that tap: row and column of the output pixel, index of its first channel, tap, row
    /// and column of the input pixel, and index of its first channel.
    pub(in super::super) fn each_tap(
        &self,
        samples: usize,
        mut f: impl FnMut([usize; 2], usize, usize, [usize; 2], usize),
    ) {
        let Plane {
            rows,
            cols,
            channels,
        } = *self;
        for row in 0..samples * rows.output {
            let sample = row / rows.output;
            let r = row % rows.output;
            let down = rows.window(r);

            for c in 0..cols.output {
                let across = cols.window(c);
                let to = (row * cols.output + c) * channels;

                for i in 0..down.count {
                    for j in 0..across.count {
                        let tap = (down.tap + i) * cols.widest() + across.tap + j;
                        let y = down.first + i * rows.step();
                        let x = across.first + j * cols.step();
                        let from = ((sample * rows.input + y) * cols.input + x) * channels;
                        f([r, c], to, tap, [y, x], from);
                    }
                }
            }
        }
    }
}

/// Sets `y` to the largest element of each window and channel, and `codes`, if there are any, to
/// its tap.
pub(in super::super) fn max_pool<T: Real>(
    plane: &Plane,
    x: &[T],
    y: &mut [T],
    codes: Option<&mut [T]>,
) {
    let samples = plane.samples("max_pool", x.len(), y.len());
    y.fill(T::neg_infinity());

    let codes = codes.unwrap_or_default();
    if !codes.is_empty() {
        check_same("max_pool", y.len(), codes.len());
    }

    // If no element is larger than minus infinity, the maximum is the first tap.
    codes.fill(-T::one());

    plane.each_tap(samples, |_, to, tap, _, from| {
        for channel in 0..plane.channels {
            let x = x[from + channel];
            let best = &mut y[to + channel];
            let newer = x > *best || x.is_nan();
            if newer {
                *best = x;
            }

            if let Some(code) = codes.get_mut(to + channel)
                && (newer || *code < T::zero())
            {
                *code = T::of(tap as f64);
            }
        }
    });
}

/// Computes the gradient with respect to the input of `max_pool`.
pub(in super::super) fn max_pool_grad<T: Real>(plane: &Plane, codes: &[T], dy: &[T], dx: &mut [T]) {
    let samples = plane.samples("max_pool_grad", dx.len(), dy.len());
    check_same("max_pool_grad", dy.len(), codes.len());
    let Plane {
        rows,
        cols,
        channels,
    } = *plane;

    for row in 0..samples * rows.input {
        let sample = row / rows.input;
        let y = row % rows.input;
        for x in 0..cols.input {
            let dx = &mut dx[(row * cols.input + x) * channels..][..channels];
            for (block, dx) in dx.chunks_mut(WIDE).enumerate() {
                let mut sums = Sums::<T, WIDE>::new();
                for r in rows.readers(y) {
                    for c in cols.readers(x) {
                        let (Some(down), Some(across)) = (rows.tap(r, y), cols.tap(c, x)) else {
                            continue;
                        };

                        let tap = T::of((down * cols.widest() + across) as f64);
                        let from = ((sample * rows.output + r) * cols.output + c) * channels
                            + block * WIDE;
                        let read = codes[from..].iter().zip(&dy[from..]).take(dx.len());
                        for (sum, (&code, &dy)) in sums.next().iter_mut().zip(read) {
                            if code == tap {
                                *sum = *sum + dy;
                            }
                        }
                    }
                }
                dx.copy_from_slice(&sums.finish()[..dx.len()]);
            }
        }
    }
}

/// Computes sums, averages and interpolations, and their gradients: see `Kernels::mean_pool`.
pub(in super::super) fn mean_pool<T: Real>(pool: MeanPool<'_, T>) {
    let MeanPool {
        plane,
        divide,
        transposed,
        x,
        y,
        memory: _,
    } = pool;
    let lens = if transposed {
        (y.len(), x.len())
    } else {
        (x.len(), y.len())
    };
    let samples = plane.samples("mean_pool", lens.0, lens.1);
    let channels = plane.channels;

    // The lengths of the side that is read, and of the side that is written.
    let places = |axis: &Axis| {
        if transposed {
            (axis.output, axis.input)
        } else {
            (axis.input, axis.output)
        }
    };

    let (high, high_to) = places(&plane.rows);
    let (wide, wide_to) = places(&plane.cols);

    let reads = |axis: &Axis, to: usize| {
        assert!(axis.step() == 1, "mean_pool: windows with a dilation");
        if transposed {
            return axis.readers(to);
        }
        let window = axis.window(to);
        window.first..window.first + window.count
    };

    // The numerator and the denominator of a weight.
    let weight = |axis: &Axis, to: usize, from: usize| {
        let (o, i) = if transposed { (from, to) } else { (to, from) };
        let (n, d) = match (axis.reach, divide) {
            (Reach::Linear { .. }, _) => (axis.weight(o, i), axis.unit()),
            (_, Divisor::One) => (1, 1),
            (_, Divisor::Kernel) => (1, axis.widest()),
            (_, Divisor::Count) => (1, axis.window(o).count),
        };
        (n as f64, d as f64)
    };

    // The sums of the elements of a block of channels, each times `factor`.
    let sums = |factor: T, [sample, row_to, col_to]: [usize; 3], block: usize, y: &mut [T]| {
        let mut sums = Sums::<T, WIDE>::new();
        for r in reads(&plane.rows, row_to) {
            for c in reads(&plane.cols, col_to) {
                let (n, d) = weight(&plane.rows, row_to, r);
                let (m, e) = weight(&plane.cols, col_to, c);
                let weight = T::of(n * m / (d * e));
                let from = ((sample * high + r) * wide + c) * channels + block * WIDE;
                for (sum, &x) in sums.next().iter_mut().zip(&x[from..][..y.len()]) {
                    *sum = *sum + weight * (factor * x);
                }
            }
        }
        y.copy_from_slice(&sums.finish()[..y.len()]);
    };

    for row in 0..samples * high_to {
        let sample = row / high_to;
        let row_to = row % high_to;
        for col_to in 0..wide_to {
            let place = [sample, row_to, col_to];
            let y = &mut y[(row * wide_to + col_to) * channels..][..channels];
            for (block, y) in y.chunks_mut(WIDE).enumerate() {
                sums(T::one(), place, block, y);
                if y.iter().all(|y| y.is_finite()) {
                    continue;
                }

                // The sum of multiplied elements does not overflow on the way.
                let most = if transposed || divide == Divisor::One {
                    T::infinity()
                } else {
                    T::max_value() * T::of(SHRINK)
                };
                let mut small = [T::zero(); WIDE];
                let small = &mut small[..y.len()];
                sums(T::of(SHRINK), place, block, small);
                for (y, &small) in y.iter_mut().zip(&*small) {
                    // A mean of finite elements is one of their range, also where it is rounded.
                    let small = if small.is_finite() {
                        small.min(most).max(-most)
                    } else {
                        small
                    };
                    if !y.is_finite() {
                        *y = small / T::of(SHRINK);
                    }
                }
            }
        }
    }
}

/// The factor that keeps sums of any length from overflowing.
const SHRINK: f64 = 1.0 / (1_u128 << 64) as f64;
