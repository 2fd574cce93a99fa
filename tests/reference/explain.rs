//! Explanations of outputs, compared with Captum and PyTorch.

use serde_json::Value;
use shapewright::explain::{
    AttentionMap, Explainer, IntegratedGradients, Quadrature, attention_maps,
};
use shapewright::prelude::*;

use crate::common::reference::{array, number, parameter, text};
use crate::common::{assert_close, random, tensors};

network! {
    struct Dense: [6] -> [3] as f64 { Linear<_, 8>, Tanh, Linear<_, 5>, Relu, Linear<_, 3> }
}
network! {
    struct Text: [5] -> [2] as f64 {
        words: Embedding<12, 4>,
        gru: Gru<_, 3>,
        SelectLast,
        head: Linear<_, 2>,
    }
}
network! { struct Plain: [5, 8] -> [5, 8] as f64 { a: MultiHeadAttention<_, 2> } }
network! { struct Masked: [5, 8] -> [5, 8] as f64 { a: MultiHeadAttention<_, 2, Causal> } }
network! {
    struct OfMemory: (x: [5, 8], memory: [7, 6], mask: [7]) -> [5, 8] as f64 {
        a: MultiHeadAttention<_, 2, Cross, KeyPaddingMask> <- (x, memory, mask),
    }
}

fn file() -> Value {
    serde_json::from_str(include_str!("explain.json")).expect("JSON")
}

/// Sets the parameters to those of a case.
fn load<N: Network<Element = f64>>(params: &Value) -> Box<N> {
    let mut net = N::zeros();
    net.for_each_param_mut(|name, sizes, values| {
        let key = name.strip_prefix("a.").unwrap_or(name);
        let own = array(&params[key.replace("layer_", "")]);
        // The table of an embedding has the same layout in PyTorch.
        let own = if name == "words.weight" {
            own
        } else {
            parameter(name, sizes, own)
        };
        values.copy_from_slice(&own);
    });
    net
}

#[test]
fn attributions_are_those_of_captum() {
    let file = file();
    let case = &file["images"];
    let net = load::<Dense>(&case["params"]);
    let x = &tensors(&array(&case["x"]))[0];
    let baseline = &tensors(&array(&case["baseline"]))[0];
    let output = number(case, "output") as usize;

    let mut explainer = Explainer::new(&*net);
    let gradient = explainer.gradient(x, output);
    assert_close(
        "saliency",
        gradient.as_slice(),
        &array(&case["saliency"]),
        1e-12,
    );
    let product = explainer.gradient_times_input(x, output);
    let expected = array(&case["input_x_gradient"]);
    assert_close("times input", product.as_slice(), &expected, 1e-12);

    for case in case["integrated"].as_array().expect("cases") {
        let steps = number(case, "steps") as usize;
        let settings =
            IntegratedGradients::new()
                .steps(steps)
                .quadrature(match text(case, "method") {
                    "gausslegendre" => Quadrature::GaussLegendre,
                    _ => Quadrature::RiemannMiddle,
                });
        let has_baseline = case["baseline"] == true;
        let settings = if has_baseline {
            settings.baseline(baseline)
        } else {
            settings
        };
        let shares = explainer.integrated_gradients(x, output, &settings);
        assert_close(
            "shares",
            shares.values.as_slice(),
            &array(&case["values"]),
            2e-7,
        );

        // Completeness. The tolerance above is that of the weights, which Captum rounds to `f32`.
        let zeros = Tensor1::zeros();
        let from = if has_baseline { baseline } else { &zeros };
        let difference = net.forward(x)[output] - net.forward(from)[output];
        assert!((shares.difference - difference).abs() < 1e-12);
        let sum: f64 = shares.values.iter().sum();
        assert!((sum - difference - shares.error).abs() < 1e-12);
        // The gradient jumps at the kinks of `Relu`.
        assert!(shares.error.abs() < 0.5 / steps as f64, "{}", shares.error);
    }
}

#[test]
fn saliency_of_tokens_is_that_of_captum() {
    let file = file();
    let case = &file["text"];
    let net = load::<Text>(&case["params"]);
    let tokens = &tensors(&array(&case["tokens"]))[0];
    let output = number(case, "output") as usize;

    let mut explainer = Explainer::new(&*net);
    let saliency = explainer.token_saliency(tokens, output, layer!(Text, words));
    let norms: Vec<f64> = saliency.iter().map(|token| token.norm).collect();
    assert_close("norms", &norms, &array(&case["norms"]), 1e-12);
    let products: Vec<f64> = saliency.iter().map(|t| t.gradient_times_input).collect();
    assert_close("products", &products, &array(&case["products"]), 1e-12);
}

#[test]
#[should_panic(expected = "wants a whole layer of `Text`")]
fn a_part_of_a_layer_has_no_tokens() {
    let net = Text::zeros();
    let x = Tensor1::zeros();
    Explainer::new(&*net).token_saliency(&x, 0, layer!(Text, head.bias));
}

#[test]
#[should_panic(expected = "`Text` has 2 outputs")]
fn an_output_that_is_not_there_is_named() {
    Explainer::new(&*Text::zeros()).gradient(&Tensor1::zeros(), 2);
}

#[test]
fn attention_maps_are_those_of_pytorch() {
    let file = file();
    let check = |name: &str, map: &AttentionMap, case: &Value| {
        assert_eq!(text(case, "name"), name);
        assert_close(name, &map.weights, &array(&case["weights"]), 1e-12);
        for head in 0..map.heads {
            for query in 0..map.queries {
                let sum: f64 = map.row(head, query).iter().sum();
                assert!((sum - 1.0).abs() < 1e-12);
            }
        }
        let mean: f64 = map.mean().iter().sum();
        assert!((mean - map.queries as f64).abs() < 1e-12);
    };

    let case = &file["attention"][0];
    let net = load::<Plain>(&case["params"]);
    let x = tensors(&array(&case["x"]))[0];
    let (y, maps) = attention_maps(|| net.forward(&x));
    assert_eq!(y, net.forward(&x));
    assert_eq!(maps.len(), 1);
    check("plain", &maps[0], case);

    let case = &file["attention"][1];
    let net = load::<Masked>(&case["params"]);
    let x = tensors(&array(&case["x"]))[0];
    check("causal", &attention_maps(|| net.forward(&x)).1[0], case);

    let case = &file["attention"][2];
    let net = load::<OfMemory>(&case["params"]);
    let x = Tensor::from((
        tensors(&array(&case["x"]))[0],
        tensors(&array(&case["memory"]))[0],
        tensors(&array(&case["mask"]))[0],
    ));
    check(
        "cross_masked",
        &attention_maps(|| net.forward(&x)).1[0],
        case,
    );
}

network! {
    struct Deep: [70, 8] -> [70, 8] {
        Repeat<3> { Residual { LayerNorm<_>, MultiHeadAttention<_, 4, Causal, Window<20>, KvHeads<2>, Rotary> } },
    }
}

/// Layers in blocks, more queries than one block of them, and windows.
#[test]
fn each_layer_inside_of_blocks_has_its_map() {
    let net = Deep::init(&mut shapewright::rng(0));
    let x: Vec<Tensor2<70, 8>> = random(1, 1);
    let (_, maps) = attention_maps(|| net.forward(&x[0]));
    assert_eq!(maps.len(), 3);
    assert_ne!(maps[0], maps[2]);
    for map in &maps {
        for (head, query) in (0..4).flat_map(|head| (0..70).map(move |query| (head, query))) {
            let row = map.row(head, query);
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-5);
            for (key, &weight) in row.iter().enumerate() {
                let is_seen = key <= query && key + 20 > query;
                assert_eq!(
                    weight > 0.0,
                    is_seen,
                    "head {head}, query {query}, key {key}"
                );
            }
        }
    }

    // Nothing is recorded outside.
    assert_eq!(attention_maps(|| ()).1, []);
}

network! {
    struct Whole: [4, 4, 2] -> [3] {
        Flatten,
        first: Linear<_, 6>,
        Relu,
        second: Linear<_, 6>,
        Tanh,
        Residual { Linear<_, 6>, Tanh },
        Dropout(0.5),
        head: Linear<_, 3>,
        Softmax,
    }
}
network! { struct Flat: [4, 4, 2] -> [32] { Flatten } }
network! { struct First: [32] -> [6] { first: Linear<_, 6>, Relu } }
network! { struct Second: [6] -> [6] { second: Linear<_, 6> } }
network! { struct Third: [6] -> [6] { Tanh, Residual { Linear<_, 6>, Tanh } } }
network! { struct Last: [6] -> [3] { head: Linear<_, 3>, Softmax } }

/// The gradient of a layer's outputs is that of the inputs of a network of all later layers.
#[test]
fn layer_gradients_are_those_of_the_rest() {
    let net = Whole::init(&mut shapewright::rng(0));
    let (mut first, mut second, mut third, mut last) = (
        First::zeros(),
        Second::zeros(),
        Third::zeros(),
        Last::zeros(),
    );
    first.first = net.first;
    second.second = net.second;
    third.layer_1.layer_0 = net.layer_5.layer_0;
    last.head = net.head;

    let x: Vec<Tensor3<4, 4, 2>> = random(3, 1);
    let dy: Vec<Tensor1<3>> = random(3, 2);
    let a = first.predict(&Flat::zeros().predict(&x));
    let b = second.predict(&a);
    let c = third.predict(&b);

    // From the end to the beginning.
    let back =
        |last: Vec<Tensor1<6>>, f: &mut dyn FnMut(&[Tensor1<6>]) -> Vec<Tensor1<6>>| f(&last);
    let mut workspace = Last::workspace();
    let mut pass = last.forward_train(&c, &mut workspace);
    pass.output_gradients_mut().copy_from_slice(&dy);
    let of_third = pass.input_gradients().to_vec();
    let of_second = back(of_third.clone(), &mut |dy| {
        let mut workspace = Third::workspace();
        let mut pass = third.forward_train(&b, &mut workspace);
        pass.output_gradients_mut().copy_from_slice(dy);
        pass.input_gradients().to_vec()
    });
    let of_first = back(of_second.clone(), &mut |dy| {
        let mut workspace = Second::workspace();
        let mut pass = second.forward_train(&a, &mut workspace);
        pass.output_gradients_mut().copy_from_slice(dy);
        pass.input_gradients().to_vec()
    });
    let mut workspace = First::workspace();
    let flat = Flat::zeros().predict(&x);
    let mut pass = first.forward_train(&flat, &mut workspace);
    pass.output_gradients_mut().copy_from_slice(&of_first);
    let of_input = pass.input_gradients().to_vec();

    let own = |layer: usize| {
        let mut workspace = Whole::workspace();
        workspace.eval(layer!(Whole));
        let mut pass = net.forward_train(&x, &mut workspace);
        pass.output_gradients_mut().copy_from_slice(&dy);
        pass.layer_gradients(layer).to_vec()
    };
    let flat = |gradients: &[Tensor1<6>]| -> Vec<f64> {
        gradients.iter().flatten().map(|&g| f64::from(g)).collect()
    };
    let inputs: Vec<f64> = of_input.iter().flatten().map(|&g| f64::from(g)).collect();
    assert_close("Flatten", &own(0), &inputs, 1e-6);
    // `Relu` runs as part of the layer before it, which has its outputs.
    assert_close("first", &own(1), &flat(&of_first), 1e-6);
    assert_close("Relu", &own(2), &flat(&of_first), 1e-6);
    assert_close("second", &own(3), &flat(&of_second), 1e-6);
    assert_close("Residual", &own(5), &flat(&of_third), 1e-6);
    assert_close("Dropout", &own(6), &flat(&of_third), 1e-6);
    let dy: Vec<f64> = dy.iter().flatten().map(|&g| f64::from(g)).collect();
    assert_close("Softmax", &own(8), &dy, 0.0);
}
