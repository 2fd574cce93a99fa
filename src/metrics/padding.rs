//! Metrics of sequences that have lengths.

use super::{Measures, Metric, MetricError, assert_same_length};
use crate::loss::{IgnorePadding, Label, Padded};
use crate::memory;
use crate::tensor::{Element, Rank0, Rank1, Rank2, Rank3, Shape, Tensor};

impl<M: Metric> Metric for IgnorePadding<M> {
    fn name(&self) -> String {
        self.0.name()
    }
    fn value(&self) -> Result<f64, MetricError> {
        self.0.value()
    }
    fn reset(&mut self) {
        self.0.reset();
    }
}

impl<M> IgnorePadding<M> {
    /// Counts the positions of a batch that are not padding. `targets_of` returns the targets of
    /// all positions.
    fn update_positions<Out, At, T, Y, G>(
        &mut self,
        outputs: &[Tensor<Out, T>],
        targets: &[Padded<Y>],
        targets_of: impl Fn(&Y) -> &[G],
    ) where
        Out: Shape,
        At: Shape,
        T: Element,
        M: Measures<Tensor<At, T>, G>,
    {
        assert_same_length(outputs, targets);
        for (output, padded) in outputs.iter().zip(targets) {
            let targets = targets_of(&padded.target);
            let length = padded.length.min(targets.len());
            let outputs: &[Tensor<At, T>] = memory::tensors(output.as_slice(), targets.len());
            self.0.update(&outputs[..length], &targets[..length]);
        }
    }
}

macro_rules! sequences {
    ($($shape:ident<$($size:ident),*> of $at:ident;)*) => { $(
        impl<const L: usize, $(const $size: usize,)* T: Element, M>
            Measures<Tensor<$shape<L, $($size),*>, T>, Padded<Tensor<$shape<L, $($size),*>, T>>>
            for IgnorePadding<M>
        where
            M: Measures<Tensor<$at<$($size),*>, T>, Tensor<$at<$($size),*>, T>>,
        {
            fn update(
                &mut self,
                outputs: &[Tensor<$shape<L, $($size),*>, T>],
                targets: &[Padded<Tensor<$shape<L, $($size),*>, T>>],
            ) {
                self.update_positions::<_, $at<$($size),*>, _, _, _>(outputs, targets, |target| {
                    memory::tensors(target.as_slice(), L)
                });
            }
        }
    )* };
}
sequences! {
    Rank1<> of Rank0;
    Rank2<A> of Rank1;
    Rank3<A, B> of Rank2;
}

macro_rules! labelled_sequences {
    ($($label:ty;)*) => { $(
        impl<const L: usize, const N: usize, T: Element, M>
            Measures<Tensor<Rank2<L, N>, T>, Padded<[$label; L]>> for IgnorePadding<M>
        where
            M: Measures<Tensor<Rank1<N>, T>, $label>,
        {
            fn update(
                &mut self,
                outputs: &[Tensor<Rank2<L, N>, T>],
                targets: &[Padded<[$label; L]>],
            ) {
                self.update_positions::<_, Rank1<N>, _, _, _>(outputs, targets, |target| target);
            }
        }
    )* };
}
labelled_sequences! {
    Label<N>;
    Option<Label<N>>;
}
