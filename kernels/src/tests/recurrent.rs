//! Recurrent cells in every tier against plain loops in `f64`, and the bits of cut sequences.

use super::super::{
    F32Kernels, F64Kernels, GruCell, Kernels, LstmCell, Recurrent, RecurrentCell, RecurrentGrad,
    RecurrentWeights, RnnCell, product_memory, recurrent_grad,
};
use super::{Guarded, all_tiers, assert_close, bits, fused_tiers, numbers, widen};

/// The sizes of a case.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    samples: usize,
    steps: usize,
    inputs: usize,
    hidden: usize,
    reversed: bool,
    masked: bool,
    biased: bool,
}

const SIZES: &[[usize; 4]] = if cfg!(miri) {
    &[[3, 2, 1, 9], [1, 2, 2, 17]]
} else {
    &[
        [1, 1, 1, 1],
        [1, 3, 1, 8],
        [1, 4, 2, 16],
        [2, 3, 3, 5],
        [3, 2, 1, 17],
        [4, 3, 7, 9],
        [5, 2, 4, 32],
        [7, 3, 3, 33],
        [13, 2, 5, 24],
        [1, 3, 300, 70],
        [3, 2, 2, 300],
    ]
};

fn all_sizes() -> impl Iterator<Item = Sizes> {
    SIZES.iter().enumerate().flat_map(|(case, &sizes)| {
        let [samples, steps, inputs, hidden] = sizes;
        let options = [(false, false, true), (true, true, case % 2 == 0)];
        options.map(|(reversed, masked, biased)| Sizes {
            samples,
            steps,
            inputs,
            hidden,
            reversed,
            masked,
            biased,
        })
    })
}

/// Calls a macro-like function for each cell.
macro_rules! every_cell {
    (|$cell:ident| $body:expr) => {
        every_cell!(@ |$cell| $body, LstmCell, RnnCell { relu: false }, RnnCell { relu: true },
            GruCell { relu: false, reset_before: false },
            GruCell { relu: true, reset_before: false },
            GruCell { relu: false, reset_before: true },
            GruCell { relu: true, reset_before: true })
    };
    (@ |$cell:ident| $body:expr, $($value:expr),*) => {
        $({ let $cell = $value; $body })*
    };
}

/// The numbers of a case.
struct Inputs<T> {
    ih: Vec<T>,
    hh: Vec<T>,
    biases: [Vec<T>; 2],
    x: Vec<T>,
    mask: Vec<T>,
    h: Vec<T>,
    c: Vec<T>,
    dy: Vec<T>,
    dh: Vec<T>,
    dc: Vec<T>,
}

/// The results of a case.
#[derive(Clone)]
struct Outputs<T> {
    y: Vec<T>,
    h: Vec<T>,
    c: Vec<T>,
    kept: Vec<T>,
    cells: Vec<T>,
    before: Vec<T>,
}

impl<T> Outputs<T> {
    fn all(&self) -> [&[T]; 6] {
        [
            &self.y,
            &self.h,
            &self.c,
            &self.kept,
            &self.cells,
            &self.before,
        ]
    }
}

impl Sizes {
    fn inputs<C: RecurrentCell>(self, _: C) -> Inputs<f32> {
        let gates = C::GATES * self.hidden;
        let states = self.samples * self.hidden;
        let all = self.samples * self.steps;
        let cells = if C::HAS_CELLS { states } else { 0 };
        let biases = if self.biased { gates } else { 0 };
        let scaled = |seed, len, scale: f32| -> Vec<f32> {
            numbers(seed, len).iter().map(|x| x * scale).collect()
        };
        let fan = 1.0 / ((self.inputs + self.hidden) as f32).sqrt();
        Inputs {
            ih: scaled(1, self.inputs * gates, 2.0 * fan),
            hh: scaled(2, self.hidden * gates, 2.0 * fan),
            biases: [numbers(3, biases), numbers(4, biases)],
            x: scaled(5, all * self.inputs, 2.0),
            mask: if self.masked {
                (0..all).map(|i| f32::from(i % 3 != 1)).collect()
            } else {
                Vec::new()
            },
            h: numbers(6, states),
            c: numbers(7, cells),
            dy: numbers(8, all * self.hidden),
            dh: numbers(9, states),
            dc: numbers(10, cells),
        }
    }

    /// Computes forward in buffers from `empty`.
    fn forward<T: num_traits::Float, C: RecurrentCell, B: Buffer<T>>(
        self,
        kernels: impl Kernels<T>,
        cell: C,
        inputs: &Inputs<T>,
        keeps: bool,
    ) -> Outputs<T> {
        let all = self.samples * self.steps;
        let states = all * self.hidden;
        let kept_len = match (keeps, cell.has_halves()) {
            (true, _) => C::KEPT * states,
            (false, true) => C::KEPT * self.samples * self.hidden,
            (false, false) => 0,
        };
        let mut h = B::of(&inputs.h);
        let mut c = B::of(&inputs.c);
        let mut next = B::empty(self.samples * self.hidden);
        let mut y = B::empty(states);
        let mut kept = B::empty(kept_len);
        let mut cells = B::empty(if keeps && C::HAS_CELLS { states } else { 0 });
        let mut before = B::empty(if keeps { states } else { 0 });

        kernels.recurrent(
            cell,
            &mut Recurrent {
                samples: self.samples,
                steps: self.steps,
                inputs: self.inputs,
                hidden: self.hidden,
                reversed: self.reversed,
                weights: RecurrentWeights {
                    ih: &inputs.ih,
                    hh: &inputs.hh,
                    bias_ih: &inputs.biases[0],
                    bias_hh: &inputs.biases[1],
                },
                x: &inputs.x,
                mask: &inputs.mask,
                h: h.get(),
                c: c.get(),
                next: next.get(),
                y: y.get(),
                y_strides: [self.steps * self.hidden, self.hidden],
                kept: kept.get(),
                keeps,
                cells: cells.get(),
                before: before.get(),
            },
        );
        Outputs {
            y: y.get().to_vec(),
            h: h.get().to_vec(),
            c: c.get().to_vec(),
            kept: kept.get().to_vec(),
            cells: cells.get().to_vec(),
            before: before.get().to_vec(),
        }
    }

    /// Returns the gradients of the sums and of both states.
    fn backward<T: num_traits::Float, C: RecurrentCell, B: Buffer<T>>(
        self,
        kernels: impl Kernels<T>,
        cell: C,
        inputs: &Inputs<T>,
        outputs: &Outputs<T>,
    ) -> [Vec<T>; 3] {
        let gates = C::GATES * self.hidden;
        let states = self.samples * self.hidden;
        let mut kept = B::of(&outputs.kept);
        let mut dh = B::of(&inputs.dh);
        let mut dc = B::of(&inputs.dc);
        let mut product = B::empty(states);
        let mut transposed = B::empty(gates * self.hidden);
        let mut memory = B::empty(product_memory(usize::MAX, self.hidden, gates, false));

        recurrent_grad(
            kernels,
            cell,
            RecurrentGrad {
                samples: self.samples,
                steps: self.steps,
                hidden: self.hidden,
                reversed: self.reversed,
                weight_hh: &inputs.hh,
                mask: &inputs.mask,
                dy: &inputs.dy,
                dy_strides: [self.steps * self.hidden, self.hidden],
                kept: kept.get(),
                cells: &outputs.cells,
                first_cells: &inputs.c,
                before: &outputs.before,
                dh: dh.get(),
                dc: dc.get(),
                product: product.get(),
                transposed: transposed.get(),
                memory: memory.get(),
            },
        );
        [kept.get().to_vec(), dh.get().to_vec(), dc.get().to_vec()]
    }
}

/// A slice that a kernel writes to.
trait Buffer<T> {
    fn of(values: &[T]) -> Self;
    fn empty(len: usize) -> Self;
    fn get(&mut self) -> &mut [T];
}

impl Buffer<f32> for Guarded {
    fn of(values: &[f32]) -> Self {
        Guarded::new(values)
    }
    fn empty(len: usize) -> Self {
        Guarded::empty(len)
    }
    fn get(&mut self) -> &mut [f32] {
        self
    }
}

impl Buffer<f64> for Vec<f64> {
    fn of(values: &[f64]) -> Self {
        values.to_vec()
    }
    fn empty(len: usize) -> Self {
        vec![f64::NAN; len]
    }
    fn get(&mut self) -> &mut [f64] {
        self
    }
}

impl Inputs<f32> {
    fn widened(&self) -> Inputs<f64> {
        Inputs {
            ih: widen(&self.ih),
            hh: widen(&self.hh),
            biases: [widen(&self.biases[0]), widen(&self.biases[1])],
            x: widen(&self.x),
            mask: widen(&self.mask),
            h: widen(&self.h),
            c: widen(&self.c),
            dy: widen(&self.dy),
            dh: widen(&self.dh),
            dc: widen(&self.dc),
        }
    }
}

#[test]
fn cells_are_those_of_plain_loops() {
    for sizes in all_sizes() {
        every_cell!(|cell| {
            let inputs = sizes.inputs(cell);
            let wide = inputs.widened();
            let wanted = sizes.forward::<_, _, Vec<f64>>(F64Kernels, cell, &wide, true);
            let wanted_grads = sizes.backward::<_, _, Vec<f64>>(F64Kernels, cell, &wide, &wanted);

            for kernels in all_tiers() {
                let tier = kernels.tier();
                let found = sizes.forward::<_, _, Guarded>(kernels, cell, &inputs, true);
                for (found, wanted) in found.all().into_iter().zip(wanted.all()) {
                    assert_close(tier, found, wanted, 2e-5);
                }

                let bare = sizes.forward::<_, _, Guarded>(kernels, cell, &inputs, false);
                assert_eq!(bits(&bare.y), bits(&found.y), "{tier}: {sizes:?}");
                assert_eq!(bits(&bare.h), bits(&found.h), "{tier}: {sizes:?}");

                let grads = sizes.backward::<_, _, Guarded>(kernels, cell, &inputs, &found);
                for (found, wanted) in grads.iter().zip(&wanted_grads) {
                    assert_close(tier, found, wanted, 5e-5);
                }
            }
        });
    }
}

/// A sample has the same bits alone and among others, and a sequence in one call and in several.
#[test]
fn no_cut_changes_a_bit() {
    for sizes in all_sizes().filter(|sizes| !sizes.reversed) {
        every_cell!(|cell| {
            for kernels in all_tiers() {
                let inputs = sizes.inputs(cell);
                let whole = sizes.forward::<_, _, Guarded>(kernels, cell, &inputs, true);
                let Sizes {
                    samples,
                    steps,
                    hidden,
                    ..
                } = sizes;

                for sample in 0..samples {
                    let own = |all: &[f32]| {
                        let len = all.len() / samples;
                        all[sample * len..][..len].to_vec()
                    };
                    let mut state = [own(&inputs.h), own(&inputs.c)];
                    let x = own(&inputs.x);

                    let mut y = Vec::new();
                    for step in 0..steps {
                        let one = Sizes {
                            samples: 1,
                            steps: 1,
                            ..sizes
                        };
                        let [h, c] = state;
                        let inputs = Inputs {
                            x: x[step * sizes.inputs..][..sizes.inputs].to_vec(),
                            h,
                            c,
                            ..sizes.inputs(cell)
                        };
                        let found = one.forward::<_, _, Guarded>(kernels, cell, &inputs, false);
                        y.extend(found.y);
                        state = [found.h, found.c];
                    }

                    let wanted = &whole.y[sample * steps * hidden..][..steps * hidden];
                    let tier = kernels.tier();
                    assert_eq!(bits(&y), bits(wanted), "{tier}: {sizes:?}");
                    assert_eq!(bits(&state[0]), bits(&own(&whole.h)), "{tier}: {sizes:?}");
                    assert_eq!(bits(&state[1]), bits(&own(&whole.c)), "{tier}: {sizes:?}");
                }
            }
        });
    }
}

/// The results of every cell.
pub(super) fn everything(kernels: F32Kernels) -> Vec<f32> {
    let mut out = Vec::new();
    for sizes in all_sizes() {
        every_cell!(|cell| {
            let inputs = sizes.inputs(cell);
            let found = sizes.forward::<_, _, Guarded>(kernels, cell, &inputs, true);
            let grads = sizes.backward::<_, _, Guarded>(kernels, cell, &inputs, &found);
            out.extend([found.all().concat(), grads.concat()].concat());
        });
    }
    out
}

#[test]
fn fma_tiers_agree_in_bits() {
    let results: Vec<_> = fused_tiers()
        .map(|kernels| bits(&everything(kernels)))
        .collect();
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
#[cfg_attr(miri, ignore = "takes long")]
fn sums_of_millions_of_inputs_keep_their_digits() {
    let sizes = Sizes {
        samples: 1,
        steps: 1,
        inputs: 1 << 22,
        hidden: 1,
        reversed: false,
        masked: false,
        biased: false,
    };
    let cell = RnnCell { relu: true };
    let mut inputs = sizes.inputs(cell);
    inputs.x.fill(0.1);
    inputs.ih.fill(1e-3);
    inputs.hh.fill(0.0);

    for kernels in all_tiers() {
        let outputs = sizes.forward::<f32, _, Guarded>(kernels, cell, &inputs, false);
        let expected = f64::from(0.1_f32) * f64::from(1e-3_f32) * f64::from(1 << 22);
        let off = (f64::from(outputs.y[0]) / expected - 1.0).abs();
        assert!(off < 1e-5, "off by {off:e}");
    }
}
