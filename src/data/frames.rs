//! Windows of samples that lie one after another.

use crate::tensor::{Scalar, Tensor1};

/// Returns the frames of `L` consecutive samples, each of which begins `hop` samples after the one
/// before; librosa's `util.frame`. Nothing is copied. Samples at the end that fill no frame are
/// omitted.
///
/// ```
/// use shapewright::data::frames;
/// use shapewright::prelude::*;
/// let sound = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
/// let frames: Vec<&Tensor1<4>> = frames(&sound, 2).collect();
/// assert_eq!(frames.len(), 2);
/// assert_eq!(*frames[1], Tensor1::from([0.2, 0.3, 0.4, 0.5]));
/// ```
///
/// # Panics
/// Panics if `hop` is 0.
#[track_caller]
pub fn frames<const L: usize, T: Scalar>(
    samples: &[T],
    hop: usize,
) -> impl ExactSizeIterator<Item = &Tensor1<L, T>> + DoubleEndedIterator + Clone {
    assert!(hop > 0, "frames with a hop of 0 never end; take at least 1");
    let count = samples
        .len()
        .checked_sub(L)
        .map_or(0, |starts| starts / hop + 1);
    (0..count).map(move |frame| {
        let frame = &samples[frame * hop..][..L];
        Tensor1::over(frame).expect("a frame has `L` samples")
    })
}
