//! Splits, batches, scaling and filling, compared with scikit-learn where it has them.

use crate::common::reference::{array, cases, number, text};
use crate::common::{assert_close, tensors};
use serde_json::Value;
use shapewright::data::*;
use shapewright::prelude::*;
use shapewright::tensor::{Element, Rank1};

/// Returns numbers of which some are missing.
fn with_missing(value: &Value) -> Vec<f64> {
    let numbers = value.as_array().expect("an array");
    numbers
        .iter()
        .map(|x| {
            if x.is_null() {
                f64::NAN
            } else {
                x.as_f64().expect("a number")
            }
        })
        .collect()
}

/// Panics unless the same values are missing and the others are close.
#[track_caller]
fn check<S: Shape, T: Element>(case: &Value, key: &str, found: &[Tensor<S, T>], tolerance: f64) {
    let found = Tensor::flatten(found);
    let expected = with_missing(&case[key]);
    let what = format!("{key} of {}, {}", text(case, "name"), T::NAME);

    let missing: Vec<bool> = found.iter().map(|x| x.is_nan()).collect();
    assert_eq!(
        missing,
        expected.iter().map(|x| x.is_nan()).collect::<Vec<_>>(),
        "{what}"
    );

    let filled = |x: f64| if x.is_nan() { 0.0 } else { x };
    let found: Vec<T> = found
        .iter()
        .map(|&x| if x.is_nan() { T::zero() } else { x })
        .collect();

    assert_close(
        &what,
        &found,
        &expected.into_iter().map(filled).collect::<Vec<_>>(),
        tolerance,
    );
}

fn check_scale<T: Element>(case: &Value) {
    let tolerance = if size_of::<T>() == 4 { 1e-5 } else { 1e-12 };
    let train: Vec<Tensor<Rank1<4>, T>> = tensors(&with_missing(&case["train"]));
    let other: Vec<Tensor<Rank1<4>, T>> = tensors(&with_missing(&case["other"]));
    let check = |key: &str, found: &[Tensor1<4, T>]| check(case, key, found, tolerance);

    let scaler = StandardScaler::fit(&train).expect("values");
    check("mean", &[scaler.mean]);
    check("std", &[scaler.std]);
    let mut x = other.clone();
    scaler.transform(&mut x);
    check("standard", &x);
    scaler.inverse_transform(&mut x);
    check("standard_back", &x);

    let scaler = MinMaxScaler::fit(&train).expect("values");
    check("min", &[scaler.min]);
    check("max", &[scaler.max]);
    let mut x = other.clone();
    scaler.transform(&mut x);
    check("minmax", &x);
    let scaler = scaler.range(T::from_f64_lossy(-2.0), T::from_f64_lossy(3.0));
    let mut x = other.clone();
    scaler.transform(&mut x);
    check("minmax_range", &x);
    scaler.inverse_transform(&mut x);
    check("minmax_back", &x);

    let imputer = Imputer::mean(&train).expect("values");
    check("fill_mean", &[imputer.fill]);
    check(
        "fill_median",
        &[Imputer::median(&train).expect("values").fill],
    );
    let mut x = other;
    imputer.transform(&mut x);
    check("filled", &x);
}

#[test]
fn scaling_and_filling_are_those_of_scikit_learn() {
    for case in cases("preprocessing.json")
        .iter()
        .filter(|case| case["kind"] == "scale")
    {
        check_scale::<f32>(case);
        check_scale::<f64>(case);
    }
}

#[test]
fn the_largest_value_becomes_the_upper_end_to_the_last_bit() {
    let mut rng = shapewright::rng(0);
    for _ in 0..200 {
        let mut x: Vec<Tensor1<5, f64>> = (0..3)
            .map(|_| Tensor::random(rand::distr::StandardUniform, &mut rng))
            .collect();
        MinMaxScaler::fit(&x).expect("values").transform(&mut x);
        for feature in 0..5 {
            let values = || x.iter().map(|x| x[feature]);
            assert_eq!(
                (values().fold(1.0, f64::min), values().fold(0.0, f64::max)),
                (0.0, 1.0)
            );
        }
    }
}

#[test]
fn features_that_hardly_differ_are_not_divided_by_zero() {
    let tiny = f32::from_bits(1);
    let mut x = [[0.1_f32, 0.0, 1e30], [0.1, tiny, 1e30], [0.1, 0.0, -1e30]].map(Tensor1::from);
    let scaler = StandardScaler::fit(&x).expect("values");
    assert_eq!(scaler.mean[0], 0.1);
    assert_eq!((scaler.std[0], scaler.std[1] > 0.0), (1.0, true));
    scaler.transform(&mut x);
    assert!(Tensor::flatten(&x).iter().all(|x| x.is_finite()), "{x:?}");
    assert!(x.iter().all(|x| x[0] == 0.0));

    // Ten times 0.1 is not 1.
    let mut x = [Tensor1::from([0.1_f64]); 10];
    let scaler = StandardScaler::fit(&x).expect("values");
    assert_eq!((scaler.mean[0], scaler.std[0]), (0.1, 1.0));
    scaler.transform(&mut x);
    assert_eq!(x, [Tensor1::zeros(); 10]);
}

/// No difference, square or sum of values overflows an `f64` if the result does not.
#[test]
fn values_at_both_ends_of_the_range_are_scaled() {
    const MAX: f64 = f64::MAX;

    for size in [1.0, 1e160, 1e-170, 1.5e308, MAX, 1e-310, f64::from_bits(2)] {
        let plain = [[-size], [size]].map(Tensor1::from);
        let scaler = StandardScaler::fit(&plain).expect("values");
        assert_eq!((scaler.mean[0], scaler.std[0]), (0.0, size));
        let mut x = plain;
        scaler.transform(&mut x);
        assert_eq!(x, [[-1.0], [1.0]].map(Tensor1::from), "{size}");
        scaler.inverse_transform(&mut x);
        assert_eq!(x, plain, "{size}");
    }

    // The mean of 3 at the upper end, and 1 at the lower.
    let plain = [[MAX], [MAX], [-MAX], [MAX]].map(Tensor1::from);
    let scaler = StandardScaler::fit(&plain).expect("values");
    assert_eq!(scaler.mean[0], MAX / 2.0);
    assert!((scaler.std[0] / MAX - 0.75_f64.sqrt()).abs() < 1e-15);
    let mut x = plain;
    scaler.transform(&mut x);
    assert!((x[2][0] + 3.0_f64.sqrt()).abs() < 1e-15, "{x:?}");
    scaler.inverse_transform(&mut x);
    assert!((x[2][0] / MAX + 1.0).abs() < 1e-15, "{x:?}");

    let plain = [[1e308], [-1.5e308], [1.5e308]].map(Tensor1::<1, f64>::from);
    let scaler = MinMaxScaler::fit(&plain).expect("values");
    let mut x = plain;
    scaler.transform(&mut x);
    let wanted = [[5.0 / 6.0], [0.0], [1.0]].map(Tensor1::<1, f64>::from);
    assert!((x[0][0] - wanted[0][0]).abs() < 1e-15, "{x:?}");
    assert_eq!(x[1..], wanted[1..]);
    scaler.inverse_transform(&mut x);
    assert!((x[0][0] / 1e308 - 1.0).abs() < 1e-15, "{x:?}");
    assert_eq!(x[1..], plain[1..]);

    // A value far outside the fitted range.
    let mut x = [Tensor1::from([MAX])];
    let scaler = MinMaxScaler::fit(&[[-MAX], [-MAX / 2.0]].map(Tensor1::from)).expect("values");
    scaler.transform(&mut x);
    assert_eq!(x[0][0], 4.0);

    let x = [[MAX], [MAX], [f64::NAN]].map(Tensor1::from);
    assert_eq!(Imputer::mean(&x).expect("values").fill[0], MAX);
    assert_eq!(Imputer::median(&x).expect("values").fill[0], MAX);
}

#[test]
fn features_without_values_are_named() {
    let none: [Tensor1<2>; 0] = [];
    let missing = [Tensor1::from([1.0, f32::NAN]); 3];
    let infinite = [[1.0, 2.0], [1.0, f32::NEG_INFINITY]].map(Tensor1::from);

    let errors = |x: &[Tensor1<2>]| {
        [
            StandardScaler::fit(x).expect_err("standard"),
            MinMaxScaler::fit(x).expect_err("min and max"),
            Imputer::mean(x).expect_err("mean"),
            Imputer::median(x).expect_err("median"),
        ]
    };

    for error in errors(&none) {
        assert_eq!(
            error,
            PreprocessError::NoValues {
                feature: 0,
                samples: 0
            }
        );
    }
    for error in errors(&missing) {
        assert_eq!(
            error.to_string(),
            "feature 1 has no value in any of 3 samples; remove it, or take samples that have it"
        );
    }
    for error in errors(&infinite) {
        assert_eq!(
            error.to_string(),
            "feature 1 of sample 1 is infinite; make it a number, or NaN if it is missing"
        );
    }

    let mut x = missing;
    Imputer::constant(-1.0).transform(&mut x);
    assert_eq!(x, [Tensor1::from([1.0, -1.0]); 3]);
}

#[test]
#[should_panic(expected = "the range from 1 to 1 has no inside")]
fn a_range_without_inside_is_refused() {
    let _ = MinMaxScaler::fit(&[Tensor1::from([1.0])])
        .expect("values")
        .range(1.0, 1.0);
}

#[test]
#[should_panic(expected = "the range from 0 to inf is too wide")]
fn an_infinite_range_is_refused() {
    let _ = MinMaxScaler::fit(&[Tensor1::from([1.0])])
        .expect("values")
        .range(0.0, f32::INFINITY);
}

#[test]
fn stratified_folds_have_the_counts_of_scikit_learn() {
    for case in cases("preprocessing.json")
        .iter()
        .filter(|case| case["kind"] == "folds")
    {
        assert_eq!(number(case, "classes"), 4.0);

        let labels: Vec<Label<4>> = array(&case["labels"])
            .iter()
            .map(|&class| Label::new(class as usize).expect("a class"))
            .collect();

        let folds = number(case, "folds") as usize;
        let folds = stratified_k_fold(&labels, folds, &mut shapewright::rng(0)).expect("folds");

        let mut counts = vec![[0.0; 4]; folds.len()];
        for (fold, counts) in folds.iter().zip(&mut counts) {
            fold.validation
                .iter()
                .for_each(|&i| counts[labels[i].index()] += 1.0);
        }

        assert_eq!(
            counts.as_flattened(),
            array(&case["counts"]),
            "{}",
            text(case, "name")
        );
        check_folds(&folds, labels.len());
    }
}

/// Checks that each sample is in one validation part, and in the training parts of all other folds.
fn check_folds(folds: &[Fold], samples: usize) {
    let mut validated = vec![0; samples];
    for fold in folds {
        assert!(fold.train.is_sorted() && fold.validation.is_sorted());
        let mut all = [&fold.train[..], &fold.validation].concat();
        all.sort_unstable();
        assert_eq!(all, (0..samples).collect::<Vec<_>>());
        fold.validation.iter().for_each(|&i| validated[i] += 1);
    }
    assert_eq!(validated, vec![1; samples]);
}

#[test]
fn folds_are_random_and_of_equal_length() {
    for (samples, folds) in [(2, 2), (10, 3), (31, 5), (12, 12)] {
        let cut = k_fold(samples, folds, &mut shapewright::rng(0)).expect("folds");
        assert_eq!(cut.len(), folds);
        check_folds(&cut, samples);

        let lengths: Vec<usize> = cut.iter().map(|fold| fold.validation.len()).collect();
        assert!(
            lengths
                .iter()
                .all(|&length| length == samples / folds || length == samples.div_ceil(folds))
        );
        assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
    }

    let cut = |seed| k_fold(40, 4, &mut shapewright::rng(seed)).expect("folds");
    assert_eq!(cut(1), cut(1));
    assert_ne!(cut(1), cut(2));

    for (samples, folds) in [(10, 1), (10, 0), (2, 3)] {
        let error = k_fold(samples, folds, &mut shapewright::rng(0)).expect_err("no folds");
        assert_eq!(error, SplitError::Folds { folds, samples });
    }
}

#[test]
fn more_positions_than_memory_are_refused() {
    let rng = &mut shapewright::rng(0);
    let samples = usize::MAX;
    let too_many = SplitError::TooManySamples { samples };
    assert_eq!(k_fold(samples, 2, rng), Err(too_many.clone()));
    assert_eq!(
        k_fold(samples, 1, rng),
        Err(SplitError::Folds { folds: 1, samples })
    );
    assert_eq!(split(samples, [0.5, 0.5], rng), Err(too_many.clone()));
    assert_eq!(
        too_many.to_string(),
        format!("the positions of {samples} samples do not fit into memory; take fewer samples")
    );
}

#[test]
fn samples_without_bytes_are_repeated_at_once() {
    assert_eq!(
        repeat(&Tensor2::<0, 3>::zeros(), usize::MAX).len(),
        usize::MAX
    );
    assert_eq!(repeat(&[(); 2], usize::MAX).len(), usize::MAX);
    assert_eq!(repeat(&Tensor0::from(2.0), 3), [Tensor0::from(2.0); 3]);
}

/// Checks that no sample is in two parts, and returns the number of those that are in none.
fn check_parts(parts: &[Vec<usize>], samples: usize) -> usize {
    let mut all = parts.concat();
    assert!(parts.iter().all(|part| part.is_sorted()));
    all.sort_unstable();
    all.dedup();
    assert_eq!(
        all.len(),
        parts.iter().map(Vec::len).sum::<usize>(),
        "a sample is in two parts"
    );
    assert!(all.iter().all(|&i| i < samples));
    samples - all.len()
}

#[test]
fn splits_have_the_lengths_of_their_fractions() {
    let mut rng = shapewright::rng(0);
    let lengths = |parts: &[Vec<usize>]| parts.iter().map(Vec::len).collect::<Vec<_>>();
    for (samples, fractions, expected, rest) in [
        (150, [0.6, 0.2, 0.2], [90, 30, 30], 0),
        (10, [0.7, 0.2, 0.1], [7, 2, 1], 0),
        (10, [0.5, 0.2, 0.1], [5, 2, 1], 2),
        (7, [1.0 / 3.0; 3], [2, 3, 2], 0),
    ] {
        let parts = split(samples, fractions, &mut rng).expect("parts");
        assert_eq!(lengths(&parts), expected);
        assert_eq!(check_parts(&parts, samples), rest);
    }
    let draw = |seed| split(50, [0.5, 0.5], &mut shapewright::rng(seed)).expect("parts");
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn stratified_splits_share_each_class_out() {
    let mut rng = shapewright::rng(3);
    for classes in [[50, 50, 50], [97, 2, 1], [0, 13, 200], [5, 5, 5]] {
        let mut labels: Vec<Label<3>> = Vec::new();
        for (class, &count) in classes.iter().enumerate() {
            labels.extend(vec![Label::new(class).expect("a class"); count]);
        }
        rand::seq::SliceRandom::shuffle(&mut labels[..], &mut rng);

        for fractions in [
            [0.8, 0.1, 0.1],
            [0.6, 0.2, 0.2],
            [0.25, 0.25, 0.5],
            [0.3, 0.3, 0.1],
        ] {
            let parts = stratified_split(&labels, fractions, &mut rng).expect("parts");
            let rest = check_parts(&parts, labels.len());

            let used: f64 = fractions.iter().sum();
            assert!(
                (rest as f64 - (1.0 - used) * labels.len() as f64).abs() < 1.0,
                "{classes:?} {fractions:?}"
            );

            for (part, fraction) in parts.iter().zip(fractions) {
                let off = part.len() as f64 - fraction * labels.len() as f64;
                assert!(
                    off.abs() < 1.0,
                    "{classes:?} {fractions:?}: a part is {off} off"
                );

                for (class, &count) in classes.iter().enumerate() {
                    let found = part.iter().filter(|&&i| labels[i].index() == class).count();
                    let off = found as f64 - fraction * count as f64;
                    assert!(
                        off.abs() < 2.0,
                        "{classes:?} {fractions:?}: class {class} is {off} off"
                    );
                }
            }
        }
    }

    let labels = vec![Label::<2>::default(); 40];
    let draw =
        |seed| stratified_split(&labels, [0.5, 0.5], &mut shapewright::rng(seed)).expect("parts");
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn impossible_splits_are_refused() {
    let mut rng = shapewright::rng(0);
    let labels = vec![Label::<2>::default(); 4];

    for fractions in [
        [0.8, 0.3],
        [0.0, 1.0],
        [-0.5, 1.0],
        [f64::NAN, 0.5],
        [f64::INFINITY, 0.5],
    ] {
        let errors = [
            split(4, fractions, &mut rng),
            stratified_split(&labels, fractions, &mut rng),
        ];
        for error in errors {
            assert!(
                matches!(error, Err(SplitError::Fractions { .. })),
                "{fractions:?}"
            );
        }
    }

    assert_eq!(
        split(4, [0.8, 0.3], &mut rng)
            .expect_err("too much")
            .to_string(),
        "the fractions [0.8, 0.3] are not parts of a whole; each must be above 0, and their sum at most 1"
    );

    let empty = SplitError::EmptyPart {
        part: 1,
        samples: 4,
    };
    assert_eq!(split(4, [0.95, 0.05], &mut rng), Err(empty.clone()));
    assert_eq!(
        stratified_split(&labels, [0.95, 0.05], &mut rng),
        Err(empty)
    );
}

#[test]
fn batches_go_through_every_sample_once() {
    let x: Vec<Tensor1<2>> = (0..23).map(|i| Tensor1::from([i as f32, 0.5])).collect();
    let targets: Vec<u32> = (0..23).collect();
    let mut batches = Batches::new(&x, &targets, 5);
    assert_eq!(batches.steps(), 5);
    let pass = |batches: &mut Batches<Tensor1<2>, u32>| {
        let mut seen = Vec::new();
        while let Some((x, targets)) = batches.next_batch() {
            assert!(x.iter().zip(targets).all(|(x, &t)| x[0] == t as f32));
            seen.push(targets.to_vec());
        }
        assert!(batches.next_batch().is_none(), "the end stays the end");
        seen
    };
    let first = pass(&mut batches);
    assert_eq!(first.concat(), targets);
    assert_eq!(
        first.iter().map(Vec::len).collect::<Vec<_>>(),
        [5, 5, 5, 5, 3]
    );
    batches.restart();
    assert_eq!(pass(&mut batches), first);

    let mut again = batches.clone();
    batches.shuffle(&mut shapewright::rng(1));
    again.shuffle(&mut shapewright::rng(1));
    let shuffled = pass(&mut batches);
    assert_eq!(pass(&mut again), shuffled);
    let mut all = shuffled.concat();
    assert_ne!(all, targets);
    all.sort_unstable();
    assert_eq!(all, targets);

    let mut whole = Batches::new(&x, &targets, 5).drop_last();
    assert_eq!(
        (whole.steps(), pass(&mut whole).concat()),
        (4, targets[..20].to_vec())
    );
    let mut some = Batches::of(&x, &targets, &[4, 2, 9], 2);
    assert_eq!(pass(&mut some), [vec![4, 2], vec![9]]);
    assert_eq!(
        pass(&mut Batches::of(&x, &targets, &[], 2)),
        Vec::<Vec<u32>>::new()
    );
    assert_eq!(gather(&targets, &[3, 3, 0]), [3, 3, 0]);
}

#[test]
#[should_panic(expected = "there are 3 inputs but 2 targets")]
fn batches_have_as_many_targets_as_inputs() {
    Batches::new(&[1, 2, 3], &[1, 2], 2);
}

#[test]
#[should_panic(expected = "there is no sample at position 3 among 3")]
fn batches_are_of_samples_that_are_there() {
    Batches::of(&[1, 2, 3], &[1, 2, 3], &[0, 3], 2);
}

#[test]
#[should_panic(expected = "there is no sample at position 2 among 2")]
fn gathered_samples_are_there() {
    gather(&[1, 2], &[2]);
}

#[test]
#[should_panic(expected = "batches of 0 samples never end")]
fn batches_have_samples() {
    Batches::new(&[1], &[1], 0);
}
