use shapewright::prelude::*;

network! { struct Dense: [3] -> [2] { Split { {}, {} }, Linear<_, 2> } }
network! { struct Conv: [3, 3, 2] -> [2] { Split { {}, {} }, Conv2d<_, 4, 3>, GlobalAvgPool2d } }
network! { struct Pool: [3, 3, 2] -> [2] { Split { {}, {} }, MaxPool2d<2> } }
network! { struct Mean: [3, 3, 2] -> [2] { Split { {}, {} }, GlobalAvgPool2d } }
network! { struct Larger: [3, 3, 2] -> [2] { Split { {}, {} }, Upsample<2> } }
network! { struct Padded: [3, 3, 2] -> [2] { Split { {}, {} }, ZeroPad2d<1> } }
network! { struct Dropped: [3, 3, 2] -> [36] { Split { {}, {} }, Dropout2d, Flatten } }
network! { struct Gated: [4] -> [2] { Split { {}, {} }, Glu } }
network! { struct Slopes: [4] -> [8] { Split { {}, {} }, PRelu<_>, Flatten } }
network! { struct Words: [4] -> [8] { Split { {}, {} }, Embedding<5, 2>, Flatten } }
network! { struct Probabilities: [4] -> [8] { Split { {}, {} }, Softmax, Flatten } }
network! { struct Layers: [4] -> [8] { Split { {}, {} }, LayerNorm, Flatten } }
network! { struct Rms: [4] -> [8] { Split { {}, {} }, RmsNorm, Flatten } }
network! { struct Groups: [4] -> [8] { Split { {}, {} }, GroupNorm<2, _>, Flatten } }
network! { struct Batches: [4] -> [8] { Split { {}, {} }, BatchNorm1d<_>, Flatten } }
network! { struct Instances: [3, 3, 2] -> [36] { Split { {}, {} }, InstanceNorm2d<_>, Flatten } }
network! { struct Rows: [4, 3] -> [4, 5] { Split { {}, {} }, Lstm<_, 5> } }
network! { struct Units: [4, 3] -> [4, 5] { Split { {}, {} }, Gru<_, 5> } }
network! { struct Simple: [4, 3] -> [4, 5] { Split { {}, {} }, Rnn<_, 5> } }
network! { struct Last: [4, 3] -> [3] { Split { {}, {} }, SelectLast } }
network! { struct Swapped: [4, 3] -> [3, 4] { Split { {}, {} }, Transpose } }
network! { struct Permuted: [4, 3] -> [3, 4] { Split { {}, {} }, Permute<1, 0> } }
network! { struct Attended: [4, 3] -> [4, 3] { Split { {}, {} }, MultiHeadAttention<_, 1> } }
network! { struct Sliced: [4, 3] -> [2, 3] { Split { {}, {} }, Slice<0, 2> } }
network! { struct MeanOfSteps: [4, 3] -> [3] { Split { {}, {} }, MeanOverTime } }
network! { struct MaxOfSteps: [4, 3] -> [3] { Split { {}, {} }, MaxOverTime } }
network! { struct Reflected: [4, 3] -> [6, 3] { Split { {}, {} }, ReflectionPad1d<1> } }
network! { struct Mirrored: [3, 3, 2] -> [5, 5, 2] { Split { {}, {} }, ReflectionPad2d<1> } }
network! { struct Overlapping: [4, 3] -> [4, 5] { Split { {}, {} }, Overlap<2> } }
network! { struct Absolute: [4] -> [2] { Split { {}, {} }, Magnitude } }
network! { struct Sampled: [4] -> [4] { Split { {}, {} }, Reparameterize } }
network! { struct Learned: [4, 3] -> [24] { Split { {}, {} }, PositionalEmbedding, Flatten } }
network! { struct Waves: [4, 3] -> [24] { Split { {}, {} }, PositionalEncoding, Flatten } }
network! { struct Joined: [4] -> [8] { Split { {}, {} }, Concat { {}, {} } } }
network! { struct Added: [4] -> [8] { Split { {}, {} }, Residual { Flatten }, Flatten } }
network! { struct Repeated: [4] -> [8] { Split { {}, {} }, Repeat<2> { Flatten }, Flatten } }

fn main() {}
