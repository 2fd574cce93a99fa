//! A program without a crate called `shapewright`.
#![forbid(warnings, unused)]

/// The crate under another name.
mod renamed {
    use nn::prelude::*;

    network! {
        #[derive(Clone, Debug)]
        #[folded(NetFolded)]
        pub struct Net: [4] -> [3] {
            nn::nn::Linear<_, 8, NoBias>,
            BatchNorm1d<_>,
            Residual { Linear<_, 8>, Tanh },
            Scale,
            head: Linear<_, 3>,
        }
    }

    #[derive(Clone, Copy, Debug, Parameters)]
    #[params(crate = nn)]
    #[repr(C)]
    pub struct Scale {
        #[params(features)]
        factors: [f32; 8],
    }

    network! { struct Mlp<const N: usize>: [N] -> [N] { nn::nn::Linear<_, { 2 * N }>, Linear<_, N> } }
    network! { pub struct Small = Mlp<2>; }

    mod own {
        use super::Scale;
        use nn::ext::*;
        use nn::tensor::Rank1;

        impl ShapeRule<Rank1<8>> for Scale {
            const OUTPUT: Inferred = Inferred::shape(nn::tensor::Dims::new(&[8]));
        }
        impl Layer<f32> for Scale {
            type Config = ();
            type Params = Scale;
            fn initialize<R: rand::Rng + ?Sized>(_: &(), params: &mut Scale, _: &mut R) {
                params.factors.fill(1.0);
            }
        }
        use nn::rand;
        impl Infer<Rank1<8>, Rank1<8>, f32> for Scale {
            const ORDER: FeatureOrder = FeatureOrder::Keeps;

            fn forward(call: Forward<'_, Self, Rank1<8>, Rank1<8>, f32>) {
                for (x, y) in call.x.iter().zip(call.y) {
                    for ((y, x), factor) in y.iter_mut().zip(x).zip(&call.params.factors) {
                        *y = x * factor;
                    }
                }
            }
        }
    }

    pub fn params() -> usize {
        let file = Net::zeros().to_safetensors(&[]);
        assert!(file.len() > Net::PARAMS);
        layer!(Net, head);
        Net::PARAMS + NetFolded::PARAMS + Small::PARAMS
    }
}

/// The crate through another one.
mod through_a_facade {
    use facade::deep::ml::prelude::*;

    facade::network! { pub struct Net: [4] -> [3] { facade::nn::Linear<_, 3>, Relu } }
    network! { pub struct Outer: [4] -> [3] { inner: Net, Softmax } }
    facade::network! { pub struct Head<const N: usize>: [N] -> [3] { facade::nn::Linear<_, 3> } }
    network! { pub struct OfFour = Head<4>; }
}

fn main() {
    use facade::Network as _;
    let through_a_facade = through_a_facade::Outer::PARAMS + through_a_facade::OfFour::PARAMS;
    println!("{} {through_a_facade}", renamed::params());
}
