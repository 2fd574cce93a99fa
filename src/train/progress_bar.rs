//! The progress bar.

use std::panic::{self, AssertUnwindSafe};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::history::Epoch;

/// A bar that counts the steps of a training. Dropping it removes it from the screen.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Returns a bar on standard error, which draws nothing unless that is a terminal.
    pub(super) fn new(visible: bool) -> Self {
        Self::on(if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        })
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %, {eta} left  {msg}")
            .expect("the template is well formed");
        Bar(ProgressBar::with_draw_target(None, target).with_style(style))
    }

    /// Begins with `done` of `steps` steps done.
    pub(super) fn begin(&self, done: u64, steps: u64) {
        self.0.set_length(steps);
        self.0.set_position(done);
        self.0.reset_eta();
    }

    /// Counts a step.
    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// Shows the losses of an epoch, out of `epochs`.
    pub(super) fn epoch(&self, epoch: &Epoch, epochs: usize) {
        if self.0.is_hidden() {
            return;
        }

        let validation = epoch
            .validation_loss
            .map(|loss| format!(", validation {loss:.4}"))
            .unwrap_or_default();
        self.0.set_message(format!(
            "epoch {}/{epochs}: loss {:.4}{validation}",
            epoch.epoch, epoch.loss
        ));
    }

    /// Calls `f` while the bar is removed from the screen, so that output gets lines of its own.
    pub(super) fn suspend(&self, f: impl FnOnce()) {
        // After a panic within `suspend`, the bar would panic again when it is dropped.
        let result = self.0.suspend(|| panic::catch_unwind(AssertUnwindSafe(f)));
        result.unwrap_or_else(|panic| panic::resume_unwind(panic));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::{Arc, Mutex};

    use indicatif::{ProgressDrawTarget, TermLike};

    use super::Bar;

    /// A terminal with a single line.
    #[derive(Clone, Debug, Default)]
    struct Line(Arc<Mutex<String>>);

    impl TermLike for Line {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.0.lock().unwrap().clear();
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_makes_room_for_output() {
        let line = Line::default();
        let text = || line.0.lock().unwrap().trim().to_owned();
        let bar = Bar::on(ProgressDrawTarget::term_like(Box::new(line.clone())));

        bar.begin(1, 4);
        bar.step();
        assert!(text().contains("50 %"), "{}", text());
        bar.suspend(|| assert_eq!(text(), ""));
        assert!(text().contains("50 %"), "{}", text());

        let panic = catch_unwind(AssertUnwindSafe(|| bar.suspend(|| panic!("printed badly"))));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&"printed badly"));
        bar.step();
        drop(bar);
        assert_eq!(text(), "");
    }
}
