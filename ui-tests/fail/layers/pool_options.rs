use shapewright::prelude::*;

network! {
    pub struct Net: [28, 28, 1] -> [10] {
        MaxPool2d<2, ExcludePad>,
        AvgPool2d<2, Padding<1>>,
        AdaptiveAvgPool2d<7, 5>,
        ZeroPad2d<(1, 2)>,
        ZeroPad2d<1, 2>,
        GlobalAvgPool2d<2>,
        head: Linear<_, 10>,
    }
}

fn main() {}
