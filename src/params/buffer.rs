//! Tensors of other number types than the network's among its parameters.

use core::fmt;
use core::ops::{Deref, DerefMut};

use super::param_tree::{BufferLayout, ParamTree, TensorLayout};
use super::parameters::Parameters;
use crate::sizes;
use crate::tensor::{Element, Number, Shape, Tensor};

/// A tensor of any number type among the parameters of a layer, such as the 8-bit weights of a
/// quantized layer. PyTorch's `nn.Buffer`: it belongs to the network and its weight files, and
/// nothing trains it.
///
/// `S` is the shape, `N` the type of the numbers, and `T` the number type of the network. It is a
/// field of a struct with `#[derive(Parameters)]`, and dereferences to the tensor:
///
/// ```
/// use shapewright::ext::{Buffer, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule};
/// use shapewright::prelude::*;
/// use shapewright::tensor::{Dims, Rank1, Rank2};
///
/// /// A linear layer with 8-bit weights and a scale for each output, for inference.
/// struct QuantizedLinear<const I: usize, const O: usize>;
///
/// #[derive(Clone, Copy, Debug, PartialEq, Parameters)]
/// #[repr(C)]
/// struct QuantizedParams<const I: usize, const O: usize> {
///     // `[O, I]` in files, as PyTorch has it.
///     #[params(features, axes(1, 0))]
///     weight: Buffer<Rank2<I, O>, i8>,
///     scale: [f32; O],
///     bias: [f32; O],
/// }
///
/// impl<In: Shape, const I: usize, const O: usize> ShapeRule<In> for QuantizedLinear<I, O> {
///     const OUTPUT: Inferred = Inferred::takes(Dims::new(&[I]), In::DIMS, Dims::new(&[O]));
/// }
///
/// impl<const I: usize, const O: usize> Layer<f32> for QuantizedLinear<I, O> {
///     type Config = ();
///     type Params = QuantizedParams<I, O>;
/// }
///
/// impl<const I: usize, const O: usize> Infer<Rank1<I>, Rank1<O>, f32> for QuantizedLinear<I, O> {
///     const ORDER: FeatureOrder = FeatureOrder::Makes;
///     fn forward(call: Forward<'_, Self, Rank1<I>, Rank1<O>, f32>) {
///         let Forward { params, x, y, .. } = call;
///         for (x, y) in x.iter().zip(y) {
///             let mut sums = [0.0; O];
///             for (x, row) in x.iter().zip(params.weight.as_array()) {
///                 (0..O).for_each(|o| sums[o] += x * f32::from(row[o]));
///             }
///             *y = Tensor::from_position(|o| sums[o] * params.scale[o] + params.bias[o]);
///         }
///     }
/// }
///
/// network! { struct Net: [2] -> [3] { fc: QuantizedLinear<2, 3> } }
/// let mut net = Net::zeros();
/// net.fc.weight = Tensor2::from([[1, -2, 3], [0, 100, -128]]).into();
/// net.fc.scale = [0.5, 0.01, 1.0];
/// let y = net.forward(&Tensor1::from([2.0, 1.0]));
/// assert_eq!(y, Tensor1::from([1.0, 0.96, -122.0]));
/// assert_eq!((Net::PARAMS, Net::TRAINABLE_PARAMS), (12, 6));
/// ```
///
/// Nothing computes with the numbers but the layer itself: [`init`](mod@crate::init), optimizers,
/// penalties, clipping and checks for finite numbers pass over them, a
/// [`WeightAverage`](crate::optim::WeightAverage) copies them, and
/// [`for_each_param`](crate::Network::for_each_param) omits them. Weight files have them bit by bit
/// under their own number type.
///
/// # Padding
/// A buffer ends at a multiple of the bytes of `T`. If its numbers do not, as the six bytes above,
/// padding follows, and `Net::params()` does not compile, because padding is no number:
///
/// ```compile_fail,E0080
/// # use shapewright::{ext::Buffer, prelude::*, tensor::Rank1};
/// let buffer: Buffer<Rank1<6>, i8> = Buffer::zeros();
/// let bits: &[f32] = Parameters::as_slice(&buffer);
/// ```
///
/// Otherwise, `Net::params()` has the bits of these numbers as if they were numbers of the network.
///
/// In a network of `f32`, a buffer of 64-bit numbers begins at a multiple of 8 bytes. A struct of
/// parameters may have no gaps in front of it or at its end: put it first, with an even number of
/// `f32` behind it.
#[repr(C)]
pub struct Buffer<S: Shape, N: Number, T: Element = f32> {
    /// Aligns the end to whole numbers of the network.
    start: [T::Unit; 0],
    numbers: Tensor<S, N>,
}

impl<S: Shape, N: Number, T: Element> Buffer<S, N, T> {
    /// The number of bytes of the numbers.
    const BYTES: usize = sizes::product(&[S::LEN, size_of::<N>()]);
    /// The number of bytes with padding.
    const PADDED: usize = {
        let unit = sizes::larger(size_of::<T>(), align_of::<N>());
        sizes::next_multiple(Self::BYTES, unit)
    };

    /// Returns a buffer of zeros.
    pub fn zeros() -> Self {
        Tensor::zeros().into()
    }

    /// Returns the numbers, row after row.
    #[inline(always)]
    pub fn as_slice(&self) -> &[N] {
        self.numbers.as_slice()
    }

    /// Returns the numbers as a mutable slice, row after row.
    #[inline(always)]
    pub fn as_mut_slice(&mut self) -> &mut [N] {
        self.numbers.as_mut_slice()
    }
}

// SAFETY: the numbers begin at the first byte, as the other field has no size. `T::Unit` is aligned
// to the size of `T`, to a multiple of which the size is therefore rounded up, as `LEN` asserts. The
// tree has the bytes of padding. `Number` is sealed, and every pattern of bits is a value of each.
unsafe impl<S: Shape, N: Number, T: Element> Parameters<T> for Buffer<S, N, T> {
    const LEN: usize = {
        assert!(
            N::IS_PORTABLE,
            "a `Buffer` of `usize` has other sizes on other machines, and its files could not be \
             read there: take `u32` or `u64`"
        );
        assert!(size_of::<Self>() == Self::PADDED && align_of::<Self>() >= align_of::<T>());
        Self::PADDED / size_of::<T>()
    };
    const NUMBERS: usize = Self::PADDED / size_of::<T>();
    const COUNT: usize = S::LEN;
    const PARAM_TREE: ParamTree = {
        let mut tensor = TensorLayout::of(S::DIMS);
        tensor.buffer = Some(BufferLayout {
            number: N::NAME,
            number_bytes: size_of::<N>(),
            len: Self::PADDED / size_of::<T>(),
            padding: Self::PADDED - Self::BYTES,
        });
        ParamTree::Tensor(tensor)
    };
}

impl<S: Shape, N: Number, T: Element> From<Tensor<S, N>> for Buffer<S, N, T> {
    fn from(numbers: Tensor<S, N>) -> Self {
        Buffer { start: [], numbers }
    }
}

impl<S: Shape, N: Number, T: Element> Deref for Buffer<S, N, T> {
    type Target = Tensor<S, N>;

    #[inline(always)]
    fn deref(&self) -> &Tensor<S, N> {
        &self.numbers
    }
}

impl<S: Shape, N: Number, T: Element> DerefMut for Buffer<S, N, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Tensor<S, N> {
        &mut self.numbers
    }
}

impl<S: Shape, N: Number, T: Element> Clone for Buffer<S, N, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: Shape, N: Number, T: Element> Copy for Buffer<S, N, T> {}

impl<S: Shape, N: Number, T: Element> PartialEq for Buffer<S, N, T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<S: Shape, N: Number, T: Element> fmt::Debug for Buffer<S, N, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.numbers.fmt(f)
    }
}
