use shapewright::prelude::*;

network! {
    pub struct Deep: [2, 2, 2, 2] -> [10] {
        embed: Embedding<5, 3>,
        Flatten,
        head: Linear<_, 10>,
    }
}

network! {
    pub struct Padded: [8] -> [8, 3] {
        embed: Embedding<5, 3, PaddingIdx<5>>,
    }
}

network! {
    pub struct Missing: [8] -> [8, 3] {
        embed: Embedding<5>,
    }
}

network! {
    pub struct Inferred: [8] -> [8, 3] {
        embed: Embedding<_, 3>,
    }
}

network! {
    pub struct Bare: [8] -> [8, 3] {
        embed: Embedding<5, 3, PaddingIdx>,
    }
}

network! {
    pub struct Misspelt: [8] -> [8, 3] {
        embed: Embedding<5, 3, PadIndex<0>>,
    }
}

network! {
    pub struct Twice: [8] -> [8, 3] {
        embed: Embedding<5, 3, PaddingIdx<0>, PaddingIdx<1>>,
    }
}

network! {
    pub struct Marker: [8] -> [8, 3] {
        embed: Embedding<5, 3, PaddingIdx<18446744073709551615>>,
    }
}

network! {
    pub struct Rows: [8] -> [10] {
        embed: Embedding<5, 3, PaddingIdx<0>>,
        head: Linear<24, 10>,
    }
}

fn main() {}
