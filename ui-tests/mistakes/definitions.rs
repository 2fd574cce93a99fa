//# two_networks_of_one_name
network! { struct Net: [4] -> [3] { Linear<_, 3> } }
network! { struct Net: [8] -> [3] { Linear<_, 3> } } //~ Net
fn main() { let _ = Net::init(&mut shapewright::rng(0)); }
//# two_networks_of_one_name_and_layers
network! { struct Net: [4] -> [3] { fc: Linear<_, 3> } }
network! { struct Net: [4] -> [3] { fc: Linear<_, 3> } } //~ Net
//# a_struct_of_the_same_name
struct Net;
network! { struct Net: [8] -> [3] { Linear<_, 3> } } //~ Net
//# contains_itself
network! { struct Net: [4] -> [4] {
    Linear<_, 4>,
    Net, //~ itself
} }
//# contains_itself_in_a_block
network! { struct Net: [4] -> [4] {
    Linear<_, 4>,
    Residual {
        inner: Net, //~ itself
    },
} }
//# derive_eq
network! {
    #[derive(Eq)] //~ Eq
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_eq_and_partial_eq
network! {
    #[derive(PartialEq, Eq)] //~ Eq
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_hash
network! {
    #[derive(Hash)] //~ Hash
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_ord
network! {
    #[derive(PartialEq, PartialOrd, Ord)] //~ Ord
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_default
network! {
    #[derive(Default)] //~ init
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_serialize without serde
network! {
    #[derive(Serialize)] //~ feature `serde`
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# derive_serialize_and_deserialize without serde
network! {
    #[derive(Serialize, Deserialize)]
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//~! 2
//# derive_of_the_trait
network! {
    #[derive(Network)] //~ Network
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# repr
network! {
    #[repr(packed)] //~ memory layout
    struct Net: [4] -> [4] { Linear<_, 4> }
}
//# generic
network! {
    struct Net<const N: usize>: [N] -> [4] { Linear<_, 4> }
}
fn main() { let _ = Net::<4>::init(&mut shapewright::rng(0)); } //~ Net<4> | struct Small = Net<4>
//# template_of_another_number_of_sizes
network! { struct Mlp<const N: usize>: [N] -> [4] { Linear<_, 4> } }
network! { struct Net = Mlp<4, 3>; } //~ 1 size | 2 are written
fn main() { let _ = Net::init(&mut shapewright::rng(0)); }
//# template_whose_layer_does_not_fit
network! { struct Mlp<const N: usize>: [N] -> [4] {
    Linear<4, 4>, //~ [5] | Linear<5, 4>
} }
network! { struct Net = Mlp<5>; }
fn main() { let _ = Net::init(&mut shapewright::rng(0)); }
//# template_with_another_output
network! { struct Mlp<const N: usize>: [N] -> [4] { //~ [4] | [5]
    Linear<_, N>,
} }
network! { struct Net = Mlp<5>; }
//# option_of_another_name
use shapewright::nn::Conv2d as Conv;
network! { struct Net: [8, 8, 3] -> [4, 4, 4] {
    Conv<_, 4, 3, Stride<2>, Pad<1>>, //~ Stride<2> | Conv
} }
//# generic_number
network! {
    struct Net<T>: [4] -> [4] { Linear<_, 4> } //~ as f64
}
//# enum_in_place_of_struct
network! {
    enum Net: [4] -> [4] { Linear<_, 4> } //~ struct
}
//# no_struct
network! {
    Net: [4] -> [4] { Linear<_, 4> } //~ struct
}
//# no_name
network! {
    struct: [4] -> [4] { Linear<_, 4> } //~ name
}
//# fn_in_place_of_struct
network! {
    fn net: [4] -> [4] { Linear<_, 4> } //~ struct
}
//# class
network! {
    class Net: [4] -> [4] { Linear<_, 4> } //~ struct
}
//# semicolon_behind
network! {
    struct Net: [4] -> [4] { Linear<_, 4> }; //~ ;
}
//# two_in_one_macro
network! {
    struct Net: [4] -> [4] { Linear<_, 4> }
    struct Second: [4] -> [4] { Linear<_, 4> } //~ network!
}
//# arrow_before_braces
network! {
    struct Net = [4] -> [4] { Linear<_, 4> } //~ :
}
//# named_type
network! {
    struct Net: [4] -> [4] { type: Linear<_, 4> } //~ type
}
//# folded_of_the_same_name
network! {
    #[folded(Net)] //~ NetFolded
    struct Net: [8, 8, 3] -> [6, 6, 4] { Conv2d<_, 4, 3>, BatchNorm2d<_> }
}
//# folded_without_name
network! {
    #[folded] //~ NetFolded
    struct Net: [8, 8, 3] -> [6, 6, 4] { Conv2d<_, 4, 3>, BatchNorm2d<_> }
}
//# nested_of_another_number_type
network! { struct Inner: [4] -> [4] as f64 { Linear<_, 4> } }
network! { struct Net: [4] -> [4] {
    Inner, //~ f32
} }
//# nested_of_another_shape
network! { struct Inner: [8] -> [4] { Linear<_, 4> } }
network! { struct Net: [4] -> [4] {
    Inner, //~ [8] | [4]
} }
//# nested_with_generics
network! { struct Inner: [4] -> [4] { Linear<_, 4> } }
network! { struct Net: [4] -> [4] {
    Inner<4>, //~ Inner
} }
//# nested_with_a_mistake
network! { struct Inner: [4] -> [4] {
    Linear<_, 8>,
    Linear<5, 4>, //~ 5]
} }
network! { struct Net: [4] -> [4] { Inner, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# nested_with_a_wrong_name
network! { struct Inner: [4] -> [4] {
    Linear<_, HIDEN>, //~ HIDEN
    Linear<_, 4>,
} }
network! { struct Net: [4] -> [4] { Inner, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# nested_with_a_wrong_name_in_a_block
network! { struct Inner: [4] -> [4] {
    Residual {
        Linear<_, HIDEN>, //~ HIDEN
        Linear<_, 4>,
    },
} }
network! { struct Net: [4] -> [4] { Inner, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# nested_in_a_block_with_a_wrong_name
network! { struct Inner: [4] -> [4] {
    Linear<_, HIDEN>, //~ HIDEN
    Linear<_, 4>,
} }
network! { struct Net: [4] -> [4] { Residual { Inner, Relu } } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# nested_with_a_wrong_size
network! { struct Inner: [INPUTS] -> [4] { //~ INPUTS
    Linear<_, 4>,
} }
network! { struct Net: [4] -> [4] { Inner, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# nested_with_a_slip
network! { struct Inner: [4] -> [4] {
    Linear<_, 8>
    Linear<_, 4>, //~ expected `,`
} }
network! { struct Net: [4] -> [4] { inner: Inner, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); let _ = &net.inner.layer_0; }
//# nested_twice_with_a_wrong_name
network! { struct A: [4] -> [4] {
    Linear<_, HIDEN>, //~ HIDEN
    Linear<_, 4>,
} }
network! { struct B: [4] -> [4] { A, Relu } }
network! { struct Net: [4] -> [4] { B, Relu } }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# overflow_of_a_size
network! { struct Net: [4] -> [3] {
    Linear<_, 5_000_000_000_000_000_000>, //~
    Linear<_, 3>,
} }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# overflow_of_a_size_in_a_block
network! { struct Net: [4] -> [3] {
    Residual {
        Linear<_, 5_000_000_000_000_000_000>, //~
        Linear<_, 4>,
    },
    Linear<_, 3>,
} }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# larger_than_a_number
network! { struct Net: [4] -> [3] {
    Linear<_, 50_000_000_000_000_000_000>, //~ 50_000_000_000_000_000_000
    Linear<_, 3>,
} }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# largest_number
network! { struct Net: [4] -> [3] {
    Linear<_, 18_446_744_073_709_551_614>, //~
    Linear<_, 3>,
} }
//# overflow_of_the_declared_output
network! { struct Net: [4] -> [5_000_000_000_000_000_000] { //~
    Linear<_, 3>,
} }
//# overflow_of_the_input
network! { struct Net: [5_000_000_000_000_000_000] -> [3] { //~
    Linear<_, 3>,
} }
//# overflow_of_conv
network! { struct Net: [8, 8, 3] -> [3] {
    Conv2d<_, 4_000_000_000_000_000_000, 3>, //~
    Flatten,
    Linear<_, 3>,
} }
//# overflow_of_embedding
network! { struct Net: [8] -> [3] {
    Embedding<5_000_000_000_000_000_000, 3>, //~
    Flatten,
    Linear<_, 3>,
} }
//# overflow_of_upsample
network! { struct Net: [8, 8, 3] -> [3] {
    Upsample<5_000_000_000>, //~
    Flatten,
    Linear<_, 3>,
} }
//# overflow_of_repeat
network! { struct Net: [8] -> [8] {
    Repeat<5_000_000_000_000_000_000> { //~
        Linear<_, 8>,
    },
} }
//# large_embedding
network! { struct Net: [8] -> [3] {
    Embedding<20_000_000, 1>, //~ 16777216
    Flatten,
    Linear<_, 3>,
} }
fn main() { let net = Net::init(&mut shapewright::rng(0)); net.forward(&Tensor1::zeros()); }
//# large_embedding_unused
network! { struct Net: [8] -> [3] {
    Embedding<20_000_000, 1>, //~ 16777216
    Flatten,
    Linear<_, 3>,
} }
//# two_networks_two_mistakes
network! { struct A: [4] -> [4] {
    Residual { Linear<8>, Linear<_, 4> },
} }
network! { struct B: [4] -> [4] {
    Linear<_, 4>,
} }
const X: usize = HIDEN;
//~! 2
//# a_name_beside_a_macro_error
network! { struct A: [4] -> [4] {
    Linear<4>,
} }
network! { struct B: [4] -> [4] {
    Linear<_, HIDEN>,
    Linear<_, 4>,
} }
//~! 2
//# own_layer_without_traits
struct Own;
network! { struct Net: [4] -> [4] {
    Own, //~ not a layer
} }
//# own_layer_without_traits_in_a_block
struct Own;
network! { struct Net: [4] -> [4] {
    Residual {
        Own, //~ not a layer
    },
} }
//# own_layer_params
use shapewright::ext::*;
use shapewright::tensor::*;
#[derive(Clone, Copy)]
struct Scale { by: [f32; 4] }
struct Own;
impl<In: Shape> ShapeRule<In> for Own { const OUTPUT: Inferred = Inferred::shape(In::DIMS); }
impl Layer<f32> for Own {
    type Config = ();
    type Params = Scale; //~ Parameters
}
impl<S: Shape> Infer<S, S, f32> for Own {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(call: Forward<'_, Self, S, S, f32>) {}
}
network! { struct Net: [4] -> [4] { Own } }
//# own_layer_without_infer
use shapewright::ext::*;
use shapewright::tensor::*;
struct Own;
impl<In: Shape> ShapeRule<In> for Own { const OUTPUT: Inferred = Inferred::shape(In::DIMS); }
impl Layer<f32> for Own { type Config = (); type Params = (); }
network! { struct Net: [4] -> [4] {
    Own, //~ Infer
} }
//# own_layer_of_another_number
use shapewright::ext::*;
use shapewright::tensor::*;
struct Own;
impl<In: Shape> ShapeRule<In> for Own { const OUTPUT: Inferred = Inferred::shape(In::DIMS); }
impl Layer<f64> for Own { type Config = (); type Params = (); }
network! { struct Net: [4] -> [4] {
    Own, //~ f32
} }
//# own_name_taken
struct Linear2;
network! { struct Net: [4] -> [4] {
    Linear2, //~ not a layer
} }
