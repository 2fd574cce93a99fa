//! Search for hyperparameters: candidates, the order of results, pruning, and failures.

use std::cell::Cell;
use std::collections::HashSet;
use std::error::Error;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::common::settings;
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::{prop_assert, prop_assert_eq, proptest};
use shapewright::prelude::*;
use shapewright::search::{
    Draw, Median, Outcome, Pruning, Reported, Search, SearchReport, SuccessiveHalving,
};
use shapewright::threads;

/// Trials that report these values, epoch after epoch, and give the last one, on one thread.
fn curves(
    curves: &[Vec<f64>],
    set: impl FnOnce(Search<Vec<f64>>) -> Search<Vec<f64>>,
) -> SearchReport<Vec<f64>> {
    set(Search::new(curves.to_vec()).threads(1)).run(|curve, trial| {
        for (epoch, &value) in curve.iter().enumerate() {
            if trial.report(epoch + 1, value).is_break() {
                break;
            }
        }
        curve.last().copied().ok_or_else(|| "an empty curve".into())
    })
}

/// The numbers of the trials that ended by themselves, and of those that were pruned with the
/// epoch.
fn ends<P>(report: &SearchReport<P>) -> (Vec<usize>, Vec<(usize, usize)>) {
    let finished = report
        .trials
        .iter()
        .filter(|trial| matches!(trial.outcome, Outcome::Finished(_)));
    let pruned = report
        .trials
        .iter()
        .filter(|trial| matches!(trial.outcome, Outcome::Pruned(_)));
    let mut pruned: Vec<_> = pruned.map(|trial| (trial.number, trial.epochs())).collect();
    pruned.sort_unstable();
    let mut finished: Vec<_> = finished.map(|trial| trial.number).collect();
    finished.sort_unstable();
    (finished, pruned)
}

fn flat(values: &[f64], epochs: usize) -> Vec<Vec<f64>> {
    values.iter().map(|&value| vec![value; epochs]).collect()
}

#[test]
fn a_grid_has_every_combination_once_in_order() {
    let search = Search::grid(([1, 2, 3], vec!["a", "b"], Some(0.5)), |point| point);
    let expected = [
        (1, "a", 0.5),
        (1, "b", 0.5),
        (2, "a", 0.5),
        (2, "b", 0.5),
        (3, "a", 0.5),
        (3, "b", 0.5),
    ];
    assert_eq!(search.candidates(), expected);

    assert_eq!(Search::grid((1..=4,), |(x,)| x).candidates(), [1, 2, 3, 4]);
    assert!(
        Search::grid(([1, 2], [0; 0]), |point| point)
            .candidates()
            .is_empty()
    );

    let search = Search::grid(
        (
            [0, 1],
            [0, 1],
            [0, 1],
            [0, 1],
            [0, 1],
            [0, 1],
            [0, 1],
            [0, 1],
        ),
        |point| {
            let (a, b, c, d, e, f, g, h) = point;
            [a, b, c, d, e, f, g, h]
                .iter()
                .fold(0, |number, bit| 2 * number + bit)
        },
    );
    assert_eq!(search.candidates(), (0..256).collect::<Vec<_>>());
}

#[test]
fn random_numbers_have_their_distributions() {
    let mut draw = Draw::new(1);
    const N: usize = 20_000;

    let quarter = |mut below: Box<dyn FnMut() -> bool + '_>| {
        let share = (0..N).filter(|_| below()).count() as f64 / N as f64;
        assert!((share - 0.25).abs() < 0.015, "{share}");
    };

    let mut copy = draw.clone();
    quarter(Box::new(|| draw.uniform(-3.0, 5.0) < -1.0));
    // A quarter of the four orders of magnitude.
    quarter(Box::new(|| draw.log_uniform(1e-5, 1e-1) < 1e-4));
    quarter(Box::new(|| draw.integer(7, 14) <= 8));
    quarter(Box::new(|| draw.choice(&["a", "b", "c", "d"]) == "c"));

    let seen: HashSet<usize> = (0..500).map(|_| draw.integer(3, 6)).collect();
    assert_eq!(seen, HashSet::from([3, 4, 5, 6]));
    assert_eq!(draw.integer(9, 9), 9);

    for (low, high) in [
        (2.0, 2.0),
        (0.1, 0.1 + f64::EPSILON),
        (f64::MIN_POSITIVE, f64::MAX),
    ] {
        for _ in 0..200 {
            assert!((low..=high).contains(&copy.uniform(low, high)));
            assert!((low..=high).contains(&copy.log_uniform(low, high)));
        }
    }
    assert!(copy.uniform(f64::MIN, f64::MAX).is_finite());

    // The bits of the first numbers: they must not change between versions.
    let first = Draw::new(0).log_uniform(1e-4, 1e-1);
    assert_eq!(first, 0.0009412951133534265, "{first:e}");

    let candidates = |seed| {
        Search::random(10, seed, |draw| draw.uniform(0.0, 1.0))
            .candidates()
            .to_vec()
    };
    assert_eq!(candidates(5), candidates(5));
    assert_ne!(candidates(5), candidates(6));
}

#[test]
fn draws_that_cannot_be_are_refused_in_a_sentence() {
    fn says(text: &str, f: impl FnOnce(&mut Draw) + std::panic::UnwindSafe) {
        let panic = std::panic::catch_unwind(|| f(&mut Draw::new(0))).expect_err("a panic");
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or_default();
        assert!(said.contains(text), "{said}");
    }

    says("no numbers from 2 to 1", |draw| _ = draw.uniform(2.0, 1.0));
    says("two finite ends", |draw| {
        _ = draw.uniform(0.0, f64::INFINITY)
    });
    says("no numbers from NaN", |draw| {
        _ = draw.uniform(f64::NAN, 1.0)
    });
    says("no logarithm of 0", |draw| _ = draw.log_uniform(0.0, 1.0));
    says("no logarithm of NaN", |draw| {
        _ = draw.log_uniform(f64::NAN, 1.0)
    });
    says("no whole numbers from 3 to 2", |draw| {
        _ = draw.integer(3, 2)
    });
    says("at least one value", |draw| _ = draw.choice::<u8>(&[]));
}

network! {
    struct Net: [2] -> [1] {
        hidden: Linear<_, 16>,
        Tanh,
        Dropout(0.1),
        out: Linear<_, 1>,
    }
}

#[test]
fn panics_in_drop_or_display_fail_their_own_trial() {
    struct Grenade;
    impl Drop for Grenade {
        fn drop(&mut self) {
            panic!("a payload was dropped");
        }
    }
    #[derive(Debug)]
    struct Speechless;
    impl std::fmt::Display for Speechless {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("an error was written");
        }
    }
    impl Error for Speechless {}

    for count in [1, 3] {
        let report = Search::new(0..6).threads(count).run(|&i, _| match i {
            1 => std::panic::panic_any(Grenade),
            4 => Err(Speechless.into()),
            _ => Ok(f64::from(i)),
        });
        let outcomes: Vec<_> = report
            .trials
            .iter()
            .map(|trial| trial.outcome.clone())
            .collect();
        assert_eq!(
            outcomes
                .iter()
                .filter(|outcome| matches!(outcome, Outcome::Finished(_)))
                .count(),
            4
        );
        let failed =
            |text: &str| outcomes.contains(&Outcome::Failed(format!("it panicked: {text}")));
        assert!(
            failed("it does not say why") && failed("an error was written"),
            "{outcomes:?}"
        );
    }
}

/// Returns the report of a search over trainings, on `count` threads.
fn training(count: usize) -> SearchReport<(f64, usize)> {
    let x = crate::common::random::<_, f32>(48, 1);
    let y: Vec<_> = x
        .iter()
        .map(|x: &Tensor1<2>| Tensor1::from([x[0] * x[1]]))
        .collect();

    Search::random(9, 3, |draw| {
        (draw.log_uniform(1e-4, 1e-1), draw.choice(&[8, 16]))
    })
    .threads(count)
    .run(|&(rate, batch_size), trial| {
        let mut net = Net::init(&mut shapewright::rng(trial.number() as u64));
        let history = Net::trainer(Adam::new(rate), Mse)
            .epochs(4)
            .batch_size(batch_size)
            .seed(trial.number() as u64)
            .on_epoch(|epoch, _| trial.report(epoch.epoch, epoch.loss))
            .fit(&mut net, &x, &y)?;
        Ok(history.last().ok_or("no epoch")?.loss)
    })
}

#[test]
fn values_and_order_are_the_same_at_every_number_of_threads() {
    let strip = |report: SearchReport<_>| {
        let trials = report.trials.into_iter();
        trials
            .map(|trial| (trial.number, trial.params, trial.outcome, trial.reported))
            .collect::<Vec<_>>()
    };
    let one = strip(training(1));
    assert_eq!(one.len(), 9);
    for (_, _, outcome, reported) in &one {
        assert_eq!(*outcome, Outcome::Finished(reported[3].1));
    }
    let values: Vec<f64> = one.iter().map(|(.., reported)| reported[3].1).collect();
    assert!(values.is_sorted() && values[0] < values[8], "{values:?}");
    for count in [2, 3, 20, 0] {
        assert_eq!(strip(training(count)), one, "{count} threads");
    }
}

#[test]
fn trials_run_together_and_each_on_one_thread() {
    let held = settings();
    held.every_threads(&[4], |_| {
        let here = AtomicUsize::new(0);
        let report = Search::new(0..3).threads(3).run(|_, _| {
            // No trial continues before all of them have started.
            here.fetch_add(1, Ordering::Relaxed);
            let begin = Instant::now();
            while here.load(Ordering::Relaxed) < 3 {
                if begin.elapsed().as_secs() > 60 {
                    return Err("the others did not come".into());
                }
                std::thread::yield_now();
            }
            Ok(threads::threads() as f64)
        });

        assert!(
            report
                .trials
                .iter()
                .all(|trial| trial.outcome == Outcome::Finished(1.0)),
            "{report}"
        );
        assert_eq!(threads::threads(), 4, "as before");

        // A single trial at a time may use all processors.
        let report = Search::new(0..2)
            .threads(1)
            .run(|_, _| Ok(threads::threads() as f64));
        assert_eq!(
            report.best().map(|best| best.outcome.clone()),
            Some(Outcome::Finished(4.0))
        );
    });
}

#[test]
fn a_trial_that_fails_does_not_lose_the_others() {
    for count in [1, 3] {
        let report = Search::new(0..8).threads(count).run(|&i, trial| {
            assert_eq!(trial.number(), i);
            _ = trial.report(1, 0.5);
            match i {
                1 => Err("the disk is full".into()),
                2 => panic!("index {i}"),
                3 => Ok(f64::NAN),
                4 => std::panic::panic_any(7),
                5 => {
                    _ = trial.report(1, 0.5);
                    Ok(0.0)
                }
                6 => Err(Box::new(shapewright::train::TrainError::Empty {
                    samples: "training",
                })),
                _ => Ok(10.0 - i as f64),
            }
        });

        let failed = |text: &str| Outcome::Failed(text.to_owned());
        let outcomes: Vec<_> = report
            .trials
            .iter()
            .map(|trial| (trial.number, trial.outcome.clone()))
            .collect();

        let expected = [
            (7, Outcome::Finished(3.0)),
            (0, Outcome::Finished(10.0)),
            (1, failed("the disk is full")),
            (2, failed("it panicked: index 2")),
            (3, failed("its value is NaN")),
            (4, failed("it panicked: it does not say why")),
            (
                5,
                failed(
                    "it panicked: epoch 1 was reported after epoch 1; report each once, from 1, in their order",
                ),
            ),
            (
                6,
                failed("there are no training samples; give at least one"),
            ),
        ];

        assert_eq!(outcomes, expected);
        assert!(
            report
                .trials
                .iter()
                .all(|trial| trial.epochs() == 1 && trial.params == trial.number)
        );
    }

    let report = Search::new([1, 2]).run(|_, _| Err("no".into()));
    assert_eq!(report.best(), None);
    assert_eq!(Search::new([0; 0]).run(|_, _| Ok(0.0)).best(), None);
}

#[test]
fn the_median_stops_what_is_behind() {
    let median = |warmup_epochs, min_trials| Median {
        warmup_epochs,
        min_trials,
    };
    // The median of 1, 2, 3 is 2: 2 continues, 2.5 does not. The median of 1, 2, 3, 2 is still 2.
    let values = flat(&[1.0, 2.0, 3.0, 2.0, 2.5, 2.1], 4);
    let run = |rule| ends(&curves(&values, |search| search.pruning(rule)));
    assert_eq!(run(median(0, 3)), (vec![0, 1, 2, 3], vec![(4, 1), (5, 1)]));
    assert_eq!(run(median(2, 3)), (vec![0, 1, 2, 3], vec![(4, 3), (5, 3)]));
    assert_eq!(run(median(4, 3)).0.len(), 6);
    // After the trial with 1, the median is 1, and all other trials are worse.
    assert_eq!(run(median(0, 1)).0, [0]);
    assert_eq!(run(median(0, 0)), run(median(0, 1)));
    assert_eq!(run(Median::default()).1, [(5, 1)]);
    // The median of two values is their mean.
    assert_eq!(
        ends(&curves(&flat(&[1.0, 2.0, 1.6], 2), |s| s.pruning(median(0, 2)))).1,
        [(2, 1)]
    );
    assert_eq!(
        ends(&curves(&flat(&[1.0, 2.0, 1.5], 2), |s| s.pruning(median(0, 2)))).1,
        []
    );

    // The best value so far is compared with those of the others at the same epoch.
    let values = [
        vec![5.0, 3.0, 1.0],
        vec![5.0, 3.0, 1.0],
        vec![2.0, 9.0, 9.0],
    ];
    let report = curves(&values, |search| search.pruning(median(0, 2)));
    assert_eq!(ends(&report), (vec![0, 1], vec![(2, 3)]));
    // NaN is worse than everything.
    let report = curves(
        &[vec![1e300], vec![f64::NAN, 0.0], vec![f64::INFINITY]],
        |s| s.pruning(median(0, 1)),
    );
    assert_eq!(ends(&report).1, [(1, 1), (2, 1)]);
}

#[test]
fn successive_halving_lets_the_best_go_on() {
    let halving = |min_epochs, factor| SuccessiveHalving { min_epochs, factor };
    let run = |values: &[f64], rule| ends(&curves(&flat(values, 9), |search| search.pruning(rule)));
    // The first trial continues, and so does each one that is better than all before it.
    assert_eq!(
        run(&[5.0, 4.0, 3.0, 2.0, 1.0], halving(1, 2)).0,
        [0, 1, 2, 3, 4]
    );
    // The last of four is in the better half at epoch 1, but not at 2, which only one other has
    // reached.
    let worse = run(&[1.0, 2.0, 3.0, 1.5], halving(1, 2));
    assert_eq!(worse, (vec![0], vec![(1, 1), (2, 1), (3, 2)]));
    // The last of six is in the better third at each rung that all six have reached.
    assert_eq!(
        run(&[1.0, 2.0, 3.0, 4.0, 5.0, 1.5], halving(3, 3)).1,
        [(1, 3), (2, 3), (3, 3), (4, 3), (5, 9)]
    );
    assert_eq!(run(&[1.0, 2.0, 3.0, 4.0], halving(10, 2)).1, []);
    assert_eq!(
        run(&[1.0, 1.0, 1.0], halving(0, 0)).1,
        [],
        "equal ones are not behind"
    );
    assert_eq!(
        run(&[f64::NAN, 1.0, f64::INFINITY], halving(2, 2)),
        (vec![1], vec![(0, 2), (2, 2)])
    );

    // If not every epoch reports, the first report at or after a rung counts for it, and one report
    // may count for several rungs.
    let rule = SuccessiveHalving {
        min_epochs: 2,
        factor: 2,
    };
    let reported = |values: &[(usize, f64)]| Reported {
        values: values.to_vec(),
        finished: false,
    };
    let other = reported(&[(3, 1.0), (5, 1.0), (9, 1.0)]);
    let stops = |values: &[(usize, f64)]| rule.stops(1, &[other.clone(), reported(values)]);
    assert!(!stops(&[(1, 9.0)]));
    assert!(stops(&[(1, 9.0), (2, 9.0)]));
    assert!(!stops(&[(2, 9.0), (3, 9.0)]), "no rung between");
    assert!(stops(&[(2, 9.0), (7, 9.0)]));
    assert!(!stops(&[(30, 9.0)]), "nobody was at rung 16");
    assert!(!rule.stops(0, &[reported(&[(usize::MAX, 1.0)])]));
    assert!(!rule.stops(0, &[reported(&[])]));
}

#[test]
fn a_stop_reaches_the_trainer() {
    let x = crate::common::random::<_, f32>(20, 1);
    let y: Vec<_> = x
        .iter()
        .map(|x: &Tensor1<2>| Tensor1::from([x[0]]))
        .collect();

    struct AtThree;
    impl Pruning for AtThree {
        fn stops(&self, number: usize, trials: &[Reported]) -> bool {
            trials[number].values.len() == 3
        }
    }

    let epochs = AtomicUsize::new(0);
    let report = Search::new([0.1, 0.2])
        .pruning(AtThree)
        .run(|&rate, trial| {
            let history = Net::trainer(Sgd::new(rate), Mse)
                .epochs(9)
                .on_epoch(|epoch, _| trial.report(epoch.epoch, epoch.loss))
                .fit(&mut *Net::init(&mut shapewright::rng(0)), &x, &y)?;
            epochs.fetch_add(history.epochs.len(), Ordering::Relaxed);
            // After a stop, every report says to stop.
            assert_eq!(trial.report(20, 0.0), ControlFlow::Break(()));
            Ok(0.0)
        });

    assert_eq!(epochs.into_inner(), 6);
    assert!(
        report
            .trials
            .iter()
            .all(|trial| trial.outcome == Outcome::Pruned(0.0)),
        "{:?}",
        report.trials
    );

    // An error is an error, also after a stop.
    let report = Search::new([()]).pruning(AtThree).run(|_, trial| {
        (1..9).any(|epoch| trial.report(epoch, 1.0).is_break());
        Err("too late".into())
    });
    assert_eq!(
        report.trials[0].outcome,
        Outcome::Failed("too late".to_owned())
    );
    assert_eq!(report.trials[0].epochs(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_curves_end_in_order(
        values in prop::collection::vec(prop::collection::vec(-9i8..9, 1..9), 0..12),
        rule in 0..3,
        (first, second) in (0usize..5, 0usize..5),
        threads in 1usize..4,
    ) {
        let values: Vec<Vec<f64>> =
            values.iter().map(|curve| curve.iter().map(|&value| f64::from(value)).collect()).collect();
        let set = |search: Search<Vec<f64>>| match rule {
            0 => search,
            1 => search.pruning(Median { warmup_epochs: first, min_trials: second }),
            _ => search.pruning(SuccessiveHalving { min_epochs: first, factor: second }),
        };
        let report = curves(&values, set);
        prop_assert_eq!(report.trials.len(), values.len());
        let mut numbers: Vec<_> = report.trials.iter().map(|trial| trial.number).collect();
        for trial in &report.trials {
            prop_assert_eq!(&trial.params, &values[trial.number]);
            let epochs: Vec<_> = trial.reported.iter().map(|&(epoch, _)| epoch).collect();
            prop_assert_eq!(epochs, (1..=trial.epochs()).collect::<Vec<_>>());
            prop_assert!(trial.reported.iter().all(|&(epoch, value)| value == trial.params[epoch - 1]));
            match trial.outcome {
                Outcome::Finished(value) => prop_assert!(trial.epochs() == trial.params.len() && value == *trial.params.last().unwrap()),
                Outcome::Pruned(value) => {
                    prop_assert!(rule > 0 && value == trial.params[trial.epochs() - 1]);
                    let earliest = if rule == 1 { first + 1 } else { first.max(1) };
                    prop_assert!(trial.epochs() >= earliest);
                }
                Outcome::Failed(_) => prop_assert!(false),
            }
        }
        // Finished trials are sorted by value, and equal ones by number.
        let finished: Vec<_> = report.trials.iter().filter_map(|trial| match trial.outcome {
            Outcome::Finished(value) => Some((value, trial.number)),
            _ => None,
        }).collect();
        prop_assert!(finished.is_sorted());
        prop_assert_eq!(report.best().map(|best| best.number), finished.first().map(|&(_, number)| number));
        // Pruned trials follow, the longest first.
        let pruned: Vec<_> = report.trials[finished.len()..].iter().map(|trial| (usize::MAX - trial.epochs(), trial.value())).collect();
        prop_assert!(pruned.is_sorted(), "{:?}", pruned);
        // The first trial is never stopped, as there is nothing to compare it with.
        prop_assert!(report.trials.iter().all(|trial| trial.number > 0 || matches!(trial.outcome, Outcome::Finished(_))));
        numbers.sort_unstable();
        prop_assert_eq!(numbers, (0..values.len()).collect::<Vec<_>>());

        // Maximizing the negated values gives the same results.
        let negated: Vec<Vec<f64>> = values.iter().map(|curve| curve.iter().map(|&value| -value).collect()).collect();
        let mirrored = curves(&negated, |search| set(search).maximize());
        prop_assert_eq!(ends(&mirrored), ends(&report));
        for (a, b) in report.trials.iter().zip(&mirrored.trials) {
            let negated = |reported: &[(usize, f64)]| reported.iter().map(|&(epoch, value)| (epoch, -value)).collect::<Vec<_>>();
            prop_assert_eq!(negated(&a.reported), b.reported.clone());
            prop_assert_eq!((a.number, a.value()), (b.number, b.value().map(|value| -value)));
        }
        // On several threads pruning may differ, but nothing is lost.
        let parallel = curves(&values, |search| set(search).threads(threads));
        prop_assert_eq!(parallel.trials.len(), values.len());
    }

    #[test]
    fn any_table_has_a_line_for_each_trial(texts in prop::collection::vec(any::<String>(), 1..6)) {
        #[derive(Debug)]
        #[allow(dead_code)]
        struct Settings { name: String, list: Vec<char>, rate: f64 }

        let search = Search::new(texts.iter().map(|text| {
            Settings { name: text.clone(), list: text.chars().collect(), rate: 0.25 }
        }));
        let report = search.threads(1).run(|settings, _| if settings.list.len() > 3 { Err(settings.name.clone().into()) } else { Ok(1.0) });

        let csv = report.to_csv();
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        prop_assert_eq!(
            reader.headers().unwrap(),
            &csv::StringRecord::from(vec!["trial", "value", "epochs", "seconds", "name", "list", "rate", "outcome", "error"])
        );

        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(rows.len(), texts.len());
        for (row, trial) in rows.iter().zip(&report.trials) {
            prop_assert_eq!(&row[0], trial.number.to_string());
            prop_assert_eq!(&row[4], format!("{:?}", trial.params.name));
            prop_assert_eq!(&row[5], format!("{:?}", trial.params.list));
            prop_assert_eq!(&row[6], "0.25");
            let failed = trial.params.list.len() > 3;
            prop_assert_eq!(&row[8], if failed { trial.params.name.as_str() } else { "" });
        }
        prop_assert_eq!(report.to_string().lines().count(), texts.len() + 1);
    }
}

/// The table without the seconds, which differ from run to run.
fn table<P: std::fmt::Debug>(mut report: SearchReport<P>) -> Vec<String> {
    report
        .trials
        .iter_mut()
        .for_each(|trial| trial.seconds = 0.0);
    report.to_string().lines().map(str::to_owned).collect()
}

#[test]
fn tables_have_columns_for_candidates_and_outcomes() -> Result<(), Box<dyn Error>> {
    #[derive(Debug)]
    #[allow(dead_code)]
    enum Candidate {
        Small { rate: f64 },
        Large { rate: f64, dropout: f32 },
    }
    let candidates = [
        Candidate::Small { rate: 0.001234567 },
        Candidate::Large {
            rate: 1e-7,
            dropout: 0.5,
        },
        Candidate::Small { rate: 123456.0 },
    ];
    let report = Search::new(candidates).threads(1).run(|candidate, trial| {
        _ = trial.report(12, 0.25);
        match candidate {
            Candidate::Large { .. } => Err("no\nmemory".into()),
            Candidate::Small { rate } => Ok(rate * 2.0),
        }
    });
    let csv = report.to_csv();
    assert!(csv.contains("1,,12,"), "{csv}");
    assert!(
        csv.ends_with(",Large,1e-7,0.5,failed,\"no\nmemory\"\n"),
        "{csv}"
    );
    let file = crate::common::folder("search").join("trials.csv");
    report.save(&file)?;
    assert_eq!(std::fs::read_to_string(&file)?, csv);
    let nowhere = file.with_file_name("no-folder").join("trials.csv");
    let error = report.save(&nowhere).expect_err("no folder").to_string();
    assert!(
        error.starts_with(&format!("{} cannot be written: ", nowhere.display())),
        "{error}"
    );
    let expected = [
        "trial     value  epochs  seconds  params      rate  dropout  outcome   error",
        "    0  0.002469      12    0.000  Small   0.001235           finished",
        "    2    246912      12    0.000  Small     123456           finished",
        "    1                12    0.000  Large       1e-7      0.5  failed    no memory",
    ];
    assert_eq!(table(report), expected);

    // Tuples have columns without names, other values one.
    let report = Search::grid(([0.5], ["a, (b"]), |point| point).run(|_, _| Ok(1.0));
    assert_eq!(
        report.to_csv().lines().next(),
        Some("trial,value,epochs,seconds,0,1,outcome,error")
    );
    for (text, cell) in [(Some("x { y, z }"), "Some(\"x { y, z }\")"), (None, "None")] {
        let report = Search::new([text, None]).run(|_, _| Ok(1.0));
        assert!(table(report)[0].contains("params"), "{cell}");
    }
    let count = Cell::new(0);
    let search = Search::random(3, 0, |_| count.set(count.get() + 1));
    assert_eq!((count.get(), search.candidates().len()), (3, 3));
    assert_eq!(
        table(search.run(|(), _| Ok(1.0)))[0],
        "trial  value  epochs  seconds  params  outcome"
    );
    Ok(())
}

/// A candidate's field may have the name of one of the table's own columns.
#[test]
fn columns_have_names_of_their_own() {
    #[derive(Debug)]
    #[allow(dead_code)]
    struct Settings {
        epochs: usize,
        value: f64,
        error: u8,
    }

    let candidates = [Settings {
        epochs: 7,
        value: 0.5,
        error: 3,
    }];

    let report = Search::new(candidates).run(|_, _| Ok(1.25));
    let csv = report.to_csv();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();

    let header = [
        "trial",
        "value",
        "epochs",
        "seconds",
        "params.epochs",
        "params.value",
        "params.error",
    ];
    assert_eq!(lines[0], [&header[..], &["outcome", "error"]].concat());
    assert_eq!(lines[1][..3], ["0", "1.25", "0"]);
    assert_eq!(lines[1][4..], ["7", "0.5", "3", "finished", ""]);
}
