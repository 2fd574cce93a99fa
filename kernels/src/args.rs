//! Arguments of the kernels: matrices and products, and the checks of their lengths.

/// A matrix as a slice and two strides.
///
/// Element `(i, j)` is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a, T> {
    pub data: &'a [T],
    pub row_stride: usize,
    pub col_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Creates a matrix whose rows of `cols` elements are contiguous.
    pub const fn row_major(data: &'a [T], cols: usize) -> Self {
        Matrix {
            data,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// Returns the same elements with rows and columns exchanged.
    pub const fn transposed(self) -> Self {
        Matrix {
            data: self.data,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    /// Returns the part from row `i` and column `j`, which are within the matrix.
    pub(super) fn from(self, i: usize, j: usize) -> Self {
        Matrix {
            data: &self.data[i * self.row_stride + j * self.col_stride..],
            ..self
        }
    }

    /// Returns the address of element `(i, j)`, and the strides.
    #[inline(always)]
    pub(super) fn address(self, i: usize, j: usize) -> (*const T, [usize; 2]) {
        let offset = i * self.row_stride + j * self.col_stride;
        let at = self.data.as_ptr().wrapping_add(offset);
        (at, [self.row_stride, self.col_stride])
    }

    /// Panics unless a matrix of `rows` by `cols` lies within the slice.
    fn check(&self, name: &str, rows: usize, cols: usize) {
        let fits = rows == 0 || cols == 0 || {
            let last = (rows - 1)
                .checked_mul(self.row_stride)
                .zip((cols - 1).checked_mul(self.col_stride))
                .and_then(|(row, col)| row.checked_add(col));
            last.is_some_and(|last| last < self.data.len())
        };
        assert!(
            fits,
            "product: {name} of {rows} x {cols} with strides {} and {} leaves its {} elements",
            self.row_stride,
            self.col_stride,
            self.data.len()
        );
    }
}

/// The initial value of a product's sums.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a, T> {
    /// Zero.
    Zero,
    /// One value per column.
    Bias(&'a [T]),
    /// The contents of `C`.
    Accumulate,
}

/// The product `C = start + A * B`, then `C = max(0, C)` if `relu`.
///
/// `A` is `m` by `k`, `B` is `k` by `n`, and the rows of `C` begin `c_stride` apart. Elements of
/// `c` between the rows stay as they are.
#[derive(Debug)]
pub struct Product<'a, T> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: Matrix<'a, T>,
    pub b: Matrix<'a, T>,
    pub c: &'a mut [T],
    pub c_stride: usize,
    pub start: Start<'a, T>,
    pub relu: bool,
    /// The number of rows of the whole product of which this is a part; `m` if it is all of it. The
    /// order of the sums depends on this and not on `m`, so that no bit depends on how a product is
    /// distributed. With [`ANY_SHAPE`] it does not depend on `n` either.
    pub whole: usize,
    /// Memory for a packed panel of `B`, which may hold anything before and afterwards, and begins
    /// at a multiple of 64 bytes. [`product_memory`](crate::product_memory) gives its length. With
    /// less, the product takes longer and has the same bits.
    pub memory: &'a mut [T],
}

/// The `whole` of a product that may be a part of one with more rows and columns: the bits of an
/// element depend on its row and its column alone.
pub const ANY_SHAPE: usize = usize::MAX - 1;

impl<T> Product<'_, T> {
    /// Panics unless every element that the product touches lies within its slice and the rows of
    /// `C` are disjoint.
    pub(super) fn check(&self) {
        let &Product {
            m, n, k, c_stride, ..
        } = self;
        self.a.check("A", m, k);
        self.b.check("B", k, n);
        Matrix {
            data: &*self.c,
            row_stride: c_stride,
            col_stride: 1,
        }
        .check("C", m, n);
        assert!(
            m <= 1 || c_stride >= n,
            "product: rows of {n} elements, {c_stride} apart, overlap"
        );

        if let Start::Bias(bias) = self.start {
            assert_eq!(bias.len(), n, "product: one bias per column");
        }
    }
}

/// The rounding of the absolute difference `a` in a smooth L1 loss: `curve * a^2 / 2` below `at`,
/// and `slope * (a - at / 2)` above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bend {
    pub at: f64,
    pub curve: f64,
    pub slope: f64,
}

impl Bend {
    /// Returns the bend for numbers up to `largest`: a bend so near to zero that its curve exceeds
    /// that is moved to zero.
    pub(super) fn in_range(self, largest: f64) -> Self {
        if self.curve.abs() <= largest {
            self
        } else {
            Bend {
                at: 0.0,
                curve: 0.0,
                ..self
            }
        }
    }
}

/// Returns the number of rows in `len` elements; panics unless it is whole.
pub(super) fn rows_of(name: &str, len: usize, width: usize) -> usize {
    if len == 0 {
        return 0;
    }
    assert!(
        width > 0 && len.is_multiple_of(width),
        "{name}: {len} elements are not whole rows of {width}"
    );
    len / width
}

/// Panics unless the lengths fit.
pub(super) fn check_same(name: &str, a: usize, b: usize) {
    assert_eq!(a, b, "{name}: slices of different lengths");
}

/// Panics unless the arguments of a parametric ReLU fit. Returns the width of the rows, each of
/// which meets all weights; a single weight meets all elements as one row.
pub(super) fn check_prelu(weights: usize, x: usize, y: usize) -> usize {
    check_same("prelu", x, y);
    let width = if weights == 1 { x } else { weights };
    rows_of("prelu", x, width);
    width
}

/// Panics unless the arguments of a gated linear unit fit.
pub(super) fn check_glu(half: usize, x: usize, y: usize) {
    rows_of("glu", y, half);
    assert_eq!(
        y.checked_mul(2),
        Some(x),
        "glu: twice as many inputs as outputs"
    );
}

/// Panics unless the arguments of a cross-entropy fit. Returns the number of rows.
pub(super) fn check_cross_entropy(
    classes: usize,
    logits: usize,
    labels: &[u32],
    weights: usize,
    grad: usize,
) -> usize {
    let rows = rows_of("cross_entropy", logits, classes);

    assert_eq!(rows, labels.len(), "cross_entropy: one label per row");
    assert!(
        weights == 0 || weights == rows,
        "cross_entropy: one weight per row, or none"
    );
    check_same("cross_entropy", logits, grad);

    for &label in labels {
        assert!(
            (label as usize) < classes,
            "cross_entropy: label {label} of {classes} classes"
        );
    }

    rows
}

/// Panics unless the arguments of a column sum fit.
pub(super) fn check_column_sums(rows: usize, cols: usize, x: usize, sums: usize) {
    assert_eq!(
        rows.checked_mul(cols),
        Some(x),
        "column_sums: {rows} rows of {cols}"
    );
    assert_eq!(cols, sums, "column_sums: one sum per column");
}
