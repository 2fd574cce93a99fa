//! The errors of serde's derives on networks in a build without the feature `serde`.

/// Reports a missing feature, by a call at the user's tokens.
#[doc(hidden)]
#[macro_export]
macro_rules! __serialize {
    ($network:ident, $($missing:tt)*) => {
        const _: () = $($missing)*;
    };
}

/// Reports a missing feature, by a call at the user's tokens.
#[doc(hidden)]
#[macro_export]
macro_rules! __deserialize {
    ($network:ident, $($missing:tt)*) => {
        const _: () = $($missing)*;
    };
}
