//! Ctrl-C: this program runs itself as a child process and sends it the signal.
#![cfg(all(unix, feature = "ctrlc"))]

mod common;

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::{bits, folder, random};
use shapewright::prelude::*;
use shapewright::train::{History, Step, StopHandle};

network! { struct Net: [3] -> [1] { fc: Linear<_, 8>, Tanh, Dropout(0.3), Linear<_, 1> } }

/// The variable with the path of the child's checkpoint.
const CHILD: &str = "SHAPEWRIGHT_TEST_CHECKPOINT";
/// The step, in the middle of the second epoch, at which Ctrl-C is pressed.
const PRESSED_AT: u64 = 6;

/// Trains, resuming from the checkpoint if there is one. With `waits`, one step waits until the
/// training is told to stop.
fn train(checkpoint: &Path, waits: bool) -> (Vec<u64>, History) {
    let x: Vec<Tensor1<3>> = random(16, 1);
    let y: Vec<_> = x.iter().map(|x| Tensor1::from([x[0] * x[1]])).collect();

    let stop = StopHandle::new();
    let wait = |step: &Step, _: &Net| {
        if waits && step.step == PRESSED_AT {
            println!("ready");
            while !stop.is_stopped() {
                std::thread::sleep(Duration::from_millis(1));
            }
            println!("stopping");
            // A second Ctrl-C must come while the training still runs.
            while std::env::var_os(STUCK).is_some() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        ControlFlow::Continue(())
    };

    let mut net = Net::init(&mut shapewright::rng(4));
    let trainer = Net::trainer(Adam::new(0.05), Mse)
        .epochs(3)
        .batch_size(4)
        .checkpoint(checkpoint)
        .resume(true);
    let trainer = trainer
        .stop_on_ctrl_c(true)
        .stop_handle(&stop)
        .on_step(wait);

    let history = trainer.fit(&mut net, &x, &y).expect("a training");
    (bits(net.params()), history)
}

/// Set if the child does not end by itself.
const STUCK: &str = "SHAPEWRIGHT_TEST_STUCK";

/// Set if Ctrl-C is ignored in the child, as in programs that a script starts in the background.
const IN_BACKGROUND: &str = "SHAPEWRIGHT_TEST_BACKGROUND";

/// Set so that the child cannot start a thread: each would have a stack larger than any memory.
const NO_THREADS: &str = "RUST_MIN_STACK";

/// The program of the child process, which is not a test by itself.
#[test]
fn child() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };

    if std::env::var_os(NO_THREADS).is_some() {
        let x = [Tensor1::zeros()];
        let trainer = || Net::trainer(Sgd::new(0.1), Mse).stop_on_ctrl_c(true);
        for _ in 0..2 {
            let error = trainer().fit(&mut *Net::zeros(), &x, &[Tensor1::zeros()]);
            println!("error: {}", error.expect_err("no thread"));
        }

        println!("idle");
        std::thread::sleep(Duration::from_secs(600));
    }

    if std::env::var_os(IN_BACKGROUND).is_some() {
        let interrupted = train(Path::new(&path), false).1.interrupted;
        return println!("trained: {}", !interrupted);
    }

    // A training that has ended is not stopped any more.
    let first = PathBuf::from(&path).with_file_name("first.checkpoint");
    assert!(!train(&first, false).1.interrupted);

    let history = train(Path::new(&path), true).1;
    println!(
        "interrupted {} after {} epochs",
        history.interrupted,
        history.epochs.len()
    );
    if std::env::var_os("SHAPEWRIGHT_TEST_IDLE").is_some() {
        println!("idle");
        std::thread::sleep(Duration::from_secs(600));
    }
}

/// A child that is killed if the test fails.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

impl Running {
    fn start(checkpoint: &Path, variable: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, checkpoint)
            .env(
                variable,
                if variable == NO_THREADS {
                    "70368744177664"
                } else {
                    "1"
                },
            )
            .stdout(Stdio::piped());

        let ctrl_c = if variable == IN_BACKGROUND {
            libc::SIG_IGN
        } else {
            libc::SIG_DFL
        };
        // SAFETY: `signal` may be called between fork and exec.
        unsafe {
            command.pre_exec(move || {
                libc::signal(libc::SIGINT, ctrl_c);
                Ok(())
            });
        }

        let mut child = command.spawn().expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        Running { child, lines }
    }

    /// Reads up to a line with this text, and returns the line.
    fn until(&mut self, text: &str) -> String {
        let mut lines = self.lines.by_ref().map(|line| line.expect("a line"));
        lines
            .find(|line| line.contains(text))
            .unwrap_or_else(|| panic!("the child never said {text:?}"))
    }

    fn press(&self) {
        let killed = Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .status();
        assert!(killed.expect("the program `kill`").success());
    }

    fn end(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            match self.child.try_wait().expect("a status") {
                Some(status) => return status,
                None if begin.elapsed() > Duration::from_secs(60) => {
                    panic!("the child does not end")
                }
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

#[test]
fn an_interrupted_training_resumes_from_its_checkpoint_in_every_bit() {
    let folder = folder("ctrl-c");
    let (params, mut whole) = train(&folder.join("whole.checkpoint"), false);

    let path = folder.join("run.checkpoint");
    let mut child = Running::start(&path, "SHAPEWRIGHT_TEST_IDLE");
    child.until("ready");
    child.press();
    assert!(
        child
            .until("interrupted")
            .ends_with("interrupted true after 1 epochs")
    );
    // While nothing is trained, Ctrl-C ends the program as usual.
    child.until("idle");
    child.press();
    assert_eq!(child.end().code(), Some(130));

    let (resumed, mut history) = train(&path, false);
    assert_eq!(resumed, params);
    for epoch in history.epochs.iter_mut().chain(&mut whole.epochs) {
        (epoch.seconds, epoch.waiting) = (0.0, 0.0);
    }
    assert_eq!(history, whole);
}

#[test]
fn pressing_twice_ends_the_program() {
    let folder = folder("ctrl-c-twice");
    let mut child = Running::start(&folder.join("run.checkpoint"), STUCK);
    child.until("ready");
    child.press();
    child.until("stopping");
    child.press();
    assert_eq!(child.end().code(), Some(130));
}

#[test]
fn a_program_in_the_background_trains_to_the_end() {
    let folder = folder("ctrl-c-background");
    let mut child = Running::start(&folder.join("run.checkpoint"), IN_BACKGROUND);
    assert!(child.until("trained").ends_with("true"));
    assert_eq!(child.end().code(), Some(0));
}

/// The error comes each time, as the first leaves nothing behind. Ctrl-C still ends the program.
#[test]
fn without_a_thread_for_it_the_error_says_so() {
    let folder = folder("ctrl-c-threads");
    let mut child = Running::start(&folder.join("run.checkpoint"), NO_THREADS);
    for _ in 0..2 {
        let error = child.until("error: ");
        assert!(error.contains("nothing can wait for Ctrl-C"), "{error}");
        assert!(
            error.contains("a thread and two file descriptors"),
            "{error}"
        );
    }
    child.until("idle");
    child.press();
    assert_eq!(child.end().signal(), Some(libc::SIGINT));
}
