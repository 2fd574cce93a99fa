//! Training with the 8-bit forward pass.

use core::marker::PhantomData;

use rand::Rng;

use super::compute::{self, HasInt8, Int8Sizes};
use super::params::{Int8Params, Int8View, quantize_weight, round_weight};
use crate::derive::Parameters;
use crate::kernels::Quantization;
use crate::memory::{ThreadMemory, flatten, flatten_mut};
use crate::network::{
    BackwardInput, BackwardParams, Batching, Context, Forward, ForwardTrain, Infer, Inferred,
    Layer, Needs, Reach, ReluFusion, ShapeRule, Train,
};
use crate::nn::spectral_norm::WeightMatrix;
use crate::params::{FeatureOrder, Parameters};
use crate::tensor::{Element, Shape, Tensor};

/// A layer that is trained with the forward pass of [`Int8`](super::Int8): a
/// [`Linear`](crate::nn::Linear), [`Conv1d`](crate::nn::Conv1d) or [`Conv2d`](crate::nn::Conv2d).
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
    fn input(&self) -> Option<Quantization> {
        (self.input_scale > 0.0).then_some(Quantization {
            scale: self.input_scale,
            zero_point: self.input_zero_point as u8,
        })
    }
}

/// Sets the parameters of an 8-bit layer to those of a trained one. Returns whether the quantization
/// of its input is known.
pub(super) fn convert<P: WeightMatrix<f32>, Q: Int8Params>(
    from: &FakeQuantizeParams<P, f32>,
    to: &mut Q,
) -> bool {
    let to = to.view_mut();
    quantize_weight(from.layer.weight(), to.weight_scale, to.weight);
    copy_bias(&from.layer, to.bias);
    let Some(input) = from.input() else {
        return false;
    };
    *to.input_scale = input.scale;
    *to.input_zero_point = input.zero_point;
    true
}

/// Copies the bias of a layer, or zeros.
fn copy_bias<P: WeightMatrix<f32>>(layer: &P, to: &mut [f32]) {
    let bias = &Parameters::<f32>::as_slice(layer)[layer.weight().len()..];
    to.fill(0.0);
    to[..bias.len()].copy_from_slice(bias);
}

impl<In: Shape, L: HasInt8 + ShapeRule<In>> ShapeRule<In> for FakeQuantize<L> {
    const OUTPUT: Inferred = L::OUTPUT;
    const REACH: Reach = L::INT8_REACH;
}

impl<L: HasInt8> Layer<f32> for FakeQuantize<L> {
    type Config = ();
    type Params = FakeQuantizeParams<L::Params, f32>;

    fn initialize<R: Rng + ?Sized>(_: &(), params: &mut Self::Params, rng: &mut R) {
        L::initialize(&(), &mut params.layer, rng);
    }
}

/// Returns the number of weights.
const fn weights<L: HasInt8, In: Shape, Out: Shape>() -> usize
where
    L: Int8Sizes<In, Out>,
{
    crate::sizes::product(&[L::SIZES.int8_terms(), L::OUTPUTS])
}

/// Computes the layer in 8 bits.
fn forward_quantized<L: Int8Sizes<In, Out>, In: Shape, Out: Shape>(
    layer: &L::Params,
    input: Quantization,
    x: &[f32],
    y: &mut [f32],
    mut memory: ThreadMemory<'_>,
    cx: &Context<f32>,
) {
    let weight = memory.take(weights::<L, In, Out>());
    let weight_scale = memory.take(L::OUTPUTS);
    let bias = memory.take(L::OUTPUTS);
    quantize_weight(layer.weight(), weight_scale, weight);
    copy_bias(layer, bias);
    let params = Int8View {
        weight,
        weight_scale,
        bias,
        input,
    };
    compute::forward_alone::<L, In, Out>(params, x, y, memory, cx);
}

impl<In: Shape, Out: Shape, L> Infer<In, Out, f32> for FakeQuantize<L>
where
    L: Int8Sizes<In, Out>,
{
    const ORDER: FeatureOrder = L::ORDER;
    const RELU_FUSION: ReluFusion = L::RELU_FUSION;
    const MULTIPLY_ADDS: usize = L::MULTIPLY_ADDS;
    const BATCHING: Batching = L::BATCHING;
    const NEEDS: Needs = Needs::NONE
        .per_thread::<i8>(weights::<L, In, Out>())
        .per_thread::<f32>(L::OUTPUTS)
        .per_thread::<f32>(L::OUTPUTS)
        .and(super::needs(&L::SIZES))
        .or(L::NEEDS);

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
            return forward_quantized::<L, In, Out>(&params.layer, input, x, y, thread_memory, cx);
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
    L: Int8Sizes<In, Out>,
{
    const READS_OUTPUT: bool = L::READS_OUTPUT;
    const OVERWRITES: bool = L::OVERWRITES;
    const TRAIN_NEEDS: Needs = L::TRAIN_NEEDS
        .and(
            Needs::NONE
                .per_thread::<f32>(weights::<L, In, Out>())
                .per_thread::<f32>(L::OUTPUTS),
        )
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
            cx.kernels.int8_round(input, x, flatten_mut(rounded));
            return forward_quantized::<L, In, Out>(&params.layer, input, x, y, thread_memory, cx);
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
            mut thread_memory,
            cx,
            ..
        } = call;
        let Some(dx) = dx else { return };
        let layer = params.layer.weight();
        let (dy, dx) = (flatten(dy), flatten_mut(dx));
        let Some(input) = params.input() else {
            return L::backward_with(layer, dy, dx, thread_memory, cx);
        };

        let weight = thread_memory.take(layer.len());
        round_weight(layer, thread_memory.take(L::OUTPUTS), weight);
        L::backward_with(weight, dy, dx, thread_memory, cx);

        // What is rounded to the lowest or to the highest number still counts.
        let lowest = -f32::from(input.zero_point) - 0.5;
        let highest = lowest + 256.0;
        for (dx, &x) in dx.iter_mut().zip(flatten(x)) {
            let value = x / input.scale;
            if !(value >= lowest && value <= highest) {
                *dx = 0.0;
            }
        }
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
