//! The functions of `denormals.rs` without the standard library, which knows the threads that a
//! scope marks: there is no scope, and the processor keeps its mode.

/// Returns whether any thread of the process is in a scope: never.
#[inline(always)]
pub(crate) fn is_any_scope() -> bool {
    false
}

/// The mode of the processor, which stays as it is.
pub(crate) struct FloatMode;

impl FloatMode {
    #[inline(always)]
    pub(crate) fn of_scope() -> FloatMode {
        FloatMode
    }
}
