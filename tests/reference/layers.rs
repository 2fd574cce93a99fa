//! Layers against PyTorch: outputs and all gradients, in f32 and f64 and on every instruction tier.

use std::collections::HashMap;

use crate::common::reference::{cases, check_layer, sizes, text};
use crate::common::settings;
use serde_json::Value;
use shapewright::prelude::*;

/// Returns the key of the network that runs a case.
fn key(case: &Value) -> String {
    let no_bias = case["kind"] == "Linear" && case["bias"].is_null();
    let option = if no_bias { "NoBias" } else { "" };
    format!(
        "{}{option} {:?} -> {:?}",
        text(case, "kind"),
        sizes(case, "x", 1),
        sizes(case, "y", 1)
    )
}

type Check = fn(&Value);

macro_rules! networks {
    ($($kind:ident $input:tt -> $output:tt { $($layer:tt)* })*) => {
        /// The checks by key, for f32 and f64.
        fn networks() -> HashMap<String, [Check; 2]> {
            let mut networks = HashMap::new();
            $({
                network! { struct Single: $input -> $output { $($layer)* } }
                network! { struct Double: $input -> $output as f64 { $($layer)* } }
                let key = format!("{} {:?} -> {:?}", stringify!($kind), $input, $output);
                let checks: [Check; 2] = [check_layer::<Single>, check_layer::<Double>];
                assert!(networks.insert(key, checks).is_none());
            })*
            networks
        }
    };
}
networks! {
    Linear [4] -> [3] { Linear<_, 3> }
    Linear [5, 4] -> [5, 3] { Linear<_, 3> }
    Linear [2, 5, 4] -> [2, 5, 3] { Linear<4, 3> }
    Linear [1] -> [1] { Linear<_, 1> }
    Linear [1] -> [5] { Linear<_, 5> }
    Linear [5] -> [1] { Linear<_, 1> }
    Linear [10] -> [17] { Linear<_, 17> }
    Linear [4, 10] -> [4, 17] { Linear<_, 17> }
    Linear [37] -> [65] { Linear<_, 65> }
    Linear [130] -> [70] { Linear<_, 70> }
    LinearNoBias [4] -> [3] { Linear<_, 3, NoBias> }
    LinearNoBias [2, 5, 4] -> [2, 5, 3] { Linear<_, 3, NoBias> }
    LinearNoBias [10] -> [17] { Linear<_, 17, NoBias> }
    LinearNoBias [37] -> [65] { Linear<37, 65, NoBias> }
    Flatten [2, 3] -> [6] { Flatten }
    Flatten [4] -> [4] { Flatten }
    Flatten [2, 3, 4] -> [24] { Flatten }
    SelectLast [3, 4] -> [4] { SelectLast }
    SelectLast [1, 5] -> [5] { SelectLast }
    SelectLast [7, 1] -> [1] { SelectLast }
    Transpose [2, 3] -> [3, 2] { Transpose }
    Transpose [1, 5] -> [5, 1] { Transpose }
    Transpose [17, 34] -> [34, 17] { Transpose }
    Permute [2, 5] -> [5, 2] { Permute<1, 0> }
    Permute [2, 3, 4] -> [4, 2, 3] { Permute<2, 0, 1> }
    Permute [2, 5, 3] -> [2, 3, 5] { Permute<0, 2, 1> }
    Permute [2, 3, 5] -> [3, 5, 2] { Permute<1, 2, 0> }
    Permute [2, 3, 4, 5] -> [5, 3, 2, 4] { Permute<3, 1, 0, 2> }
    Permute [2, 3, 2, 4] -> [2, 2, 4, 3] { Permute<0, 2, 3, 1> }
    ReLU [7] -> [7] { Relu }
    ReLU [17] -> [17] { Relu }
    ReLU [5] -> [5] { Relu }
    ReLU [2, 9] -> [2, 9] { Relu }
    ReLU [2, 3, 4] -> [2, 3, 4] { Relu }
    Tanh [7] -> [7] { Tanh }
    Tanh [17] -> [17] { Tanh }
    Tanh [5] -> [5] { Tanh }
    Tanh [2, 9] -> [2, 9] { Tanh }
    Tanh [2, 3, 4] -> [2, 3, 4] { Tanh }
    Sigmoid [7] -> [7] { Sigmoid }
    Sigmoid [17] -> [17] { Sigmoid }
    Sigmoid [5] -> [5] { Sigmoid }
    Sigmoid [2, 9] -> [2, 9] { Sigmoid }
    Sigmoid [2, 3, 4] -> [2, 3, 4] { Sigmoid }
    GELU [7] -> [7] { Gelu }
    GELU [17] -> [17] { Gelu }
    GELU [5] -> [5] { Gelu }
    GELU [2, 9] -> [2, 9] { Gelu }
    GELU [2, 3, 4] -> [2, 3, 4] { Gelu }
    Softmax [7] -> [7] { Softmax }
    Softmax [17] -> [17] { Softmax }
    Softmax [5] -> [5] { Softmax }
    Softmax [4] -> [4] { Softmax }
    Softmax [2, 9] -> [2, 9] { Softmax }
    Softmax [2, 3, 4] -> [2, 3, 4] { Softmax }
}

#[test]
fn layers_compute_what_pytorch_computes() {
    let settings = settings();
    let networks = networks();
    let mut unused: Vec<&String> = networks.keys().collect();
    for file in ["layers.json", "layers_large.json", "activations.json"] {
        for case in cases(file) {
            let key = key(&case);
            let checks = networks
                .get(&key)
                .unwrap_or_else(|| panic!("no network `{key}` for a case of {file}"));
            settings.every_tier(|tier| {
                println!("{} on {tier}", case["name"]);
                checks.iter().for_each(|check| check(&case));
            });
            unused.retain(|used| **used != key);
        }
    }
    assert!(unused.is_empty(), "no case for {unused:?}");
}
