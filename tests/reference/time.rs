//! Layers along the time axis against PyTorch: outputs and all gradients, in f32 and f64 and on every
//! instruction tier.

use crate::attention::networks;
use shapewright::prelude::*;

networks! {
    layers_along_time_are_as_in_pytorch in "time.json":
    "mean": [5, 4] -> [4] { MeanOverTime }
    "mean, masked": (x: [6, 3], mask: [6]) -> [3] { MeanOverTime <- (x, mask) }
    "max": [5, 4] -> [4] { MaxOverTime }
    "max, masked": (x: [6, 3], mask: [6]) -> [3] { MaxOverTime <- (x, mask) }
    "last": [5, 3] -> [3] { SelectLast }
    "slice": [7, 3] -> [3, 3] { Slice<2, 3> }
    "slice of images": [4, 3, 2] -> [2, 3, 2] { Slice<1, 2> }
    "zero padding": [4, 3] -> [7, 3] { ZeroPad1d<(2, 1)> }
    "reflection padding": [5, 2] -> [11, 2] { ReflectionPad1d<(2, 4)> }
    "reflection padding of both ends": [4, 3] -> [10, 3] { ReflectionPad1d<3> }
    "replication padding": [4, 2] -> [8, 2] { ReplicationPad1d<(3, 1)> }
    "causal": [7, 3] -> [7, 4] { a: Conv1d<_, 4, 3, Causal> }
    "causal, all options": [9, 4] -> [9, 6] {
        a: Conv1d<_, 6, 2, Dilation<3>, Groups<2>, Causal, NoBias>
    }
    "causal, longer than the sequence": [3, 2] -> [3, 3] { a: Conv1d<_, 3, 4, Dilation<2>, Causal> }
    "causal, wide": [6, 16] -> [6, 20] { a: Conv1d<_, 20, 2, Causal> }
    "wavenet": [8, 2] -> [3] {
        first: Conv1d<_, 4, 2, Causal>,
        inner: Tanh,
        second: Conv1d<_, 4, 2, Dilation<2>, Causal>,
        added: Tanh,
        Add <- (inner, added),
        SelectLast,
        head: Linear<_, 3>,
    }
}
