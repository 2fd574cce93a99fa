//! The ranges of layers' inputs, measured on samples.

use core::cell::RefCell;
use core::fmt;
use std::collections::BTreeMap;

use super::network::QuantizedTraining;
use crate::kernels::Quantization;
use crate::memory::zeroed_tensors;
use crate::network::Network;
use crate::tensor::Tensor;
use crate::threads;

/// The number of samples that are computed at a time.
const SAMPLES: usize = 64;

/// The number of bins of a histogram on each side of 0.
const BINS: usize = 1024;

/// The number of levels that magnitudes are quantized to, as the entropy sees them.
const LEVELS: usize = 128;

/// The choice of the range of a layer's inputs that 8 bits stand for.
///
/// The range always includes 0, which is exact. Numbers outside of it become the nearest one in it.
///
/// ```
/// use shapewright::nn::Calibration;
/// let all = Calibration::min_max();
/// let most = Calibration::percentile(99.99);
/// let nearest = Calibration::entropy();
/// # let _ = (all, most, nearest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    method: Method,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Method {
    MinMax,
    Percentile(f64),
    Entropy,
}

impl Calibration {
    /// Creates a calibration that covers everything from the smallest to the largest input: a good
    /// first choice.
    pub const fn min_max() -> Self {
        Calibration {
            method: Method::MinMax,
        }
    }

    /// Creates a calibration that covers this percentage of the inputs, as many being cut off on
    /// either side, as ONNX Runtime's `CalibrationMethod.Percentile`. 99.99 is usual.
    ///
    /// # Panics
    /// Panics if the percentage is not above 0 and at most 100.
    #[track_caller]
    pub const fn percentile(percentage: f64) -> Self {
        assert!(
            percentage > 0.0 && percentage <= 100.0,
            "a percentile of a calibration is above 0 and at most 100, such as 99.99"
        );
        Calibration {
            method: Method::Percentile(percentage),
        }
    }

    /// Creates a calibration that covers the range, symmetric around 0, whose quantized histogram is
    /// nearest to the histogram itself: the one with the smallest Kullback-Leibler divergence, as in
    /// TensorRT (Migacz, 2017, "8-bit Inference with TensorRT"). Magnitudes are counted in 1024 bins
    /// and quantized to 128 levels; zeros are not counted, as in NVIDIA's `pytorch-quantization`.
    pub const fn entropy() -> Self {
        Calibration {
            method: Method::Entropy,
        }
    }
}

/// The reason why a network was not quantized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizeErrorKind {
    /// There are no samples.
    NoSamples,
    /// The input of a layer is infinite or NaN for some sample.
    NotFinite,
    /// The range of a layer's input has not been measured.
    NotCalibrated,
}

/// The error of a network that can't be quantized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuantizeError {
    /// The reason.
    pub kind: QuantizeErrorKind,
}

impl QuantizeError {
    pub(super) fn not_calibrated() -> Self {
        QuantizeError {
            kind: QuantizeErrorKind::NotCalibrated,
        }
    }
}

impl fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            QuantizeErrorKind::NoSamples => {
                "there are no samples to measure the ranges of inputs on; give it a few hundred of \
                 the training data"
            }
            QuantizeErrorKind::NotFinite => {
                "the input of a layer is infinite or NaN; look for such numbers in the samples and \
                 the parameters"
            }
            QuantizeErrorKind::NotCalibrated => {
                "the range of a layer's input has not been measured; make the network for training \
                 with `quantized_training`"
            }
        })
    }
}

impl core::error::Error for QuantizeError {}

/// The observations of a layer's inputs.
#[derive(Clone, Debug)]
struct Seen {
    lowest: f32,
    highest: f32,
    is_finite: bool,
    /// The counts of numbers from minus to plus the largest magnitude; none in the first pass.
    counts: Vec<u64>,
}

impl Seen {
    fn largest(&self) -> f32 {
        self.highest.max(-self.lowest)
    }

    fn bounds(&mut self, x: &[f32]) {
        for &x in x {
            self.lowest = self.lowest.min(x);
            self.highest = self.highest.max(x);
            self.is_finite &= x.is_finite();
        }
    }

    fn count(&mut self, x: &[f32]) {
        let largest = f64::from(self.largest());
        self.counts.resize(2 * BINS + 1, 0);
        for &x in x {
            let position = f64::from(x) / largest * BINS as f64 + BINS as f64;
            // The nearest bin; that of 0 lies in the middle.
            self.counts[((position + 0.5) as usize).min(2 * BINS)] += 1;
        }
    }

    /// Returns the upper end of a bin, or with `-1` in place of `1` the lower one.
    fn edge(&self, bin: usize, side: f64) -> f64 {
        let position = bin as f64 - BINS as f64 + 0.5 * side;
        position / BINS as f64 * f64::from(self.largest())
    }

    fn range(&self, method: Method) -> (f64, f64) {
        let all = (f64::from(self.lowest), f64::from(self.highest));
        let (low, high) = match method {
            Method::MinMax => all,
            Method::Percentile(percentage) => self.percentile(percentage),
            Method::Entropy => {
                let end = entropy_range(&self.counts);
                let end = self.edge(BINS + end, 1.0);
                (-end, end)
            }
        };
        (low.max(all.0).min(0.0), high.min(all.1).max(0.0))
    }

    fn percentile(&self, percentage: f64) -> (f64, f64) {
        let total: u64 = self.counts.iter().sum();
        let cut = total as f64 * (100.0 - percentage) / 200.0;
        let first = |mut bins: Box<dyn Iterator<Item = usize>>| {
            let mut sum = 0.0;
            bins.find(|&bin| {
                sum += self.counts[bin] as f64;
                sum > cut
            })
            .unwrap_or(BINS)
        };
        let low = first(Box::new(0..self.counts.len()));
        let high = first(Box::new((0..self.counts.len()).rev()));
        (self.edge(low, -1.0), self.edge(high, 1.0))
    }
}

/// Returns the number of bins on each side of the middle with the smallest divergence between the
/// magnitudes, those outside of the range added to its end, and the same in [`LEVELS`] equal numbers.
fn entropy_range(counts: &[u64]) -> usize {
    let mut own: Vec<u64> = (0..=BINS)
        .map(|bin| counts[BINS + bin] + counts[BINS - bin])
        .collect();
    // The zeros of a `Relu` are exact in any range, and would drown everything else.
    own[0] = own[1];

    let mut best = (f64::INFINITY, BINS);
    for end in LEVELS - 1..=BINS {
        let (own, outside) = own.split_at(end + 1);
        let mut clipped: Vec<f64> = own.iter().map(|&count| count as f64).collect();
        clipped[end] += outside.iter().sum::<u64>() as f64;
        let divergence = divergence(&clipped, own);
        if divergence < best.0 {
            best = (divergence, end);
        }
    }
    best.1
}

/// Returns the Kullback-Leibler divergence of `counts` from `own` after its quantization to
/// [`LEVELS`] numbers, each of which stands for an equal share of the bins that are not empty.
fn divergence(counts: &[f64], own: &[u64]) -> f64 {
    let bins = own.len();
    let mut quantized = vec![0.0; bins];
    for level in 0..LEVELS {
        let bins = level * bins / LEVELS..(level + 1) * bins / LEVELS;
        let full = own[bins.clone()].iter().filter(|&&count| count > 0).count();
        let sum: u64 = own[bins.clone()].iter().sum();
        for bin in bins {
            if own[bin] > 0 {
                quantized[bin] = sum as f64 / full as f64;
            }
        }
    }

    // A small number in place of 0 keeps the divergence finite, as in ONNX Runtime.
    const SMALL: f64 = 1e-4;
    let total: f64 = counts.iter().sum();
    let quantized_total: f64 = quantized.iter().sum();
    if quantized_total == 0.0 {
        return f64::INFINITY;
    }
    let mut divergence = 0.0;
    for (&count, &quantized) in counts.iter().zip(&quantized) {
        if count > 0.0 {
            let p = count / total;
            let q = (quantized / quantized_total).max(SMALL / total);
            divergence += p * (p / q).ln();
        }
    }
    divergence
}

/// Returns the quantization of a range that includes 0.
fn quantization((low, high): (f64, f64)) -> Quantization {
    let scale = ((high - low) / 255.0) as f32;
    // A layer whose inputs are all 0 may have any.
    let scale = match scale >= f32::MIN_POSITIVE {
        true => scale,
        false => 1.0,
    };
    let zero_point = (-low / f64::from(scale)).round_ties_even();
    Quantization {
        scale,
        zero_point: zero_point.clamp(0.0, 255.0) as u8,
    }
}

/// The observations so far, by the address of the layer's parameters.
#[derive(Default)]
struct Record {
    counts: bool,
    layers: BTreeMap<usize, Seen>,
}

thread_local! {
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

/// Sets the record of this thread while it lives.
struct Recording;

impl Drop for Recording {
    fn drop(&mut self) {
        RECORD.take();
    }
}

/// Records the inputs of a layer with these parameters, if a calibration runs on this thread.
pub(super) fn observe(params: &f32, x: &[f32]) {
    RECORD.with_borrow_mut(|record| {
        let Some(record) = record else { return };
        let address = core::ptr::from_ref(params).addr();
        let seen = record.layers.entry(address).or_insert(Seen {
            lowest: 0.0,
            highest: 0.0,
            is_finite: true,
            counts: Vec::new(),
        });
        match record.counts {
            true => seen.count(x),
            false => seen.bounds(x),
        }
    });
}

/// Sets the ranges of a network's layers to those on the samples.
pub(super) fn calibrate<N: QuantizedTraining>(
    network: &mut N,
    calibration: &Calibration,
    samples: &[Tensor<N::Input>],
) -> Result<(), QuantizeError> {
    let error = |kind| Err(QuantizeError { kind });
    if samples.is_empty() {
        return error(QuantizeErrorKind::NoSamples);
    }
    // Without a range, layers compute in `f32` and show their inputs.
    network.each_input(&mut |scale, _| *scale = 0.0);

    let _recording = Recording;
    RECORD.set(Some(Record::default()));
    run(network, samples);
    let mut layers = take_layers();
    if layers.values().any(|seen| !seen.is_finite) {
        return error(QuantizeErrorKind::NotFinite);
    }
    if calibration.method != Method::MinMax {
        RECORD.set(Some(Record {
            counts: true,
            layers,
        }));
        run(network, samples);
        layers = take_layers();
    }

    network.each_input(&mut |scale, zero_point| {
        let address = core::ptr::from_ref(&*scale).addr();
        let range = layers
            .get(&address)
            .map_or((0.0, 0.0), |seen| seen.range(calibration.method));
        let quantization = quantization(range);
        *scale = quantization.scale;
        *zero_point = f32::from(quantization.zero_point);
    });
    Ok(())
}

fn take_layers() -> BTreeMap<usize, Seen> {
    RECORD.take().unwrap_or_default().layers
}

/// Computes the outputs of all samples, on this thread.
fn run<N: Network<Element = f32>>(network: &N, samples: &[Tensor<N::Input>]) {
    let mut outputs = zeroed_tensors::<Tensor<N::Output>>(samples.len().min(SAMPLES));
    threads::alone(|| {
        for samples in samples.chunks(SAMPLES) {
            network.forward_batch(samples, &mut outputs[..samples.len()]);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(x: &[f32]) -> Seen {
        let mut seen = Seen {
            lowest: 0.0,
            highest: 0.0,
            is_finite: true,
            counts: Vec::new(),
        };
        seen.bounds(x);
        seen.count(x);
        seen
    }

    #[test]
    fn ranges_include_zero_and_no_more_than_was_seen() {
        let x: Vec<f32> = (1..=1000).map(|i| i as f32 / 100.0).collect();
        let seen = seen(&x);
        for method in [Method::MinMax, Method::Percentile(100.0)] {
            let (low, high) = seen.range(method);
            assert_eq!((low, high as f32), (0.0, 10.0), "{method:?}");
        }
        let (low, high) = seen.range(Method::Percentile(90.0));
        assert!(low == 0.0 && (high - 9.5).abs() < 0.02, "{high}");
    }

    #[test]
    fn entropy_cuts_off_an_outlier() {
        // A bell of 100,000 numbers, and one that is five times as large as any of them.
        let mut x: Vec<f32> = (0..100_000)
            .map(|i| {
                let part = |k: usize| ((i * k) % 1009) as f32 / 1009.0 - 0.5;
                part(7) + part(31) + part(101) + part(577)
            })
            .collect();
        x.push(10.0);
        let (low, high) = seen(&x).range(Method::Entropy);
        assert!(high < 3.0 && low > -3.0 && high > 1.0, "{low} {high}");
        assert_eq!(seen(&x).range(Method::MinMax).1, 10.0);

        // As many zeros as after a `Relu` change nothing.
        x.iter_mut().for_each(|x| *x = x.max(0.0));
        let (low, after) = seen(&x).range(Method::Entropy);
        assert!(low == 0.0 && (after - high).abs() < 0.5, "{after} {high}");
    }

    #[test]
    fn quantizations_are_those_of_onnx_runtime() {
        let of = |low, high| {
            let q = quantization((low, high));
            (q.scale, q.zero_point)
        };
        assert_eq!(of(0.0, 255.0), (1.0, 0));
        assert_eq!(of(-128.0, 127.0), (1.0, 128));
        assert_eq!(of(-2.55, 0.0), (0.01, 255));
        assert_eq!(of(0.0, 0.0), (1.0, 0));
    }
}
