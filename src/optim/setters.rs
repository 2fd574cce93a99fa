//! Macros for the methods that set the options of optimizers and schedules.

/// Defines methods that set one option each.
///
/// An option has documentation, a type and, for schedules, a check. The options that many
/// optimizers have are written by name alone; [`Optimizer::check`](crate::optim::Optimizer::check)
/// checks them.
macro_rules! setters {
    () => {};
    (betas; $($rest:tt)*) => {
        setters! {
            /// Sets the decay rates of the running means of the gradient and of its size; 0.9 and
            /// 0.999 by default.
            betas: f64, f64;
            $($rest)*
        }
    };
    (epsilon; $($rest:tt)*) => {
        setters! {
            /// Sets the number that is added to the divisor.
            epsilon: f64;
            $($rest)*
        }
    };
    (weight_decay; $($rest:tt)*) => {
        setters! {
            /// Sets the weight decay: the multiple of the parameters that is added to their
            /// gradient; 0 by default.
            weight_decay: f64;
            $($rest)*
        }
    };
    (decoupled_weight_decay; $($rest:tt)*) => {
        setters! {
            /// Sets whether the weight decay, times the learning rate, is applied to the parameters
            /// directly instead of to the gradient; `false` by default.
            decoupled_weight_decay: bool;
            $($rest)*
        }
    };
    (maximize; $($rest:tt)*) => {
        setters! {
            /// Sets whether to maximize the loss, by steps along the gradient; `false` by default.
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
        /// Panics if it is out of this range, NaN or infinite.
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

/// Defines the methods of [`Optimizer`](crate::optim::Optimizer) for the settings of a built-in
/// optimizer, from its name in checkpoints and all its fields.
macro_rules! shared_settings {
    ($name:literal: $($setting:ident),+) => {
        fn lr_mut(&mut self) -> &mut f64 {
            &mut self.lr
        }

        fn weight_decay_mut(&mut self) -> Option<&mut f64> {
            Some(&mut self.weight_decay)
        }

        fn written_settings(&self) -> String {
            // Names all fields, so that no setting is forgotten.
            let Self { $($setting),+ } = self;
            $crate::written::written($name, &[$((stringify!($setting), $setting)),+])
        }
    };
}
pub(super) use shared_settings;
