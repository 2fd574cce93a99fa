//! Convolutions against PyTorch: outputs and all gradients, in f32 and f64 and on every instruction
//! tier; and its weight files.

use crate::common::reference::{cases, check_layer, sizes, text};
use crate::common::settings;
use shapewright::prelude::*;

/// Checks the case of each layer, and that there are no others.
macro_rules! convolutions {
    ($test:ident: $file:literal $($input:tt -> $output:tt { $($layer:tt)* })*) => {
        #[test]
        fn $test() {
            let settings = settings();
            let cases = cases($file);
            let mut unchecked = cases.len();
            $({
                let layer = stringify!($($layer)*).replace([' ', '\n'], "");
                let case = cases.iter().find(|case| text(case, "layer") == layer).unwrap_or_else(|| panic!("{layer} has no case"));
                assert_eq!(sizes(case, "x", 1), $input);
                assert_eq!(sizes(case, "y", 1), $output);
                network! { struct Single: $input -> $output { $($layer)* } }
                network! { struct Double: $input -> $output as f64 { $($layer)* } }
                settings.every_tier(|tier| {
                    println!("{layer} on {tier}");
                    check_layer::<Single>(case);
                    check_layer::<Double>(case);
                });
                unchecked -= 1;
            })*
            assert_eq!(unchecked, 0, "cases that no layer was checked against");
        }
    };
}
convolutions! {
    convolutions_compute_what_pytorch_computes: "conv.json"
    [5, 6, 2] -> [3, 4, 3] { Conv2d<_, 3, 3> }
    [4, 5, 2] -> [4, 5, 3] { Conv2d<2, 3, 3, Pad<1>> }
    [4, 4, 3] -> [2, 3, 4] { Conv2d<_, 4, (3, 2), NoBias> }
    [5, 4, 3] -> [3, 6, 2] { Conv2d<_, 2, (2, 3), Stride<2, 1>, Pad<1, 2>> }
    [4, 5, 2] -> [4, 4, 3] { Conv2d<_, 3, 2, Dilation<2, 3>, Pad<1>> }
    [5, 5, 4] -> [3, 3, 6] { Conv2d<_, 6, 3, Groups<2>, Pad<1>, Stride<2>> }
    [3, 4, 3] -> [3, 4, 6] { Conv2d<_, 6, 3, Groups<3>, NoBias, Pad<1>> }
    [4, 4, 5] -> [4, 4, 5] { Conv2d<_, 5, 3, Groups<5>, Pad<1>> }
    [5, 4, 9] -> [3, 2, 9] { Conv2d<_, 9, 3, Groups<9>, Pad<2>, Dilation<2>, Stride<2>> }
    [3, 2, 4] -> [3, 2, 5] { Conv2d<_, 5, 1> }
    [4, 3, 3] -> [2, 2, 5] { Conv2d<_, 5, 1, Stride<2>, NoBias> }
    [1, 1, 2] -> [5, 5, 3] { Conv2d<_, 3, 1, Pad<2>> }
    [2, 1, 2] -> [8, 5, 2] { Conv2d<_, 2, 3, Pad<4, 3>> }
    [1, 1, 3] -> [1, 1, 2] { Conv2d<_, 2, 3, Pad<1>> }
    [6, 7, 2] -> [2, 2, 2] { Conv2d<_, 2, 2, Stride<3>> }
    [5, 4, 1] -> [5, 4, 6] { Conv2d<_, 6, 5, Pad<2>> }
    [1, 6, 5] -> [1, 2, 17] { Conv2d<_, 17, (1, 3), Stride<1, 2>> }
    [2, 3, 1] -> [1, 2, 34] { Conv2d<_, 34, 2> }
    [7, 2] -> [5, 4] { Conv1d<_, 4, 3> }
    [8, 3] -> [4, 4] { Conv1d<3, 4, 5, Stride<2>, Pad<2>> }
    [7, 4] -> [4, 6] { Conv1d<_, 6, 2, Dilation<3>, Groups<2>, NoBias> }
    [4, 5] -> [4, 3] { Conv1d<_, 3, 1> }
    [3, 4, 2] -> [5, 6, 3] { ConvTranspose2d<_, 3, 3> }
    [3, 2, 2] -> [6, 4, 3] { ConvTranspose2d<2, 3, 2, Stride<2>> }
    [3, 4, 3] -> [6, 8, 4] { ConvTranspose2d<_, 4, 3, Stride<2>, Pad<1>, OutputPad<1>> }
    [2, 3, 2] -> [6, 7, 4] { ConvTranspose2d<_, 4, (3, 2), Stride<3, 2>, Pad<1, 0>, OutputPad<2, 1>, NoBias> }
    [3, 3, 4] -> [5, 5, 6] { ConvTranspose2d<_, 6, 3, Groups<2>, Dilation<2>, Pad<1>> }
    [2, 2, 2] -> [7, 7, 3] { ConvTranspose2d<_, 3, 2, Dilation<3>, OutputPad<2>> }
    [2, 3, 4] -> [4, 6, 4] { ConvTranspose2d<_, 4, 4, Groups<4>, Stride<2>, Pad<1>> }
    [2, 2, 4] -> [2, 2, 3] { ConvTranspose2d<_, 3, 1> }
    [2, 2, 2] -> [4, 4, 2] { ConvTranspose2d<_, 2, 1, Stride<3>> }
}
convolutions! {
    convolutions_by_tiles_compute_what_pytorch_computes: "conv_tiles.json"
    [5, 4, 16] -> [5, 4, 16] { Conv2d<_, 16, 3, Pad<1>> }
    [4, 3, 16] -> [6, 3, 16] { ConvTranspose2d<_, 16, 3, Pad<0, 1>> }
}

network! {
    struct Net: [4, 5, 3] -> [3] {
        conv1: Conv2d<_, 4, (3, 2), Stride<1, 2>, Pad<1>>,
        Tanh,
        conv2: Conv2d<_, 6, 3, Groups<2>, NoBias>,
        up: ConvTranspose2d<_, 5, 3, Stride<2>, OutputPad<1>>,
        Reshape<24, 5>,
        row: Conv1d<_, 2, 4>,
        Flatten,
        fc: Linear<_, 3>,
    }
}

/// The axes of the weights and the features of the flattened sequence are reordered when a file is
/// read, and back when it is written.
#[cfg(feature = "safetensors")]
#[test]
fn pytorchs_files_give_its_outputs() {
    let case = &cases("conv_net.json")[0];
    let bytes = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/conv.safetensors"
    ))
    .expect("the file of PyTorch");
    let mut net = Net::zeros();
    let folder = crate::common::folder("conv");
    net.load(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/conv.safetensors"
    ))
    .expect("PyTorch's weights");
    let x = crate::common::tensors(&crate::common::reference::expected(case, "x"));
    let mut y = vec![Tensor::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    crate::common::assert_close(
        "y",
        Tensor::flatten(&y),
        &crate::common::reference::expected(case, "y"),
        1e-5,
    );

    let path = folder.join("conv.safetensors");
    net.save(&path).expect("a saved file");
    let saved = std::fs::read(&path).expect("the saved file");
    let numbers = |file: &[u8]| -> serde_json::Value {
        let len = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
        let header: serde_json::Value =
            serde_json::from_slice(&file[8..8 + len]).expect("a header");
        let tensors = header
            .as_object()
            .expect("an object")
            .iter()
            .filter(|(name, _)| *name != "__metadata__");
        tensors
            .map(|(name, tensor)| {
                let [begin, end] =
                    [0, 1].map(|i| tensor["data_offsets"][i].as_u64().expect("an offset") as usize);
                (
                    name.clone(),
                    serde_json::json!([tensor["shape"], file[8 + len + begin..8 + len + end]]),
                )
            })
            .collect()
    };
    assert_eq!(numbers(&saved), numbers(&bytes));
}

#[test]
fn summaries_count_multiply_adds() {
    // 2 x 6 x 4 outputs of 3 x 2 x 3 multiply-adds, and so on.
    let text = Net::summary().to_string();
    println!("{text}");
    let macs = 4 * 3 * 4 * 18 + 2 * 6 * 18 + 2 * 6 * 5 * 9 + 21 * 2 * 20 + 42 * 3;
    assert_eq!(Net::MACS, macs);
    assert_eq!(
        Net::PARAMS,
        4 * 18 + 4 + 6 * 18 + 6 * 5 * 9 + 5 + 2 * 20 + 2 + 43 * 3
    );
}

/// The bound of the initial values is the inverse square root of the inputs of one output.
#[test]
fn initial_values_are_pytorchs() {
    network! {
        struct Wide: [3, 3, 8] -> [2, 2, 64] {
            conv: Conv2d<_, 64, 3, Groups<4>, Pad<1>>,
            up: ConvTranspose2d<_, 64, 2, Groups<2>, Pad<1>>,
        }
    }

    let net = Wide::init(&mut shapewright::rng(3));
    net.for_each_param(|name, _, values| {
        let fan_in = if name.starts_with("conv") {
            2 * 9
        } else {
            32 * 4
        };
        let bound = 1.0 / (fan_in as f32).sqrt();
        let most = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!(
            most <= bound && most > 0.9 * bound,
            "{name}: {most} of {bound}"
        );
    });
}

#[test]
fn sizes_and_options_are_constant_expressions() {
    const SIDE: usize = 9;
    const KERNEL: usize = 3;
    network! {
        struct Net: [SIDE, SIDE, 2] -> [SIDE.div_ceil(2), SIDE, 8] {
            conv: Conv2d<_, { 2 * 4 }, (KERNEL, KERNEL + 2), Stride<{ KERNEL - 1 }, 1>, Pad<KERNEL / 2, 2>, Groups<2>>,
        }
    }
    let net = Net::zeros();
    let weight: &[[[[f32; 8]; 1]; 5]; 3] = &net.conv.weight;
    assert_eq!(weight.as_flattened().len(), 15);
}

/// Neither the number of threads nor the cut of the batch changes a bit.
#[test]
fn threads_change_no_bit() {
    network! {
        struct Wide: [9, 9, 3] -> [4] {
            Conv2d<_, 20, 3, Pad<1>>,
            Relu,
            Conv2d<_, 20, 3, Groups<20>, Stride<2>, Pad<1>>,
            ConvTranspose2d<_, 9, 3, Stride<2>>,
            Conv2d<_, 2, 1>,
            Flatten,
            Linear<_, 4>,
        }
    }

    let settings = settings();
    let net = Wide::init(&mut shapewright::rng(1));
    let x = crate::common::random::<<Wide as Network>::Input, f32>(20, 2);

    let mut first = None;
    settings.every_threads(&[1, 2, 3, 7], |threads| {
        let mut workspace = Wide::workspace();
        let mut gradient = Wide::zeros();
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut()
            .copy_from_slice(&crate::common::random(20, 3));
        let dx = crate::common::bits(Tensor::flatten(pass.backward_with_input(&mut gradient)));

        let mut y = vec![Tensor::zeros(); x.len()];
        net.forward_batch(&x, &mut y);
        let all = (
            crate::common::bits(Tensor::flatten(&y)),
            dx,
            crate::common::bits(gradient.params()),
        );

        assert!(
            *first.get_or_insert_with(|| all.clone()) == all,
            "{threads} threads"
        );
    });
}
