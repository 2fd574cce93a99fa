//! How the options of optimizers and schedules are set.

/// Methods that set one option each: with documentation, a type and, for schedules, a check, or by
/// name alone for the options that many optimizers have, which are checked by
/// [`Optimizer::check`](crate::optim::Optimizer::check).
macro_rules! setters {
    () => {};
    (betas; $($rest:tt)*) => {
        setters! {
            /// How slowly the running means of the gradient and of its size forget; 0.9 and 0.999 by default.
            betas: f64, f64;
            $($rest)*
        }
    };
    (epsilon; $($rest:tt)*) => {
        setters! {
            /// What is added to the divisor.
            epsilon: f64;
            $($rest)*
        }
    };
    (weight_decay; $($rest:tt)*) => {
        setters! {
            /// The factor of the parameters that is added to their gradient; 0 by default.
            weight_decay: f64;
            $($rest)*
        }
    };
    (decoupled_weight_decay; $($rest:tt)*) => {
        setters! {
            /// Whether the weight decay, times the learning rate, is taken from the parameters themselves and not
            /// added to the gradient; false by default.
            decoupled_weight_decay: bool;
            $($rest)*
        }
    };
    (maximize; $($rest:tt)*) => {
        setters! {
            /// Whether to go up the gradient; false by default.
            maximize: bool;
            $($rest)*
        }
    };
    ($(#[$doc:meta])+ betas: f64, f64; $($rest:tt)*) => {
        $(#[$doc])+
        pub const fn betas(self, first: f64, second: f64) -> Self {
            Self { betas: (first, second), ..self }
        }
        setters! { $($rest)* }
    };
    ($(#[$doc:meta])+ $option:ident: $value:ty, if $check:expr, $sentence:literal; $($rest:tt)*) => {
        $(#[$doc])+
        ///
        /// # Panics
        /// If it is out of this range, NaN or infinite.
        #[track_caller]
        pub const fn $option(self, $option: $value) -> Self {
            assert!($check, $sentence);
            Self { $option, ..self }
        }
        setters! { $($rest)* }
    };
    ($(#[$doc:meta])+ $option:ident: $value:ty; $($rest:tt)*) => {
        $(#[$doc])+
        pub const fn $option(self, $option: $value) -> Self {
            Self { $option, ..self }
        }
        setters! { $($rest)* }
    };
}
pub(crate) use setters;
