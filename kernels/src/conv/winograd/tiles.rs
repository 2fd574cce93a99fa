//! Patches and tiles of images: their positions, and their transforms.

use core::ops::Range;

use super::CHANNELS;
use super::transform::{both, data_transform, inverse_transform};
use crate::simd::{Op, Simd};

/// Squares of pixels, 2 apart, in contiguous images.
#[derive(Clone, Copy)]
pub(super) struct Squares {
    /// The size of an image.
    pub size: [usize; 2],
    pub channels: usize,
    /// The distance by which the first square begins above and to the left of the image.
    pub before: [usize; 2],
    /// The number of squares along each axis of an image.
    pub count: [usize; 2],
}

impl Squares {
    /// Calls `f` with each square of the layout and the addresses of its pixels: those of the
    /// images at `images`, or `outside`.
    #[inline(always)]
    fn each<const N: usize>(
        &self,
        layout: &Layout,
        images: *mut f32,
        outside: *mut f32,
        mut f: impl FnMut(usize, [[*mut f32; N]; N]),
    ) {
        let [height, width] = self.size;
        let [rows, columns] = self.count;

        let first = layout.first;
        let mut image = first / (rows * columns);
        let mut row = first / columns % rows;
        let mut column = first % columns;

        for square in 0..layout.count {
            let mut pixels = [[outside; N]; N];
            for (i, pixels) in pixels.iter_mut().enumerate() {
                // Positions before the image wrap to far behind it.
                let y = (2 * row + i).wrapping_sub(self.before[0]);
                for (j, pixel) in pixels.iter_mut().enumerate() {
                    let x = (2 * column + j).wrapping_sub(self.before[1]);
                    if y < height && x < width {
                        *pixel =
                            images.wrapping_add(((image * height + y) * width + x) * self.channels);
                    }
                }
            }

            f(square, pixels);

            column += 1;
            if column == columns {
                column = 0;
                row += 1;
            }
            if row == rows {
                row = 0;
                image += 1;
            }
        }
    }
}

/// The layout of transformed squares: element `k` of channel `c` of square `first + i` lies at
/// `(k - elements.start) * step + i * channels + c`.
#[derive(Clone)]
pub(super) struct Layout {
    pub first: usize,
    pub count: usize,
    pub channels: usize,
    /// The elements that are present.
    pub elements: Range<usize>,
}

impl Layout {
    /// Returns the distance of the elements of a channel. It is not a power of two, as then all
    /// would fall on the same set of the cache.
    pub fn step(&self) -> usize {
        self.count * self.channels + CHANNELS
    }

    /// Returns the length of a buffer for at most `count` squares.
    pub const fn len(count: usize, channels: usize, elements: usize) -> usize {
        elements * (count * channels + CHANNELS)
    }
}

/// The data transform of squares of `N` by `N` pixels: patches of 4, or gradients of tiles of 2.
///
/// Its creator guarantees that all of it lies in memory: images, the transformed squares, and zeros
/// for a pixel outside.
pub(super) struct InputTransform<const N: usize> {
    pub squares: Squares,
    pub layout: Layout,
    pub images: *const f32,
    pub outside: *const f32,
    pub to: *mut f32,
}

impl<const N: usize> Op for InputTransform<N> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let InputTransform {
            squares,
            layout,
            images,
            outside,
            to,
        } = self;
        let channels = layout.channels;
        let step = layout.step();
        squares.each::<N>(
            &layout,
            images.cast_mut(),
            outside.cast_mut(),
            #[inline(always)]
            |square, pixels| {
                let to = to.wrapping_add(square * channels);
                for c in (0..channels).step_by(S::LANES) {
                    let mut x = [[s.zero(); N]; N];
                    for (x, pixels) in x.iter_mut().zip(&pixels) {
                        for (x, &pixel) in x.iter_mut().zip(pixels) {
                            // SAFETY: guaranteed by the creator.
                            *x = unsafe { s.load(pixel.wrapping_add(c)) };
                        }
                    }

                    let y = both(s, x, data_transform::<S, N>);
                    for (k, &y) in y.as_flattened().iter().enumerate() {
                        if layout.elements.contains(&k) {
                            // SAFETY: likewise.
                            unsafe {
                                s.store(to.wrapping_add((k - layout.elements.start) * step + c), y)
                            };
                        }
                    }
                }
            },
        );
    }
}

/// The inverse transform to squares of `N` by `N` pixels: to the outputs of tiles of 2, or added to
/// the gradients of patches of 4.
///
/// Its creator guarantees that all of it lies in memory: images, the transformed squares, the bias,
/// and a pixel outside that nobody needs.
pub(super) struct OutputTransform<const N: usize> {
    pub squares: Squares,
    pub layout: Layout,
    pub from: *const f32,
    pub images: *mut f32,
    pub outside: *mut f32,
    /// The initial value of outputs.
    pub bias: Option<*const f32>,
    /// True if outputs are set to `max(0, y)`.
    pub relu: bool,
}

impl<const N: usize> Op for OutputTransform<N> {
    type Out = ();

    #[inline(always)]
    fn call<S: Simd>(self, s: S) {
        let OutputTransform {
            squares,
            layout,
            from,
            images,
            outside,
            bias,
            relu,
        } = self;
        let channels = layout.channels;
        let step = layout.step();

        squares.each::<N>(
            &layout,
            images,
            outside,
            #[inline(always)]
            |square, pixels| {
                let from = from.wrapping_add(square * channels);
                for c in (0..channels).step_by(S::LANES) {
                    let mut elements = [[s.zero(); 4]; 4];
                    for (k, x) in elements.as_flattened_mut().iter_mut().enumerate() {
                        // SAFETY: guaranteed by the creator.
                        *x = unsafe { s.load(from.wrapping_add(k * step + c)) };
                    }

                    let mut start = s.zero();
                    if let Some(bias) = bias {
                        // SAFETY: likewise.
                        start = unsafe { s.load(bias.wrapping_add(c)) };
                    }

                    let y = both(s, elements, inverse_transform::<S, N>);
                    for (y, pixels) in y.iter().zip(&pixels) {
                        for (&y, &pixel) in y.iter().zip(pixels) {
                            let to = pixel.wrapping_add(c);
                            // SAFETY: likewise.
                            unsafe {
                                let sum = s.add(if N == 2 { start } else { s.load(to) }, y);
                                s.store(to, if relu { s.max(s.zero(), sum) } else { sum });
                            }
                        }
                    }
                }
            },
        );
    }
}
