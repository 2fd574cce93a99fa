//! Attention, transformer layers and gated feed-forward blocks against PyTorch: outputs and all
//! gradients, in f32 and f64 and on every instruction tier.

use crate::common::reference::{array, expected, text, transposed};
use crate::common::{In, Out, assert_close, tensors};
use serde_json::Value;
use shapewright::prelude::*;
use shapewright::tensor::Element;

/// The tolerance relative to the largest number of each result.
fn tolerance<T>() -> f64 {
    if size_of::<T>() == 4 { 1e-5 } else { 1e-11 }
}

/// Returns the numbers of a parameter of a network in our order.
fn ours(name: &str, sizes: &[usize], numbers: &Value) -> Vec<f64> {
    let numbers = array(numbers);
    assert_eq!(numbers.len(), sizes.iter().product::<usize>(), "{name}");
    match *sizes {
        [_, outs] => transposed(&numbers, outs),
        // `[outs][ins][positions]` of a convolution in PyTorch.
        [_, ins, outs] => {
            let positions = numbers.len() / (ins * outs);
            let rows = transposed(&numbers, outs);
            let rows = rows.chunks_exact(outs);
            let at = |position: usize| rows.clone().skip(position).step_by(positions);
            (0..positions).flat_map(at).flatten().copied().collect()
        }
        _ => numbers,
    }
}

/// Checks a network against a case: outputs, and all gradients.
pub fn check<N: Trainable>(case: &Value) {
    let what = |of: &str| format!("{}, {of}", text(case, "name"));
    let close = |of: &str, found: &[N::Element], want: &[f64]| {
        assert_close(&what(of), found, want, tolerance::<N::Element>());
    };

    let mut net = N::zeros();
    let mut found = 0;
    net.for_each_param_mut(|name, sizes, values| {
        let numbers = ours(name, sizes, &case["params"][name]);
        for (value, x) in values.iter_mut().zip(numbers) {
            *value = N::Element::from_f64_lossy(x);
        }
        found += 1;
    });
    assert_eq!(found, case["params"].as_object().expect("parameters").len());

    let x: Vec<In<N>> = tensors(&array(&case["x"]));
    let g: Vec<Out<N>> = tensors(&array(&case["g"]));
    let mut y = vec![Out::<N>::zeros(); x.len()];
    net.forward_batch(&x, &mut y);
    close("y", Tensor::flatten(&y), &expected(case, "y"));
    let one_by_one: Vec<Out<N>> = x.iter().map(|x| net.forward(x)).collect();
    close(
        "y of one",
        Tensor::flatten(&one_by_one),
        &expected(case, "y"),
    );

    let (mut workspace, mut gradient) = (N::workspace(), N::zeros());
    let mut pass = net.forward_train(&x, &mut workspace);
    close(
        "y in training",
        Tensor::flatten(pass.outputs()),
        &expected(case, "y"),
    );
    pass.output_gradients_mut().copy_from_slice(&g);
    let dx = pass.backward_with_input(&mut gradient);
    close("grad_x", Tensor::flatten(dx), &expected(case, "grad_x"));
    gradient.for_each_param(|name, sizes, values| {
        let want = ours(name, sizes, &case["grads_f64"][name]);
        // The bias of keys changes no probability: its gradient is 0 but for rounding.
        let size = want.iter().fold(0.0_f64, |max, x| max.max(x.abs()));
        if size > 1e-9 {
            close(name, values, &want);
        }
    });
}

/// Writes the test `$test`, which checks the case of each network in a file, and that there are no
/// others.
macro_rules! networks {
    ($test:ident in $file:literal: $($case:literal: $input:tt -> $output:tt { $($layers:tt)* })*) => {
        #[test]
        fn $test() {
            let settings = crate::common::settings();
            let mut cases = crate::common::reference::cases($file);
            $({
                network! { struct Single: $input -> $output { $($layers)* } }
                network! { struct Double: $input -> $output as f64 { $($layers)* } }
                let name = |case: &serde_json::Value| crate::common::reference::text(case, "name") == $case;
                let index = cases.iter().position(name);
                let case = cases.remove(index.expect($case));
                settings.every_tier(|_| {
                    crate::attention::check::<Single>(&case);
                    crate::attention::check::<Double>(&case);
                });
                #[cfg(feature = "safetensors")]
                crate::attention::check_shapes(&*Single::zeros(), &case);
            })*
            assert!(cases.is_empty());
        }
    };
}
pub(crate) use networks;

networks! {
    attention_is_as_in_pytorch in "attention.json":
    "self": [7, 12] -> [7, 12] { a: MultiHeadAttention<_, 3> }
    "no bias": [5, 8] -> [5, 8] { a: MultiHeadAttention<_, 2, NoBias> }
    "causal": [35, 16] -> [35, 16] { a: MultiHeadAttention<_, 4, Causal> }
    "key padding": (x: [9, 8], mask: [9]) -> [9, 8] {
        a: MultiHeadAttention<_, 2, KeyPaddingMask> <- (x, mask)
    }
    "cross": (q: [4, 8], k: [9, 8]) -> [4, 8] { a: MultiHeadAttention<_, 2, Cross> <- (q, k) }
    "cross of another width": (q: [4, 8], k: [9, 6], mask: [9]) -> [4, 8] {
        a: MultiHeadAttention<_, 4, Cross, KeyPaddingMask> <- (q, k, mask)
    }
    "bias": (x: [6, 8], b: [6, 6]) -> [6, 8] {
        a: MultiHeadAttention<_, 2, AttentionBias> <- (x, b)
    }
    "bias of each head, causal": (x: [6, 8], b: [2, 6, 6]) -> [6, 8] {
        a: MultiHeadAttention<_, 2, AttentionBias, Causal, NoBias> <- (x, b)
    }
    "grouped": [6, 12] -> [6, 12] { a: MultiHeadAttention<_, 4, KvHeads<2>> }
    "rotary": [9, 12] -> [9, 12] {
        a: MultiHeadAttention<_, 4, KvHeads<1>, HeadDim<6>, Rotary, Causal, NoBias>
    }
    "pairs": [9, 16] -> [9, 16] {
        a: MultiHeadAttention<_, 4, KvHeads<2>, RotaryInterleaved<500>, Causal>
    }
    "encoder, post-norm": [6, 8] -> [6, 8] {
        self_attn: MultiHeadAttention<_, 2>(0.0),
        Add <- (input, self_attn),
        norm1: LayerNorm,
        linear1: Linear<_, 20>,
        Relu,
        linear2: Linear<_, 8>,
        Add <- (norm1, linear2),
        norm2: LayerNorm,
    }
    "encoder, pre-norm": (x: [6, 8], mask: [6]) -> [6, 8] {
        norm1: LayerNorm <- x,
        self_attn: MultiHeadAttention<_, 2, KeyPaddingMask> <- (norm1, mask),
        attended: Add <- (x, self_attn),
        norm2: LayerNorm,
        linear1: Linear<_, 20>,
        Gelu,
        linear2: Linear<_, 8>,
        Add <- (attended, linear2),
    }
    "decoder, post-norm": (x: [5, 8], memory: [7, 8]) -> [5, 8] {
        self_attn: MultiHeadAttention<_, 2, Causal> <- x,
        Add <- (x, self_attn),
        norm1: LayerNorm,
        multihead_attn: MultiHeadAttention<_, 2, Cross> <- (norm1, memory),
        Add <- (norm1, multihead_attn),
        norm2: LayerNorm,
        linear1: Linear<_, 20>,
        Relu,
        linear2: Linear<_, 8>,
        Add <- (norm2, linear2),
        norm3: LayerNorm,
    }
    "decoder, pre-norm": (x: [5, 8], memory: [7, 8]) -> [5, 8] {
        norm1: LayerNorm <- x,
        self_attn: MultiHeadAttention<_, 2, Causal>,
        own: Add <- (x, self_attn),
        norm2: LayerNorm,
        multihead_attn: MultiHeadAttention<_, 2, Cross> <- (norm2, memory),
        read: Add <- (own, multihead_attn),
        norm3: LayerNorm,
        linear1: Linear<_, 20>,
        Gelu,
        linear2: Linear<_, 8>,
        Add <- (read, linear2),
    }
    "swiglu": [4, 6] -> [4, 6] {
        w1: Linear<_, 10, NoBias>,
        gate: Silu,
        w3: Linear<_, 10, NoBias> <- input,
        Mul <- (gate, w3),
        w2: Linear<_, 6, NoBias>,
    }
    "geglu": [4, 6] -> [4, 6] {
        w1: Linear<_, 10, NoBias>,
        gate: Gelu,
        w3: Linear<_, 10, NoBias> <- input,
        Mul <- (gate, w3),
        w2: Linear<_, 6, NoBias>,
    }
}

/// Weight files have the names and the shapes of PyTorch's.
#[cfg(feature = "safetensors")]
pub fn check_shapes<N: Network<Element = f32> + SaveLoad>(net: &N, case: &Value) {
    let bytes = net.to_safetensors(&[]);
    let loader = shapewright::weights::Loader::from_bytes(&bytes).expect("our own file");
    let mut found = 0;
    for (name, _, sizes) in loader.tensors() {
        let want = case["shapes"][name]
            .as_array()
            .expect("one of PyTorch's tensors");
        let want: Vec<u64> = want.iter().filter_map(Value::as_u64).collect();
        let sizes: Vec<u64> = sizes.iter().map(|&size| size as u64).collect();
        assert_eq!(sizes, want, "{name}");
        found += 1;
    }
    assert_eq!(found, case["shapes"].as_object().expect("shapes").len());
}
