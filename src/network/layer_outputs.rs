//! The outputs of a layer as its backward sees them.

use core::ops::Deref;

use crate::memory::{flatten, tensors};
use crate::tensor::{Element, Shape, Tensor};

/// The outputs of a layer as its backward sees them: a slice of tensors, one for each sample.
///
/// They are available if the layer sets `READS_OUTPUT` of [`Train`](crate::ext::Train) or
/// [`InPlace`](crate::ext::InPlace). Otherwise later layers may have overwritten them, and reading
/// them panics: the first training step reveals a wrong `READS_OUTPUT`.
///
/// ```
/// use shapewright::ext::LayerOutputs;
/// use shapewright::prelude::*;
/// let y = [Tensor1::from([1.0, 2.0])];
/// let outputs = LayerOutputs::from(&y[..]);
/// assert_eq!(outputs.len(), 1);
/// assert_eq!(outputs[0][1], 2.0);
/// ```
///
/// The backward of this layer reads `y` although `READS_OUTPUT` is `false`:
///
/// ```should_panic
/// use shapewright::prelude::*;
/// use shapewright::ext::{
///     BackwardInPlace, FeatureOrder, ForwardInPlace, InPlace, Inferred, ShapeRule,
/// };
/// use shapewright::tensor::Element;
///
/// /// Takes square roots.
/// struct Root;
/// impl<In: Shape> ShapeRule<In> for Root {
///     const OUTPUT: Inferred = Inferred::shape(In::DIMS);
/// }
/// impl InPlace for Root {
///     type Config = ();
///     const ORDER: FeatureOrder = FeatureOrder::Keeps;
///     const READS_OUTPUT: bool = false;
///     fn forward_in_place<S: Shape, T: Element>(call: ForwardInPlace<'_, (), S, T>) {
///         call.y.iter_mut().flatten().for_each(|y| *y = y.sqrt());
///     }
///     fn backward_in_place<S: Shape, T: Element>(call: BackwardInPlace<'_, (), S, T>) {
///         let BackwardInPlace { y, dy, .. } = call;
///         for (&y, dy) in y.iter().flatten().zip(dy.iter_mut().flatten()) {
///             *dy /= y + y;
///         }
///     }
/// }
/// network! { struct Net: [2] -> [2] { Linear<_, 2>, Root } }
/// let net = Net::zeros();
/// let mut gradient = Net::zeros();
/// let mut workspace = Net::workspace();
/// let x = [Tensor1::zeros()];
/// let mut pass = net.forward_train(&x, &mut workspace);
/// pass.loss(&Mse, &[Tensor1::zeros()]);
/// pass.backward(&mut gradient);
/// ```
#[derive(Clone, Copy)]
pub struct LayerOutputs<'a, S: Shape, T: Element>(Option<&'a [Tensor<S, T>]>);

impl<'a, S: Shape, T: Element> LayerOutputs<'a, S, T> {
    /// The outputs of a layer that does not read them.
    pub(crate) const NOT_READ: Self = LayerOutputs(None);

    /// Returns the slice of tensors, with the lifetime of the outputs.
    ///
    /// # Panics
    /// Panics if the layer's `READS_OUTPUT` is `false`.
    #[inline(always)]
    #[track_caller]
    pub fn into_slice(self) -> &'a [Tensor<S, T>] {
        match self.0 {
            Some(outputs) => outputs,
            None => not_available(),
        }
    }

    /// Returns the outputs under another shape of the same length.
    #[inline(always)]
    pub(crate) fn under<To: Shape>(self) -> LayerOutputs<'a, To, T> {
        LayerOutputs(
            self.0
                .map(|outputs| tensors(flatten(outputs), outputs.len())),
        )
    }
}

impl<'a, S: Shape, T: Element> From<&'a [Tensor<S, T>]> for LayerOutputs<'a, S, T> {
    #[inline(always)]
    fn from(outputs: &'a [Tensor<S, T>]) -> Self {
        LayerOutputs(Some(outputs))
    }
}

impl<'a, S: Shape, T: Element> IntoIterator for LayerOutputs<'a, S, T> {
    type Item = &'a Tensor<S, T>;
    type IntoIter = core::slice::Iter<'a, Tensor<S, T>>;

    #[inline(always)]
    #[track_caller]
    fn into_iter(self) -> Self::IntoIter {
        self.into_slice().iter()
    }
}

impl<S: Shape, T: Element> Deref for LayerOutputs<'_, S, T> {
    type Target = [Tensor<S, T>];

    #[inline(always)]
    #[track_caller]
    fn deref(&self) -> &[Tensor<S, T>] {
        self.into_slice()
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn not_available() -> ! {
    panic!(
        "the backward of a layer reads its outputs, which later layers may have overwritten, as \
         the layer says that it does not read them; say `const READS_OUTPUT: bool = true` in its \
         `Train` or `InPlace`"
    )
}
