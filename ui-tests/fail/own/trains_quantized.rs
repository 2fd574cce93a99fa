use shapewright::ext::{Buffer, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule};
use shapewright::prelude::*;
use shapewright::tensor::{Dims, Rank1, Rank2};

/// For inference alone.
pub struct Quantized;

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
pub struct QuantizedParams {
    weight: Buffer<Rank2<4, 3>, i8>,
    scale: [f32; 3],
}

impl<In: Shape> ShapeRule<In> for Quantized {
    const OUTPUT: Inferred = Inferred::takes(Dims::new(&[4]), In::DIMS, Dims::new(&[3]));
}

impl Layer<f32> for Quantized {
    type Config = ();
    type Params = QuantizedParams;
}

impl Infer<Rank1<4>, Rank1<3>, f32> for Quantized {
    const ORDER: FeatureOrder = FeatureOrder::Makes;
    fn forward(call: Forward<'_, Self, Rank1<4>, Rank1<3>, f32>) {
        let Forward { params, x, y, .. } = call;
        for (x, y) in x.iter().zip(y) {
            *y = Tensor::from_position(|o| {
                let sum: f32 = (0..4).map(|i| x[i] * f32::from(params.weight[[i, o]])).sum();
                sum * params.scale[o]
            });
        }
    }
}

network! {
    pub struct Net: [2] -> [2] {
        fc: Linear<_, 4>,
        quantized: Quantized,
        head: Linear<_, 2>,
    }
}

fn main() {
    let net = Net::init(&mut shapewright::rng(0));
    println!("{}", net.forward(&Tensor1::zeros()));
    let _ = Net::workspace();
}
