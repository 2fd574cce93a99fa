//! Products of matrices.

use proptest::prelude::*;

use super::super::{F32Kernels, Kernels, Matrix, Product, Start, product_memory};
use super::Level;
use super::{GUARD, Guarded, all_tiers, bits, cases, fused_tiers, is_fused, is_guard, numbers};
use crate::product::DEPTH;

/// The layout of a matrix in memory.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Rows { gap: usize },
    Columns { gap: usize },
    Sparse,
}

fn layout() -> impl Strategy<Value = Layout> {
    prop_oneof![
        3 => (0_usize..3).prop_map(|gap| Layout::Rows { gap }),
        3 => (0_usize..3).prop_map(|gap| Layout::Columns { gap }),
        1 => Just(Layout::Sparse),
    ]
}

/// A matrix in memory of its own, with guard cells wherever it has no element.
struct Laid {
    data: Guarded,
    row_stride: usize,
    col_stride: usize,
}

impl Laid {
    fn new(layout: Layout, rows: usize, cols: usize, seed: u32) -> Laid {
        let (row_stride, col_stride) = match layout {
            Layout::Rows { gap } => (cols + gap, 1),
            Layout::Columns { gap } => (1, rows + gap),
            Layout::Sparse => (2 * cols + 1, 2),
        };

        let len = if rows * cols == 0 {
            0
        } else {
            (rows - 1) * row_stride + (cols - 1) * col_stride + 1
        };

        let mut laid = Laid {
            data: Guarded::empty(len),
            row_stride,
            col_stride,
        };

        for (i, x) in numbers(seed, rows * cols).into_iter().enumerate() {
            laid.data[i / cols * row_stride + i % cols * col_stride] = x;
        }
        laid
    }

    fn matrix(&self) -> Matrix<'_, f32> {
        Matrix {
            data: &self.data,
            row_stride: self.row_stride,
            col_stride: self.col_stride,
        }
    }

    fn at(&self, i: usize, j: usize) -> f32 {
        self.data[i * self.row_stride + j * self.col_stride]
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    m: usize,
    n: usize,
    k: usize,
    a: Layout,
    b: Layout,
    c_gap: usize,
    /// 0: zero, 1: bias, 2: accumulate.
    start: u8,
    relu: bool,
    seed: u32,
}

/// Mostly small; some beyond the sizes of blocks (k), of the packing threshold (m) and of the
/// panels (n).
fn case() -> impl Strategy<Value = Case> {
    let small = if cfg!(miri) { 8_usize } else { 36 };
    let large = if cfg!(miri) { 10_usize } else { 600 };
    let sizes = prop_oneof![
        6 => (0..small, 0..small, 0..small),
        2 => (Just(1), 0..5 * small, 0..5 * small),
        1 => (1_usize..4, 1_usize..20, 0..large),
        1 => (0..large, 1_usize..20, 1_usize..5),
        1 => (1_usize..9, 0..large / 2, 1_usize..7),
    ];

    (
        sizes,
        layout(),
        layout(),
        0_usize..3,
        0_u8..3,
        any::<bool>(),
        any::<u32>(),
    )
        .prop_map(|((m, n, k), a, b, c_gap, start, relu, seed)| Case {
            m,
            n,
            k,
            a,
            b,
            c_gap,
            start,
            relu,
            seed,
        })
}

impl Case {
    fn a(&self) -> Laid {
        Laid::new(self.a, self.m, self.k, self.seed)
    }

    fn b(&self) -> Laid {
        Laid::new(self.b, self.k, self.n, self.seed ^ 0x55)
    }

    fn bias(&self) -> Guarded {
        Guarded::new(&numbers(self.seed ^ 0xaa, self.n))
    }

    /// Returns what C holds before: numbers if they count, guard cells if not.
    fn c(&self) -> Laid {
        let layout = Layout::Rows { gap: self.c_gap };
        let mut c = Laid::new(layout, self.m, self.n, self.seed ^ 0x77);
        if self.start != 2 {
            c.data.fill(f32::from_bits(GUARD));
        }
        c
    }

    fn start<'a>(&self, bias: &'a [f32]) -> Start<'a, f32> {
        [Start::Zero, Start::Bias(bias), Start::Accumulate][usize::from(self.start)]
    }

    /// Runs the product with exactly the memory that it may need.
    fn run(&self, kernels: F32Kernels) -> Laid {
        self.run_in(kernels, &mut Guarded::empty(self.memory()))
    }

    fn memory(&self) -> usize {
        let transposed = !matches!(self.b, Layout::Rows { .. });
        product_memory(self.m, self.n, self.k, transposed)
    }

    fn run_in(&self, kernels: F32Kernels, memory: &mut [f32]) -> Laid {
        let a = self.a();
        let b = self.b();
        let bias = self.bias();
        let mut c = self.c();

        kernels.product(Product {
            m: self.m,
            n: self.n,
            k: self.k,
            a: a.matrix(),
            b: b.matrix(),
            c_stride: c.row_stride,
            c: &mut c.data,
            start: self.start(&bias),
            relu: self.relu,
            whole: self.m,
            memory,
        });

        c
    }

    /// Returns element `(i, j)` as a sum of blocks, each a chain of steps.
    fn chains(&self, i: usize, j: usize, step: fn(f32, f32, f32) -> f32) -> f32 {
        let a = self.a();
        let b = self.b();
        let depth = self.k.div_ceil(self.k.div_ceil(DEPTH).max(1)).max(1);

        let block = |first: usize, start| {
            let end = self.k.min(first + depth);
            (first..end).fold(start, |sum, p| step(a.at(i, p), b.at(p, j), sum))
        };

        let mut sum = block(0, if self.start == 1 { self.bias()[j] } else { 0.0 });
        if self.start == 2 {
            sum += self.c().at(i, j);
        }

        for first in (depth..self.k).step_by(depth) {
            sum += block(first, 0.0);
        }
        if self.relu { sum.max(0.0) } else { sum }
    }

    /// Returns a few elements, the corners among them.
    fn samples(&self) -> Vec<(usize, usize)> {
        if self.m * self.n == 0 {
            return Vec::new();
        }

        let m = self.m;
        let n = self.n;
        let spread = (0..6).map(|s| ((s * 7 + 3) % m, (s * 11 + 5) % n));
        spread
            .chain([(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1)])
            .collect()
    }
}

/// Computes the naive product in `f64`: the value and the sum of the magnitudes, which bounds the
/// rounding.
fn reference(case: &Case) -> Vec<(f64, f64)> {
    let a = case.a();
    let b = case.b();
    let bias = case.bias();
    let c = case.c();

    let mut out = Vec::new();
    for i in 0..case.m {
        for j in 0..case.n {
            let start = match case.start {
                0 => 0.0,
                1 => f64::from(bias[j]),
                _ => f64::from(c.at(i, j)),
            };

            let mut sum = start;
            let mut size = start.abs();
            for p in 0..case.k {
                let term = f64::from(a.at(i, p)) * f64::from(b.at(p, j));
                sum += term;
                size += term.abs();
            }

            out.push((if case.relu { sum.max(0.0) } else { sum }, size));
        }
    }
    out
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn products_are_right_in_every_tier(case in case()) {
        let want = reference(&case);
        for kernels in all_tiers().chain([F32Kernels(Level::Foreign)]) {
            let tier = kernels.tier();
            let c = case.run(kernels);

            for (index, &(want, size)) in want.iter().enumerate() {
                let got = f64::from(c.at(index / case.n, index % case.n));
                let bound = (case.k + 2) as f64 * f64::from(f32::EPSILON) * size;
                prop_assert!((got - want).abs() <= bound, "{tier}: {got} instead of {want}");
            }

            for (index, &x) in c.data.iter().enumerate() {
                prop_assert!(
                    index % c.row_stride < case.n || is_guard(x),
                    "written between the rows"
                );
            }
        }
    }

    /// Less memory takes longer, and changes no bit.
    #[test]
    fn too_little_memory_changes_no_bit(case in case(), part in 0.0..1.0) {
        let less = (case.memory() as f64 * part) as usize;
        for kernels in all_tiers() {
            let want = bits(&case.run(kernels).data);
            for len in [0, less] {
                let got = case.run_in(kernels, &mut Guarded::empty(len));
                prop_assert_eq!(&bits(&got.data), &want, "{}: {} elements", kernels.tier(), len);
            }
        }
    }

    /// It follows that neither tiles nor distributions of the rows nor FMA tiers matter.
    #[test]
    fn elements_are_sums_of_chains(case in case()) {
        // A single row, and a single column, are dot products.
        prop_assume!(case.m > 1 && case.n > 1);
        for kernels in all_tiers() {
            let step = if is_fused(kernels.tier()) {
                f32::mul_add
            } else {
                |a, b, c| a * b + c
            };

            let c = case.run(kernels);
            for (i, j) in case.samples() {
                let want = case.chains(i, j, step);
                prop_assert_eq!(
                    c.at(i, j).to_bits(),
                    want.to_bits(),
                    "{} {} {}",
                    kernels.tier(),
                    i,
                    j
                );
            }
        }
    }

    /// The product of a single row has several chains, the same ones in both FMA tiers.
    #[test]
    fn single_rows_agree_in_bits(mut case in case()) {
        case.m = 1;
        let results: Vec<_> = fused_tiers()
            .map(|kernels| bits(&case.run(kernels).data))
            .collect();
        prop_assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn cuts_change_no_bit(
        m in 2_usize..(if cfg!(miri) { 6 } else { 40 }),
        n in 1_usize..(if cfg!(miri) { 6 } else { 70 }),
        k in prop_oneof![
            2_usize..(if cfg!(miri) { 6 } else { 40 }),
            2_usize..(if cfg!(miri) { 7 } else { 600 }),
        ],
        seed in any::<u32>(),
    ) {
        let a = numbers(seed, m * k);
        let b = numbers(!seed, k * n);
        for kernels in all_tiers() {
            let product = |rows: std::ops::Range<usize>, c: &mut [f32]| {
                kernels.product(Product {
                    m: rows.len(),
                    n,
                    k,
                    a: Matrix { data: &a[rows.start * k..], row_stride: k, col_stride: 1 },
                    b: Matrix::row_major(&b, n),
                    c: &mut c[rows.start * n..],
                    c_stride: n,
                    start: Start::Zero,
                    relu: false,
                    whole: m,
                    memory: &mut Guarded::empty(product_memory(m, n, k, false)),
                });
            };

            let [mut whole, mut rows] = [vec![0.0; m * n], vec![0.0; m * n]];
            product(0..m, &mut whole);
            product(0..m / 2, &mut rows);
            product(m / 2..m, &mut rows);
            prop_assert_eq!(bits(&whole), bits(&rows));
        }
    }
}

#[test]
fn nan_reaches_the_result_and_passes_relu() {
    for kernels in all_tiers() {
        for m in [1, 2] {
            let a = vec![f32::NAN; m];
            let mut c = vec![0.0; m * 20];
            kernels.product(Product {
                m,
                n: 20,
                k: 1,
                a: Matrix::row_major(&a, 1),
                b: Matrix::row_major(&[1.0; 20], 20),
                c: &mut c,
                c_stride: 20,
                start: Start::Zero,
                relu: true,
                whole: m,
                memory: &mut [],
            });

            assert!(c.iter().all(|x| x.is_nan()), "{}", kernels.tier());
        }
    }
}

/// A product of 2 x 3 by 3 x 4 with one argument spoilt.
fn spoilt(spoil: impl Fn(&mut Product<'_, f32>)) {
    for kernels in all_tiers() {
        let a = [1.0; 6];
        let b = [1.0; 12];
        let mut c = [0.0; 8];

        let mut product = Product {
            m: 2,
            n: 4,
            k: 3,
            a: Matrix::row_major(&a, 3),
            b: Matrix::row_major(&b, 4),
            c: &mut c,
            c_stride: 4,
            start: Start::Zero,
            relu: false,
            whole: 2,
            memory: &mut [],
        };

        spoil(&mut product);
        kernels.product(product);
    }
}

#[test]
#[should_panic(expected = "A of 3 x 3")]
fn rows_beyond_a_are_refused() {
    spoilt(|p| p.m = 3);
}

#[test]
#[should_panic(expected = "B of 3 x 4 with strides 5 and 1 leaves its 12 elements")]
fn rows_beyond_b_are_refused() {
    spoilt(|p| p.b.row_stride = 5);
}

#[test]
#[should_panic(expected = "C of 2 x 4")]
fn rows_beyond_c_are_refused() {
    spoilt(|p| p.c_stride = 5);
}

#[test]
#[should_panic(expected = "overlap")]
fn overlapping_rows_are_refused() {
    spoilt(|p| p.c_stride = 3);
}

#[test]
#[should_panic(expected = "A of 2 x 3")]
fn overflowing_strides_are_refused() {
    spoilt(|p| p.a.row_stride = usize::MAX);
}

#[test]
#[should_panic(expected = "one bias per column")]
fn a_short_bias_is_refused() {
    spoilt(|p| p.start = Start::Bias(&[1.0; 3]));
}

/// A row of a product of many rows has the same bits whether it is computed alone, with some others
/// or with all.
#[test]
fn a_row_of_many_has_the_same_bits_alone() {
    for kernels in all_tiers() {
        for (case, &(m, n, k)) in [
            (1, 1, 1),
            (5, 1, 7),
            (9, 1, 64),
            (6, 1, 700),
            (7, 3, 17),
            (5, 12, 300),
            (4, 33, 64),
            (6, 96, 513),
            (3, 250, 40),
        ]
        .iter()
        .enumerate()
        {
            let x = numbers(case as u32, m * k);
            let weight = numbers(case as u32 + 100, k * n);
            let bias = numbers(case as u32 + 200, n);
            let rows = |first: usize, m: usize| {
                let mut c = vec![0.0; m * n];
                let mut memory = vec![0.0; product_memory(usize::MAX, n, k, false)];
                kernels.product(Product {
                    m,
                    n,
                    k,
                    a: Matrix::row_major(&x[first * k..], k),
                    b: Matrix::row_major(&weight, n),
                    c: &mut c,
                    c_stride: n,
                    start: Start::Bias(&bias),
                    relu: case % 2 == 1,
                    whole: usize::MAX,
                    memory: &mut memory,
                });
                c
            };

            let all = rows(0, m);
            for i in 0..m {
                assert_eq!(
                    bits(&rows(i, 1)),
                    bits(&all[i * n..][..n]),
                    "{m} {n} {k}, row {i}"
                );
            }
            assert_eq!(
                bits(&rows(1.min(m - 1), m - 1.min(m - 1))),
                bits(&all[1.min(m - 1) * n..])
            );
        }
    }
}
