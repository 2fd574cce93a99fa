//! Blocks: lists of layers on the same input, and a layer that makes one output of theirs.

use core::marker::PhantomData;

use rand::Rng;

#[cfg(feature = "onnx-export")]
use crate::export::{Export, Exported};
use crate::network::branch::{Branch, TrainBranch};
#[cfg(feature = "onnx-export")]
use crate::network::export::ListExport;
use crate::network::flow::{Backward, Gradients, Inference, Planned, Training};
use crate::network::layer_at::LayerAt;
use crate::network::plan::{Plan, Stage};
use crate::network::{
    BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer, Inputs, Layer, Needs,
    OutputKind, ShapeRule, Train,
};
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Element, Shape};

/// The block of the branches `B`, a tuple of lists of layers, whose outputs `M` makes into one. The
/// parameters of all branches are `P`.
///
/// In a network:
///
/// - `Residual { .. }` is the sum (`M` is [`Add`](crate::nn::Add)) of one branch and the input, or
///   of two branches: `y = f(x) + x` (He et al., 2015, "Deep Residual Learning for Image
///   Recognition");
/// - `Concat { .. }` joins 2 to 6 branches along the last axis ([`Concat`](crate::nn::Concat));
/// - `Split { .. }` makes a tuple of 2 to 4 branches.
///
/// See [`network!`](crate::network!).
///
/// ```
/// use shapewright::prelude::*;
/// network! {
///     struct Net: [8] -> [4] {
///         block1: Residual { fc1: Linear<_, 16>, Relu, fc2: Linear<_, 8> },
///         block2: Residual { Linear<_, 4>, Tanh, shortcut: { Linear<_, 4, NoBias> } },
///     }
/// }
/// let mut net = Net::zeros();
/// net.block1.fc2.bias = [1.0; 8];
/// net.block2.shortcut.layer_0.weight[3] = [0.5; 4];
/// assert_eq!(
///     net.forward(&Tensor1::from([2.0; 8])),
///     Tensor1::from([1.5; 4])
/// );
/// ```
#[doc(hidden)]
pub struct Block<P, B, M>(PhantomData<(P, B, M)>);

/// The plan of the block `B` for inference.
struct ForInference<B, Out, T>(PhantomData<(B, Out, T)>);

/// The plan of the block `B` if it can be trained.
struct ForTraining<B, Out, T>(PhantomData<(B, Out, T)>);

/// Implements a block with these branches, each with its index. They stand in both directions, as
/// backward runs them from the last to the first. `$merge` is the index of the layer `M`, which
/// reads the outputs `$reads` of the shapes `$inputs`.
macro_rules! blocks {
    (
        [$($name:ident $index:literal),*],
        [$($last:ident $last_index:literal),*],
        $merge:literal reads $reads:expr => $inputs:ty
    ) => {
        impl<P, M, Out, T, $($name),*> Planned<{ $merge + 1 }>
            for ForInference<Block<P, ($($name,)*), M>, Out, T>
        where
            Out: Shape,
            T: Element,
            M: Infer<Inputs<$inputs>, Out, T>,
            $($name: Branch<P, T>,)*
        {
            const PLAN: &'static Plan<{ $merge + 1 }> = &Plan::new([
                $(Stage::infer::<$name, $name::From, $name::To, T>().reading(&[0]),)*
                Stage::infer::<M, Inputs<$inputs>, Out, T>().reading($reads),
            ]);
        }

        impl<P, M, Out, T, $($name),*> Planned<{ $merge + 1 }>
            for ForTraining<Block<P, ($($name,)*), M>, Out, T>
        where
            Out: Shape,
            T: Element,
            M: Train<Inputs<$inputs>, Out, T>,
            $($name: TrainBranch<P, T>,)*
        {
            const PLAN: &'static Plan<{ $merge + 1 }> = &Plan::new([
                $(Stage::of::<$name, $name::From, $name::To, T>().reading(&[0]),)*
                Stage::of::<M, Inputs<$inputs>, Out, T>().reading($reads),
            ]);
        }

        impl<P, M: 'static, T, $($name),*> Layer<T> for Block<P, ($($name,)*), M>
        where
            P: Parameters<T>,
            T: Element,
            $($name: Branch<P, T>,)*
        {
            type Config = ();
            type Params = P;

            fn initialize<R: Rng + ?Sized>(_: &(), params: &mut P, rng: &mut R) {
                $($name::initialize(&(), $name::params_mut(params), rng);)*
            }
        }

        impl<P, M, In, Out, T, $($name),*> Infer<In, Out, T> for Block<P, ($($name,)*), M>
        where
            P: Parameters<T>,
            Self: ShapeRule<In>,
            M: Infer<Inputs<$inputs>, Out, T, Config = (), Params = ()>,
            In: Shape,
            Out: Shape,
            T: Element,
            $($name: Branch<P, T>,)*
        {
            const ORDER: FeatureOrder = FeatureOrder::Layers;
            const OUTPUT_KIND: OutputKind = ForInference::<Self, Out, T>::PLAN.gives;
            const MULTIPLY_ADDS: usize = ForInference::<Self, Out, T>::PLAN.multiply_adds;
            const BATCHING: Batching = ForInference::<Self, Out, T>::PLAN.batching;
            const NEEDS: Needs = ForInference::<Self, Out, T>::PLAN.needs;

            // A function of its own: a network that is one function takes long to optimize.
            #[inline(never)]
            fn forward(call: Forward<'_, Self, In, Out, T>) {
                let params = call.params;
                Inference::<_, ForInference<Self, Out, T>, { $merge + 1 }>::run(call, |run| {
                    $(run.call(
                        LayerAt::<$name, $name::From, $name::To, T, $index>::HERE, None, $name::params(params),
                    );)*
                    run.call(LayerAt::<M, Inputs<$inputs>, Out, T, $merge>::HERE, None, &());
                });
            }

            #[cfg(feature = "onnx-export")]
            fn export(_: &(), params: &P, call: Export<'_>) -> Exported {
                let keys = P::PARAM_TREE.members();
                let key = |branch: usize| keys.get(branch).map_or("", |field| field.name);
                let layer = call.layer;
                let mut run = ListExport::new(call)?;
                $(run.call(
                    LayerAt::<$name, $name::From, $name::To, T, $index>::HERE,
                    None,
                    $name::params(params),
                    [key($index), layer],
                    &[0],
                )?;)*
                run.call(
                    LayerAt::<M, Inputs<$inputs>, Out, T, $merge>::HERE, None, &(), ["", layer], $reads,
                )?;
                run.finish()
            }
        }

        impl<P, M, In, Out, T, $($name),*> Train<In, Out, T> for Block<P, ($($name,)*), M>
        where
            P: Parameters<T>,
            Self: ShapeRule<In>,
            M: Train<Inputs<$inputs>, Out, T, Config = (), Params = ()>,
            In: Shape,
            Out: Shape,
            T: Element,
            $($name: TrainBranch<P, T>,)*
        {
            const READS_OUTPUT: bool = ForTraining::<Self, Out, T>::PLAN.reads_output;
            const OVERWRITES: bool = true;
            const TRAIN_NEEDS: Needs = ForTraining::<Self, Out, T>::PLAN.train_needs;

            fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
                let params = call.params;
                Training::<_, ForTraining<Self, Out, T>, { $merge + 1 }>::run(call, |run| {
                    $(run.call(
                        LayerAt::<$name, $name::From, $name::To, T, $index>::HERE, None, $name::params(params),
                    );)*
                    run.call(LayerAt::<M, Inputs<$inputs>, Out, T, $merge>::HERE, None, &());
                });
            }

            fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
                let params = call.params;
                Backward::<_, ForTraining<Self, Out, T>, { $merge + 1 }>::run(call, |run| {
                    run.call(LayerAt::<M, Inputs<$inputs>, Out, T, $merge>::HERE, None, &());
                    $(run.call(
                        LayerAt::<$last, $last::From, $last::To, T, $last_index>::HERE, None, $last::params(params),
                    );)*
                });
            }

            fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
                let params = call.params;
                Gradients::<_, ForTraining<Self, Out, T>, { $merge + 1 }>::run(call, |run, gradient| {
                    $(run.call(
                        LayerAt::<$name, $name::From, $name::To, T, $index>::HERE, None, $name::params(params), $name::params_mut(gradient), None,
                    );)*
                });
            }
        }
    };
}

blocks!([A 0], [A 0], 1 reads &[1, 0] => (A::To, A::From));
blocks!([A 0, B 1], [B 1, A 0], 2 reads &[1, 2] => (A::To, B::To));
blocks!([A 0, B 1, C 2], [C 2, B 1, A 0], 3 reads &[1, 2, 3] => (A::To, B::To, C::To));
blocks!(
    [A 0, B 1, C 2, D 3], [D 3, C 2, B 1, A 0],
    4 reads &[1, 2, 3, 4] => (A::To, B::To, C::To, D::To)
);
blocks!(
    [A 0, B 1, C 2, D 3, E 4], [E 4, D 3, C 2, B 1, A 0],
    5 reads &[1, 2, 3, 4, 5] => (A::To, B::To, C::To, D::To, E::To)
);
blocks!(
    [A 0, B 1, C 2, D 3, E 4, F 5], [F 5, E 4, D 3, C 2, B 1, A 0],
    6 reads &[1, 2, 3, 4, 5, 6] => (A::To, B::To, C::To, D::To, E::To, F::To)
);
