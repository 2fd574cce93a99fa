//! Checkpoints: files with everything that a training needs to continue.
//!
//! A file begins with magic bytes, the number of its format, its length and a checksum of the rest.
//! The settings, as names and texts, and the state follow. The whole file is read and compared
//! before anything changes.

use core::time::Duration;
use std::io;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use super::codec::{Reader, Writer, sum};
use super::error::{CheckpointError, CheckpointErrorKind};
use super::history::Epoch;
use super::run::{Best, EpochProgress, Run};
use super::trainer::Trainer;
use crate::atomic_file::{self, AtomicFile};
use crate::augment::MixUp;
use crate::limits::{self, TooLarge, WholeError};
use crate::network::Network;
use crate::optim::{Optimizer, OptimizerSnapshot, SkippedSteps, WeightAverage, state_len};
use crate::params;
use crate::schedule::SchedulePolicy;

/// The first bytes of a file.
const MAGIC: &[u8; 24] = b"shapewright checkpoint\n\0";
/// The format of files. Any change of their content is a new format.
const VERSION: u64 = 3;
/// The format whose current epoch has the sum of the losses of its samples, instead of their share
/// in the mean of the epoch.
const VERSION_OF_SUMS: u64 = 1;
/// The last format whose current epoch has no weight, as each sample had the weight 1.
const VERSION_OF_SAMPLES: u64 = 2;
/// The position of the settings, after magic bytes, version, length and checksum.
const HEAD: usize = MAGIC.len() + 3 * 8;

/// The checkpoint file of a training, and the settings that a file must have to be resumed from.
pub(super) struct Checkpoints {
    path: PathBuf,
    /// The number of training samples.
    samples: usize,
    settings: Vec<(String, String)>,
    /// The thread that writes the last checkpoint, if training goes on meanwhile.
    writer: Option<JoinHandle<io::Result<()>>>,
}

/// The state in a file.
struct Saved<'a, N: Network> {
    network: Box<N>,
    lr: f64,
    steps: u64,
    missed: Vec<SkippedSteps>,
    states: Vec<Vec<N::Element>>,
    plateau: (Option<f64>, [u64; 2]),
    average: Option<(u64, Box<N>)>,
    best: Option<Best<N>>,
    ended: bool,
    epoch: EpochProgress,
    epochs: Vec<Epoch>,
    /// The bytes after the state, of which there should be none.
    rest: Reader<'a>,
}

impl Checkpoints {
    /// Returns the checkpoints of a trainer, if it has a file for them, and checks that the file
    /// can be written, if this training `writes` it: only rank 0 of several does.
    pub fn new<N: Network, O: Optimizer, L, G>(
        trainer: &Trainer<'_, N, O, L, G>,
        samples: usize,
        writes: bool,
    ) -> Result<Option<Self>, CheckpointError> {
        let Some(path) = trainer.checkpoint.clone() else {
            return Ok(None);
        };
        let checkpoints = Checkpoints {
            path,
            samples,
            settings: settings(trainer, samples),
            writer: None,
        };
        // It is dropped at once, which leaves no file.
        if writes {
            AtomicFile::create(&checkpoints.path).map_err(|error| checkpoints.unwritten(&error))?;
        }
        Ok(Some(checkpoints))
    }

    /// Writes bytes of [`encode`](Checkpoints::encode) to the file. A thread of its own does so `in
    /// background`, after the checkpoint before, whose error is then returned.
    pub fn write(&mut self, bytes: Vec<u8>, in_background: bool) -> Result<(), CheckpointError> {
        self.finish()?;
        if in_background {
            let path = self.path.clone();
            let write = move || atomic_file::write(&path, &bytes);
            let writer = thread::Builder::new().name("checkpoint".to_owned());
            let writer = writer
                .spawn(write)
                .map_err(|error| self.unwritten(&error))?;
            self.writer = Some(writer);
            return Ok(());
        }
        atomic_file::write(&self.path, &bytes).map_err(|error| self.unwritten(&error))
    }

    /// Waits until the last checkpoint is on the disk.
    pub fn finish(&mut self) -> Result<(), CheckpointError> {
        let written = self.writer.take().map(JoinHandle::join);
        match written {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(self.unwritten(&error)),
            Some(Err(_)) => {
                let error = io::Error::other("the thread that writes it has panicked");
                Err(self.unwritten(&error))
            }
        }
    }

    /// Returns the bytes of a checkpoint of the training.
    ///
    /// `states` has the values that the optimizer keeps, if the training itself has a share of them
    /// alone.
    pub fn encode<N: Network, O: Optimizer, L, G>(
        &self,
        run: &Run<'_, '_, N, O, L, G>,
        states: Option<&[Vec<N::Element>]>,
    ) -> Vec<u8> {
        let mut file = Writer::default();
        file.0.extend(MAGIC);
        // The rest of the head is known only at the end.
        (0..3).for_each(|_| file.number(0));

        file.number(self.settings.len() as u64);
        for (name, value) in &self.settings {
            file.text(name);
            file.text(value);
        }
        write_state(run, states, &mut file);

        let head = [VERSION, file.0.len() as u64, sum(&file.0[HEAD..])];
        file.0[MAGIC.len()..HEAD].copy_from_slice(head.map(u64::to_le_bytes).as_flattened());
        file.0
    }

    /// Returns the bytes of the file; none if it does not exist.
    pub fn read(&self) -> Result<Option<Vec<u8>>, CheckpointError> {
        match limits::read_whole(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(WholeError::TooLarge(TooLarge { limit, need })) => {
                Err(self.error(CheckpointErrorKind::TooLarge { limit, need }))
            }
            Err(WholeError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(WholeError::Io(error)) => Err(self.error(CheckpointErrorKind::Read {
                kind: error.kind(),
                message: error.to_string(),
            })),
        }
    }

    /// Restores the training from the bytes of the file.
    pub fn resume<N: Network, O: Optimizer, L, G>(
        &self,
        bytes: &[u8],
        run: &mut Run<'_, '_, N, O, L, G>,
    ) -> Result<(), CheckpointError> {
        let (version, content) = content(bytes).map_err(|kind| self.error(kind))?;
        self.restore(version, content, run)
            .map_err(|kind| self.error(kind))?;
        if version == VERSION_OF_SUMS {
            run.epoch.loss /= self.samples as f64;
        }
        if version <= VERSION_OF_SAMPLES {
            let used = run.epoch.batches.saturating_mul(run.settings.batch_size);
            run.epoch.weight = used.min(self.samples) as f64;
        }
        Ok(())
    }

    /// Restores the training from the content of a file. Everything that can fail comes before the
    /// first change.
    fn restore<N: Network, O: Optimizer, L, G>(
        &self,
        version: u64,
        content: &[u8],
        run: &mut Run<'_, '_, N, O, L, G>,
    ) -> Result<(), CheckpointErrorKind> {
        let unfit = || CheckpointErrorKind::Damaged {
            what: "its parts do not fit together".to_owned(),
        };

        let mut reader = Reader(content);
        let found = read_settings(&mut reader).ok_or_else(unfit)?;
        self.compare(&found)?;
        let saved: Saved<'_, N> =
            read_state(version, reader, run.settings.state.states().count()).ok_or_else(unfit)?;
        if !saved.follows(&run.settings, self.samples) {
            return Err(unfit());
        }

        let states = saved.states.iter().map(Vec::as_slice).collect();
        let snapshot = OptimizerSnapshot {
            steps: saved.steps,
            missed: saved.missed,
            states,
        };
        run.settings.state.restore(&snapshot).map_err(|_| unfit())?;
        *run.settings.state.optimizer.lr_mut() = saved.lr;

        if let Some(plateau) = run
            .settings
            .schedule
            .as_mut()
            .and_then(SchedulePolicy::plateau_mut)
        {
            plateau.recall(saved.plateau);
        }
        if let (Some(average), Some((updates, network))) =
            (&mut run.settings.average, &saved.average)
        {
            average.restore(network, *updates);
        }

        params::copy_parameters(&*saved.network, run.model.network);
        run.best = saved.best;
        run.ended = saved.ended;
        run.epoch = saved.epoch;
        run.history.epochs = saved.epochs;
        Ok(())
    }

    /// Compares the settings of a file with those of this training. The error is about the first
    /// that differs.
    fn compare(&self, found: &[(&str, &str)]) -> Result<(), CheckpointErrorKind> {
        let value = |settings: &[(&str, &str)], name| {
            settings
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, value)| (*value).to_owned())
        };

        let here = self
            .settings
            .iter()
            .map(|(name, value)| (&**name, &**value));
        let here: Vec<_> = here.collect();
        for &(name, _) in here.iter().chain(found) {
            let expected = value(&here, name);
            let found = value(found, name);
            if expected != found {
                return Err(CheckpointErrorKind::Differs {
                    what: name.to_owned(),
                    expected,
                    found,
                });
            }
        }
        Ok(())
    }

    fn error(&self, kind: CheckpointErrorKind) -> CheckpointError {
        CheckpointError {
            path: self.path.clone(),
            kind,
        }
    }

    fn unwritten(&self, error: &io::Error) -> CheckpointError {
        self.error(CheckpointErrorKind::Write {
            kind: error.kind(),
            message: error.to_string(),
        })
    }
}

impl Drop for Checkpoints {
    /// Waits for the last checkpoint, also after an error, which is the one that is returned.
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl<N: Network> Saved<'_, N> {
    /// Returns whether the trainer can have reached this state.
    ///
    /// A checksum is easy to forge, so that the counters are not trusted: all arithmetic on them
    /// relies on these checks.
    fn follows<O: Optimizer, L, G>(
        &self,
        trainer: &Trainer<'_, N, O, L, G>,
        samples: usize,
    ) -> bool {
        let batches = samples.div_ceil(trainer.batch_size);
        let per_epoch = batches.div_ceil(trainer.accumulate) as u64;

        let within = self.epoch.batches;
        let at_step =
            within == batches || within < batches && within.is_multiple_of(trainer.accumulate);

        let steps_after = |epochs: usize| (epochs as u64).checked_mul(per_epoch);
        let is_consistent = |(epoch, number): (&Epoch, usize)| {
            epoch.epoch == number && Some(epoch.steps) == steps_after(number)
        };
        let epochs = self.epochs.len();
        let steps_within = within.div_ceil(trainer.accumulate) as u64;
        let made = steps_after(epochs).and_then(|steps| steps.checked_add(steps_within));

        self.rest.0.is_empty()
            && at_step
            && self.epochs.iter().zip(1..).all(is_consistent)
            && made.is_some_and(|made| made <= self.steps)
            && self.average.is_some() == trainer.average.is_some()
            && self.best.is_some() == (trainer.patience.is_some() && epochs > 0)
            && self
                .best
                .as_ref()
                .is_none_or(|best| (1..=epochs).contains(&best.epoch))
    }
}

/// Checks the head of a file, and returns its version and the content after the head.
fn content(bytes: &[u8]) -> Result<(u64, &[u8]), CheckpointErrorKind> {
    let damaged = |what: &str| {
        Err(CheckpointErrorKind::Damaged {
            what: what.to_owned(),
        })
    };

    let Some(after) = bytes.strip_prefix(MAGIC) else {
        return damaged("it does not begin as a checkpoint does");
    };
    let mut head = Reader(after);
    let (Some(version), Some(len), Some(expected)) = (head.number(), head.number(), head.number())
    else {
        return damaged("it is cut off in its head");
    };

    if !(VERSION_OF_SUMS..=VERSION).contains(&version) {
        return Err(CheckpointErrorKind::Version {
            expected: VERSION,
            found: version,
        });
    }
    if len != bytes.len() as u64 {
        return damaged(&format!(
            "it has {} bytes, but was written with {len}",
            bytes.len()
        ));
    }
    if expected != sum(head.0) {
        return damaged("its bytes are not those that were written");
    }
    Ok((version, head.0))
}

/// Returns the settings that must be the same in both trainings, with their names in errors.
///
/// Names and values are part of the format, so no value is the `Debug` text of a type of this crate.
pub(super) fn settings<N: Network, O: Optimizer, L, G>(
    trainer: &Trainer<'_, N, O, L, G>,
    samples: usize,
) -> Vec<(String, String)> {
    let mut settings = Vec::new();
    let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));

    let byte_order = if cfg!(target_endian = "little") {
        "little"
    } else {
        "big"
    };
    set("byte order", byte_order.to_owned());

    let summary = N::summary();
    set("number type", summary.element.to_owned());
    set("input", format!("{}", summary.input));
    for (index, layer) in summary.layers.iter().enumerate() {
        set(&format!("layer {index}"), layer.layer.to_owned());
    }
    let network = N::gradient();
    N::PARAM_TREE.for_each("", 0, &mut |name, _, tensor| {
        let number = tensor.buffer.map_or("", |buffer| buffer.number);
        let text = format!("{:?} {number}", tensor.sizes());
        set(name, text.trim_end().to_owned());
    });

    set("optimizer", trainer.state.optimizer.written_settings());
    set("parts", trainer.state.written_groups());
    if !trainer.eval.is_empty() {
        let mut eval = Vec::new();
        for group in &trainer.eval {
            eval.push(group.range(&network));
        }
        set("eval", format!("{eval:?}"));
    }

    if let Some(unfreezing) = &trainer.unfreezing {
        set("unfreezing", unfreezing.written(&network));
    }

    set("training samples", samples.to_string());
    let validation = trainer.validation.map_or(0, |samples| samples.inputs.len());
    set("validation samples", validation.to_string());
    set("batch size", trainer.batch_size.to_string());
    set("accumulate", trainer.accumulate.to_string());
    set("seed", trainer.seed.to_string());
    set(
        "augmentation",
        trainer.augmentation.augment.is_some().to_string(),
    );
    let mixup = trainer.augmentation.mixup.as_ref().map(MixUp::written);
    set("mixup", optional(mixup));
    set("early stopping", format!("{:?}", trainer.patience));
    let mut metrics = Vec::new();
    for metric in &trainer.metrics {
        metrics.push(metric.name());
    }
    set("metrics", format!("{metrics:?}"));

    let schedule = trainer.schedule.as_ref().map(SchedulePolicy::written);
    set("schedule", optional(schedule));
    let average = optional(trainer.average.as_ref().map(WeightAverage::written));
    set(
        "average",
        format!("{average} from epoch {}", trainer.first_averaged()),
    );
    set("clip_grad_value", format!("{:?}", trainer.clip_value));
    set("clip_grad_norm", format!("{:?}", trainer.clip_norm));

    let mut penalties = Vec::new();
    for penalty in &trainer.penalties {
        let name = penalty.name.trim_end_matches("_penalty");
        penalties.push((name, penalty.group.range(&network), penalty.lambda));
    }
    set("penalties", format!("{penalties:?}"));
    if let Some(parallel) = &trainer.distributed {
        set("slices", parallel.slices.to_string());
        set("bf16 gradients", parallel.bf16.to_string());
    }
    settings
}

/// Returns a setting that may be absent as it is written.
fn optional(setting: Option<String>) -> String {
    setting.map_or_else(|| "None".to_owned(), |setting| format!("Some({setting})"))
}

fn read_settings<'a>(file: &mut Reader<'a>) -> Option<Vec<(&'a str, &'a str)>> {
    (0..file.count()?)
        .map(|_| Some((file.text()?, file.text()?)))
        .collect()
}

/// Writes the state of a training, which [`read_state`] reads.
fn write_state<N: Network, O: Optimizer, L, G>(
    run: &Run<'_, '_, N, O, L, G>,
    states: Option<&[Vec<N::Element>]>,
    file: &mut Writer,
) {
    let Run {
        settings,
        model,
        epoch,
        best,
        history,
        ended,
        ..
    } = run;

    file.network(model.network);
    file.float(*settings.state.optimizer.clone().lr_mut());
    let snapshot = settings.state.snapshot();
    file.number(snapshot.steps);
    write_missed(&snapshot.missed, file);
    file.number(snapshot.states.len() as u64);
    match states {
        Some(states) => states.iter().for_each(|state| file.values(state)),
        None => snapshot.states.iter().for_each(|state| file.values(state)),
    }

    let plateau = settings.schedule.as_ref().and_then(SchedulePolicy::plateau);
    let (best_value, counts) = plateau.map(|plateau| plateau.memory()).unwrap_or_default();
    file.maybe(best_value);
    counts.iter().for_each(|count| file.number(*count));

    file.number(settings.average.is_some().into());
    if let Some(average) = &settings.average {
        file.number(average.updates());
        file.network(average.network());
    }

    file.number(best.is_some().into());
    if let Some(Best {
        loss,
        epoch,
        network,
    }) = best
    {
        file.float(*loss);
        file.number(*epoch as u64);
        file.network(&**network);
    }

    file.number((*ended).into());
    let timed = settings.distributed.is_none();
    write_progress(epoch, timed, file);
    write_epochs(&history.epochs, timed, file);
}

/// Writes the numbers of steps that parameters missed.
fn write_missed(missed: &[SkippedSteps], file: &mut Writer) {
    file.number(missed.len() as u64);
    for SkippedSteps { end, steps } in missed {
        file.number(*end as u64);
        file.number(*steps);
    }
}

/// Writes the progress of an epoch, with 0 for its times if it is not `timed`.
fn write_progress(epoch: &EpochProgress, timed: bool, file: &mut Writer) {
    let EpochProgress {
        batches,
        loss,
        weight,
        time,
        waiting,
    } = *epoch;
    file.number(batches as u64);
    file.float(loss);
    file.float(weight);
    let seconds = |time: Duration| if timed { time.as_secs_f64() } else { 0.0 };
    file.float(seconds(time));
    file.float(seconds(waiting));
}

/// Writes the epochs that have ended, with 0 for their times if they are not `timed`.
fn write_epochs(epochs: &[Epoch], timed: bool, file: &mut Writer) {
    file.number(epochs.len() as u64);
    for epoch in epochs {
        write_epoch(epoch, timed, file);
    }
}

/// Writes an epoch, with 0 for its times if it is not `timed`.
fn write_epoch(epoch: &Epoch, timed: bool, file: &mut Writer) {
    let Epoch {
        epoch,
        steps,
        loss,
        validation_loss,
        metrics,
        seconds,
        waiting,
    } = epoch;

    file.number(*epoch as u64);
    file.number(*steps);
    file.float(*loss);
    file.maybe(*validation_loss);
    file.float(if timed { *seconds } else { 0.0 });
    file.float(if timed { *waiting } else { 0.0 });

    file.number(metrics.len() as u64);
    for (name, value) in metrics {
        file.text(name);
        file.float(*value);
    }
}

/// Reads the numbers of steps that parameters missed.
fn read_missed(file: &mut Reader<'_>) -> Option<Vec<SkippedSteps>> {
    // The list grows with the bytes that are there, as the count may be any number.
    let mut missed = Vec::new();
    for _ in 0..file.count()? {
        missed.push(SkippedSteps {
            end: file.count()?,
            steps: file.number()?,
        });
    }
    Some(missed)
}

/// Reads the progress of the epoch that was not at its end.
fn read_progress(version: u64, file: &mut Reader<'_>) -> Option<EpochProgress> {
    Some(EpochProgress {
        batches: file.count()?,
        loss: file.float()?,
        weight: if version > VERSION_OF_SAMPLES {
            file.float()?
        } else {
            0.0
        },
        time: file.seconds()?,
        waiting: file.seconds()?,
    })
}

/// Reads the epochs that have ended.
fn read_epochs(file: &mut Reader<'_>) -> Option<Vec<Epoch>> {
    let mut epochs = Vec::new();
    for _ in 0..file.count()? {
        epochs.push(read_epoch(file)?);
    }
    Some(epochs)
}

/// Reads the state of a training with an optimizer that keeps `states` values per parameter.
fn read_state<N: Network>(
    version: u64,
    mut file: Reader<'_>,
    states: usize,
) -> Option<Saved<'_, N>> {
    let network = file.network()?.into_box();
    let lr = file.float().filter(|lr| lr.is_finite() && *lr >= 0.0)?;
    let steps = file.number()?;
    let missed = read_missed(&mut file)?;
    // Without this check, a network without parameters, which takes no bytes, could be read any
    // number of times.
    if file.count()? != states {
        return None;
    }
    let state_len = state_len::<N>();
    let states = (0..states)
        .map(|_| file.values(state_len))
        .collect::<Option<_>>()?;

    let plateau = (file.maybe()?, [file.number()?, file.number()?]);
    let average = match file.flag()? {
        false => None,
        true => Some((file.number()?, file.network()?.into_box())),
    };
    let best = match file.flag()? {
        false => None,
        true => Some(Best {
            loss: file.float()?,
            epoch: file.count()?,
            network: file.network()?.into_box(),
        }),
    };

    let ended = file.flag()?;
    let epoch = read_progress(version, &mut file)?;
    let epochs = read_epochs(&mut file)?;

    Some(Saved {
        network,
        lr,
        steps,
        missed,
        states,
        plateau,
        average,
        best,
        ended,
        epoch,
        epochs,
        rest: file,
    })
}

fn read_epoch(file: &mut Reader<'_>) -> Option<Epoch> {
    Some(Epoch {
        epoch: file.count()?,
        steps: file.number()?,
        loss: file.float()?,
        validation_loss: file.maybe()?,
        seconds: file.float()?,
        waiting: file.float()?,
        metrics: (0..file.count()?)
            .map(|_| Some((file.text()?.to_owned(), file.float()?)))
            .collect::<Option<_>>()?,
    })
}
