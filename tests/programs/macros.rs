//! Networks that macros of the user's own write.

use shapewright::prelude::*;

macro_rules! mlp {
    ($(#[$attr:meta])* $vis:vis $name:ident, $from:expr, $hidden:expr, $to:expr) => {
        network! {
            $(#[$attr])*
            $vis struct $name: [$from] -> [$to] { fc: Linear<_, { $hidden }>, Relu, head: Linear<_, { $to }> }
        }
    };
}
mlp!(#[derive(Clone, Debug)] pub Small, 4, 8, 3);
mlp!(Large, 2 * 4, 8 + 8, 1 + 2);

macro_rules! of_layer {
    ($name:ident, $layer:path) => {
        network! { struct $name: [4] -> [4] { $layer } }
    };
}
of_layer!(OfRelu, Relu);
of_layer!(OfOwn, crate::macros::OfRelu);

macro_rules! of_layers {
    ($name:ident { $($layer:ident),* }) => {
        network! { struct $name: [4] -> [4] { $($layer),* } }
    };
}
of_layers!(OfThree {
    Relu,
    Tanh,
    Sigmoid
});

macro_rules! of_tokens {
    ($($tokens:tt)*) => {
        network! { $($tokens)* }
    };
}
of_tokens! { struct OfTokens: [4] -> [2] { a: Linear<_, 2>, b: Repeat<2> { Linear<_, 2> } } }

macro_rules! with_literal {
    ($name:ident, $size:literal, $p:literal, $element:ident) => {
        network! { struct $name: [$size] -> [$size] as $element { Linear<_, $size>, Dropout($p) } }
    };
}
with_literal!(WithLiteral, 5, 0.25, f64);

macro_rules! with_type {
    ($name:ident, $layer:ty) => {
        network! { struct $name: [4] -> [4] { inner: Wrapped<$layer>, } }
        type Wrapped<T> = T;
    };
}
mod with_type {
    use super::*;
    with_type!(WithType, OfRelu);

    #[test]
    fn is_a_network() {
        assert_eq!(WithType::PARAMS, 0);
    }
}

macro_rules! repeated {
    ($($name:ident: $size:literal),*) => { $(
        network! { struct $name: [$size] -> [1] { Linear<_, 1> } }
    )* };
}
repeated!(One: 1, Two: 2, Three: 3);

#[test]
fn are_networks() {
    assert_eq!((Small::PARAMS, Large::PARAMS), (40 + 27, 144 + 51));
    assert_eq!(OfRelu::PARAMS + OfOwn::PARAMS + OfThree::PARAMS, 0);
    assert_eq!((OfTokens::PARAMS, WithLiteral::PARAMS), (10 + 12, 30));
    assert_eq!((One::PARAMS, Two::PARAMS, Three::PARAMS), (2, 3, 4));
}
