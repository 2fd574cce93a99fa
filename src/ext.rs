//! Traits and types for layers of your own.
//!
//! A layer is a type. [`ShapeRule`] computes the output shape for each input shape that the layer
//! accepts, [`Layer`] names its configuration and parameters, [`Infer`] has its forward pass, and
//! [`Train`] its backward; a layer whose outputs overwrite its inputs implements [`InPlace`] instead
//! of the last two. The example `custom_layer` has a complete layer with its gradient check.
//!
//! Each function of a layer takes one struct, such as [`Forward`]. Its memory comes from the plan of
//! the network, which the layer's [`Needs`] are part of: no layer allocates.

pub use crate::memory::{Scratch, StateMemory, ThreadMemory};
pub use crate::network::{
    ActivationStore, BackwardInPlace, BackwardInput, BackwardParams, Batches, Batching,
    Configuration, Context, Forward, ForwardInPlace, ForwardTrain, Gradients, INFER, InPlace,
    Infer, Inferred, Inputs, Layer, LayerInput, LayerOutputs, NamesOutput, Needs, OutputKind,
    Reach, Sentence, ShapeRule, Sources, Train,
};
pub use crate::params::{Buffer, FeatureOrder, Visitor, VisitorMut};
pub use crate::threads::split_mut_with as split_mut;

pub mod kernels {
    //! The arithmetic that layers call: matrix products, functions of single numbers and sums, in
    //! the instruction tier of the processor.
    //!
    //! They are the methods of [`Context::kernels`](super::Context::kernels), on slices. A layer
    //! with them is as fast as a built-in one. Kernels do not share their work: a layer splits its
    //! work with [`split_mut`](super::split_mut), if [`Context::parts`](super::Context::parts) says
    //! that this pays.
    //!
    //! The forward pass of a dense layer without a bias:
    //!
    //! ```
    //! use shapewright::ext::kernels::{Kernels, Matrix, Product, Start, product_memory};
    //! use shapewright::ext::{FeatureOrder, Forward, Infer, Inferred, Layer, Needs, ShapeRule};
    //! use shapewright::prelude::*;
    //! use shapewright::tensor::{Element, Rank1};
    //!
    //! struct Dense<const I: usize, const O: usize>;
    //!
    //! impl<In: Shape, const I: usize, const O: usize> ShapeRule<In> for Dense<I, O> {
    //!     const OUTPUT: Inferred = Inferred::takes(Rank1::<I>::DIMS, In::DIMS, Rank1::<O>::DIMS);
    //! }
    //!
    //! impl<T: Element, const I: usize, const O: usize> Layer<T> for Dense<I, O> {
    //!     type Config = ();
    //!     type Params = Tensor2<I, O, T>;
    //! }
    //!
    //! impl<T: Element, const I: usize, const O: usize> Infer<Rank1<I>, Rank1<O>, T> for Dense<I, O> {
    //!     const ORDER: FeatureOrder = FeatureOrder::Depends;
    //!     // For any number of rows.
    //!     const NEEDS: Needs =
    //!         Needs::NONE.per_thread::<T>(product_memory(usize::MAX, O, I, false));
    //!
    //!     fn forward(call: Forward<'_, Self, Rank1<I>, Rank1<O>, T>) {
    //!         let Forward { params, x, y, mut thread_memory, cx, .. } = call;
    //!         let rows = cx.batch();
    //!         cx.kernels.product(Product {
    //!             m: x.len(),
    //!             n: O,
    //!             k: I,
    //!             a: Matrix::row_major(Tensor::flatten(x), I),
    //!             b: Matrix::row_major(params.as_slice(), O),
    //!             c: Tensor::flatten_mut(y),
    //!             c_stride: O,
    //!             start: Start::Zero,
    //!             relu: false,
    //!             whole: rows,
    //!             memory: thread_memory.take(product_memory(rows, O, I, false)),
    //!         });
    //!     }
    //! }
    //!
    //! network! { struct Net: [2] -> [3] { dense: Dense<2, 3> } }
    //! let mut net = Net::zeros();
    //! net.dense = Tensor2::from([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]);
    //! assert_eq!(net.forward(&Tensor1::from([2.0, 1.0])), Tensor1::from([12.0, 24.0, 36.0]));
    //! ```

    pub use crate::kernels::{Function, Kernels, Matrix, Product, Start, function, product_memory};
}
