//! Settings as they are written in checkpoints.

use core::fmt::{self, Debug, Formatter};

/// Returns a name with its settings: `Adam { lr: 0.01, maximize: false }`.
///
/// A training resumes only if they are the same as in its checkpoint. They are therefore part of
/// the format: a type or a setting that is renamed in this crate keeps its written name. The values
/// are numbers, Booleans and texts, whose `Debug` text the standard library defines.
pub(crate) fn written(name: &str, settings: &[(&str, &dyn Debug)]) -> String {
    format!("{:?}", Written { name, settings })
}

struct Written<'a> {
    name: &'a str,
    settings: &'a [(&'a str, &'a dyn Debug)],
}

impl Debug for Written<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut written = f.debug_struct(self.name);
        for (setting, value) in self.settings {
            written.field(setting, value);
        }
        written.finish()
    }
}
