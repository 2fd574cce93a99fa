//! Stopping a training from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops trainings from any thread: a button, a time limit, a signal. Its clones are one handle.
///
/// The training ends the step that it is at, writes a checkpoint if it was asked for one, and
/// [`fit`](crate::Trainer::fit) returns its history with
/// [`interrupted`](crate::History::interrupted) set.
///
/// ```
/// use shapewright::StopHandle;
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
/// # Ok::<(), shapewright::TrainError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<AtomicBool>);

impl StopHandle {
    /// A handle that has not been used to stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops the trainings that were given this handle. It stays so: make a new one for the next
    /// training.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`StopHandle::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A training that Ctrl-C stops, until this is dropped.
#[cfg(feature = "ctrlc")]
pub(super) struct OnCtrlC(StopHandle);

#[cfg(feature = "ctrlc")]
mod ctrl_c {
    use std::process;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
    #[cfg(unix)]
    use std::{mem::MaybeUninit, ptr};

    use super::{OnCtrlC, StopHandle};

    /// What Ctrl-C stops.
    #[derive(Default)]
    struct Stops {
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

    /// Runs on a thread of its own.
    fn pressed() {
        let stops = stops();
        // The second time, and when nothing is trained, the program ends as it would without this.
        if stops.trainings.iter().all(StopHandle::is_stopped) {
            process::exit(if cfg!(windows) {
                0xc000_013a_u32.cast_signed()
            } else {
                130
            });
        }
        stops.trainings.iter().for_each(StopHandle::stop);
    }

    /// Whether Ctrl-C does not reach this program: so shells start what a script runs in the
    /// background, and so it is to stay.
    #[cfg(unix)]
    fn is_ignored() -> bool {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: without a new action, the call only writes the present one, for which there is
        // room; all bits zero is one, too.
        unsafe {
            libc::sigaction(libc::SIGINT, ptr::null(), action.as_mut_ptr());
            action.assume_init().sa_sigaction == libc::SIG_IGN
        }
    }

    #[cfg(not(unix))]
    fn is_ignored() -> bool {
        false
    }

    impl OnCtrlC {
        /// `None` if something else in the program handles Ctrl-C.
        pub(in crate::train) fn stops(training: &StopHandle) -> Option<Self> {
            let mut stops = stops();
            // There is one handler for the life of the process.
            if !stops.handled && !is_ignored() {
                ctrlc::try_set_handler(pressed).ok()?;
                stops.handled = true;
            }
            stops.trainings.push(training.clone());
            Some(OnCtrlC(training.clone()))
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
