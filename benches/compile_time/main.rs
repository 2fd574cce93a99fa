//! A deep network: a ResNet-18 (He et al., 2015, "Deep Residual Learning for Image Recognition") on
//! small images, trained for one step. Each of its 20 convolutions has a shape of its own, so that
//! the compiler can't reuse any.

use shapewright::prelude::*;

network! {
    struct ResNet: [32, 32, 3] -> [10] {
        stem: Conv2d<_, 16, 3, Pad<1>, NoBias>,
        BatchNorm2d<_>,
        Relu,
        block1: Residual {
            Conv2d<_, 20, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 16, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
        },
        Relu,
        block2: Residual {
            Conv2d<_, 24, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 16, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
        },
        Relu,
        block3: Residual {
            Conv2d<_, 32, 3, Stride<2>, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 32, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
            shortcut: { Conv2d<_, 32, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        block4: Residual {
            Conv2d<_, 40, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 32, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
        },
        Relu,
        block5: Residual {
            Conv2d<_, 64, 3, Stride<2>, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 64, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
            shortcut: { Conv2d<_, 64, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        block6: Residual {
            Conv2d<_, 72, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 64, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
        },
        Relu,
        block7: Residual {
            Conv2d<_, 128, 3, Stride<2>, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 128, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
            shortcut: { Conv2d<_, 128, 1, Stride<2>, NoBias>, BatchNorm2d<_> },
        },
        Relu,
        block8: Residual {
            Conv2d<_, 136, 3, Pad<1>, NoBias>, BatchNorm2d<_>, Relu,
            Conv2d<_, 128, 3, Pad<1>, NoBias>, BatchNorm2d<_>,
        },
        Relu,
        GlobalAvgPool2d,
        head: Linear<_, 10>,
    }
}

fn main() {
    let mut rng = shapewright::rng(1);
    let mut net = ResNet::init(&mut rng);
    let x: Vec<Tensor3<32, 32, 3>> = (0..8)
        .map(|_| Tensor::random(rand::distr::StandardUniform, &mut rng))
        .collect();
    let labels: Vec<Label<10>> = (0..8).map(|i| Label::new(i).unwrap()).collect();

    let mut gradient = ResNet::zeros();
    let mut workspace = ResNet::workspace();
    let mut sgd = Sgd::new(0.01).momentum(0.9).state::<ResNet>();
    let mut pass = net.forward_train(&x, &mut workspace);
    let loss = pass.loss(&CrossEntropy, &labels);
    pass.backward(&mut gradient);
    sgd.step(&mut net, &gradient);

    println!("loss {loss}, class {}", net.forward(&x[0]).argmax());
}
