use shapewright::prelude::*;

network! {
    struct Mlp<const IN: usize, const OUT: usize>: [IN] -> [OUT] {
        Linear<_, 8>,
        head: Linear<4, OUT>,
    }
}
network! { struct DoesNotFit = Mlp<2, 3>; }
network! { struct TooFew = Mlp<2>; }
network! { struct Inferred = Mlp<_, 3>; }
network! { struct NoNumber = Mlp<2.5, 3>; }

network! {
    struct Fitting<const N: usize>: [N] -> [3] { Linear<_, 3> }
}
network! { struct TooMany = Fitting<2, 3> }
network! { struct NoSizes = Fitting; }
network! { struct MoreBehind = Fitting<2> { Relu } }
network! { struct Fits = Fitting<2>; }

network! {
    struct Misspelt<const N: usize>: [N] -> [3] { Linaer<_, 3> }
}
network! { struct OfMisspelt = Misspelt<2>; }

network! {
    #[folded(Folded)]
    struct ToFold<const N: usize>: [N] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}

network! {
    struct OfTypes<const N: usize, T>: [N] -> [3] { Linear<_, 3> }
}

fn main() {
    // They are there after a mistake.
    DoesNotFit::zeros();
    TooFew::zeros();
    Inferred::zeros();
    NoNumber::zeros();
    TooMany::zeros();
    NoSizes::zeros();
    MoreBehind::zeros();
    Fits::zeros();
    OfMisspelt::zeros();

    // A template is not.
    Mlp::<2, 3>::zeros();
    Fitting::init(&mut shapewright::rng(0));
}
