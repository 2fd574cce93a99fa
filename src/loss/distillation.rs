//! Losses with which a small network learns from a large one.

use alloc::vec::Vec;

use super::{AnyOutput, Logits, Loss, Reduction, check_lengths, loss, scaled, times};
use crate::memory::{flatten, flatten_mut, zeroed_tensors};
use crate::setting_error::SettingError;
use crate::sizes;
use crate::sum::Sum;
use crate::tensor::{Dims, Element, Shape, Tensor, double};

/// The target of a student: the outputs of its teacher, and the target of the sample itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taught<Y, S: Shape, T: Element = f32> {
    /// The logits of the teacher.
    pub teacher: Tensor<S, T>,
    /// The target of the loss on what is known of the sample, such as its label.
    pub target: Y,
}

/// The loss of a student: the Kullback-Leibler divergence of its probabilities from those of its
/// teacher, and a loss on what is known of the samples (Hinton et al., 2015, "Distilling the Knowledge
/// in a Neural Network").
///
/// Both probabilities are softened: they are the softmax of the logits, divided by a temperature. The
/// divergence is multiplied by the square of the temperature, so that its gradient keeps its size. With
/// a weight `w`, the loss is `w * T^2 * KL(teacher || student) + (1 - w) * loss`. Softmax is along the
/// last axis, and the mean of the divergence is over all rows, as that of
/// [`CrossEntropy`](struct@super::CrossEntropy).
///
/// ```
/// use shapewright::loss::{Distillation, Taught};
/// use shapewright::prelude::*;
/// network! { struct Teacher: [4] -> [3] { Linear<_, 64>, Relu, head: Linear<_, 3> } }
/// network! { struct Student: [4] -> [3] { Linear<_, 8>, Relu, head: Linear<_, 3> } }
///
/// let teacher = Teacher::init(&mut shapewright::rng(0)); // and trained
/// let x = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]].map(Tensor1::from);
/// let labels = [Label::new(0)?, Label::new(2)?];
/// let taught = Taught::all(teacher.predict(&x), labels);
///
/// let mut student = Student::init(&mut shapewright::rng(1));
/// Student::trainer(Adam::new(1e-2), Distillation::new(4.0, CrossEntropy).weight(0.9))
///     .epochs(10)
///     .fit(&mut student, &x, &taught)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It allocates in each batch, as the inner loss gets targets of its own.
///
/// Samples without a label have `None` as their target, with
/// `CrossEntropy.optional_labels().reduction(Reduction::SampleMean)`: the mean of
/// `optional_labels` alone is NaN in a batch without labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distillation<L> {
    temperature: f64,
    weight: f64,
    loss: L,
}

impl<L> Distillation<L> {
    /// Returns the loss with a temperature, usually from 2 to 10, and a loss on the targets of the
    /// samples. The weight of the teacher is 0.5.
    ///
    /// # Panics
    /// Panics if the temperature is not a number above 0.
    #[track_caller]
    pub const fn new(temperature: f64, loss: L) -> Self {
        assert!(
            temperature > 0.0 && temperature.is_finite(),
            "the temperature of `Distillation` is a number above 0, usually from 2 to 10"
        );
        Distillation {
            temperature,
            weight: 0.5,
            loss,
        }
    }

    /// Sets the weight of the teacher; the other loss has the rest up to 1.
    ///
    /// # Panics
    /// Panics if it is not from 0 to 1.
    #[track_caller]
    pub const fn weight(mut self, weight: f64) -> Self {
        assert!(
            weight >= 0.0 && weight <= 1.0,
            "the weight of `Distillation` is from 0 to 1"
        );
        self.weight = weight;
        self
    }
}

impl<Y, S: Shape, T: Element> Taught<Y, S, T> {
    /// Returns the targets of several samples.
    ///
    /// # Panics
    /// Panics if there are not as many outputs as targets.
    #[track_caller]
    pub fn all(
        teacher: impl IntoIterator<Item = Tensor<S, T>>,
        targets: impl IntoIterator<Item = Y>,
    ) -> Vec<Self> {
        let mut targets = targets.into_iter();
        let pair = |teacher| {
            let target = targets.next();
            let target = target.expect("there are fewer targets than outputs of the teacher");
            Taught { teacher, target }
        };
        let taught = teacher.into_iter().map(pair).collect();
        assert!(
            targets.next().is_none(),
            "there are more targets than outputs of the teacher"
        );
        taught
    }
}

/// Returns the size of the last axis, at least 1; a tuple is one row.
const fn row_len(dims: Dims) -> usize {
    let len = match dims.sizes() {
        [.., last] => *last,
        [] => dims.len(),
    };
    sizes::larger(len, 1)
}

impl<S, T, L> Loss<S, T> for Distillation<L>
where
    S: Shape,
    T: Element,
    L: Loss<S, T, Target: Clone>,
{
    type Target = Taught<L::Target, S, T>;
    type Accepts = Logits;

    fn check(&self) -> Result<(), SettingError> {
        self.loss.check()
    }

    fn loss(
        &self,
        outputs: &[Tensor<S, T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<S, T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let known: Vec<L::Target> = targets.iter().map(|taught| taught.target.clone()).collect();
        let other = self.loss.loss(outputs, &known, gradients);
        let rest = T::from_f64_lossy(1.0 - self.weight);
        flatten_mut(gradients).iter_mut().for_each(|g| *g *= rest);

        let rows = S::LEN / const { row_len(S::DIMS) };
        let temperature = T::from_f64_lossy(self.temperature);
        let scale: T = Reduction::Mean.weight(outputs.len(), rows);
        let weight = T::from_f64_lossy(self.weight) * scale;

        let mut sum = Sum::default();
        let mut logs: Vec<Tensor<S, T>> = zeroed_tensors(2);
        for ((output, taught), gradient) in outputs.iter().zip(targets).zip(gradients) {
            for (logs, logits) in logs.iter_mut().zip([output, &taught.teacher]) {
                let numbers = logs.as_mut_slice().iter_mut().zip(logits.as_slice());
                numbers.for_each(|(log, &x)| *log = x / temperature);
                logs.log_softmax_in_place();
            }

            let pairs = logs[0].as_slice().iter().zip(logs[1].as_slice());
            for ((&log_p, &log_q), gradient) in pairs.zip(gradient.as_mut_slice()) {
                let (p, q) = (log_p.exp(), log_q.exp());
                sum.add(double(times(q, log_q - log_p)));
                // The factor is the square of the temperature, divided by it.
                *gradient += weight * temperature * (p - q);
            }
        }
        let divergence = scaled(sum, weight * temperature * temperature);
        times(rest, other) + divergence
    }
}

loss! {
    /// One minus the cosine of the angle between outputs and targets: they may differ in length, as the
    /// hidden layers of two networks do. The vectors are those along the last axis, and the mean is over
    /// all of them. PyTorch's `1 - F.cosine_similarity(outputs, targets, dim=-1)`.
    ///
    /// ```
    /// use shapewright::loss::CosineDistance;
    /// use shapewright::prelude::*;
    /// let (outputs, targets) = ([Tensor1::from([2.0, 0.0])], [Tensor1::from([3.0, 4.0])]);
    /// let mut gradients = [Tensor1::zeros()];
    /// let loss: f32 = CosineDistance.loss(&outputs, &targets, &mut gradients);
    /// assert!((loss - 0.4).abs() < 1e-6);
    /// assert!((gradients[0][1] + 0.4).abs() < 1e-6);
    /// ```
    CosineDistance as "cosine_similarity" {
        /// Sets the least length that a vector is divided by; 1e-8 by default.
        ///
        /// # Panics
        /// Panics if it is not a number above 0.
        epsilon: f64 = 1e-8,
            if epsilon > 0.0 && epsilon.is_finite(),
            "the epsilon of `CosineDistance` is a number above 0";
    }
}

impl<S: Shape, T: Element> Loss<S, T> for CosineDistance {
    type Target = Tensor<S, T>;
    type Accepts = AnyOutput;

    fn loss(
        &self,
        outputs: &[Tensor<S, T>],
        targets: &[Tensor<S, T>],
        gradients: &mut [Tensor<S, T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let row = const { row_len(S::DIMS) };
        let scale: T = self.reduction.weight(outputs.len(), S::LEN / row);

        let mut sum = Sum::default();
        let rows = flatten(outputs)
            .chunks_exact(row)
            .zip(flatten(targets).chunks_exact(row))
            .zip(flatten_mut(gradients).chunks_exact_mut(row));
        for ((a, b), da) in rows {
            let (a_size, a_length) = length(a);
            let (b_size, b_length) = length(b);
            let a_divisor = a_length.max(self.epsilon / a_size);
            let b_divisor = b_length.max(self.epsilon / b_size);
            let products = a.iter().zip(b);
            let dot: f64 = products
                .map(|(&a, &b)| double(a) / a_size * (double(b) / b_size))
                .sum();
            let cosine = dot / (a_divisor * b_divisor);
            sum.add(1.0 - cosine);

            // The length of a short vector is a constant.
            let pull = if a_length >= a_divisor {
                cosine / (a_divisor * a_divisor)
            } else {
                0.0
            };
            for ((da, &a), &b) in da.iter_mut().zip(a).zip(b) {
                let toward = double(b) / b_size / (a_divisor * b_divisor);
                let slope = (pull * double(a) / a_size - toward) / a_size;
                *da = scale * T::from_f64_lossy(slope);
            }
        }
        scaled(sum, scale)
    }
}

/// Returns a divisor of a vector with which no square is out of range, and the length of the vector
/// divided by it.
fn length<T: Element>(vector: &[T]) -> (f64, f64) {
    let largest = vector
        .iter()
        .fold(0.0, |most: f64, &x| most.max(double(x).abs()));
    let size = if largest > 0.0 && largest.is_finite() {
        largest
    } else {
        1.0
    };
    let squares: f64 = vector
        .iter()
        .map(|&x| (double(x) / size) * (double(x) / size))
        .sum();
    (size, crate::float::sqrt(squares))
}

/// Two losses on the two parts of an output, added up: on the logits of a network and on one of its
/// hidden layers, for example.
///
/// A network with the outputs `(logits: [10], hidden: [16])` gives the outputs of the layers with these
/// names. A target is a pair of the targets of both losses. It allocates in each batch, as each loss gets
/// outputs, targets and gradients of its own. If the hidden layers of teacher and student
/// differ in width, a `Linear` behind that of the student makes them equal, and belongs to the training
/// alone (Romero et al., 2015, "FitNets: Hints for Thin Deep Nets").
///
/// ```
/// use shapewright::loss::{CosineDistance, Joint};
/// use shapewright::prelude::*;
/// network! {
///     struct Student: [4] -> (logits: [3], hidden: [16]) {
///         fc: Linear<_, 8>,
///         relu: Relu,
///         logits: Linear<_, 3>,
///         hidden: Linear<_, 16> <- relu,
///     }
/// }
/// let loss = Joint::new(CrossEntropy, CosineDistance).weights(1.0, 0.5);
/// let mut student = Student::init(&mut shapewright::rng(1));
/// let x = [Tensor1::from([0.1, 0.2, 0.3, 0.4])];
/// let hidden_of_teacher = Tensor1::ones();
/// Student::trainer(Adam::new(1e-2), loss)
///     .epochs(10)
///     .fit(&mut student, &x, &[(Label::new(0)?, hidden_of_teacher)])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joint<A, B> {
    losses: (A, B),
    weights: (f64, f64),
}

impl<A, B> Joint<A, B> {
    /// Returns the sum of two losses.
    pub const fn new(first: A, second: B) -> Self {
        Joint {
            losses: (first, second),
            weights: (1.0, 1.0),
        }
    }

    /// Sets the factors of both losses, which are 1 by default.
    ///
    /// # Panics
    /// Panics if one of them is negative, NaN or infinite.
    #[track_caller]
    pub const fn weights(mut self, first: f64, second: f64) -> Self {
        assert!(
            first >= 0.0 && first.is_finite() && second >= 0.0 && second.is_finite(),
            "the weights of `Joint` are numbers from 0 up"
        );
        self.weights = (first, second);
        self
    }
}

impl<P, Q, T, A, B> Loss<(P, Q), T> for Joint<A, B>
where
    P: Shape,
    Q: Shape,
    (P, Q): Shape,
    T: Element,
    A: Loss<P, T, Target: Clone>,
    B: Loss<Q, T, Target: Clone>,
{
    type Target = (A::Target, B::Target);
    type Accepts = AnyOutput;

    fn check(&self) -> Result<(), SettingError> {
        self.losses.0.check()?;
        self.losses.1.check()
    }

    fn loss(
        &self,
        outputs: &[Tensor<(P, Q), T>],
        targets: &[Self::Target],
        gradients: &mut [Tensor<(P, Q), T>],
    ) -> T {
        check_lengths(outputs.len(), targets.len(), gradients.len());
        let first = part_loss(
            &self.losses.0,
            self.weights.0,
            outputs,
            gradients,
            0,
            targets.iter().map(|target| target.0.clone()).collect(),
        );
        let second = part_loss(
            &self.losses.1,
            self.weights.1,
            outputs,
            gradients,
            P::LEN,
            targets.iter().map(|target| target.1.clone()).collect(),
        );
        first + second
    }
}

/// Returns a loss on the part of each output that begins at a position, times its weight, and sets
/// this part of the gradients.
fn part_loss<S: Shape, W: Shape, T: Element, L: Loss<S, T>>(
    loss: &L,
    weight: f64,
    outputs: &[Tensor<W, T>],
    gradients: &mut [Tensor<W, T>],
    first: usize,
    targets: Vec<L::Target>,
) -> T {
    let weight = T::from_f64_lossy(weight);
    let mut parts: Vec<Tensor<S, T>> = zeroed_tensors(outputs.len());
    let mut slopes: Vec<Tensor<S, T>> = zeroed_tensors(outputs.len());
    for (part, output) in parts.iter_mut().zip(outputs) {
        part.as_mut_slice()
            .copy_from_slice(&output.as_slice()[first..first + S::LEN]);
    }

    let value = loss.loss(&parts, &targets, &mut slopes);
    for (slope, gradient) in slopes.iter().zip(gradients) {
        let part = &mut gradient.as_mut_slice()[first..first + S::LEN];
        for (to, &slope) in part.iter_mut().zip(slope.as_slice()) {
            *to = times(weight, slope);
        }
    }
    times(weight, value)
}
