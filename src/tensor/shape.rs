//! Shapes as types: [`Rank0`] to [`Rank4`], and [`Dims`], the same sizes as a constant value.

use super::element::Scalar;

/// The largest number of axes of a tensor.
pub const MAX_RANK: usize = 4;

/// The sizes of a shape as a value: what shape arithmetic in constants works on.
///
/// ```
/// use shapewright::{Dims, Rank3, Shape};
/// const IMAGE: Dims = <Rank3<28, 28, 1> as Shape>::DIMS;
/// assert_eq!(IMAGE.sizes(), [28, 28, 1]);
/// assert_eq!(IMAGE.len(), 784);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    rank: usize,
    sizes: [usize; MAX_RANK],
}

impl Dims {
    /// What comes out of a layer whose input is a mistake: every later layer accepts it silently,
    /// so that one mistake gives one error.
    pub const UNKNOWN: Dims = Dims { rank: usize::MAX, sizes: [0; MAX_RANK] };

    /// The dims with these sizes.
    ///
    /// # Panics
    /// With more than [`MAX_RANK`] sizes.
    pub const fn new(sizes: &[usize]) -> Self {
        assert!(sizes.len() <= MAX_RANK, "a tensor has at most 4 axes");
        let mut dims = Dims { rank: sizes.len(), sizes: [1; MAX_RANK] };
        let mut axis = 0;
        while axis < sizes.len() {
            dims.sizes[axis] = sizes[axis];
            axis += 1;
        }
        dims
    }

    /// The number of axes; `usize::MAX` if the shape is unknown.
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// Whether this is [`Dims::UNKNOWN`].
    pub const fn is_unknown(&self) -> bool {
        self.rank == usize::MAX
    }

    /// The sizes, one per axis; empty if the shape is unknown.
    pub const fn sizes(&self) -> &[usize] {
        if self.is_unknown() { &[] } else { self.sizes.split_at(self.rank).0 }
    }

    /// The size of one axis; 1 beyond the last.
    pub const fn size(&self, axis: usize) -> usize {
        if axis < MAX_RANK { self.sizes[axis] } else { 1 }
    }

    /// The size of the last axis; `None` for a scalar or an unknown shape.
    pub const fn last(&self) -> Option<usize> {
        if self.is_unknown() || self.rank == 0 { None } else { Some(self.sizes[self.rank - 1]) }
    }

    /// The same dims with another size of the last axis; a scalar or unknown shape stays as it is.
    pub const fn with_last(mut self, size: usize) -> Self {
        if !self.is_unknown() && self.rank > 0 {
            self.sizes[self.rank - 1] = size;
        }
        self
    }

    /// The number of elements; 0 if the shape is unknown.
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        self.sizes[0] * self.sizes[1] * self.sizes[2] * self.sizes[3]
    }

    /// Whether both have the same axes; `==` for constants.
    pub const fn same(&self, other: &Dims) -> bool {
        let mut axis = 0;
        while axis < MAX_RANK {
            if self.sizes[axis] != other.sizes[axis] {
                return false;
            }
            axis += 1;
        }
        self.rank == other.rank
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A shape: the sizes of a tensor's axes, known to the compiler.
///
/// Implemented by [`Rank0`] to [`Rank4`] and by nothing outside this crate: the conversions between
/// tensors and slices rely on `Array<T>` being exactly `LEN` elements, row after row.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a shape",
    note = "shapes are `Rank0` to `Rank4`; `Tensor1<N>` to `Tensor4<..>` are tensors of those shapes"
)]
pub trait Shape: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// The sizes as a value.
    const DIMS: Dims;
    /// The number of elements.
    const LEN: usize = Self::DIMS.len();
    /// The nested array that holds a tensor of this shape.
    type Array<T: Scalar>: Copy + Send + Sync + PartialEq + 'static;
}

macro_rules! ranks {
    ($($(#[$doc:meta])* $name:ident<$($size:ident),*> = $array:ty;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name<$(const $size: usize),*>;
        impl<$(const $size: usize),*> sealed::Sealed for $name<$($size),*> {}
        impl<$(const $size: usize),*> Shape for $name<$($size),*> {
            const DIMS: Dims = Dims::new(&[$($size),*]);
            type Array<T: Scalar> = $array;
        }
    )* };
}

ranks! {
    /// The shape of one number.
    Rank0<> = T;
    /// The shape of a vector.
    Rank1<A> = [T; A];
    /// The shape of a matrix: rows, columns.
    Rank2<A, B> = [[T; B]; A];
    /// The shape of an image: height, width, channels.
    Rank3<A, B, C> = [[[T; C]; B]; A];
    /// The shape with four axes.
    Rank4<A, B, C, D> = [[[[T; D]; C]; B]; A];
}

/// The shape that stands for [`Dims::UNKNOWN`].
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnknownShape;
impl sealed::Sealed for UnknownShape {}
impl Shape for UnknownShape {
    const DIMS: Dims = Dims::UNKNOWN;
    type Array<T: Scalar> = [T; 0];
}

/// Sizes on the way from a constant to a shape: `<Sizes<{rank}, {a}, {b}, {c}, {d}> as ToShape>::Shape`.
#[doc(hidden)]
pub struct Sizes<const RANK: usize, const A: usize, const B: usize, const C: usize, const D: usize>;

/// The shape with the sizes of a constant.
#[doc(hidden)]
pub trait ToShape {
    type Shape: Shape;
}

macro_rules! to_shape {
    ($($rank:literal => $shape:ty),*) => { $(
        impl<const A: usize, const B: usize, const C: usize, const D: usize> ToShape for Sizes<$rank, A, B, C, D> {
            type Shape = $shape;
        }
    )* };
}
to_shape!(0 => Rank0, 1 => Rank1<A>, 2 => Rank2<A, B>, 3 => Rank3<A, B, C>, 4 => Rank4<A, B, C, D>);
impl<const A: usize, const B: usize, const C: usize, const D: usize> ToShape
    for Sizes<{ usize::MAX }, A, B, C, D>
{
    type Shape = UnknownShape;
}
