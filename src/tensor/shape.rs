//! Shapes as types: [`Rank0`] to [`Rank4`], and [`Dims`], the same sizes as a constant value.

use core::fmt;

use crate::memory::Scalar;
use crate::sizes;

/// The largest number of axes of a tensor.
pub const MAX_RANK: usize = 4;

/// The sizes of a shape as a value, for shape arithmetic in constants.
///
/// ```
/// use shapewright::{Shape, tensor::{Dims, Rank1, Rank3}};
/// const IMAGE: Dims = <Rank3<28, 28, 1> as Shape>::DIMS;
/// assert_eq!(IMAGE.sizes(), [28, 28, 1]);
/// assert_eq!(IMAGE.len(), 784);
/// const BOTH: Dims = <(Rank3<28, 28, 1>, Rank1<2>) as Shape>::DIMS;
/// assert_eq!(BOTH.to_string(), "([28, 28, 1], [2])");
/// assert_eq!(BOTH.len(), 786);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dims {
    kind: Kind,
    sizes: [usize; MAX_RANK],
    parts: &'static [Dims],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Axes(usize),
    Tuple,
    Unknown,
}

impl Dims {
    /// The output shape of a layer that does not accept its input. Every later layer accepts it
    /// silently, so that one mistake gives one error.
    pub const UNKNOWN: Dims = Dims {
        kind: Kind::Unknown,
        sizes: [0; MAX_RANK],
        parts: &[],
    };

    /// Returns the dims with these sizes.
    ///
    /// # Panics
    /// Panics if there are more than [`MAX_RANK`] sizes.
    pub const fn new(sizes: &[usize]) -> Self {
        let rank = sizes.len();
        assert!(rank <= MAX_RANK, "a tensor has at most 4 axes");
        let mut dims = Dims {
            kind: Kind::Axes(rank),
            sizes: [1; MAX_RANK],
            parts: &[],
        };

        let mut axis = 0;
        while axis < rank {
            dims.sizes[axis] = sizes[axis];
            axis += 1;
        }
        dims
    }

    /// Returns the dims of a tuple of shapes.
    pub const fn tuple(parts: &'static [Dims]) -> Self {
        Dims {
            kind: Kind::Tuple,
            sizes: [0; MAX_RANK],
            parts,
        }
    }

    /// Returns the number of axes; `None` for a tuple or an unknown shape.
    pub const fn rank(&self) -> Option<usize> {
        match self.kind {
            Kind::Axes(rank) => Some(rank),
            Kind::Tuple | Kind::Unknown => None,
        }
    }

    /// Returns whether this is [`Dims::UNKNOWN`].
    pub const fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    /// Returns the shapes of a tuple; an empty slice for other shapes.
    pub const fn parts(&self) -> &'static [Dims] {
        self.parts
    }

    /// Returns whether these are the dims of a tuple.
    #[doc(hidden)]
    pub const fn is_tuple(&self) -> bool {
        matches!(self.kind, Kind::Tuple)
    }

    /// Returns the sizes, one per axis; an empty slice for a tuple or an unknown shape.
    pub const fn sizes(&self) -> &[usize] {
        // Patterns, as a call such as `split_at` is slow in the compiler's interpreter.
        let [one @ .., _, _, _] = &self.sizes;
        let [two @ .., _, _] = &self.sizes;
        let [three @ .., _] = &self.sizes;
        match self.kind {
            Kind::Axes(0) | Kind::Tuple | Kind::Unknown => &[],
            Kind::Axes(1) => one,
            Kind::Axes(2) => two,
            Kind::Axes(3) => three,
            Kind::Axes(_) => &self.sizes,
        }
    }

    /// Returns the size of one axis; 1 beyond the last.
    pub const fn size(&self, axis: usize) -> usize {
        if axis < MAX_RANK { self.sizes[axis] } else { 1 }
    }

    /// Returns the size of the last axis; `None` for a scalar, a tuple or an unknown shape.
    pub const fn last(&self) -> Option<usize> {
        match self.kind {
            Kind::Axes(rank @ 1..) => Some(self.sizes[rank - 1]),
            Kind::Axes(0) | Kind::Tuple | Kind::Unknown => None,
        }
    }

    /// Returns the same dims with another size of the last axis; dims without axes are unchanged.
    pub const fn with_last(mut self, size: usize) -> Self {
        if let Kind::Axes(rank @ 1..) = self.kind {
            self.sizes[rank - 1] = size;
        }
        self
    }

    /// Returns the number of elements; 0 if the shape is unknown.
    ///
    /// It saturates: if there are more than `usize::MAX - 1` elements, it is `usize::MAX - 1`,
    /// which no memory holds. [`Dims::checked_len`] returns `None` for such shapes.
    ///
    /// ```
    /// use shapewright::tensor::Dims;
    /// assert_eq!(Dims::new(&[3, 4]).len(), 12);
    /// assert_eq!(Dims::new(&[usize::MAX / 2, 3]).len(), usize::MAX - 1);
    /// assert_eq!(Dims::new(&[usize::MAX / 2, 3]).checked_len(), None);
    /// ```
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> usize {
        if !matches!(self.kind, Kind::Tuple) {
            return sizes::product(&self.sizes);
        }

        let mut len = 0;
        let mut part = 0;
        while part < self.parts.len() {
            len = sizes::sum(&[len, self.parts[part].len()]);
            part += 1;
        }
        len
    }

    /// Returns the number of elements; `None` if it is larger than `usize::MAX - 2`.
    pub const fn checked_len(&self) -> Option<usize> {
        match self.len() {
            sizes::TOO_LARGE => None,
            len => Some(len),
        }
    }

    /// Returns whether both are equal: `==` for constants.
    pub const fn same(&self, other: &Dims) -> bool {
        if self.is_unknown() || other.is_unknown() {
            return self.is_unknown() && other.is_unknown();
        }

        let mut same = self.rank_or_marker() == other.rank_or_marker()
            && self.parts.len() == other.parts.len();
        let mut i = 0;
        while same && i < MAX_RANK {
            same = self.sizes[i] == other.sizes[i];
            i += 1;
        }

        i = 0;
        while same && i < self.parts.len() {
            same = self.parts[i].same(&other.parts[i]);
            i += 1;
        }
        same
    }

    /// Returns the rank, or the number that [`Sizes`] has in its place for an unknown shape and for
    /// a tuple.
    #[doc(hidden)]
    pub const fn rank_or_marker(&self) -> usize {
        match self.kind {
            Kind::Axes(rank) => rank,
            Kind::Tuple | Kind::Unknown => usize::MAX,
        }
    }
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Axes(_) => write!(f, "{:?}", self.sizes()),
            Kind::Unknown => f.write_str("an unknown shape"),
            Kind::Tuple => {
                for (i, part) in self.parts.iter().enumerate() {
                    write!(f, "{}{part}", if i == 0 { "(" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A shape: the sizes of a tensor's axes, known to the compiler.
///
/// [`Rank0`] to [`Rank4`] and tuples of shapes implement it. The trait is sealed, as the
/// conversions between tensors and slices rely on `Array<T>` being exactly `LEN` elements, row
/// after row.
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
    /// The shape of a single number.
    Rank0<> = T;
    /// The shape of a vector.
    Rank1<A> = [T; A];
    /// The shape of a matrix: rows, columns.
    Rank2<A, B> = [[T; B]; A];
    /// The shape of an image: height, width, channels.
    Rank3<A, B, C> = [[[T; C]; B]; A];
    /// A shape with four axes.
    Rank4<A, B, C, D> = [[[[T; D]; C]; B]; A];
}

/// Arrays side by side, without gaps.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq)]
#[repr(C)]
pub struct SideBySide<A, B>(pub A, pub B);

macro_rules! tuples {
    ($(($($part:ident),*) = $array:ty;)*) => { $(
        impl<$($part: Shape),*> sealed::Sealed for ($($part,)*) {}
        /// A tuple of tensors as one tensor, such as the inputs of a layer that adds them.
        impl<$($part: Shape),*> Shape for ($($part,)*) {
            const DIMS: Dims = Dims { kind: Kind::Tuple, sizes: [0; MAX_RANK], parts: &[$($part::DIMS),*] };
            type Array<T: Scalar> = $array;
        }
    )* };
}
tuples! {
    (A, B) = SideBySide<A::Array<T>, B::Array<T>>;
    (A, B, C) = SideBySide<A::Array<T>, SideBySide<B::Array<T>, C::Array<T>>>;
    (A, B, C, D) = SideBySide<SideBySide<A::Array<T>, B::Array<T>>, SideBySide<C::Array<T>, D::Array<T>>>;
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

/// The sizes of a constant as a type, from which [`ToShape`] makes a shape: `<Sizes<{rank}, {a},
/// {b}, {c}, {d}> as ToShape>::Shape`. Sizes of axes that the shape can't have may be omitted.
#[doc(hidden)]
pub struct Sizes<
    const RANK: usize,
    const A: usize = 0,
    const B: usize = 0,
    const C: usize = 0,
    const D: usize = 0,
>;

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
