//! Pooling, padding and upsampling against PyTorch: outputs and gradients, in f32 and f64 and on
//! every instruction tier.

use crate::common::reference::{cases, check_layer, sizes, text};
use crate::common::{bits, settings};
use shapewright::prelude::*;

/// Checks the case of each layer and shape, and that there are no others.
macro_rules! pools {
    ($([$($input:literal),*] -> [$($output:literal),*] { $($layer:tt)* })*) => {
        #[test]
        fn pools_compute_what_pytorch_computes() {
            let settings = settings();
            let cases = cases("pool.json");
            let mut checked = 0;

            $({
                network! { struct Single: [$($input),*] -> [$($output),*] { $($layer)* } }
                network! { struct Double: [$($input),*] -> [$($output),*] as f64 { $($layer)* } }
                let layer = stringify!($($layer)*).replace(' ', "");
                for case in &cases {
                    if text(case, "layer") == layer && sizes(case, "x", 1) == [$($input),*] {
                        settings.every_tier(|tier| {
                            println!("{} on {tier}", case["name"]);
                            check_layer::<Single>(case);
                            check_layer::<Double>(case);
                        });
                        checked += 1;
                    }
                }
            })*

            assert_eq!(checked, cases.len());
        }
    };
}
pools! {
    [2, 4, 33] -> [1, 2, 33] { MaxPool2d<2> }
    [7, 5, 6] -> [3, 2, 6] { MaxPool2d<2> }
    [3, 2, 1] -> [1, 1, 1] { MaxPool2d<2> }
    [5, 7, 3] -> [2, 2, 3] { MaxPool2d<(2, 3)> }
    [7, 6, 5] -> [4, 3, 5] { MaxPool2d<3, Stride<2>, Pad<1>> }
    [1, 1, 2] -> [1, 1, 2] { MaxPool2d<3, Stride<2>, Pad<1>> }
    [3, 4, 9] -> [3, 4, 9] { MaxPool2d<3, Stride<1>, Pad<1>> }
    [5, 5, 4] -> [5, 2, 4] { MaxPool2d<(3, 2), Stride<1, 2>, Pad<1, 0>> }
    [8, 7, 2] -> [3, 2, 2] { MaxPool2d<2, Stride<3>> }
    [9, 8, 3] -> [4, 4, 3] { MaxPool2d<3, Stride<2>, Pad<1>, Dilation<2, 1>> }
    [6, 5, 2] -> [3, 2, 2] { MaxPool2d<2, Stride<1>, Dilation<3>> }
    [1, 1, 5] -> [1, 1, 5] { MaxPool2d<1> }
    [9, 4] -> [4, 4] { MaxPool1d<2> }
    [10, 3] -> [4, 3] { MaxPool1d<3, Stride<2>> }
    [9, 3] -> [4, 3] { MaxPool1d<4, Stride<2>, Pad<2>, Dilation<2>> }
    [7, 5, 3] -> [3, 2, 3] { AdaptiveMaxPool2d<(3, 2)> }
    [6, 4, 2] -> [3, 2, 2] { AdaptiveMaxPool2d<(3, 2)> }
    [4, 3, 2] -> [1, 1, 2] { AdaptiveMaxPool2d<1> }
    [3, 2, 2] -> [4, 4, 2] { AdaptiveMaxPool2d<4> }
    [8, 2] -> [3, 2] { AdaptiveMaxPool1d<3> }
    [2, 4, 18] -> [1, 2, 18] { AvgPool2d<2> }
    [5, 3, 6] -> [2, 1, 6] { AvgPool2d<2> }
    [3, 2, 1] -> [1, 1, 1] { AvgPool2d<2> }
    [7, 6, 5] -> [4, 3, 5] { AvgPool2d<3, Stride<2>, Pad<1>> }
    [1, 1, 2] -> [1, 1, 2] { AvgPool2d<3, Stride<2>, Pad<1>> }
    [7, 6, 5] -> [4, 3, 5] { AvgPool2d<3, Stride<2>, Pad<1>, ExcludePad> }
    [1, 1, 2] -> [1, 1, 2] { AvgPool2d<3, Stride<2>, Pad<1>, ExcludePad> }
    [4, 8, 3] -> [5, 3, 3] { AvgPool2d<(2, 3), Stride<1, 2>, Pad<1, 0>> }
    [4, 5, 3] -> [3, 6, 3] { AvgPool2d<(2, 4), ExcludePad, Pad<1, 2>, Stride<2, 1>> }
    [7, 3] -> [3, 3] { AvgPool1d<2> }
    [8, 2] -> [4, 2] { AvgPool1d<3, Stride<2>, Pad<1>, ExcludePad> }
    [7, 5, 3] -> [3, 2, 3] { AdaptiveAvgPool2d<(3, 2)> }
    [6, 4, 2] -> [3, 2, 2] { AdaptiveAvgPool2d<(3, 2)> }
    [6, 5, 2] -> [3, 2, 2] { AdaptiveAvgPool2d<(3, 2)> }
    [4, 3, 2] -> [1, 1, 2] { AdaptiveAvgPool2d<1> }
    [3, 2, 2] -> [4, 4, 2] { AdaptiveAvgPool2d<4> }
    [8, 2] -> [3, 2] { AdaptiveAvgPool1d<3> }
    [2, 3, 2] -> [4, 5, 2] { ZeroPad2d<1> }
    [2, 3, 2] -> [7, 4, 2] { ZeroPad2d<(1, 0, 2, 3)> }
    [2, 3, 2] -> [2, 3, 2] { ZeroPad2d<0> }
    [2, 3, 3] -> [4, 6, 3] { Upsample<2> }
    [1, 1, 1] -> [2, 2, 1] { Upsample<2> }
    [3, 2, 4] -> [6, 6, 4] { Upsample<(2, 3)> }
    [4, 3, 3] -> [8, 6, 3] { UpsampleBilinear<2> }
    [1, 1, 2] -> [2, 2, 2] { UpsampleBilinear<2> }
    [3, 2, 4] -> [6, 6, 4] { UpsampleBilinear<(2, 3)> }
    [3, 4, 2] -> [12, 4, 2] { UpsampleBilinear<(4, 1)> }
    [3, 3, 17] -> [17] { GlobalAvgPool2d }
    [7, 3] -> [3] { GlobalAvgPool1d }
    [2, 3, 2] -> [4, 5, 2] { ReflectionPad2d<1> }
    [3, 4, 2] -> [5, 8, 2] { ReflectionPad2d<(1, 3, 2, 0)> }
    [2, 5, 1] -> [2, 8, 1] { ReflectionPad2d<(0, 3, 0, 0)> }
    [2, 1, 3] -> [6, 5, 3] { ReplicationPad2d<2> }
    [2, 3, 2] -> [7, 4, 2] { ReplicationPad2d<(1, 0, 2, 3)> }
    [4, 3] -> [4, 4] { Overlap<1> }
    [4, 3] -> [4, 10] { Overlap<7> }
    [2, 2] -> [2, 9] { Overlap<7> }
    [4, 2, 3] -> [4, 5, 3] { Overlap<3> }
}

network! { struct Four: [12, 1] -> [3, 1] { MaxPool1d<4> } }

/// As in `nn.MaxPool1d(4)`, the last NaN wins, or else the first of equals, also of minus infinities.
#[test]
fn ties_and_nan_go_where_pytorch_sends_them() {
    let nan = f32::NAN;
    let low = f32::NEG_INFINITY;
    let x = [
        Tensor2::from([1.0, nan, 3.0, nan, 2.0, low, low, 0.0, -0.0, 0.0, 5.0, 5.0].map(|x| [x])),
        Tensor2::from([low, low, low, low, 0.0, -0.0, -1.0, nan, nan, 1.0, low, 2.0].map(|x| [x])),
    ];

    let net = Four::zeros();
    let mut workspace = Four::workspace();
    let mut gradient = Four::zeros();

    settings().every_tier(|_| {
        let mut pass = net.forward_train(&x, &mut workspace);
        let y = Tensor::flatten(pass.outputs()).to_vec();
        assert!(y[0].is_nan() && y[4].is_nan() && y[5].is_nan());
        assert_eq!(bits(&[y[1], y[2], y[3]]), bits(&[2.0_f32, 5.0, low]));

        pass.output_gradients_mut().fill(Tensor2::ones());
        let dx = pass.backward_with_input(&mut gradient);
        assert_eq!(
            Tensor::flatten(&dx[..1]),
            [0., 0., 0., 1., 1., 0., 0., 0., 0., 0., 1., 0.]
        );
        assert_eq!(
            Tensor::flatten(&dx[1..]),
            [1., 0., 0., 0., 0., 0., 0., 1., 1., 0., 0., 0.]
        );
    });
}
