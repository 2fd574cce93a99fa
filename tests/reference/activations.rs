//! Activations against PyTorch: outputs and all gradients, in f32 and f64 and on every instruction
//! tier.

use crate::common::reference::{cases, check_layer, sizes, text};
use crate::common::settings;
use shapewright::prelude::*;

/// Checks all cases of each layer, of a vector and of rows, and that there are no others.
macro_rules! activations {
    ($([$($layer:tt)*] $last:literal)*) => {
        #[test]
        fn activations_compute_what_pytorch_computes() {
            let settings = settings();
            let cases = cases("activations_more.json");
            let mut checked = 0;

            $(
                let layer = stringify!($($layer)*).replace(' ', "");
                for case in cases.iter().filter(|case| text(case, "layer") == layer) {
                    let rank = sizes(case, "x", 1).len();
                    settings.every_tier(|tier| {
                        println!("{} on {tier}", case["name"]);
                        if rank == 1 {
                            network! { struct Single: [18] -> [18 / $last] { $($layer)* } }
                            network! { struct Double: [18] -> [18 / $last] as f64 { $($layer)* } }
                            check_layer::<Single>(case);
                            check_layer::<Double>(case);
                        } else {
                            network! { struct Single: [2, 4] -> [2, 4 / $last] { $($layer)* } }
                            network! { struct Double: [2, 4] -> [2, 4 / $last] as f64 { $($layer)* } }
                            check_layer::<Single>(case);
                            check_layer::<Double>(case);
                        }
                    });
                    checked += 1;
                }
            )*

            assert_eq!((checked, checked), (48, cases.len()));
        }
    };
}
activations! {
    [Relu6] 1 [LeakyRelu] 1 [LeakyRelu(0.25)] 1 [PRelu] 1 [PRelu<_>] 1 [Elu] 1 [Elu(0.5)] 1 [Selu] 1 [Celu] 1
    [Celu(0.5)] 1 [GeluTanh] 1 [Silu] 1 [Mish] 1 [Softplus] 1 [Softplus(2.0, 3.0)] 1 [Softsign] 1 [HardTanh] 1
    [HardTanh(-2.0, 0.5)] 1 [LogSigmoid] 1 [HardSigmoid] 1 [HardSwish] 1 [LogSoftmax] 1 [Glu] 2 [Magnitude] 2
}
