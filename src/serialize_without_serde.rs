//! The errors of serde's derives on networks in a build without the feature `serde`.

/// Reports a missing feature.
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    ($network:ident) => {
        ::core::compile_error! {
            "`Serialize` of a network needs the feature `serde`: \
`cargo add shapewright --features serde`"
        }
    };
}

/// Reports a missing feature.
#[doc(hidden)]
#[macro_export]
macro_rules! __deserialize {
    ($network:ident) => {
        ::core::compile_error! {
            "`Deserialize` of a network needs the feature `serde`: \
`cargo add shapewright --features serde`"
        }
    };
}
