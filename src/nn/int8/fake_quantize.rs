//! Training with the 8-bit forward pass.

use core::marker::PhantomData;

use rand::Rng;

use super::compute::{HasInt8, Int8Passes};
use crate::derive::Parameters;
use crate::kernels::Quantization;
use crate::memory::{flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer, Inferred, Layer, Needs,
    Reach, ReluFusion, ShapeRule, Train,
};
use crate::params::FeatureOrder;
use crate::tensor::{Element, Shape, Tensor};

/// A layer that is trained with the forward pass of [`Int8`](super::Int8): a
/// [`Linear`](crate::nn::Linear), [`Conv1d`](crate::nn::Conv1d), [`Conv2d`](crate::nn::Conv2d) or
/// [`Embedding`](crate::nn::Embedding).
///
/// In a network: `FakeQuantize<Linear<_, 128>>`. Mostly the attribute `#[quantized(..)]` writes it:
/// see [`Quantizable`](super::Quantizable). PyTorch's `torch.ao.nn.qat.Linear` and `Conv2d`.
///
/// - **Forward** quantizes the input and the weight, and computes with whole numbers, as the shipped
///   layer does: the outputs have the same bits.
/// - **Backward** takes the roundings for no operation at all, the straight-through estimator (Bengio,
///   Léonard and Courville, 2013, "Estimating or Propagating Gradients Through Stochastic Neurons").
///   It computes with the rounded inputs and weights. The gradient of an input outside of the range
///   is 0.
/// - **Parameters** are those of the layer, in `f32`, and the quantization of the input, which is
///   measured before training and kept by it. With an `input_scale` of 0, nothing is quantized.
pub struct FakeQuantize<L>(PhantomData<L>);

/// The parameters of a [`FakeQuantize`]: those of the layer inside, and the quantization of its
/// input.
#[derive(Clone, Copy, Debug, PartialEq, Parameters)]
#[repr(C)]
pub struct FakeQuantizeParams<P, T: Element> {
    /// The parameters of the layer inside.
    #[params(flatten)]
    pub layer: P,
    /// The distance of two neighbouring inputs; 0 if it is not known yet.
    #[params(statistic)]
    pub input_scale: T,
    /// The input that stands for 0, from 0 to 255.
    #[params(statistic)]
    pub input_zero_point: T,
}

impl<P> FakeQuantizeParams<P, f32> {
    /// Returns the quantization of the input, if it is known.
    pub(super) fn input(&self) -> Option<Quantization> {
        (self.input_scale > 0.0).then_some(Quantization {
            scale: self.input_scale,
            zero_point: self.input_zero_point as u8,
        })
    }
}

impl<In: Shape, L: HasInt8 + ShapeRule<In>> ShapeRule<In> for FakeQuantize<L> {
    const OUTPUT: Inferred = L::OUTPUT;
    const TAKES_INDICES: bool = L::TAKES_INDICES;
    const REACH: Reach = L::INT8_REACH;
}

impl<L: HasInt8> Layer<f32> for FakeQuantize<L> {
    type Config = ();
    type Params = FakeQuantizeParams<L::Params, f32>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        L::initialize(&(), &mut params.layer, rng);
    }
}

impl<In: Shape, Out: Shape, L> Infer<In, Out, f32> for FakeQuantize<L>
where
    L: Int8Passes<In, Out>,
{
    const ORDER: FeatureOrder = L::ORDER;
    const RELU_FUSION: ReluFusion = L::RELU_FUSION;
    const MULTIPLY_ADDS: usize = L::MULTIPLY_ADDS;
    const BATCHING: Batching = L::BATCHING;
    const NEEDS: Needs = L::FAKE_NEEDS.or(L::NEEDS);

    fn forward(call: Forward<'_, Self, In, Out, f32>) {
        let Forward {
            config,
            params,
            x,
            y,
            scratch,
            thread_memory,
            cx,
            ..
        } = call;
        if let Some(input) = params.input() {
            let (x, y) = (flatten(x), flatten_mut(y));
            return L::fake_forward(&params.layer, input, x, y, thread_memory, cx);
        }

        #[cfg(feature = "std")]
        super::calibration::observe(&params.input_scale, flatten(x));
        L::forward(Forward {
            config,
            params: &params.layer,
            x,
            y,
            scratch,
            thread_memory,
            state: None,
            cx,
        });
    }
}

impl<In: Shape, Out: Shape, L> Train<In, Out, f32> for FakeQuantize<L>
where
    L: Int8Passes<In, Out>,
{
    const READS_OUTPUT: bool = L::READS_OUTPUT;
    const OVERWRITES: bool = L::OVERWRITES;
    const TRAIN_NEEDS: Needs = L::TRAIN_NEEDS
        .and(L::BACKWARD_NEEDS)
        .or(<Self as Infer<In, Out, f32>>::NEEDS.in_training())
        .and(Needs::NONE.per_sample::<f32>(In::LEN));

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, f32>) {
        let ForwardTrain {
            config,
            params,
            x,
            y,
            mut cache,
            thread_memory,
            cx,
        } = call;
        let rounded: &mut [Tensor<In, f32>] = cache.take_tensors();
        if let Some(input) = params.input() {
            let (x, y) = (flatten(x), flatten_mut(y));
            L::round_input(input, x, flatten_mut(rounded), cx);
            return L::fake_forward(&params.layer, input, x, y, thread_memory, cx);
        }

        flatten_mut(rounded).copy_from_slice(flatten(x));
        L::forward_train(ForwardTrain {
            config,
            params: &params.layer,
            x,
            y,
            cache,
            thread_memory,
            cx,
        });
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, f32>) {
        let BackwardInput {
            params,
            x,
            dy,
            dx,
            thread_memory,
            cx,
            ..
        } = call;
        let Some(dx) = dx else { return };
        let (x, dy, dx) = (flatten(x), flatten(dy), flatten_mut(dx));
        L::fake_backward(&params.layer, params.input(), x, dy, dx, thread_memory, cx);
    }

    fn backward_params(call: BackwardParams<'_, Self, In, Out, f32>) {
        let BackwardParams {
            config,
            params,
            y,
            mut cache,
            dy,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let rounded: &[Tensor<In, f32>] = cache.take_tensors();
        L::backward_params(BackwardParams {
            config,
            params: &params.layer,
            x: rounded,
            y,
            cache,
            dy,
            gradient: &mut gradient.layer,
            thread_memory,
            cx,
        });
        // What is measured stays.
        gradient.input_scale = 0.0;
        gradient.input_zero_point = 0.0;
    }
}
