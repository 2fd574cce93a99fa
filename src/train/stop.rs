//! The handle that stops a training from outside, and Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A handle that stops trainings from any thread, for instance for a button, a time limit or a
/// signal. Clones are the same handle.
///
/// The training finishes its current step and writes a checkpoint if it has a file for one. Then
/// [`fit`](crate::train::Trainer::fit) returns the history with
/// [`interrupted`](crate::train::History::interrupted) set.
///
/// ```
/// use shapewright::train::StopHandle;
/// use shapewright::prelude::*;
/// network! { struct Line: [1] -> [1] { Linear<_, 1> } }
///
/// let x = [[0.0], [1.0], [2.0]].map(Tensor1::from);
/// let stop = StopHandle::new();
/// let timer = std::thread::spawn({
///     let stop = stop.clone();
///     move || stop.stop()
/// });
/// let mut net = Line::init(&mut shapewright::rng(0));
/// let trainer = Line::trainer(Sgd::new(0.001), Mse)
///     .epochs(usize::MAX >> 1)
///     .stop_handle(&stop);
/// assert!(trainer.fit(&mut net, &x, &x)?.interrupted);
/// # timer.join().unwrap();
/// # Ok::<(), shapewright::train::TrainError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// Returns a handle that has not been stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the trainings that have this handle. A stopped handle stays stopped: make a new one
    /// for the next training.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns whether [`StopHandle::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A registration of a training that Ctrl-C stops, until it is dropped.
#[cfg(feature = "ctrlc")]
pub(super) struct OnCtrlC(StopHandle);

#[cfg(feature = "ctrlc")]
mod ctrl_c {
    #[cfg(unix)]
    use core::{mem::MaybeUninit, ptr};
    use std::io;
    use std::process;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use super::{OnCtrlC, StopHandle};
    use crate::train::TrainError;

    /// The trainings that Ctrl-C stops.
    #[derive(Default)]
    struct Stops {
        /// True if [`pressed`] is the handler of Ctrl-C.
        handled: bool,
        trainings: Vec<StopHandle>,
    }

    static STOPS: Mutex<Stops> = Mutex::new(Stops {
        handled: false,
        trainings: Vec::new(),
    });

    fn stops() -> MutexGuard<'static, Stops> {
        STOPS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles Ctrl-C. The crate `ctrlc` calls it on a thread of its own.
    fn pressed() {
        let stops = stops();

        // The second time, or if nothing is being trained, the program ends as it would without a
        // handler.
        if stops.trainings.iter().all(StopHandle::is_stopped) {
            process::exit(if cfg!(windows) {
                0xc000_013a_u32.cast_signed()
            } else {
                130
            });
        }

        stops.trainings.iter().for_each(StopHandle::stop);
    }

    /// The action of the system for Ctrl-C in this program.
    #[cfg(unix)]
    struct Action(libc::sigaction);

    #[cfg(unix)]
    impl Action {
        /// Returns the present action.
        fn now() -> Self {
            let mut action = MaybeUninit::zeroed();
            // SAFETY: without a new action, the call only writes the present one, for which there
            // is room; all bits zero is one, too.
            unsafe {
                libc::sigaction(libc::SIGINT, ptr::null(), action.as_mut_ptr());
                Action(action.assume_init())
            }
        }

        /// Returns whether the system ignores Ctrl-C for this program. Shells start the background
        /// programs of a script like that, and it must stay so.
        fn is_ignored(&self) -> bool {
            self.0.sa_sigaction == libc::SIG_IGN
        }

        /// Sets the action again.
        fn put_back(self) {
            // SAFETY: the action is the one that the system gave, and no room for another is asked
            // for.
            unsafe { libc::sigaction(libc::SIGINT, &self.0, ptr::null_mut()) };
        }
    }

    #[cfg(not(unix))]
    struct Action;

    #[cfg(not(unix))]
    impl Action {
        fn now() -> Self {
            Action
        }

        fn is_ignored(&self) -> bool {
            false
        }

        fn put_back(self) {}
    }

    /// Makes [`pressed`] the handler of Ctrl-C. `before` is the action before, which is set again
    /// if that fails.
    fn handle(before: Action) -> Result<(), TrainError> {
        let error = match ctrlc::try_set_handler(pressed) {
            Ok(()) => return Ok(()),
            Err(ctrlc::Error::MultipleHandlers) => {
                let reason = "something else in this program handles Ctrl-C already; let that call \
                              `StopHandle::stop`, and give the trainer the handle with \
                              `stop_handle`";
                return Err(TrainError::Combination {
                    reason: reason.to_owned(),
                });
            }
            Err(ctrlc::Error::System(error)) => error,
            Err(error) => io::Error::other(error.to_string()),
        };

        // The crate sets the handler before it starts the thread. Without the thread, Ctrl-C would
        // have no effect, not even that of ending the program, and another attempt would take the
        // handler for that of another library.
        before.put_back();
        Err(TrainError::CtrlC {
            kind: error.kind(),
            message: error.to_string(),
        })
    }

    impl OnCtrlC {
        /// Registers a training that Ctrl-C stops.
        ///
        /// # Errors
        /// Returns an error if something else in the program handles Ctrl-C, or if the system has
        /// no thread or file descriptor for a handler.
        pub(in crate::train) fn stops(training: &StopHandle) -> Result<Self, TrainError> {
            let mut stops = stops();

            // The process has one handler for its whole life.
            if !stops.handled {
                let now = Action::now();
                if !now.is_ignored() {
                    handle(now)?;
                    stops.handled = true;
                }
            }

            stops.trainings.push(training.clone());
            Ok(OnCtrlC(training.clone()))
        }
    }

    impl Drop for OnCtrlC {
        fn drop(&mut self) {
            let mut stops = stops();
            let found = stops
                .trainings
                .iter()
                .position(|stop| Arc::ptr_eq(&stop.0, &self.0.0));
            found.map(|index| stops.trainings.swap_remove(index));
        }
    }
}
