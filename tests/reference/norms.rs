//! Normalizations against PyTorch: outputs, all gradients and running statistics, in f32 and f64
//! and on every instruction tier.

use crate::common::reference::{array, cases, check_layer, expected, sizes, text, tolerance};
use crate::common::{In, Out, assert_close, settings, tensors};
use num_traits::Zero;
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::Element;

/// Checks all cases of each layer and shape, and that there are no others.
macro_rules! norms {
    ($test:ident, $check:ident, $kind:literal, $count:literal: $([$($layer:tt)*] [$($size:literal),*];)*) => {
        #[test]
        fn $test() {
            let settings = settings();
            let cases = cases("norms.json");
            let mut checked = 0;
            $({
                network! { struct Single: [$($size),*] -> [$($size),*] { $($layer)* } }
                network! { struct Double: [$($size),*] -> [$($size),*] as f64 { $($layer)* } }
                let layer = stringify!($($layer)*).replace(' ', "");
                let here = |case: &&Value| {
                    let written = text(case, "layer").split_once(" of ").expect("a shape").0.replace(' ', "");
                    written == layer && sizes(case, "x", 1) == [$($size),*]
                };
                let before = checked;
                for case in cases.iter().filter(here) {
                    settings.every_tier(|tier| {
                        println!("{} on {tier}", case["name"]);
                        $check::<Single>(case);
                        $check::<Double>(case);
                    });
                    checked += 1;
                }
                assert!(checked > before, "no case for {layer}");
            })*
            let all = cases.iter().filter(|case| text(case, "layer").starts_with("BatchNorm") == $kind);
            assert_eq!((checked, checked), ($count, all.count()));
        }
    };
}

norms! { samples_are_normalized_as_by_pytorch, check_layer, false, 34:
    [LayerNorm] [5];
    [LayerNorm] [33];
    [LayerNorm] [70];
    [LayerNorm] [2, 12];
    [LayerNorm] [2, 3, 7];
    [RmsNorm] [5];
    [RmsNorm] [70];
    [RmsNorm] [2, 12];
    [RmsNorm] [2, 3, 7];
    [LayerNorm<NoBias>] [6];
    [LayerNorm<_, NoAffine>] [2, 6];
    [LayerNorm<20>(0.5)] [20];
    [LayerNorm<_, _>] [3, 5];
    [LayerNorm<4, _, NoBias>] [2, 4, 3];
    [LayerNorm<_, _, _>] [2, 5, 3];
    [LayerNorm<_, 1, 19, NoBias>] [3, 1, 19];
    [RmsNorm<NoAffine>(0.25)] [6];
    [RmsNorm<_, _, _>] [2, 5, 3];
    [RmsNorm<_, _>] [4, 3];
    [GroupNorm<2, _>] [3, 3, 6];
    [GroupNorm<4, 8>] [2, 1, 8];
    [GroupNorm<1, _>] [3, 5];
    [GroupNorm<3, _>] [48];
    [GroupNorm<7, _, NoAffine>] [2, 1, 14];
    [GroupNorm<2, _>(0.125)] [1, 1, 8];
    [GroupNorm<2, _>] [2, 140];
    [InstanceNorm2d<_>] [2, 5, 3];
    [InstanceNorm2d<_, Affine>] [3, 3, 3];
    [InstanceNorm2d<70, Affine>(0.01)] [1, 2, 70];
}

norms! { batches_are_normalized_as_by_pytorch, check_batch_norm, true, 9:
    [BatchNorm1d<_>] [5];
    [BatchNorm1d<33>] [33];
    [BatchNorm1d<_, NoAffine>] [5];
    [BatchNorm1d<_>(0.001, 0.375)] [4, 3];
    [BatchNorm2d<_>] [3, 5, 2];
    [BatchNorm2d<_>] [1, 1, 6];
    [BatchNorm2d<70>] [1, 1, 70];
    [BatchNorm2d<_, NoAffine>(0.25, 1.0)] [4, 4, 3];
}

/// Checks inference with the initial statistics, and a step of training.
fn check_batch_norm<N: Trainable>(case: &Value) {
    let close = |what: &str, found: &[N::Element], key: &str| {
        let what = format!(
            "{} in {}, {what}",
            case["name"],
            std::any::type_name::<N::Element>()
        );
        assert_close(
            &what,
            found,
            &expected(case, key),
            tolerance::<N::Element>(case),
        );
    };
    let last = |name: &str| name.rsplit('.').next().expect("a name").to_owned();
    let (x, g): (Vec<In<N>>, Vec<Out<N>>) =
        (tensors(&array(&case["x"])), tensors(&array(&case["g"])));
    let mut net = N::zeros();
    net.for_each_param_mut(|name, _, values| {
        let name = last(name);
        let numbers = if name == "num_batches_tracked" {
            vec![6.0]
        } else {
            array(&case[name])
        };
        values
            .iter_mut()
            .zip(numbers)
            .for_each(|(value, x)| *value = N::Element::from_f64_lossy(x));
    });
    let mut y = vec![Out::<N>::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    close("inference", Tensor::flatten(&y), "y_eval");
    let one_by_one: Vec<Out<N>> = x.iter().map(|x| net.forward(x)).collect();
    assert_eq!(Tensor::flatten(&one_by_one), Tensor::flatten(&y));

    // In inference mode while other layers train.
    let mut workspace = N::workspace();
    let mut gradient = N::zeros();
    workspace.eval(layer!(N));
    let mut pass = net.forward_train(&x, &mut workspace);
    assert_eq!(Tensor::flatten(pass.outputs()), Tensor::flatten(&y));
    pass.output_gradients_mut().copy_from_slice(&g);
    let dx = pass.backward_with_input(&mut gradient);
    close(
        "input gradient of inference",
        Tensor::flatten(dx),
        "grad_x_eval",
    );
    gradient.for_each_param(|name, _, values| match &*last(name) {
        name @ ("weight" | "bias") => close(name, values, &format!("grad_{name}_eval")),
        _ => assert!(values.iter().all(|x| x.is_zero()), "{name} changes"),
    });

    workspace.train_all();
    let mut pass = net.forward_train(&x, &mut workspace);
    close("training", Tensor::flatten(pass.outputs()), "y");
    pass.output_gradients_mut().copy_from_slice(&g);
    let dx = pass.backward_with_input(&mut gradient);
    close("input gradient", Tensor::flatten(dx), "grad_x");
    gradient.for_each_param(|name, _, values| {
        let name = last(name);
        if name == "weight" || name == "bias" {
            close(&name, values, &format!("grad_{name}"));
        }
    });
    let before = net.to_boxed();
    Sgd::new(0.0)
        .weight_decay(0.5)
        .state::<N>()
        .step(&mut net, &gradient);
    let mut old = Vec::new();
    before.for_each_param(|_, _, values| old.push(values.to_vec()));
    let mut place = 0;
    net.for_each_param(|name, _, values| {
        match &*last(name) {
            "num_batches_tracked" => assert_eq!(values, [N::Element::from_f64_lossy(7.0)]),
            name @ ("running_mean" | "running_var") => close(name, values, &format!("new_{name}")),
            _ => assert_eq!(values, old[place]),
        }
        place += 1;
    });
}

/// The state_dict of a model of normalizations on images, with a count in I64.
#[cfg(feature = "safetensors")]
mod files {
    use super::*;
    use shapewright::include_weights;
    use shapewright::weights::Loader;

    macro_rules! net {
        ($name:ident $($element:tt)*) => {
            network! {
                struct $name: [2, 3, 4] -> [2, 3, 4] $($element)* {
                    batch: BatchNorm2d<_>,
                    group: GroupNorm<2, _>,
                    layer: LayerNorm<_, _, _>,
                    instance: InstanceNorm2d<_, Affine>,
                }
            }
        };
    }
    net!(Single);
    net!(Double as f64);

    static INCLUDED: &Single = include_weights!("norms.safetensors" as Single);

    fn check<N: Trainable>(net: &N) {
        let case = &cases("norms_files.json")[0];
        let x: Vec<In<N>> = tensors(&array(&case["x"]));
        let mut y = vec![Out::<N>::zeros(); x.len()];
        net.forward_batch(&x, &mut y);
        assert_close(
            "y",
            Tensor::flatten(&y),
            &expected(case, "y"),
            tolerance::<N::Element>(case),
        );
    }

    #[test]
    fn pytorchs_files_give_its_outputs() {
        let path = format!(
            "{}/tests/reference/norms.safetensors",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut single = Single::zeros();
        let mut double = Double::zeros();
        single.load(&path).expect("PyTorch's weights");
        double.load(&path).expect("PyTorch's weights");
        check(&*single);
        check(&*double);
        check(INCLUDED);
        assert_eq!(
            (
                single.batch.num_batches_tracked,
                double.batch.num_batches_tracked
            ),
            (3.0, 3.0)
        );

        let bytes = double.to_safetensors(&[]);
        let loader = Loader::from_bytes(&bytes).expect("our own file");
        let shapes: Vec<_> = loader
            .tensors()
            .map(|(name, _, sizes)| format!("{name} {sizes:?}"))
            .collect();
        assert_eq!(
            shapes[0..2],
            ["batch.bias [4]", "batch.num_batches_tracked []"]
        );
        assert!(
            shapes.contains(&"layer.weight [4, 2, 3]".to_owned()),
            "{shapes:?}"
        );
        let mut again = Double::zeros();
        again.load_from(&loader).expect("our own weights");
        assert_eq!(again.params(), double.params());
    }

    network! { struct Trained: [1] -> [1] { Linear<_, 1> } }
}
