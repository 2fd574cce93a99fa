//! Sizes as every expression that Rust has for them.

use shapewright::prelude::*;

mod config {
    pub const WIDTH: usize = 4;
    pub struct Sizes;
    impl Sizes {
        pub const HIDDEN: usize = 6;
    }
    pub const fn double(size: usize) -> usize {
        2 * size
    }
    pub enum Class {
        Cat,
        Dog,
    }
}
use config::{Class, Sizes, WIDTH, double};

trait HasSize {
    const SIZE: usize;
}
impl HasSize for Sizes {
    const SIZE: usize = 5;
}

/// One network per expression.
macro_rules! sized {
    ($($name:ident: $size:tt is $value:literal)*) => { $(
        #[test]
        #[allow(non_camel_case_types)]
        fn $name() {
            network! { struct Net: [$size] -> [$size] { Linear<_, $size>, fc: Linear<$size, $size> } }
            assert_eq!(Net::PARAMS, 2 * $value * ($value + 1));
        }
    )* };
}

sized! {
    a_literal: 4 is 4
    a_literal_with_a_type: 4usize is 4
    a_literal_with_underscores: 1_0 is 10
    a_hexadecimal_literal: 0x10 is 16
    a_binary_literal: 0b11 is 3
    a_constant: WIDTH is 4
    a_path: { config::WIDTH } is 4
    an_absolute_path: { crate::sizes::config::WIDTH } is 4
    an_associated_constant: { Sizes::HIDDEN } is 6
    a_constant_of_a_trait: { <Sizes as HasSize>::SIZE } is 5
    a_sum: { WIDTH + 1 } is 5
    a_product: { 2 * WIDTH } is 8
    a_division: { WIDTH / 2 } is 2
    a_difference: { WIDTH - 1 } is 3
    a_shift: { 1 << 3 } is 8
    a_call: { double(WIDTH) } is 8
    a_method: { WIDTH.pow(2) } is 16
    a_cast: { 3u8 as usize } is 3
    an_enum: { Class::Dog as usize + 1 + Class::Cat as usize } is 2
    a_condition: { if WIDTH > 3 { 7 } else { 8 } } is 7
    a_match: { match WIDTH { 4 => 3, _ => 9 } } is 3
    a_block: { let a = 2; a + 1 } is 3
    a_length: { [1, 2, 3].len() } is 3
    a_size_of: { size_of::<u32>() } is 4
    a_text: { "four".len() } is 4
    a_maximum: { u8::MAX as usize / 51 } is 5
    parentheses: { (WIDTH + 1) * 2 } is 10
}

#[test]
fn shapes_without_braces() {
    network! { struct Net: [2 * WIDTH, Sizes::HIDDEN] -> [double(WIDTH), 3 - 1] { Linear<{ Sizes::HIDDEN }, 2> } }
    assert_eq!(Net::PARAMS, 14);
}

#[test]
fn arguments_of_layers() {
    const P: f64 = 0.25;
    network! { struct Net: [WIDTH] -> [WIDTH] { Dropout(P), Dropout(1.0 - P), LeakyRelu(P / 2.0), Elu } }
    assert_eq!(Net::PARAMS, 0);
}

#[test]
fn options_of_layers() {
    const KERNEL: usize = 3;
    network! {
        struct Net: [8, 8, 2] -> [4, 4, 4] {
            Conv2d<_, { 2 * 2 }, KERNEL, Stride<{ KERNEL - 1 }>, Pad<{ KERNEL / 2 }>, Groups<{ 1 + 1 }>>,
        }
    }
    assert_eq!(Net::PARAMS, 9 * 4 + 4);
}
