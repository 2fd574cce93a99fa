//! Correct programs, which compile without a warning and do what they say: networks among names,
//! paths, attributes and places that macros are known to stumble over. Each module or function is
//! one program. Programs with lints of a whole crate are in `ui-tests/pass`, those with crates of
//! their own in `ui-tests/crates`.

mod attributes;
mod macros;
mod names;
mod paths;
mod places;
mod sizes;
mod templates;
