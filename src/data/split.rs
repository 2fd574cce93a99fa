//! Parts of a data set, as positions of samples.

use core::fmt;

use rand::Rng;
use rand::seq::SliceRandom;

use crate::loss::Label;

/// The distance from 1 within which a sum of fractions counts as 1.
const ROUNDING: f64 = 1e-9;

/// Divides samples at random into parts of these fractions; returns the positions of each part, in
/// rising order. If the fractions add up to less than 1, the remaining samples are in no part.
///
/// ```
/// use shapewright::data::split;
/// let [train, validation, test] = split(150, [0.6, 0.2, 0.2], &mut shapewright::rng(0))?;
/// assert_eq!([train.len(), validation.len(), test.len()], [90, 30, 30]);
/// # Ok::<(), shapewright::data::SplitError>(())
/// ```
///
/// # Errors
/// Returns an error if a fraction is not above 0, if their sum is above 1, if a part would have no
/// samples, or if the positions do not fit into memory.
#[doc(alias = "train_test_split")]
#[doc(alias = "random_split")]
pub fn split<R: Rng + ?Sized, const PARTS: usize>(
    samples: usize,
    fractions: [f64; PARTS],
    rng: &mut R,
) -> Result<[Vec<usize>; PARTS], SplitError> {
    check(&fractions)?;
    let order = shuffled(samples, rng)?;

    let mut sum = 0.0;
    let mut begin = 0;
    let parts = fractions.map(|fraction| {
        sum += fraction;
        // The ends are rounded, not the lengths, so that no sample is lost.
        let end = ((sum * samples as f64).round() as usize).clamp(begin, samples);
        let mut part = order[begin..end].to_vec();
        part.sort_unstable();
        begin = end;
        part
    });
    none_empty(parts, samples)
}

/// Divides samples as [`split`] does, with the same share of each class in every part, as far as
/// whole samples allow it: of two parts, each has at most one sample of a class more or less than
/// its share; of many parts, about two.
///
/// ```
/// use shapewright::data::stratified_split;
/// use shapewright::prelude::*;
/// let labels: Vec<_> = (0..100)
///     .map(|i| Label::<2>::new(usize::from(i < 10)))
///     .collect::<Result<_, _>>()?;
/// let [train, test] = stratified_split(&labels, [0.8, 0.2], &mut shapewright::rng(0))?;
/// assert_eq!(test.iter().filter(|&&i| labels[i].index() == 1).count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if a fraction is not above 0, if their sum is above 1, or if a part would have
/// no samples.
pub fn stratified_split<R: Rng + ?Sized, const PARTS: usize, const N: usize>(
    labels: &[Label<N>],
    fractions: [f64; PARTS],
    rng: &mut R,
) -> Result<[Vec<usize>; PARTS], SplitError> {
    check(&fractions)?;
    let rest = 1.0 - fractions.iter().sum::<f64>();
    let shares = || {
        fractions
            .iter()
            .copied()
            .chain((rest > ROUNDING).then_some(rest))
    };
    let mut given = vec![0_usize; shares().count()];
    let mut parts = [const { Vec::new() }; PARTS];

    // Each sample goes to the part that lacks most, class after class. Thus every stretch of
    // samples is distributed, and the parts have the right lengths in the end.
    for (before, position) in by_class(labels, rng).into_iter().flatten().enumerate() {
        let lacks = |part: usize, share: f64| share * (before + 1) as f64 - given[part] as f64;
        let mut most = (0, f64::NEG_INFINITY);
        for (part, share) in shares().enumerate() {
            let lack = lacks(part, share);
            if lack > most.1 + ROUNDING {
                most = (part, lack);
            }
        }
        given[most.0] += 1;
        if let Some(part) = parts.get_mut(most.0) {
            part.push(position);
        }
    }

    parts.iter_mut().for_each(|part| part.sort_unstable());
    none_empty(parts, labels.len())
}

/// One way to cut a data set in two: positions in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The samples for training.
    pub train: Vec<usize>,
    /// The samples for validation.
    pub validation: Vec<usize>,
}

/// Cuts samples at random into parts of equal length (the first may have one more) and gives each
/// part once for validation, with all others for training.
///
/// ```
/// use shapewright::data::k_fold;
/// let folds = k_fold(10, 3, &mut shapewright::rng(0))?;
/// assert_eq!(
///     folds
///         .iter()
///         .map(|fold| fold.validation.len())
///         .collect::<Vec<_>>(),
///     [4, 3, 3]
/// );
/// # Ok::<(), shapewright::data::SplitError>(())
/// ```
///
/// # Errors
/// Returns an error if there are fewer than two folds, or fewer samples than folds, or if the
/// positions do not fit into memory.
pub fn k_fold<R: Rng + ?Sized>(
    samples: usize,
    folds: usize,
    rng: &mut R,
) -> Result<Vec<Fold>, SplitError> {
    check_folds(folds, samples)?;
    Ok(deal(shuffled(samples, rng)?, folds))
}

/// Cuts samples as [`k_fold`] does, with the same share of each class in every fold, as far as whole
/// samples allow it. The numbers of each class are those of scikit-learn's `StratifiedKFold`. A class with
/// fewer samples than there are folds is missing in some of them.
///
/// ```
/// use shapewright::data::stratified_k_fold;
/// use shapewright::prelude::*;
/// let labels = Label::<2>::from_numbers(&[0_u8, 0, 0, 1, 1, 1])?;
/// for fold in stratified_k_fold(&labels, 3, &mut shapewright::rng(0))? {
///     assert_eq!(
///         fold.validation
///             .iter()
///             .map(|&i| labels[i].index())
///             .sum::<usize>(),
///         1
///     );
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Returns an error if there are fewer than two folds, or fewer samples than folds.
pub fn stratified_k_fold<R: Rng + ?Sized, const N: usize>(
    labels: &[Label<N>],
    folds: usize,
    rng: &mut R,
) -> Result<Vec<Fold>, SplitError> {
    check_folds(folds, labels.len())?;
    let order = by_class(labels, rng).into_iter().flatten().collect();
    Ok(deal(order, folds))
}

fn check_folds(folds: usize, samples: usize) -> Result<(), SplitError> {
    if folds < 2 || samples < folds {
        return Err(SplitError::Folds { folds, samples });
    }
    Ok(())
}

/// Returns the positions of all samples in a random order.
fn shuffled<R: Rng + ?Sized>(samples: usize, rng: &mut R) -> Result<Vec<usize>, SplitError> {
    let mut order = Vec::new();
    order
        .try_reserve_exact(samples)
        .map_err(|_| SplitError::TooManySamples { samples })?;
    order.extend(0..samples);
    order.shuffle(rng);
    Ok(order)
}

/// Deals samples out to the folds in turn.
fn deal(order: Vec<usize>, folds: usize) -> Vec<Fold> {
    let samples = order.len();
    let mut fold_of = vec![0; samples];
    for (turn, position) in order.into_iter().enumerate() {
        fold_of[position] = turn % folds;
    }
    let fold = |fold| {
        let (validation, train) = (0..samples).partition(|&position| fold_of[position] == fold);
        Fold { train, validation }
    };
    (0..folds).map(fold).collect()
}

/// The positions of the samples of each class, shuffled, in the order in which the classes appear
/// first.
fn by_class<R: Rng + ?Sized, const N: usize>(labels: &[Label<N>], rng: &mut R) -> Vec<Vec<usize>> {
    let mut classes = vec![Vec::new(); N];
    for (position, label) in labels.iter().enumerate() {
        classes[label.index()].push(position);
    }
    classes.sort_by_key(|class| class.first().copied().unwrap_or(usize::MAX));
    classes.iter_mut().for_each(|class| class.shuffle(rng));
    classes
}

fn check(fractions: &[f64]) -> Result<(), SplitError> {
    // Not `<=`, so that NaN is refused.
    let positive = fractions.iter().all(|&fraction| fraction > 0.0);
    if positive && fractions.iter().sum::<f64>() < 1.0 + ROUNDING {
        Ok(())
    } else {
        Err(SplitError::Fractions {
            fractions: fractions.to_vec(),
        })
    }
}

fn none_empty<const PARTS: usize>(
    parts: [Vec<usize>; PARTS],
    samples: usize,
) -> Result<[Vec<usize>; PARTS], SplitError> {
    match parts.iter().position(Vec::is_empty) {
        Some(part) => Err(SplitError::EmptyPart { part, samples }),
        None => Ok(parts),
    }
}

/// A data set can't be cut like that.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum SplitError {
    /// The fractions are no parts of a whole.
    Fractions {
        /// The fractions.
        fractions: Vec<f64>,
    },
    /// A part would have no samples.
    EmptyPart {
        /// The part, counted from 0.
        part: usize,
        /// The number of samples.
        samples: usize,
    },
    /// There are fewer than two folds, or fewer samples than folds.
    Folds {
        /// The requested number of folds.
        folds: usize,
        /// The number of samples.
        samples: usize,
    },
    /// The positions of the samples do not fit into memory.
    TooManySamples {
        /// The number of samples.
        samples: usize,
    },
}

impl fmt::Display for SplitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SplitError::Fractions { fractions } => write!(
                f,
                "the fractions {fractions:?} are not parts of a whole; each must be above 0, and their sum at most 1"
            ),
            SplitError::EmptyPart { part, samples } => write!(
                f,
                "part {part} would have none of {samples} samples; give it a larger fraction or take more samples"
            ),
            SplitError::Folds { folds, samples } => write!(
                f,
                "{samples} samples can't be cut into {folds} folds; take at least 2 folds, and not more than samples"
            ),
            SplitError::TooManySamples { samples } => write!(
                f,
                "the positions of {samples} samples do not fit into memory; take fewer samples"
            ),
        }
    }
}

impl std::error::Error for SplitError {}
