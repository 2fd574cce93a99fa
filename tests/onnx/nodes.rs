//! Networks that `onnx2net` writes for the cases of the ONNX project, a few of each operator.
//! The tests in `generate.rs` write this file.

use shapewright::prelude::*;

use crate::run::check;

#[test]
fn add_add() {
    network! {
        struct Net: (x: [3, 4, 5], y: [3, 4, 5]) -> [3, 4, 5] {
            Add <- (x, y),
        }
    }
    check::<Net>("Add/add");
}

#[test]
fn add_add_bcast() {
    network! {
        struct Net: (x: [3, 4, 5], y: [5]) -> [3, 4, 5] {
            Reshape<1, 5> <- y,
            Expand<12, 5>,
            sum_2: Reshape<3, 4, 5>,
            Add <- (x, sum_2),
        }
    }
    check::<Net>("Add/add_bcast");
}

#[test]
fn add_add_int8() {
    network! {
        struct Net: (x: [3, 4, 5], y: [3, 4, 5]) -> [3, 4, 5] {
            Add <- (x, y),
        }
    }
    check::<Net>("Add/add_int8");
}

#[test]
fn attention_attention_23_boolmask_fullymasked_row_nan_robustness() {
    network! {
        struct Net: (q: [2, 2, 8], k: [2, 2, 8], v: [2, 2, 8], attn_mask: [2, 2]) -> [2, 2, 8] {
            y_2: Affine<_> <- q,
            y_4: Permute<0, 2, 1> <- k,
            y_5: MatMul <- (y_2, y_4),
            y_3: Affine<_> <- attn_mask,
            Reshape<1, 4>,
            Expand<2, 4>,
            y_6: Reshape<2, 2, 2>,
            Add <- (y_5, y_6),
            y_7: Softmax,
            Reshape<1, 4> <- attn_mask,
            Expand<2, 4>,
            y_8: Reshape<2, 2, 2>,
            y_9: Mul <- (y_7, y_8),
            MatMul <- (y_9, v),
        }
    }
    check::<Net>("Attention/attention_23_boolmask_fullymasked_row_nan_robustness");
}

#[test]
fn attention_attention_3d_gqa() {
    network! {
        struct Net: (q: [2, 4, 72], k: [2, 6, 24], v: [2, 6, 24]) -> [2, 4, 72] {
            Reshape<1, 288> <- k,
            y_3: Expand<3, 288>,
            Reshape<1, 288> <- v,
            y_6: Expand<3, 288>,
            y_2: Affine<_> <- q,
            Reshape<2, 4, 9, 8>,
            Permute<0, 2, 1, 3>,
            y_4: Reshape<18, 4, 8>,
            Reshape<3, 2, 144> <- y_3,
            Permute<1, 0, 2>,
            Reshape<2, 18, 3, 8>,
            Permute<0, 2, 1, 3>,
            Reshape<18, 6, 8>,
            y_5: Permute<0, 2, 1>,
            MatMul <- (y_4, y_5),
            y_7: Softmax,
            Reshape<3, 2, 144> <- y_6,
            Permute<1, 0, 2>,
            Reshape<2, 18, 3, 8>,
            Permute<0, 2, 1, 3>,
            y_8: Reshape<18, 6, 8>,
            MatMul <- (y_7, y_8),
            Reshape<2, 9, 4, 8>,
            Permute<0, 2, 1, 3>,
            Reshape<2, 4, 72>,
        }
    }
    check::<Net>("Attention/attention_3d_gqa");
}

#[test]
fn attention_attention_4d_attn_mask_bool() {
    network! {
        struct Net: (q: [2, 3, 4, 8], k: [2, 3, 6, 8], v: [2, 3, 6, 8], attn_mask: [4, 6]) -> [2, 3, 4, 8] {
            y_2: Affine<_> <- q,
            y_4: Reshape<6, 4, 8>,
            Reshape<6, 6, 8> <- k,
            y_5: Permute<0, 2, 1>,
            y_6: MatMul <- (y_4, y_5),
            y_3: Affine<_> <- attn_mask,
            Reshape<1, 24>,
            Expand<6, 24>,
            y_7: Reshape<6, 4, 6>,
            Add <- (y_6, y_7),
            y_8: Softmax,
            Reshape<1, 24> <- attn_mask,
            Expand<6, 24>,
            y_9: Reshape<6, 4, 6>,
            y_10: Mul <- (y_8, y_9),
            y_11: Reshape<6, 6, 8> <- v,
            MatMul <- (y_10, y_11),
            Reshape<2, 3, 4, 8>,
        }
    }
    check::<Net>("Attention/attention_4d_attn_mask_bool");
}

#[test]
fn averagepool_averagepool_1d_default() {
    network! {
        struct Net: [32, 3] -> [3, 31] {
            Reshape<1, 32, 3>,
            AvgPool2d<(1, 2), Stride<1>>,
            Reshape<31, 3>,
            Permute<1, 0>,
        }
    }
    check::<Net>("AveragePool/averagepool_1d_default");
}

#[test]
fn averagepool_averagepool_2d_precomputed_pads() {
    network! {
        struct Net: [5, 5, 1] -> [1, 5, 5] {
            AvgPool2d<5, Stride<1>, Pad<2>, ExcludePad>,
            Reshape<1, 5, 5>,
        }
    }
    check::<Net>("AveragePool/averagepool_2d_precomputed_pads");
}

#[test]
fn averagepool_averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_false() {
    network! {
        struct Net: [32, 32, 32, 1] -> [1, 8, 8, 8] {
            Reshape<32, 1024>,
            Permute<1, 0>,
            y_2: Linear<_, 8, NoBias>,
            Reshape<32, 256>,
            Permute<1, 0>,
            y_3: Linear<_, 8, NoBias>,
            Reshape<32, 64>,
            Permute<1, 0>,
            y_4: Linear<_, 8, NoBias>,
            Reshape<1, 8, 8, 8>,
        }
    }
    check::<Net>("AveragePool/averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False");
}

#[test]
fn batchnormalization_batchnorm_epsilon() {
    network! {
        struct Net: [2, 4, 5, 3] -> [2, 4, 5, 3] {
            y_2: Affine<_>,
        }
    }
    check::<Net>("BatchNormalization/batchnorm_epsilon");
}

#[test]
fn batchnormalization_batchnorm_example() {
    network! {
        struct Net: [2, 4, 5, 3] -> [2, 4, 5, 3] {
            y_2: Affine<_>,
        }
    }
    check::<Net>("BatchNormalization/batchnorm_example");
}

#[test]
fn celu_celu() {
    network! {
        struct Net: [3, 3, 3, 1] -> [3, 3, 3, 1] {
            Celu(2.0),
        }
    }
    check::<Net>("Celu/celu");
}

#[test]
fn clip_clip() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            HardTanh(-1.0, 1.0),
        }
    }
    check::<Net>("Clip/clip");
}

#[test]
fn clip_clip_default_int8_inbounds() {
    network! {
        struct Net: [3] -> [3] {
            Identity,
        }
    }
    check::<Net>("Clip/clip_default_int8_inbounds");
}

#[test]
fn concat_concat_1d_axis_0() {
    network! {
        struct Net: (value0: [2], value1: [2]) -> [4] {
            output_2: Reshape<1, 2> <- value0,
            output_3: Reshape<1, 2> <- value1,
            Concat <- (output_2, output_3),
            Reshape<4>,
        }
    }
    check::<Net>("Concat/concat_1d_axis_0");
}

#[test]
fn concat_concat_2d_axis_negative_1() {
    network! {
        struct Net: (value0: [2, 2], value1: [2, 2]) -> [2, 4] {
            Concat <- (value0, value1),
        }
    }
    check::<Net>("Concat/concat_2d_axis_negative_1");
}

#[test]
fn concat_concat_3d_axis_2() {
    network! {
        struct Net: (value0: [2, 2, 2], value1: [2, 2, 2]) -> [2, 2, 4] {
            output_2: Reshape<4, 2> <- value0,
            output_3: Reshape<4, 2> <- value1,
            Concat <- (output_2, output_3),
            Reshape<2, 2, 4>,
        }
    }
    check::<Net>("Concat/concat_3d_axis_2");
}

#[test]
fn conv_basic_conv_with_padding() {
    network! {
        struct Net: [5, 5, 1] -> [1, 5, 5] {
            y_2: Conv2d<_, 1, 3, Pad<1>, NoBias>,
            Reshape<1, 5, 5>,
        }
    }
    check::<Net>("Conv/basic_conv_with_padding");
}

#[test]
fn conv_conv_with_autopad_same() {
    network! {
        struct Net: [5, 5, 1] -> [1, 3, 3] {
            y_2: Conv2d<_, 1, 3, Stride<2>, Pad<1>, NoBias>,
            Reshape<1, 3, 3>,
        }
    }
    check::<Net>("Conv/conv_with_autopad_same");
}

#[test]
fn conv_conv_with_strides_no_padding() {
    network! {
        struct Net: [7, 5, 1] -> [1, 3, 2] {
            y_2: Conv2d<_, 1, 3, Stride<2>, NoBias>,
            Reshape<1, 3, 2>,
        }
    }
    check::<Net>("Conv/conv_with_strides_no_padding");
}

#[test]
fn convtranspose_convtranspose() {
    network! {
        struct Net: [3, 3, 1] -> [5, 5, 2] {
            y_2: ConvTranspose2d<_, 2, 3, NoBias>,
        }
    }
    check::<Net>("ConvTranspose/convtranspose");
}

#[test]
fn convtranspose_convtranspose_group_2() {
    network! {
        struct Net: [3, 3, 2] -> [5, 5, 2] {
            y_2: ConvTranspose2d<_, 2, 3, Groups<2>, NoBias>,
        }
    }
    check::<Net>("ConvTranspose/convtranspose_group_2");
}

#[test]
fn convtranspose_convtranspose_pad() {
    network! {
        struct Net: [3, 3, 1] -> [10, 8, 2] {
            y_2: ConvTranspose2d<_, 2, 3, Stride<3, 2>, OutputPad<1>, NoBias>,
        }
    }
    check::<Net>("ConvTranspose/convtranspose_pad");
}

#[test]
fn depthtospace_depthtospace_crd_mode_example() {
    network! {
        struct Net: [2, 3, 8] -> [2, 4, 6] {
            Reshape<6, 2, 4>,
            Permute<1, 0, 2>,
            Reshape<4, 3, 2, 2>,
            Permute<0, 2, 1, 3>,
            Reshape<2, 4, 6>,
        }
    }
    check::<Net>("DepthToSpace/depthtospace_crd_mode_example");
}

#[test]
fn depthtospace_depthtospace_example() {
    network! {
        struct Net: [2, 3, 8] -> [2, 4, 6] {
            Reshape<24, 2>,
            Permute<1, 0>,
            Reshape<4, 3, 2, 2>,
            Permute<0, 2, 1, 3>,
            Reshape<2, 4, 6>,
        }
    }
    check::<Net>("DepthToSpace/depthtospace_example");
}

#[test]
fn div_div() {
    network! {
        struct Net: (x: [3, 4, 5], y: [3, 4, 5]) -> [3, 4, 5] {
            Div <- (x, y),
        }
    }
    check::<Net>("Div/div");
}

#[test]
fn div_div_bcast() {
    network! {
        struct Net: (x: [3, 4, 5], y: [5]) -> [3, 4, 5] {
            Reshape<1, 5> <- y,
            Expand<12, 5>,
            z_2: Reshape<3, 4, 5>,
            Div <- (x, z_2),
        }
    }
    check::<Net>("Div/div_bcast");
}

#[test]
fn dropout_dropout_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Identity,
        }
    }
    check::<Net>("Dropout/dropout_default");
}

#[test]
fn dropout_dropout_default_mask() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Identity,
        }
    }
    check::<Net>("Dropout/dropout_default_mask");
}

#[test]
fn elu_elu() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Elu(2.0),
        }
    }
    check::<Net>("Elu/elu");
}

#[test]
fn elu_elu_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Elu(1.0),
        }
    }
    check::<Net>("Elu/elu_default");
}

#[test]
fn elu_elu_example() {
    network! {
        struct Net: [3] -> [3] {
            Elu(2.0),
        }
    }
    check::<Net>("Elu/elu_example");
}

#[test]
fn erf_erf() {
    network! {
        struct Net: [3, 32, 32] -> [3, 32, 32] {
            Erf,
        }
    }
    check::<Net>("Erf/erf");
}

#[test]
fn exp_exp() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Exp,
        }
    }
    check::<Net>("Exp/exp");
}

#[test]
fn flatten_flatten_axis0() {
    network! {
        struct Net: [2, 3, 4, 5] -> [120] {
            Reshape<120>,
        }
    }
    check::<Net>("Flatten/flatten_axis0");
}

#[test]
fn flatten_flatten_axis3() {
    network! {
        struct Net: [2, 3, 4, 5] -> [24, 5] {
            Reshape<24, 5>,
        }
    }
    check::<Net>("Flatten/flatten_axis3");
}

#[test]
fn flatten_flatten_negative_axis2() {
    network! {
        struct Net: [2, 3, 4, 5] -> [6, 20] {
            Reshape<6, 20>,
        }
    }
    check::<Net>("Flatten/flatten_negative_axis2");
}

#[test]
fn gru_gru_batchwise() {
    network! {
        struct Net: [1, 2] -> (y: [1, 1, 6], y_h: [1, 6]) {
            y_2: Gru<_, 6, FinalState, ResetBefore>,
            y_3: SelectPart<0>,
            y_4: SelectPart<1> <- y_2,
            y: Reshape<1, 1, 6> <- y_3,
            y_h: Reshape<1, 6> <- y_4,
        }
    }
    check::<Net>("GRU/gru_batchwise");
}

#[test]
fn gru_gru_defaults() {
    network! {
        struct Net: [1, 2] -> [1, 5] {
            gru: Gru<_, 5, FinalState, ResetBefore>,
            SelectPart<1>,
            Reshape<1, 5>,
        }
    }
    check::<Net>("GRU/gru_defaults");
}

#[test]
fn gru_gru_seq_length() {
    network! {
        struct Net: [2, 1, 3] -> [1, 5] {
            Reshape<2, 3>,
            gru: Gru<_, 5, FinalState, ResetBefore>,
            SelectPart<1>,
            Reshape<1, 5>,
        }
    }
    check::<Net>("GRU/gru_seq_length");
}

#[test]
fn gather_gather_0() {
    network! {
        struct Net: [5, 4, 3, 2] -> [3, 4, 3, 2] {
            Reshape<5, 24>,
            Permute<1, 0>,
            y_2: Linear<_, 3, NoBias>,
            Permute<1, 0>,
            Reshape<3, 4, 3, 2>,
        }
    }
    check::<Net>("Gather/gather_0");
}

#[test]
fn gather_gather_2d_indices() {
    network! {
        struct Net: [3, 3] -> [3, 1, 2] {
            y_2: Linear<_, 2, NoBias>,
            Reshape<3, 1, 2>,
        }
    }
    check::<Net>("Gather/gather_2d_indices");
}

#[test]
fn gelu_gelu_default_1() {
    network! {
        struct Net: [3] -> [3] {
            Gelu,
        }
    }
    check::<Net>("Gelu/gelu_default_1");
}

#[test]
fn gelu_gelu_tanh_1() {
    network! {
        struct Net: [3] -> [3] {
            GeluTanh,
        }
    }
    check::<Net>("Gelu/gelu_tanh_1");
}

#[test]
fn gemm_gemm_all_attributes() {
    network! {
        struct Net: (a: [4, 3], b: [5, 4], c: [5]) -> [3, 5] {
            y_4: Permute<1, 0> <- a,
            y_5: Permute<1, 0> <- b,
            MatMul <- (y_4, y_5),
            y_2: Affine<_>,
            y_3: Affine<_> <- c,
            Reshape<1, 5>,
            y_6: Expand<3, 5>,
            Add <- (y_2, y_6),
        }
    }
    check::<Net>("Gemm/gemm_all_attributes");
}

#[test]
fn gemm_gemm_default_no_bias() {
    network! {
        struct Net: (a: [2, 10], b: [10, 3]) -> [2, 3] {
            MatMul <- (a, b),
        }
    }
    check::<Net>("Gemm/gemm_default_no_bias");
}

#[test]
fn gemm_gemm_default_zero_bias() {
    network! {
        struct Net: (a: [3, 5], b: [5, 4], c: [4]) -> [3, 4] {
            y_2: MatMul <- (a, b),
            Reshape<1, 4> <- c,
            y_3: Expand<3, 4>,
            Add <- (y_2, y_3),
        }
    }
    check::<Net>("Gemm/gemm_default_zero_bias");
}

#[test]
fn globalaveragepool_globalaveragepool() {
    network! {
        struct Net: [5, 5, 3] -> [3, 1, 1] {
            Reshape<25, 3>,
            MeanOverTime,
            Reshape<3, 1, 1>,
        }
    }
    check::<Net>("GlobalAveragePool/globalaveragepool");
}

#[test]
fn globalaveragepool_globalaveragepool_precomputed() {
    network! {
        struct Net: [3, 3, 1] -> [1, 1, 1] {
            Reshape<9, 1>,
            MeanOverTime,
            Reshape<1, 1, 1>,
        }
    }
    check::<Net>("GlobalAveragePool/globalaveragepool_precomputed");
}

#[test]
fn globalmaxpool_globalmaxpool() {
    network! {
        struct Net: [5, 5, 3] -> [3, 1, 1] {
            Reshape<25, 3>,
            MaxOverTime,
            Reshape<3, 1, 1>,
        }
    }
    check::<Net>("GlobalMaxPool/globalmaxpool");
}

#[test]
fn globalmaxpool_globalmaxpool_precomputed() {
    network! {
        struct Net: [3, 3, 1] -> [1, 1, 1] {
            Reshape<9, 1>,
            MaxOverTime,
            Reshape<1, 1, 1>,
        }
    }
    check::<Net>("GlobalMaxPool/globalmaxpool_precomputed");
}

#[test]
fn groupnormalization_group_normalization_epsilon() {
    network! {
        struct Net: [2, 2, 4] -> [2, 2, 4] {
            GroupNorm<2, _, NoAffine>(0.01),
            y_2: Affine<_>,
        }
    }
    check::<Net>("GroupNormalization/group_normalization_epsilon");
}

#[test]
fn groupnormalization_group_normalization_example() {
    network! {
        struct Net: [2, 2, 4] -> [2, 2, 4] {
            GroupNorm<2, _, NoAffine>(1e-5),
            y_2: Affine<_>,
        }
    }
    check::<Net>("GroupNormalization/group_normalization_example");
}

#[test]
fn hardsigmoid_hardsigmoid() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            y_2: Affine<_>,
            y_3: Affine<_>,
            HardTanh(0.0, 1.0),
        }
    }
    check::<Net>("HardSigmoid/hardsigmoid");
}

#[test]
fn hardsigmoid_hardsigmoid_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            y_2: Affine<_>,
            y_3: Affine<_>,
            HardTanh(0.0, 1.0),
        }
    }
    check::<Net>("HardSigmoid/hardsigmoid_default");
}

#[test]
fn hardsigmoid_hardsigmoid_example() {
    network! {
        struct Net: [3] -> [3] {
            y_2: Affine<_>,
            y_3: Affine<_>,
            HardTanh(0.0, 1.0),
        }
    }
    check::<Net>("HardSigmoid/hardsigmoid_example");
}

#[test]
fn hardswish_hardswish() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            HardSwish,
        }
    }
    check::<Net>("HardSwish/hardswish");
}

#[test]
fn instancenormalization_instancenorm_epsilon() {
    network! {
        struct Net: [4, 5, 3] -> [4, 5, 3] {
            InstanceNorm2d<_>(0.01),
            y_2: Affine<_>,
        }
    }
    check::<Net>("InstanceNormalization/instancenorm_epsilon");
}

#[test]
fn instancenormalization_instancenorm_example() {
    network! {
        struct Net: [1, 3, 2] -> [1, 3, 2] {
            InstanceNorm2d<_>(1e-5),
            y_2: Affine<_>,
        }
    }
    check::<Net>("InstanceNormalization/instancenorm_example");
}

#[test]
fn lstm_lstm_batchwise() {
    network! {
        struct Net: [1, 2] -> (y: [1, 1, 7], y_h: [1, 7]) {
            y_2: Lstm<_, 7, FinalState>,
            y_3: SelectPart<0>,
            y_4: SelectPart<1> <- y_2,
            y: Reshape<1, 1, 7> <- y_3,
            y_h: Reshape<1, 7> <- y_4,
        }
    }
    check::<Net>("LSTM/lstm_batchwise");
}

#[test]
fn lstm_lstm_defaults() {
    network! {
        struct Net: [1, 2] -> [1, 3] {
            lstm: Lstm<_, 3, FinalState>,
            SelectPart<1>,
            Reshape<1, 3>,
        }
    }
    check::<Net>("LSTM/lstm_defaults");
}

#[test]
fn lstm_lstm_with_initial_bias() {
    network! {
        struct Net: [1, 3] -> [1, 4] {
            lstm: Lstm<_, 4, FinalState>,
            SelectPart<1>,
            Reshape<1, 4>,
        }
    }
    check::<Net>("LSTM/lstm_with_initial_bias");
}

#[test]
fn layernormalization_layer_normalization_2d_axis0() {
    network! {
        struct Net: (x: [3, 4], w: [3, 4], b: [3, 4]) -> [3, 4] {
            Reshape<1, 12> <- x,
            y_2: LayerNorm<_, NoAffine>(1e-5),
            y_3: Reshape<1, 12> <- w,
            y_4: Mul <- (y_2, y_3),
            y_5: Reshape<1, 12> <- b,
            Add <- (y_4, y_5),
            Reshape<3, 4>,
        }
    }
    check::<Net>("LayerNormalization/layer_normalization_2d_axis0");
}

#[test]
fn layernormalization_layer_normalization_3d_axis1_epsilon() {
    network! {
        struct Net: (x: [2, 3, 5], w: [3, 5], b: [3, 5]) -> [2, 3, 5] {
            Reshape<2, 15> <- x,
            y_2: LayerNorm<_, NoAffine>(0.1),
            Reshape<1, 15> <- w,
            y_3: Expand<2, 15>,
            y_4: Mul <- (y_2, y_3),
            Reshape<1, 15> <- b,
            y_5: Expand<2, 15>,
            Add <- (y_4, y_5),
            Reshape<2, 3, 5>,
        }
    }
    check::<Net>("LayerNormalization/layer_normalization_3d_axis1_epsilon");
}

#[test]
fn layernormalization_layer_normalization_4d_axis0() {
    network! {
        struct Net: (x: [2, 3, 4, 5], w: [2, 3, 4, 5], b: [2, 3, 4, 5]) -> [2, 3, 4, 5] {
            Reshape<1, 120> <- x,
            y_2: LayerNorm<_, NoAffine>(1e-5),
            y_3: Reshape<1, 120> <- w,
            y_4: Mul <- (y_2, y_3),
            y_5: Reshape<1, 120> <- b,
            Add <- (y_4, y_5),
            Reshape<2, 3, 4, 5>,
        }
    }
    check::<Net>("LayerNormalization/layer_normalization_4d_axis0");
}

#[test]
fn leakyrelu_leakyrelu() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            LeakyRelu(0.1),
        }
    }
    check::<Net>("LeakyRelu/leakyrelu");
}

#[test]
fn leakyrelu_leakyrelu_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            LeakyRelu(0.01),
        }
    }
    check::<Net>("LeakyRelu/leakyrelu_default");
}

#[test]
fn leakyrelu_leakyrelu_example() {
    network! {
        struct Net: [3] -> [3] {
            LeakyRelu(0.1),
        }
    }
    check::<Net>("LeakyRelu/leakyrelu_example");
}

#[test]
fn log_log() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Log,
        }
    }
    check::<Net>("Log/log");
}

#[test]
fn logsoftmax_logsoftmax_axis_0() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Reshape<3, 20>,
            Permute<1, 0>,
            LogSoftmax,
            Permute<1, 0>,
            Reshape<3, 4, 5>,
        }
    }
    check::<Net>("LogSoftmax/logsoftmax_axis_0");
}

#[test]
fn logsoftmax_logsoftmax_default_axis() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            LogSoftmax,
        }
    }
    check::<Net>("LogSoftmax/logsoftmax_default_axis");
}

#[test]
fn logsoftmax_logsoftmax_negative_axis() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            LogSoftmax,
        }
    }
    check::<Net>("LogSoftmax/logsoftmax_negative_axis");
}

#[test]
fn lpnormalization_l1normalization_axis_0() {
    network! {
        struct Net: [2] -> [2] {
            Abs,
            Reshape<2, 1>,
            MeanOverTime,
            y_2: Affine<_>,
            HardTanh(1.1754944e-38, 3.4028235e38),
            y_3: Expand<2>,
            Div <- (input, y_3),
        }
    }
    check::<Net>("LpNormalization/l1normalization_axis_0");
}

#[test]
fn lpnormalization_l1normalization_axis_1() {
    network! {
        struct Net: [2, 2] -> [2, 2] {
            Abs,
            Permute<1, 0>,
            MeanOverTime,
            y_2: Affine<_>,
            HardTanh(1.1754944e-38, 3.4028235e38),
            Reshape<2, 1>,
            y_3: Expand<2, 2>,
            Div <- (input, y_3),
        }
    }
    check::<Net>("LpNormalization/l1normalization_axis_1");
}

#[test]
fn matmul_matmul_1d_1d() {
    network! {
        struct Net: (a: [3], b: [3]) -> [1] {
            c_2: Reshape<1, 3> <- a,
            c_3: Reshape<3, 1> <- b,
            MatMul <- (c_2, c_3),
            Reshape<1>,
        }
    }
    check::<Net>("MatMul/matmul_1d_1d");
}

#[test]
fn matmul_matmul_3d() {
    network! {
        struct Net: (a: [2, 3, 4], b: [2, 4, 3]) -> [2, 3, 3] {
            MatMul <- (a, b),
        }
    }
    check::<Net>("MatMul/matmul_3d");
}

#[test]
fn matmul_matmul_bcast() {
    network! {
        struct Net: (a: [3, 1, 3, 4], b: [2, 4, 2]) -> [3, 2, 3, 2] {
            Reshape<1, 36> <- a,
            c_2: Expand<2, 36>,
            Reshape<1, 16> <- b,
            c_3: Expand<3, 16>,
            c_4: Reshape<6, 3, 4> <- c_2,
            Reshape<3, 2, 8> <- c_3,
            Permute<1, 0, 2>,
            c_5: Reshape<6, 4, 2>,
            MatMul <- (c_4, c_5),
            Reshape<2, 3, 6>,
            Permute<1, 0, 2>,
            Reshape<3, 2, 3, 2>,
        }
    }
    check::<Net>("MatMul/matmul_bcast");
}

#[test]
fn maxpool_maxpool_1d_default() {
    network! {
        struct Net: [32, 3] -> [3, 31] {
            Reshape<1, 32, 3>,
            MaxPool2d<(1, 2), Stride<1>>,
            Reshape<31, 3>,
            Permute<1, 0>,
        }
    }
    check::<Net>("MaxPool/maxpool_1d_default");
}

#[test]
fn maxpool_maxpool_2d_pads() {
    network! {
        struct Net: [28, 28, 3] -> [30, 30, 3] {
            ReplicationPad2d<(2, 2, 2, 2)>,
            MaxPool2d<3, Stride<1>>,
        }
    }
    check::<Net>("MaxPool/maxpool_2d_pads");
}

#[test]
fn maxpool_maxpool_2d_same_upper() {
    network! {
        struct Net: [32, 32, 3] -> [32, 32, 3] {
            ReplicationPad2d<(0, 1, 0, 1)>,
            MaxPool2d<2, Stride<1>>,
        }
    }
    check::<Net>("MaxPool/maxpool_2d_same_upper");
}

#[test]
fn mish_mish() {
    network! {
        struct Net: [10000] -> [10000] {
            Mish,
        }
    }
    check::<Net>("Mish/mish");
}

#[test]
fn mul_mul() {
    network! {
        struct Net: (x: [3, 4, 5], y: [3, 4, 5]) -> [3, 4, 5] {
            Mul <- (x, y),
        }
    }
    check::<Net>("Mul/mul");
}

#[test]
fn mul_mul_bcast() {
    network! {
        struct Net: (x: [3, 4, 5], y: [5]) -> [3, 4, 5] {
            Reshape<1, 5> <- y,
            Expand<12, 5>,
            z_2: Reshape<3, 4, 5>,
            Mul <- (x, z_2),
        }
    }
    check::<Net>("Mul/mul_bcast");
}

#[test]
fn prelu_prelu_broadcast() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Reshape<12, 5>,
            y_2: PRelu<_>,
            Reshape<3, 4, 5>,
        }
    }
    check::<Net>("PRelu/prelu_broadcast");
}

#[test]
fn prelu_prelu_example() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Reshape<1, 60>,
            y_2: PRelu<_>,
            Reshape<3, 4, 5>,
        }
    }
    check::<Net>("PRelu/prelu_example");
}

#[test]
fn pad_constant_pad() {
    network! {
        struct Net: [3, 4, 5] -> [3, 7, 12] {
            y_2: Affine<_>,
            ZeroPad2d<(1, 2, 0, 0)>,
            Reshape<21, 5, 1>,
            ZeroPad2d<(3, 4, 0, 0)>,
            y_3: Affine<_>,
            Reshape<3, 7, 12>,
        }
    }
    check::<Net>("Pad/constant_pad");
}

#[test]
fn pad_constant_pad_negative_axes() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 12] {
            y_2: Affine<_>,
            Reshape<12, 5, 1>,
            ZeroPad2d<(3, 4, 0, 0)>,
            y_3: Affine<_>,
            Reshape<3, 4, 12>,
        }
    }
    check::<Net>("Pad/constant_pad_negative_axes");
}

#[test]
fn rmsnormalization_rms_normalization_2d_axis0() {
    network! {
        struct Net: (x: [3, 4], w: [3, 4]) -> [3, 4] {
            Reshape<1, 12> <- x,
            y_2: RmsNorm<_, NoAffine>(1e-5),
            y_3: Reshape<1, 12> <- w,
            Mul <- (y_2, y_3),
            Reshape<3, 4>,
        }
    }
    check::<Net>("RMSNormalization/rms_normalization_2d_axis0");
}

#[test]
fn rmsnormalization_rms_normalization_2d_axis_negative_1() {
    network! {
        struct Net: (x: [3, 4], w: [4]) -> [3, 4] {
            y_2: RmsNorm<_, NoAffine>(1e-5) <- x,
            Reshape<1, 4> <- w,
            y_3: Expand<3, 4>,
            Mul <- (y_2, y_3),
        }
    }
    check::<Net>("RMSNormalization/rms_normalization_2d_axis_negative_1");
}

#[test]
fn rmsnormalization_rms_normalization_3d_axis0_epsilon() {
    network! {
        struct Net: (x: [2, 3, 5], w: [2, 3, 5]) -> [2, 3, 5] {
            Reshape<1, 30> <- x,
            y_2: RmsNorm<_, NoAffine>(0.1),
            y_3: Reshape<1, 30> <- w,
            Mul <- (y_2, y_3),
            Reshape<2, 3, 5>,
        }
    }
    check::<Net>("RMSNormalization/rms_normalization_3d_axis0_epsilon");
}

#[test]
fn rnn_rnn_seq_length() {
    network! {
        struct Net: [2, 1, 3] -> [1, 5] {
            Reshape<2, 3>,
            rnn: Rnn<_, 5, FinalState>,
            SelectPart<1>,
            Reshape<1, 5>,
        }
    }
    check::<Net>("RNN/rnn_seq_length");
}

#[test]
fn rnn_simple_rnn_bidirectional() {
    network! {
        struct Net: [3, 1, 2] -> [2, 1, 4] {
            Reshape<3, 2>,
            rnn: Rnn<_, 4, Bidirectional, FinalState>,
            SelectPart<1>,
            Reshape<2, 1, 4>,
        }
    }
    check::<Net>("RNN/simple_rnn_bidirectional");
}

#[test]
fn rnn_simple_rnn_reverse() {
    network! {
        struct Net: [3, 1, 2] -> [1, 4] {
            Reshape<3, 2>,
            Permute<1, 0>,
            linear: Linear<_, 3, NoBias>,
            Permute<1, 0>,
            rnn: Rnn<_, 4, FinalState>,
            SelectPart<1>,
            Reshape<1, 4>,
        }
    }
    check::<Net>("RNN/simple_rnn_reverse");
}

#[test]
fn reducemean_reduce_mean_default_axes_keepdims_example() {
    network! {
        struct Net: [3, 2, 2] -> [1, 1] {
            Reshape<12, 1>,
            MeanOverTime,
            Reshape<1, 1>,
        }
    }
    check::<Net>("ReduceMean/reduce_mean_default_axes_keepdims_example");
}

#[test]
fn reducemean_reduce_mean_default_axes_keepdims_random() {
    network! {
        struct Net: [3, 2, 2] -> [1, 1] {
            Reshape<12, 1>,
            MeanOverTime,
            Reshape<1, 1>,
        }
    }
    check::<Net>("ReduceMean/reduce_mean_default_axes_keepdims_random");
}

#[test]
fn reducemean_reduce_mean_do_not_keepdims_example() {
    network! {
        struct Net: [3, 2, 2] -> [3, 2] {
            Permute<1, 0, 2>,
            Reshape<2, 6>,
            MeanOverTime,
            Reshape<3, 2>,
        }
    }
    check::<Net>("ReduceMean/reduce_mean_do_not_keepdims_example");
}

#[test]
fn reducesum_reduce_sum_default_axes_keepdims_example() {
    network! {
        struct Net: [3, 2, 2] -> [1, 1] {
            Reshape<12, 1>,
            MeanOverTime,
            reduced_2: Affine<_>,
            Reshape<1, 1>,
        }
    }
    check::<Net>("ReduceSum/reduce_sum_default_axes_keepdims_example");
}

#[test]
fn reducesum_reduce_sum_default_axes_keepdims_random() {
    network! {
        struct Net: [3, 2, 2] -> [1, 1] {
            Reshape<12, 1>,
            MeanOverTime,
            reduced_2: Affine<_>,
            Reshape<1, 1>,
        }
    }
    check::<Net>("ReduceSum/reduce_sum_default_axes_keepdims_random");
}

#[test]
fn reducesum_reduce_sum_do_not_keepdims_example() {
    network! {
        struct Net: [3, 2, 2] -> [3, 2] {
            Permute<1, 0, 2>,
            Reshape<2, 6>,
            MeanOverTime,
            reduced_2: Affine<_>,
            Reshape<3, 2>,
        }
    }
    check::<Net>("ReduceSum/reduce_sum_do_not_keepdims_example");
}

#[test]
fn relu_relu() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Relu,
        }
    }
    check::<Net>("Relu/relu");
}

#[test]
fn reshape_reshape_extended_dims() {
    network! {
        struct Net: [2, 3, 4] -> [2, 3, 2, 2] {
            Reshape<2, 3, 2, 2>,
        }
    }
    check::<Net>("Reshape/reshape_extended_dims");
}

#[test]
fn reshape_reshape_negative_extended_dims() {
    network! {
        struct Net: [2, 3, 4] -> [2, 3, 4] {
            Identity,
        }
    }
    check::<Net>("Reshape/reshape_negative_extended_dims");
}

#[test]
fn reshape_reshape_reduced_dims() {
    network! {
        struct Net: [2, 3, 4] -> [2, 12] {
            Reshape<2, 12>,
        }
    }
    check::<Net>("Reshape/reshape_reduced_dims");
}

#[test]
fn resize_resize_downsample_scales_cubic() {
    network! {
        struct Net: [4, 4, 1] -> [1, 3, 3] {
            Reshape<4, 4>,
            Permute<1, 0>,
            y_2: Linear<_, 3, NoBias>,
            Permute<1, 0>,
            y_3: Linear<_, 3, NoBias>,
            Reshape<1, 3, 3>,
        }
    }
    check::<Net>("Resize/resize_downsample_scales_cubic");
}

#[test]
fn resize_resize_downsample_scales_cubic_a_n0p5_exclude_outside() {
    network! {
        struct Net: [4, 4, 1] -> [1, 3, 3] {
            Reshape<4, 4>,
            Permute<1, 0>,
            y_2: Linear<_, 3, NoBias>,
            Permute<1, 0>,
            y_3: Linear<_, 3, NoBias>,
            Reshape<1, 3, 3>,
        }
    }
    check::<Net>("Resize/resize_downsample_scales_cubic_A_n0p5_exclude_outside");
}

#[test]
fn rotaryembedding_rotary_embedding() {
    network! {
        struct Net: [2, 4, 3, 8] -> [2, 4, 3, 8] {
            output_6: Reshape<24, 8>,
            output_7: SliceFeatures<0, 4>,
            output_9: SliceFeatures<4, 4> <- output_6,
            output_8: Reshape<1, 96> <- output_7,
            output_2: Affine<_>,
            output_3: Affine<_> <- output_8,
            output_10: Reshape<1, 96> <- output_9,
            output_4: Affine<_>,
            output_5: Affine<_> <- output_10,
            output_11: Sub <- (output_2, output_5),
            output_12: Add <- (output_3, output_4),
            output_13: Reshape<24, 4> <- output_11,
            output_14: Reshape<24, 4> <- output_12,
            Concat <- (output_13, output_14),
            Reshape<2, 4, 3, 8>,
        }
    }
    check::<Net>("RotaryEmbedding/rotary_embedding");
}

#[test]
fn rotaryembedding_rotary_embedding_interleaved() {
    network! {
        struct Net: [2, 4, 3, 8] -> [2, 4, 3, 8] {
            output_6: Reshape<96, 2>,
            output_7: SliceFeatures<0, 1>,
            output_9: SliceFeatures<1, 1> <- output_6,
            output_8: Reshape<1, 96> <- output_7,
            output_2: Affine<_>,
            output_3: Affine<_> <- output_8,
            output_10: Reshape<1, 96> <- output_9,
            output_4: Affine<_>,
            output_5: Affine<_> <- output_10,
            output_11: Sub <- (output_2, output_5),
            output_12: Add <- (output_3, output_4),
            output_13: Reshape<96, 1> <- output_11,
            output_14: Reshape<96, 1> <- output_12,
            Concat <- (output_13, output_14),
            Reshape<2, 4, 3, 8>,
        }
    }
    check::<Net>("RotaryEmbedding/rotary_embedding_interleaved");
}

#[test]
fn rotaryembedding_rotary_embedding_no_position_ids_interleaved() {
    network! {
        struct Net: (the_input: [2, 4, 3, 8], cos_cache: [2, 3, 4], sin_cache: [2, 3, 4]) -> [2, 4, 3, 8] {
            output_2: Reshape<96, 2> <- the_input,
            output_3: SliceFeatures<0, 1>,
            output_7: SliceFeatures<1, 1> <- output_2,
            output_6: Reshape<2, 1, 12> <- cos_cache,
            Expand<2, 4, 12>,
            output_4: Reshape<96, 1>,
            output_11: Mul <- (output_3, output_4),
            output_9: Reshape<2, 1, 12> <- sin_cache,
            Expand<2, 4, 12>,
            output_5: Reshape<96, 1>,
            output_13: Mul <- (output_3, output_5),
            Expand<2, 4, 12> <- output_6,
            output_8: Reshape<96, 1>,
            output_14: Mul <- (output_7, output_8),
            Expand<2, 4, 12> <- output_9,
            output_10: Reshape<96, 1>,
            output_12: Mul <- (output_7, output_10),
            output_15: Sub <- (output_11, output_12),
            output_16: Add <- (output_13, output_14),
            Concat <- (output_15, output_16),
            Reshape<2, 4, 3, 8>,
        }
    }
    check::<Net>("RotaryEmbedding/rotary_embedding_no_position_ids_interleaved");
}

#[test]
fn selu_selu() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Elu(2.0),
            y_2: Affine<_>,
        }
    }
    check::<Net>("Selu/selu");
}

#[test]
fn selu_selu_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Selu,
        }
    }
    check::<Net>("Selu/selu_default");
}

#[test]
fn selu_selu_example() {
    network! {
        struct Net: [3] -> [3] {
            Elu(2.0),
            y_2: Affine<_>,
        }
    }
    check::<Net>("Selu/selu_example");
}

#[test]
fn sigmoid_sigmoid() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Sigmoid,
        }
    }
    check::<Net>("Sigmoid/sigmoid");
}

#[test]
fn sigmoid_sigmoid_example() {
    network! {
        struct Net: [3] -> [3] {
            Sigmoid,
        }
    }
    check::<Net>("Sigmoid/sigmoid_example");
}

#[test]
fn slice_slice() {
    network! {
        struct Net: [20, 10, 5] -> [3, 10, 5] {
            Reshape<20, 50>,
            Slice<0, 3>,
            Reshape<3, 10, 5>,
        }
    }
    check::<Net>("Slice/slice");
}

#[test]
fn slice_slice_default_steps() {
    network! {
        struct Net: [20, 10, 5] -> [20, 10, 1] {
            Reshape<200, 5>,
            SliceFeatures<3, 1>,
            Reshape<20, 10, 1>,
        }
    }
    check::<Net>("Slice/slice_default_steps");
}

#[test]
fn softmax_softmax_axis_0() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Reshape<3, 20>,
            Permute<1, 0>,
            Softmax,
            Permute<1, 0>,
            Reshape<3, 4, 5>,
        }
    }
    check::<Net>("Softmax/softmax_axis_0");
}

#[test]
fn softmax_softmax_default_axis() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Softmax,
        }
    }
    check::<Net>("Softmax/softmax_default_axis");
}

#[test]
fn softmax_softmax_negative_axis() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Softmax,
        }
    }
    check::<Net>("Softmax/softmax_negative_axis");
}

#[test]
fn softplus_softplus() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Softplus,
        }
    }
    check::<Net>("Softplus/softplus");
}

#[test]
fn softplus_softplus_example() {
    network! {
        struct Net: [3] -> [3] {
            Softplus,
        }
    }
    check::<Net>("Softplus/softplus_example");
}

#[test]
fn softsign_softsign() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Softsign,
        }
    }
    check::<Net>("Softsign/softsign");
}

#[test]
fn softsign_softsign_example() {
    network! {
        struct Net: [3] -> [3] {
            Softsign,
        }
    }
    check::<Net>("Softsign/softsign_example");
}

#[test]
fn spacetodepth_spacetodepth() {
    network! {
        struct Net: [2, 6, 6, 2] -> [2, 8, 3, 3] {
            Reshape<2, 3, 2, 12>,
            Permute<0, 2, 1, 3>,
            Reshape<4, 9, 4>,
            Permute<0, 2, 1>,
            Reshape<2, 8, 3, 3>,
        }
    }
    check::<Net>("SpaceToDepth/spacetodepth");
}

#[test]
fn spacetodepth_spacetodepth_dcr_mode_example() {
    network! {
        struct Net: [4, 6, 2] -> [8, 2, 3] {
            Reshape<2, 2, 3, 4>,
            Permute<1, 3, 0, 2>,
            Reshape<8, 2, 3>,
        }
    }
    check::<Net>("SpaceToDepth/spacetodepth_dcr_mode_example");
}

#[test]
fn split_split_1d_uneven_split_opset18() {
    network! {
        struct Net: [7] -> (output_1: [2], output_2: [2], output_3: [2], output_4: [1]) {
            output_1_2: Reshape<7, 1>,
            output_1_3: Slice<0, 2>,
            output_1_4: Slice<2, 2> <- output_1_2,
            output_1_5: Slice<4, 2> <- output_1_2,
            output_1_6: Slice<6, 1> <- output_1_2,
            output_1: Reshape<2> <- output_1_3,
            output_2: Reshape<2> <- output_1_4,
            output_3: Reshape<2> <- output_1_5,
            output_4: Reshape<1> <- output_1_6,
        }
    }
    check::<Net>("Split/split_1d_uneven_split_opset18");
}

#[test]
fn split_split_equal_parts_1d_opset13() {
    network! {
        struct Net: [6] -> (output_1: [2], output_2: [2], output_3: [2]) {
            output_1_2: Reshape<6, 1>,
            output_1_3: Slice<0, 2>,
            output_1_4: Slice<2, 2> <- output_1_2,
            output_1_5: Slice<4, 2> <- output_1_2,
            output_1: Reshape<2> <- output_1_3,
            output_2: Reshape<2> <- output_1_4,
            output_3: Reshape<2> <- output_1_5,
        }
    }
    check::<Net>("Split/split_equal_parts_1d_opset13");
}

#[test]
fn sqrt_sqrt() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Sqrt,
        }
    }
    check::<Net>("Sqrt/sqrt");
}

#[test]
fn squeeze_squeeze() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Identity,
        }
    }
    check::<Net>("Squeeze/squeeze");
}

#[test]
fn squeeze_squeeze_negative_axes() {
    network! {
        struct Net: [3, 1, 5] -> [3, 5] {
            Reshape<3, 5>,
        }
    }
    check::<Net>("Squeeze/squeeze_negative_axes");
}

#[test]
fn sub_sub() {
    network! {
        struct Net: (x: [3, 4, 5], y: [3, 4, 5]) -> [3, 4, 5] {
            Sub <- (x, y),
        }
    }
    check::<Net>("Sub/sub");
}

#[test]
fn sub_sub_bcast() {
    network! {
        struct Net: (x: [3, 4, 5], y: [5]) -> [3, 4, 5] {
            Reshape<1, 5> <- y,
            Expand<12, 5>,
            z_2: Reshape<3, 4, 5>,
            Sub <- (x, z_2),
        }
    }
    check::<Net>("Sub/sub_bcast");
}

#[test]
fn swish_swish() {
    network! {
        struct Net: [3] -> [3] {
            Silu,
        }
    }
    check::<Net>("Swish/swish");
}

#[test]
fn tanh_tanh() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Tanh,
        }
    }
    check::<Net>("Tanh/tanh");
}

#[test]
fn tanh_tanh_example() {
    network! {
        struct Net: [3] -> [3] {
            Tanh,
        }
    }
    check::<Net>("Tanh/tanh_example");
}

#[test]
fn thresholdedrelu_thresholdedrelu() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            y_2: Affine<_>,
            y_3: Greater <- (input, y_2),
            Mul <- (input, y_3),
        }
    }
    check::<Net>("ThresholdedRelu/thresholdedrelu");
}

#[test]
fn thresholdedrelu_thresholdedrelu_default() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            y_2: Affine<_>,
            y_3: Greater <- (input, y_2),
            Mul <- (input, y_3),
        }
    }
    check::<Net>("ThresholdedRelu/thresholdedrelu_default");
}

#[test]
fn thresholdedrelu_thresholdedrelu_example() {
    network! {
        struct Net: [5] -> [5] {
            y_2: Affine<_>,
            y_3: Greater <- (input, y_2),
            Mul <- (input, y_3),
        }
    }
    check::<Net>("ThresholdedRelu/thresholdedrelu_example");
}

#[test]
fn transpose_transpose_all_permutations_0() {
    network! {
        struct Net: [2, 3, 4] -> [2, 3, 4] {
            Identity,
        }
    }
    check::<Net>("Transpose/transpose_all_permutations_0");
}

#[test]
fn transpose_transpose_all_permutations_3() {
    network! {
        struct Net: [2, 3, 4] -> [3, 4, 2] {
            Reshape<2, 12>,
            Permute<1, 0>,
            Reshape<3, 4, 2>,
        }
    }
    check::<Net>("Transpose/transpose_all_permutations_3");
}

#[test]
fn transpose_transpose_default() {
    network! {
        struct Net: [2, 3, 4] -> [4, 3, 2] {
            Permute<2, 1, 0>,
        }
    }
    check::<Net>("Transpose/transpose_default");
}

#[test]
fn unsqueeze_unsqueeze_axis_0() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 5] {
            Identity,
        }
    }
    check::<Net>("Unsqueeze/unsqueeze_axis_0");
}

#[test]
fn unsqueeze_unsqueeze_axis_1() {
    network! {
        struct Net: [3, 4, 5] -> [3, 1, 4, 5] {
            Reshape<3, 1, 4, 5>,
        }
    }
    check::<Net>("Unsqueeze/unsqueeze_axis_1");
}

#[test]
fn unsqueeze_unsqueeze_axis_2() {
    network! {
        struct Net: [3, 4, 5] -> [3, 4, 1, 5] {
            Reshape<3, 4, 1, 5>,
        }
    }
    check::<Net>("Unsqueeze/unsqueeze_axis_2");
}

#[test]
fn where_where_example() {
    network! {
        struct Net: (condition: [2, 2], x: [2, 2], y: [2, 2]) -> [2, 2] {
            Where <- (condition, x, y),
        }
    }
    check::<Net>("Where/where_example");
}

#[test]
fn pytorch_converted_avgpool1d() {
    network! {
        struct Net: [3, 6] -> [3, 3] {
            Permute<1, 0>,
            Reshape<6, 1, 3>,
            AvgPool2d<(2, 1)>,
            Reshape<3, 3>,
            Permute<1, 0>,
        }
    }
    check::<Net>("pytorch-converted/AvgPool1d");
}

#[test]
fn pytorch_converted_batchnorm2d_eval() {
    network! {
        struct Net: [2, 6, 6, 3] -> [2, 6, 6, 3] {
            affine_5: Affine<_>,
        }
    }
    check::<Net>("pytorch-converted/BatchNorm2d_eval");
}

#[test]
fn pytorch_converted_conv1d_groups() {
    network! {
        struct Net: [2, 6, 4] -> [2, 6, 4] {
            conv2d_3: Conv2d<_, 6, (1, 3), Groups<2>>,
            Permute<0, 2, 1>,
        }
    }
    check::<Net>("pytorch-converted/Conv1d_groups");
}

#[test]
fn pytorch_converted_conv1d_stride() {
    network! {
        struct Net: [2, 10, 4] -> [2, 5, 4] {
            conv2d_3: Conv2d<_, 5, (1, 3), Stride<1, 2>>,
            Permute<0, 2, 1>,
        }
    }
    check::<Net>("pytorch-converted/Conv1d_stride");
}

#[test]
fn pytorch_converted_conv2d_depthwise_with_multiplier() {
    network! {
        struct Net: [6, 6, 4] -> [4, 4, 8] {
            conv2d_3: Conv2d<_, 8, 3, Groups<4>>,
        }
    }
    check::<Net>("pytorch-converted/Conv2d_depthwise_with_multiplier");
}

#[test]
fn pytorch_converted_conv2d_strided() {
    network! {
        struct Net: [6, 6, 3] -> [2, 2, 4] {
            conv2d_3: Conv2d<_, 4, 3, Stride<2>>,
        }
    }
    check::<Net>("pytorch-converted/Conv2d_strided");
}

#[test]
fn pytorch_converted_embedding_sparse() {
    network! {
        struct Net: [4] -> [4, 3] {
            embedding_2: Embedding<4, 3>,
        }
    }
    check::<Net>("pytorch-converted/Embedding_sparse");
}

#[test]
fn pytorch_converted_linear() {
    network! {
        struct Net: [4, 10] -> [4, 8] {
            linear_3: Linear<_, 8>,
        }
    }
    check::<Net>("pytorch-converted/Linear");
}

#[test]
fn pytorch_converted_maxpool2d() {
    network! {
        struct Net: [7, 7, 3] -> [4, 4, 3] {
            MaxPool2d<3, Stride<2>, Pad<1>>,
        }
    }
    check::<Net>("pytorch-converted/MaxPool2d");
}

#[test]
fn pytorch_converted_prelu_3d() {
    network! {
        struct Net: [2, 3, 4, 30] -> [2, 3, 4, 30] {
            prelu_2: PRelu,
        }
    }
    check::<Net>("pytorch-converted/PReLU_3d");
}

#[test]
fn pytorch_converted_replicationpad2d() {
    network! {
        struct Net: [2, 3, 4, 4] -> [2, 3, 11, 7] {
            Reshape<6, 4, 4>,
            ReplicationPad2d<(3, 4, 0, 0)>,
            Reshape<66, 4, 1>,
            ReplicationPad2d<(1, 2, 0, 0)>,
            Reshape<2, 3, 11, 7>,
        }
    }
    check::<Net>("pytorch-converted/ReplicationPad2d");
}

#[test]
fn pytorch_converted_softplus() {
    network! {
        struct Net: [10, 20] -> [10, 20] {
            Softplus,
        }
    }
    check::<Net>("pytorch-converted/Softplus");
}

#[test]
fn pytorch_converted_log_softmax_lastdim() {
    network! {
        struct Net: [2, 128] -> [2, 128] {
            LogSoftmax,
        }
    }
    check::<Net>("pytorch-converted/log_softmax_lastdim");
}

#[test]
fn pytorch_operator_operator_add_broadcast() {
    network! {
        struct Net: (x_0: [2, 3], x_1: [3]) -> [2, 3] {
            Reshape<1, 3> <- x_1,
            expand_2: Expand<2, 3>,
            Add <- (x_0, expand_2),
        }
    }
    check::<Net>("pytorch-operator/operator_add_broadcast");
}

#[test]
fn pytorch_operator_operator_add_size1_right_broadcast() {
    network! {
        struct Net: (x_0: [2, 3], x_1: [3]) -> [2, 3] {
            Reshape<1, 3> <- x_1,
            expand_2: Expand<2, 3>,
            Add <- (x_0, expand_2),
        }
    }
    check::<Net>("pytorch-operator/operator_add_size1_right_broadcast");
}

#[test]
fn pytorch_operator_operator_addconstant() {
    network! {
        struct Net: [2, 3] -> [2, 3] {
            affine_2: Affine<_>,
        }
    }
    check::<Net>("pytorch-operator/operator_addconstant");
}

#[test]
fn pytorch_operator_operator_basic() {
    network! {
        struct Net: (x_0: [1], x_1: [1]) -> [1] {
            add_2: Add <- (x_0, x_1),
            Mul <- (x_0, add_2),
            Tanh,
            Sigmoid,
            affine_6: Affine<_>,
        }
    }
    check::<Net>("pytorch-operator/operator_basic");
}

#[test]
fn pytorch_operator_operator_clip() {
    network! {
        struct Net: [3, 4] -> [3, 4] {
            HardTanh(-0.5, 0.5),
        }
    }
    check::<Net>("pytorch-operator/operator_clip");
}

#[test]
fn pytorch_operator_operator_convtranspose() {
    network! {
        struct Net: [4, 5, 3] -> [12, 15, 3] {
            convtranspose2d_2: ConvTranspose2d<_, 3, 3, Stride<3>, Pad<1>, OutputPad<2>, NoBias>,
        }
    }
    check::<Net>("pytorch-operator/operator_convtranspose");
}

#[test]
fn pytorch_operator_operator_flatten() {
    network! {
        struct Net: [2, 3, 4] -> [24] {
            Reshape<24>,
        }
    }
    check::<Net>("pytorch-operator/operator_flatten");
}

#[test]
fn pytorch_operator_operator_max() {
    network! {
        struct Net: (x_0: [3, 4], x_1: [3, 4]) -> [3, 4] {
            Maximum <- (x_0, x_1),
        }
    }
    check::<Net>("pytorch-operator/operator_max");
}

#[test]
fn pytorch_operator_operator_min() {
    network! {
        struct Net: (x_0: [3, 4], x_1: [3, 4]) -> [3, 4] {
            Minimum <- (x_0, x_1),
        }
    }
    check::<Net>("pytorch-operator/operator_min");
}

#[test]
fn pytorch_operator_operator_non_float_params() {
    network! {
        struct Net: [2, 2] -> [2, 2] {
            Reshape<1, 4>,
            affine_2: Affine<_>,
            reshape_3: Reshape<2, 2>,
            Mul <- (input, reshape_3),
        }
    }
    check::<Net>("pytorch-operator/operator_non_float_params");
}

#[test]
fn pytorch_operator_operator_params() {
    network! {
        struct Net: [2, 2] -> [2, 2] {
            Reshape<1, 4>,
            affine_2: Affine<_>,
            reshape_3: Reshape<2, 2>,
            Mul <- (input, reshape_3),
            Tanh,
            Sigmoid,
            affine_6: Affine<_>,
        }
    }
    check::<Net>("pytorch-operator/operator_params");
}

#[test]
fn pytorch_operator_operator_reduced_mean() {
    network! {
        struct Net: [2, 3, 4] -> [2, 4] {
            Permute<1, 0, 2>,
            Reshape<3, 8>,
            MeanOverTime,
            Reshape<2, 4>,
        }
    }
    check::<Net>("pytorch-operator/operator_reduced_mean");
}

#[test]
fn pytorch_operator_operator_reduced_sum() {
    network! {
        struct Net: [2, 3, 4] -> [2, 4] {
            Permute<1, 0, 2>,
            Reshape<3, 8>,
            MeanOverTime,
            affine_1: Affine<_>,
            Reshape<2, 4>,
        }
    }
    check::<Net>("pytorch-operator/operator_reduced_sum");
}

#[test]
fn pytorch_operator_operator_repeat() {
    network! {
        struct Net: [2, 3, 4] -> [4, 9, 16] {
            Reshape<1, 24>,
            Expand<24, 24>,
            Reshape<2, 12, 2, 12>,
            Permute<0, 2, 1, 3>,
            Reshape<12, 4, 3, 4>,
            Permute<0, 2, 1, 3>,
            Reshape<4, 9, 16>,
        }
    }
    check::<Net>("pytorch-operator/operator_repeat");
}

#[test]
fn pytorch_operator_operator_sqrt() {
    network! {
        struct Net: [3, 4] -> [3, 4] {
            Sqrt,
        }
    }
    check::<Net>("pytorch-operator/operator_sqrt");
}
