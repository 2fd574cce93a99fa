//! The errors of serde's derives on networks in a build without the feature `serde`.

/// Reports a missing feature.
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    ($network:ident) => {
        $crate::__needs_serde!("Serialize");
    };
}

/// Reports a missing feature.
#[doc(hidden)]
#[macro_export]
macro_rules! __deserialize {
    ($network:ident) => {
        $crate::__needs_serde!("Deserialize");
    };
}

/// Reports that a derive needs the feature.
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_serde {
    ($derive:literal) => {
        ::core::compile_error! {
            ::core::concat!(
                "`", $derive, "` of a network needs the feature `serde`: ",
                "`cargo add shapewright --features serde`"
            )
        }
    };
}
