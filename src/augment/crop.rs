//! Cutting out parts of images.

use super::{Augment, SampleRng, draw};
use crate::tensor::{Element, Rank3, Scalar, Tensor3};

/// The content of the padding around an image; torchvision's `padding_mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PaddingMode {
    /// The fill value.
    #[default]
    Constant,
    /// The nearest pixel of the border: `a a | a b c | c c`.
    Edge,
    /// The image mirrored at the border's pixels: `c b | a b c | b a`.
    Reflect,
    /// The image mirrored at the border: `b a | a b c | c b`.
    Symmetric,
}

impl PaddingMode {
    /// The position in an axis of `size` pixels whose content a position before, in or behind it has.
    pub(super) fn position(self, at: isize, size: usize) -> Option<usize> {
        let count = size as isize;
        if 0 <= at && at < count {
            return Some(at as usize);
        }

        let position = match self {
            PaddingMode::Constant => return None,
            PaddingMode::Edge => at.clamp(0, count - 1),
            PaddingMode::Reflect if count == 1 => 0,
            PaddingMode::Reflect => {
                let at = at.rem_euclid(2 * count - 2);
                if at < count { at } else { 2 * count - 2 - at }
            }
            PaddingMode::Symmetric => {
                let at = at.rem_euclid(2 * count);
                if at < count { at } else { 2 * count - 1 - at }
            }
        };
        Some(position as usize)
    }
}

/// Places in a padded image, which may be before its first pixel, fit into an `isize`: images have
/// at most `isize::MAX` bytes, so three times this and a size do.
const MOST_PAD: usize = isize::MAX as usize / 8;

/// Pads an image by `PAD` pixels on each side and cuts out a part at a random place; torchvision's
/// `RandomCrop`.
///
/// In a list, the part is as large as the image was: it is shifted by up to `PAD` pixels each way.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::{Augmenter, PaddingMode, RandomCrop};
/// let mut image = Tensor3::<32, 32, 3>::full(0.5);
/// let crop = RandomCrop::<4>::new().padding_mode(PaddingMode::Reflect);
/// Augmenter::new(crop, 0).augment(1, 0, &mut image);
/// assert_eq!(image, Tensor3::full(0.5));
/// ```
///
/// [`RandomCrop::crop`] gives images of another size.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RandomCrop<const PAD: usize> {
    mode: PaddingMode,
    fill: f64,
}

impl<const PAD: usize> RandomCrop<PAD> {
    /// Creates a crop with zeros around the image.
    pub const fn new() -> Self {
        RandomCrop {
            mode: PaddingMode::Constant,
            fill: 0.0,
        }
    }

    /// Sets the content of the padding; the fill value by default.
    pub const fn padding_mode(self, mode: PaddingMode) -> Self {
        RandomCrop { mode, ..self }
    }

    /// Sets the value of a constant padding; 0 by default.
    ///
    /// # Panics
    /// Panics unless it is finite.
    pub const fn fill(self, fill: f64) -> Self {
        assert!(fill.is_finite(), "the fill of `RandomCrop` is finite");
        RandomCrop { fill, ..self }
    }

    /// Cuts out a part as large as `to`.
    ///
    /// ```
    /// use shapewright::Tensor3;
    /// use shapewright::augment::RandomCrop;
    /// let (photo, mut part) = (Tensor3::<32, 32, 3>::ones(), Tensor3::<28, 28, 3>::zeros());
    /// RandomCrop::<0>::new().crop(&photo, &mut part, &mut shapewright::rng(0));
    /// assert_eq!(part, Tensor3::ones());
    /// ```
    ///
    /// A part that is larger than the padded image is a compile error:
    ///
    /// ```compile_fail,E0080
    /// use shapewright::augment::RandomCrop;
    /// use shapewright::Tensor3;
    /// let (photo, mut part) = (Tensor3::<32, 32, 3>::ones(), Tensor3::<36, 41, 3>::zeros());
    /// RandomCrop::<4>::new().crop(&photo, &mut part, &mut shapewright::rng(0));
    /// ```
    pub fn crop<
        const H: usize,
        const W: usize,
        const C: usize,
        const TO_H: usize,
        const TO_W: usize,
        T: Element,
    >(
        &self,
        from: &Tensor3<H, W, C, T>,
        to: &mut Tensor3<TO_H, TO_W, C, T>,
        rng: &mut SampleRng,
    ) {
        const {
            assert!(
                PAD <= MOST_PAD,
                "`RandomCrop` pads by more pixels than an image can have; make `PAD` smaller"
            );
            assert!(
                TO_H <= H + 2 * PAD && TO_W <= W + 2 * PAD,
                "`RandomCrop` cuts out a part larger than the padded image; make `PAD` larger or the part smaller"
            );
        }

        let top = draw::below(H + 2 * PAD - TO_H + 1, rng) as isize - PAD as isize;
        let left = draw::below(W + 2 * PAD - TO_W + 1, rng) as isize - PAD as isize;
        cut(from, to, top, left, self.mode, T::from_f64_lossy(self.fill));
    }
}

impl<const PAD: usize, const H: usize, const W: usize, const C: usize, T: Element>
    Augment<Rank3<H, W, C>, T> for RandomCrop<PAD>
{
    fn augment(
        &self,
        image: &mut Tensor3<H, W, C, T>,
        scratch: &mut Tensor3<H, W, C, T>,
        rng: &mut SampleRng,
    ) {
        scratch.as_mut_slice().copy_from_slice(image.as_slice());
        self.crop(scratch, image, rng);
    }
}

/// Cuts out the middle of an image, for validation where training has a [`RandomCrop`];
/// torchvision's `CenterCrop`.
///
/// Of an odd number of rows or columns to cut off, one more is cut off at the bottom or on the
/// right. A part larger than the image is a compile error in `cargo build`; `cargo check` does not
/// report it.
///
/// ```
/// use shapewright::Tensor3;
/// use shapewright::augment::center_crop;
/// let image = Tensor3::from([[[1.0], [2.0], [3.0], [4.0]], [[5.0], [6.0], [7.0], [8.0]]]);
/// let mut part = Tensor3::<1, 2, 1>::zeros();
/// center_crop(&image, &mut part);
/// assert_eq!(part, Tensor3::from([[[2.0], [3.0]]]));
/// ```
pub fn center_crop<
    const H: usize,
    const W: usize,
    const C: usize,
    const TO_H: usize,
    const TO_W: usize,
    T: Scalar,
>(
    from: &Tensor3<H, W, C, T>,
    to: &mut Tensor3<TO_H, TO_W, C, T>,
) {
    const {
        assert!(
            TO_H <= H && TO_W <= W,
            "`center_crop` cuts out a part larger than the image"
        )
    };

    let top = (H - TO_H) / 2;
    let left = (W - TO_W) / 2;
    cut(
        from,
        to,
        top as isize,
        left as isize,
        PaddingMode::Constant,
        T::default(),
    );
}

/// Cuts out the part that begins at this row and column, which may be before, in or behind the
/// image.
fn cut<
    const H: usize,
    const W: usize,
    const C: usize,
    const TO_H: usize,
    const TO_W: usize,
    T: Scalar,
>(
    from: &Tensor3<H, W, C, T>,
    to: &mut Tensor3<TO_H, TO_W, C, T>,
    top: isize,
    left: isize,
    mode: PaddingMode,
    fill: T,
) {
    for (row, to) in to.as_mut_array().iter_mut().enumerate() {
        let Some(row) = mode.position(row as isize + top, H) else {
            to.fill([fill; C]);
            continue;
        };

        let from = &from.as_array()[row];
        for (column, to) in to.iter_mut().enumerate() {
            *to = mode
                .position(column as isize + left, W)
                .map_or([fill; C], |column| from[column]);
        }
    }
}
