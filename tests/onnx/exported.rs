//! Small models as PyTorch exports them, by `onnx!`, with the outputs of ONNX Runtime; `models.py`
//! writes both.

use shapewright::prelude::*;

use crate::run::{assert_near, expected, number};

onnx!(
    /// A BERT of two layers, with its mask.
    Bert, "models/bert.onnx", batch = 1, length = 6
);

#[test]
fn attention_as_exporters_write_it() {
    let tokens = Tensor1::<6>::from_position(|i| (i * 7 % 20) as f32);
    let mask = Tensor1::from([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    let y = Bert::pretrained().forward(&Tensor::from((tokens, mask)));
    let expected = expected(include_bytes!("models/bert.npy"));
    assert_near(y.as_slice(), &expected, 1e-5);
}

onnx!(
    /// A classifier of images.
    Mobile, "models/mobile.onnx"
);

#[test]
fn images_have_channels_last() {
    let x = Tensor3::<8, 10, 3>::from_fn(|[row, column, channel]| {
        number((channel * 8 + row) * 10 + column)
    });
    let y = Mobile::pretrained().forward(&x);
    assert_near(
        y.as_slice(),
        &expected(include_bytes!("models/mobile.npy")),
        1e-5,
    );
}

onnx!(
    /// Convolutions and recurrent layers over time.
    Speech, "models/speech.onnx", batch = 1
);

#[test]
fn recurrent_layers_and_joins() {
    let x = Tensor2::<9, 4>::from_fn(|[time, channel]| number(channel * 9 + time));
    let y = Speech::pretrained().forward(&x);
    assert_near(
        y.as_slice(),
        &expected(include_bytes!("models/speech.npy")),
        1e-5,
    );
}

onnx!(
    /// A loop over the rows of the input, and a branch by their number.
    #[derive(Clone, Debug)]
    Control, "models/control.onnx", rows = 3
);

#[test]
fn loops_and_branches_of_known_conditions() {
    let x = Tensor2::<3, 4>::from_position(number);
    let y = Control::pretrained().forward(&x);
    assert_near(
        y.as_slice(),
        &expected(include_bytes!("models/control.npy")),
        1e-6,
    );
}

/// The network without weights is the same, and takes those of the other one.
#[test]
fn networks_without_weights_are_trained() {
    onnx_network!(Same, "models/mobile.onnx");
    let mut net = Same::init(&mut shapewright::rng(0));
    net.params_mut()
        .copy_from_slice(Mobile::pretrained().params());
    let x = Tensor3::<8, 10, 3>::from_position(number);
    assert_eq!(net.forward(&x), Mobile::pretrained().forward(&x));

    let (mut gradient, mut workspace) = (Same::zeros(), Same::workspace());
    let (batch, target) = ([x], [Tensor1::from([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])]);
    let mut sgd = Sgd::new(0.1).state::<Same>();
    let mut losses = Vec::new();
    for _ in 0..4 {
        let mut pass = net.forward_train(&batch, &mut workspace);
        losses.push(pass.loss(&Mse, &target));
        pass.backward(&mut gradient);
        sgd.step(&mut net, &gradient);
    }
    assert!(losses[3] < losses[0], "{losses:?}");
}
