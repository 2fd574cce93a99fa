//! Boxes, and how much two of them overlap.

use crate::tensor::{Element, double};

/// An axis-aligned box, given by two opposite corners.
///
/// The coordinates are the user's: pixels, or parts of the image's sides, with `y` downward or
/// upward. The names of the conversions are those of torchvision's `box_convert`. A box whose second
/// corner lies before the first along an axis is empty: that side has a length of 0.
///
/// ```
/// use shapewright::detection::BoundingBox;
/// let a = BoundingBox::from_xyxy([0.0, 0.0, 4.0, 2.0]);
/// let b = BoundingBox::from_xywh([2.0, 0.0, 4.0, 2.0]);
/// assert_eq!(b, BoundingBox::from_cxcywh([4.0, 1.0, 4.0, 2.0]));
/// assert_eq!(a.area(), 8.0);
/// assert_eq!(a.iou(&b), 4.0 / 12.0);
/// assert_eq!(b.clip(5.0, 5.0).to_xyxy(), [2.0, 0.0, 5.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BoundingBox<T = f32> {
    /// The first corner along the horizontal axis.
    pub x1: T,
    /// The first corner along the vertical axis.
    pub y1: T,
    /// The second corner along the horizontal axis.
    pub x2: T,
    /// The second corner along the vertical axis.
    pub y2: T,
}

/// The corners, as of [`BoundingBox::from_xyxy`].
impl<T> From<[T; 4]> for BoundingBox<T> {
    fn from([x1, y1, x2, y2]: [T; 4]) -> Self {
        BoundingBox { x1, y1, x2, y2 }
    }
}

impl<T: Element> BoundingBox<T> {
    /// Creates a box of two corners: `[x1, y1, x2, y2]`.
    #[doc(alias = "box_convert")]
    pub const fn from_xyxy([x1, y1, x2, y2]: [T; 4]) -> Self {
        BoundingBox { x1, y1, x2, y2 }
    }

    /// Creates a box of its first corner and its sides: `[x, y, width, height]`, the format of
    /// COCO's annotations.
    pub fn from_xywh([x, y, width, height]: [T; 4]) -> Self {
        BoundingBox::from_xyxy([x, y, x + width, y + height])
    }

    /// Creates a box of its centre and its sides: `[centre x, centre y, width, height]`.
    pub fn from_cxcywh([x, y, width, height]: [T; 4]) -> Self {
        let half_width = half(width);
        let half_height = half(height);
        BoundingBox::from_xyxy([
            x - half_width,
            y - half_height,
            x + half_width,
            y + half_height,
        ])
    }

    /// Returns the two corners, `[x1, y1, x2, y2]`.
    pub const fn to_xyxy(self) -> [T; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }

    /// Returns the first corner and the sides, `[x, y, width, height]`.
    pub fn to_xywh(self) -> [T; 4] {
        [self.x1, self.y1, self.width(), self.height()]
    }

    /// Returns the centre and the sides, `[centre x, centre y, width, height]`.
    pub fn to_cxcywh(self) -> [T; 4] {
        let x = half(self.x1) + half(self.x2);
        let y = half(self.y1) + half(self.y2);
        [x, y, self.width(), self.height()]
    }

    /// Returns the length of the horizontal side.
    pub fn width(self) -> T {
        side(self.x1, self.x2)
    }

    /// Returns the length of the vertical side.
    pub fn height(self) -> T {
        side(self.y1, self.y2)
    }

    /// Returns the area.
    pub fn area(self) -> T {
        self.width() * self.height()
    }

    /// Returns the intersection over union of two boxes, from 0 to 1: the area that both have,
    /// divided by the area that at least one of them has. Two boxes without area have 0.
    ///
    /// NaN coordinates and infinite sides give NaN.
    pub fn iou(&self, other: &Self) -> T {
        T::from_f64_lossy(self.iou_f64(other))
    }

    /// Returns the generalized intersection over union of two boxes, from -1 to 1: the
    /// [`iou`](Self::iou), minus the part of the smallest box around both that belongs to neither.
    /// Unlike the former, it tells near boxes from distant ones where they do not overlap.
    /// Rezatofighi et al., 2019, "Generalized Intersection over Union"; torchvision's
    /// `generalized_box_iou`.
    ///
    /// If the box around both has no area, so that the part is not defined, it counts 0. NaN
    /// coordinates and infinite sides give NaN.
    ///
    /// ```
    /// use shapewright::detection::BoundingBox;
    /// let a = BoundingBox::from_xyxy([0.0, 0.0, 1.0, 1.0]);
    /// let far = BoundingBox::from_xyxy([3.0, 0.0, 4.0, 1.0]);
    /// assert_eq!((a.iou(&far), a.giou(&far)), (0.0, -0.5));
    /// ```
    #[doc(alias = "generalized_box_iou")]
    pub fn giou(&self, other: &Self) -> T {
        T::from_f64_lossy(Overlap::of(self, other).giou())
    }

    /// Returns the part of the box inside an image that reaches from 0 to `width` and from 0 to
    /// `height`: each coordinate is clamped. A box outside of the image loses its area. torchvision's
    /// `clip_boxes_to_image`.
    #[doc(alias = "clip_boxes_to_image")]
    #[must_use]
    pub fn clip(self, width: T, height: T) -> Self {
        BoundingBox {
            x1: clamped(self.x1, width),
            y1: clamped(self.y1, height),
            x2: clamped(self.x2, width),
            y2: clamped(self.y2, height),
        }
    }

    /// Returns the intersection over union before it is rounded to `T`, which would bring it from
    /// one side of a threshold to the other.
    pub(crate) fn iou_f64(&self, other: &Self) -> f64 {
        Overlap::of(self, other).iou()
    }

    /// Returns whether a coordinate is NaN.
    pub(crate) fn has_nan(&self) -> bool {
        self.to_xyxy().iter().any(|x| x.is_nan())
    }
}

fn half<T: Element>(x: T) -> T {
    x * T::from_f64_lossy(0.5)
}

/// Returns the length from `first` to `last`, or 0 if `last` lies before `first`. Unlike `max`, it
/// keeps NaN.
fn side<T: Element>(first: T, last: T) -> T {
    let length = last - first;
    if length < T::zero() {
        T::zero()
    } else {
        length
    }
}

/// Returns the number from 0 to `end` that is nearest to `x`. Unlike `max` and `min`, it keeps NaN.
fn clamped<T: Element>(x: T, end: T) -> T {
    if x < T::zero() {
        T::zero()
    } else if x > end {
        end
    } else {
        x
    }
}

/// Areas of two boxes. They are computed in `f64`, where no area of `f32` boxes overflows.
struct Overlap {
    intersection: f64,
    union: f64,
    /// The area of the smallest box around both.
    hull: f64,
}

impl Overlap {
    fn of<T: Element>(a: &BoundingBox<T>, b: &BoundingBox<T>) -> Self {
        let [a, b] = [a, b].map(|bbox| BoundingBox::from(bbox.to_xyxy().map(double)));
        let common = BoundingBox {
            x1: a.x1.max(b.x1),
            y1: a.y1.max(b.y1),
            x2: a.x2.min(b.x2),
            y2: a.y2.min(b.y2),
        };
        let around = BoundingBox {
            x1: a.x1.min(b.x1),
            y1: a.y1.min(b.y1),
            x2: a.x2.max(b.x2),
            y2: a.y2.max(b.y2),
        };

        let intersection = common.area();
        Overlap {
            intersection,
            // `max` and `min` lose NaN, but the areas keep it.
            union: a.area() + b.area() - intersection,
            hull: around.area(),
        }
    }

    fn iou(&self) -> f64 {
        ratio(self.intersection, self.union)
    }

    fn giou(&self) -> f64 {
        self.iou() - ratio(self.hull - self.union, self.hull)
    }
}

/// Returns a ratio, and 0 where it would be 0 / 0.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}
