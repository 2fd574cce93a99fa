//! A mistake in a network that has a folded one is reported once.
use shapewright::prelude::*;

network! {
    #[folded(ShapeFolded)]
    struct Shape1: [8, 8, 3] -> [3] {
        Conv2d<_, 4, 3>,
        BatchNorm2d<5>,
        Flatten,
        Linear<100, 3>,
    }
}
network! {
    #[folded(InputFolded)]
    struct Input1: [4] -> [3] { Linear<5, 3>, BatchNorm1d<_> }
}
network! {
    #[folded(OutputFolded)]
    struct Output1: [4] -> [5] { Linear<_, 3>, BatchNorm1d<_> }
}
network! {
    #[folded(MisspeltFolded)]
    struct Misspelt: [4] -> [3] { Linear<_, 3>, BatchNorm1<_>, Relu }
}
network! {
    #[folded(ArgumentsFolded)]
    struct Arguments: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_>(1e-5, 3.0) }
}
struct NoLayer;
network! {
    #[folded(OwnFolded)]
    struct Own: [4] -> [3] { Linear<_, 3>, BatchNorm1d<_>, self::NoLayer }
}

// A mistake in a template is reported there alone.
network! {
    struct Block<const N: usize>: [N] -> [N] { Linear<_, N, NoBias>, BatchNorm1d<_>(1e-3) }
}
network! {
    #[folded(FoldedFour)]
    struct Four = Block<4>;
}

fn main() {
    let _: Box<ShapeFolded> = Shape1::zeros().folded();
    let _: Box<InputFolded> = Input1::zeros().folded();
    let _: Box<OutputFolded> = Output1::zeros().folded();
    let _: Box<MisspeltFolded> = Misspelt::zeros().folded();
    let _: Box<ArgumentsFolded> = Arguments::zeros().folded();
    let _: Box<OwnFolded> = Own::zeros().folded();
}
