//! The progress bar.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::history::Epoch;

/// A bar over the steps of a training; removed when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new(visible: bool) -> Self {
        // Standard error draws nothing where it is not a terminal.
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %, {eta} left  {msg}")
            .expect("the template is well formed");
        Bar(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    /// So many of all steps are done already.
    pub(super) fn begin(&self, done: u64, steps: u64) {
        self.0.set_length(steps);
        self.0.set_position(done);
        self.0.reset_eta();
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    pub(super) fn epoch(&self, epoch: &Epoch, epochs: usize) {
        let validation =
            epoch.validation_loss.map(|loss| format!(", validation {loss:.4}")).unwrap_or_default();
        self.0.set_message(format!("epoch {}/{epochs}: loss {:.4}{validation}", epoch.epoch, epoch.loss));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
