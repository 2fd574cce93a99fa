// Written by make_order.py: networks whose features lie in another order in PyTorch.

network! { struct Dense: [36] -> [36] { fc: Linear<_, 36>, Tanh } }
network! { struct Slopes: [36] -> [36] { Tanh, slopes: PRelu<_> } }
network! { struct Flat: [2, 3, 6] -> [36] { Tanh, Flatten } }
network! { struct Within: [2, 3, 6] -> [36] { Flatten, Tanh } }
network! { struct Outer: [2, 3, 6] -> [36] { inner: Within, Residual { fc: Linear<_, 36> } } }
network! { struct Makes: [5] -> [36] { fc: Linear<_, 36>, Tanh } }
network! { struct Image: [36] -> [2, 3, 2] { Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct WiredInner: [36] -> [36] { fc: Linear<_, 36>, act: Tanh, Add <- (act, input) } }
network! { struct WiredPicture: [36] -> [2, 3, 2] { picture: Reshape<2, 3, 6>, conv: Conv2d<_, 6, 1>, Add <- (conv, picture), last: Conv2d<_, 2, 1> } }
network! { struct Nested1: [2, 3, 2] -> [2, 3, 2] { PRelu<_> } }
network! { struct Nested2: [24] -> [24] { Relu6 } }
network! { struct Nested3: [2, 2, 2] -> [8] { Flatten, LayerNorm } }
network! { struct Nested6: [16] -> [16] { PRelu, RmsNorm(1e-5) } }
network! { struct Nested7: [12] -> [12] { Relu, LayerNorm } }
network! { struct Nested8: [2, 3, 2] -> [12] { Flatten, PRelu<_> } }
network! { struct Nested9: [12] -> [12] { BatchNorm1d<_> } }
network! { struct Nested10: [24] -> [4] { Linear<_, 4> } }
network! { struct Nested11: [24] -> [4] { Nested10 } }
network! { struct Nested12: [48] -> [48] { Residual { RmsNorm(1e-5) } } }
network! { struct Nested13: [2, 3, 3] -> [18] { Flatten, LayerNorm } }
network! { struct Nested14: [6] -> [6] { Sigmoid } }
network! { struct Nested15: [2, 2, 4] -> [16] { Flatten, Relu } }
network! { struct Nested18: [2, 3, 2] -> [2, 3, 3] { Conv2d<_, 3, 1> } }
network! { struct Nested19: [36] -> [36] { RmsNorm(1e-5) } }
network! { struct Nested20: [12] -> [6] { Linear<_, 6>, Residual { GeluTanh, LogSigmoid } } }
network! { struct Nested21: [6] -> [6] { GeluTanh } }
network! { struct Nested22: [2, 3, 2] -> [2, 3, 4] { Conv2d<_, 4, 1> } }
network! { struct Nested23: [2, 2, 2] -> [2, 2, 2] { BatchNorm2d<_> } }
network! { struct Nested24: [2, 2, 2] -> [2, 2, 2] { Nested23 } }
network! { struct Nested25: [12] -> [4] { Linear<_, 4>, LeakyRelu(0.2) } }
network! { struct Nested26: [2, 3, 2] -> [2, 3, 2] { Softmax } }
network! { struct Nested27: [48] -> [48] { Residual { Tanh, PRelu<_> } } }
network! { struct Nested28: [48] -> [6] { Linear<_, 6> } }
network! { struct Nested29: [2, 3, 2] -> [2, 3, 2] { Gelu } }
network! { struct Nested30: [2, 2, 2] -> [8] { Flatten, HardSigmoid } }
network! { struct Nested31: [2, 3, 2] -> [2, 3, 3] { Conv2d<_, 3, 1> } }
network! { struct Nested32: [2, 3, 4] -> [24] { Flatten, Softplus } }
network! { struct Repeat: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Repeat<2> { fc: Linear<_, 36>, Tanh }, head: Linear<_, 3> } }
network! { struct Residual: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Residual { fc: Linear<_, 36>, Tanh }, head: Linear<_, 3> } }
network! { struct Concat: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Concat { skip: {  }, fc: { Linear<_, 4> } }, head: Linear<_, 3> } }
network! { struct ConcatBehind: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Concat { fc: { Linear<_, 4> }, skip: { Tanh } }, head: Linear<_, 3> } }
network! { struct ConcatSingle: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, both: Concat { fc: Linear<_, 4>, Tanh }, head: Linear<_, 3> } }
network! { struct Nested: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, inner: Dense, head: Linear<_, 3> } }
network! { struct NestedKeeps: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, inner: Slopes, head: Linear<_, 3> } }
network! { struct NestedFlatten: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flat, head: Linear<_, 3> } }
network! { struct NestedTwice: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, outer: Outer, head: Linear<_, 3> } }
network! { struct BranchFlatten: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Concat { a: { Flatten }, b: { Flatten, fc: Linear<_, 4> }, c: { GlobalAvgPool2d } }, head: Linear<_, 3> } }
network! { struct Projected: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Residual { fc: Linear<_, 36>, Tanh, shortcut: {  } }, head: Linear<_, 3> } }
network! { struct BothMade: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Residual { fc: Linear<_, 5>, shortcut: { fc: Linear<_, 5> } }, head: Linear<_, 3> } }
network! { struct OneKept: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Residual { fc: Linear<_, 36>, Tanh, shortcut: { PRelu<_> } }, head: Linear<_, 3> } }
network! { struct ResidualOfTwo: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Residual { a: Linear<_, 7>, Tanh, b: Linear<_, 36> }, head: Linear<_, 3> } }
network! { struct RepeatResidual: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Repeat<3> { r: Residual { fc: Linear<_, 36>, Tanh } }, head: Linear<_, 3> } }
network! { struct RepeatKeeps: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Repeat<2> { PRelu<_>, Tanh }, head: Linear<_, 3> } }
network! { struct Split: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Split { a: {  }, b: { fc: Linear<_, 4> } }, Tanh, Flatten, head: Linear<_, 3> } }
network! { struct SplitImages: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Split { a: {  }, b: { MaxPool2d<2> } }, Gelu, Flatten, head: Linear<_, 3> } }
network! { struct Kept0: [2, 2, 3] -> [1] { Flatten, Relu, head: Linear<_, 1> } }
network! { struct Kept1: [2, 2, 3] -> [1] { Flatten, Relu6, head: Linear<_, 1> } }
network! { struct Kept2: [2, 2, 3] -> [1] { Flatten, LeakyRelu(0.2), head: Linear<_, 1> } }
network! { struct Kept3: [2, 2, 3] -> [1] { Flatten, PRelu, head: Linear<_, 1> } }
network! { struct Kept4: [2, 2, 3] -> [1] { Flatten, PRelu<_>, head: Linear<_, 1> } }
network! { struct Kept5: [2, 2, 3] -> [1] { Flatten, Elu, head: Linear<_, 1> } }
network! { struct Kept6: [2, 2, 3] -> [1] { Flatten, Selu, head: Linear<_, 1> } }
network! { struct Kept7: [2, 2, 3] -> [1] { Flatten, Celu(0.5), head: Linear<_, 1> } }
network! { struct Kept8: [2, 2, 3] -> [1] { Flatten, Gelu, head: Linear<_, 1> } }
network! { struct Kept9: [2, 2, 3] -> [1] { Flatten, GeluTanh, head: Linear<_, 1> } }
network! { struct Kept10: [2, 2, 3] -> [1] { Flatten, Silu, head: Linear<_, 1> } }
network! { struct Kept11: [2, 2, 3] -> [1] { Flatten, Mish, head: Linear<_, 1> } }
network! { struct Kept12: [2, 2, 3] -> [1] { Flatten, Softplus, head: Linear<_, 1> } }
network! { struct Kept13: [2, 2, 3] -> [1] { Flatten, Softsign, head: Linear<_, 1> } }
network! { struct Kept14: [2, 2, 3] -> [1] { Flatten, Tanh, head: Linear<_, 1> } }
network! { struct Kept15: [2, 2, 3] -> [1] { Flatten, HardTanh, head: Linear<_, 1> } }
network! { struct Kept16: [2, 2, 3] -> [1] { Flatten, Sigmoid, head: Linear<_, 1> } }
network! { struct Kept17: [2, 2, 3] -> [1] { Flatten, LogSigmoid, head: Linear<_, 1> } }
network! { struct Kept18: [2, 2, 3] -> [1] { Flatten, HardSigmoid, head: Linear<_, 1> } }
network! { struct Kept19: [2, 2, 3] -> [1] { Flatten, HardSwish, head: Linear<_, 1> } }
network! { struct Kept20: [2, 2, 3] -> [1] { Flatten, Softmax, head: Linear<_, 1> } }
network! { struct Kept21: [2, 2, 3] -> [1] { Flatten, LogSoftmax, head: Linear<_, 1> } }
network! { struct Kept22: [2, 2, 3] -> [1] { Flatten, Dropout, head: Linear<_, 1> } }
network! { struct Kept23: [2, 2, 3] -> [1] { Flatten, LayerNorm, head: Linear<_, 1> } }
network! { struct Kept24: [2, 2, 3] -> [1] { Flatten, LayerNorm<_, NoBias>, head: Linear<_, 1> } }
network! { struct Kept25: [2, 2, 3] -> [1] { Flatten, RmsNorm(1e-5), head: Linear<_, 1> } }
network! { struct Kept26: [2, 2, 3] -> [1] { Flatten, GroupNorm<1, _>, head: Linear<_, 1> } }
network! { struct Kept27: [2, 2, 3] -> [1] { Flatten, BatchNorm1d<_>, head: Linear<_, 1> } }
network! { struct Kept28: [2, 2, 3] -> [1] { Flatten, BatchNorm1d<_, NoAffine>, head: Linear<_, 1> } }
network! { struct Decoder: [5] -> [2, 3, 2] { fc: Linear<_, 36>, Tanh, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct DecoderAlone: [5] -> [2, 3, 6] { fc: Linear<_, 36>, Reshape<2, 3, 6> } }
network! { struct DecoderNorm: [5] -> [2, 3, 2] { fc: Linear<_, 36>, BatchNorm1d<_>, PRelu<_>, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct DecoderResidual: [5] -> [2, 3, 2] { fc: Linear<_, 36>, Residual { fc: Linear<_, 36>, Tanh }, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct DecoderRepeat: [36] -> [2, 3, 2] { Repeat<2> { fc: Linear<_, 36>, Tanh }, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct DecoderNested: [5] -> [2, 3, 2] { Makes, Image } }
network! { struct DecoderSum: [5] -> [2, 3, 2] { Residual { fc: Linear<_, 36>, Tanh, shortcut: { fc: Linear<_, 36> } }, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct DecoderParts: [5] -> [2, 3, 2] { fc: Linear<_, 8>, Concat { a: { fc: Linear<_, 12>, Reshape<2, 3, 2> }, b: { fc: Linear<_, 24>, Tanh, Reshape<2, 3, 4> } }, conv: Conv2d<_, 2, 1> } }
network! { struct Autoencoder: [2, 3, 4] -> [2, 3, 2] { conv: Conv2d<_, 6, 1>, Flatten, encode: Linear<_, 5>, Tanh, decode: Linear<_, 36>, Reshape<2, 3, 6>, last: Conv2d<_, 2, 1> } }
network! { struct BackToImages: [2, 3, 4] -> [2, 3, 2] { conv: Conv2d<_, 6, 1>, Flatten, Tanh, Reshape<2, 3, 6>, last: Conv2d<_, 2, 1> } }
network! { struct MadeSequence: [5] -> [3] { fc: Linear<_, 20>, Reshape<5, 4>, conv: Conv1d<_, 2, 2>, Flatten, head: Linear<_, 3> } }
network! { struct MadeRows: [5] -> [3] { fc: Linear<_, 20>, Reshape<5, 4>, each: Linear<_, 2>, Flatten, head: Linear<_, 3> } }
network! { struct Squeezed: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Residual { GlobalAvgPool2d, Reshape<1, 1, 6>, squeeze: Conv2d<_, 6, 1>, Upsample<(2, 3)> }, Flatten, head: Linear<_, 3> } }
network! { struct Image0: [2, 3, 4] -> [2] { MaxPool2d<2, Stride<1>>, Flatten, head: Linear<_, 2> } }
network! { struct Image1: [2, 3, 4] -> [2] { AvgPool2d<2, Stride<1>>, Flatten, head: Linear<_, 2> } }
network! { struct Image2: [2, 3, 4] -> [2] { AdaptiveMaxPool2d<2>, Flatten, head: Linear<_, 2> } }
network! { struct Image3: [2, 3, 4] -> [2] { AdaptiveAvgPool2d<(2, 2)>, Flatten, head: Linear<_, 2> } }
network! { struct Image4: [2, 3, 4] -> [2] { ZeroPad2d<(1, 0, 0, 1)>, Flatten, head: Linear<_, 2> } }
network! { struct Image5: [2, 3, 4] -> [2] { Upsample<2>, Flatten, head: Linear<_, 2> } }
network! { struct Image6: [2, 3, 4] -> [2] { UpsampleBilinear<2>, Flatten, head: Linear<_, 2> } }
network! { struct Image7: [2, 3, 4] -> [2] { InstanceNorm2d<_, Affine>, Flatten, head: Linear<_, 2> } }
network! { struct Image8: [2, 3, 4] -> [2] { GroupNorm<2, _>, Flatten, head: Linear<_, 2> } }
network! { struct Image9: [2, 3, 4] -> [2] { BatchNorm2d<_>, Flatten, head: Linear<_, 2> } }
network! { struct Image10: [2, 3, 4] -> [2] { Dropout2d, Flatten, head: Linear<_, 2> } }
network! { struct Image11: [2, 3, 4] -> [2] { PRelu<_>, Flatten, head: Linear<_, 2> } }
network! { struct Image12: [2, 3, 4] -> [2] { LayerNorm<_, _, _>, Flatten, head: Linear<_, 2> } }
network! { struct Image13: [2, 3, 4] -> [2] { RmsNorm<_, _, _>(1e-5), Flatten, head: Linear<_, 2> } }
network! { struct Image14: [2, 3, 4] -> [2] { LayerNorm, Flatten, head: Linear<_, 2> } }
network! { struct Image15: [2, 3, 4] -> [2] { Softmax, Flatten, head: Linear<_, 2> } }
network! { struct Image16: [2, 3, 4] -> [2] { Glu, Flatten, head: Linear<_, 2> } }
network! { struct Image17: [2, 3, 4] -> [2] { Linear<_, 2>, Flatten, head: Linear<_, 2> } }
network! { struct Image18: [2, 3, 4] -> [2] { ConvTranspose2d<_, 3, 2>, Flatten, head: Linear<_, 2> } }
network! { struct Channels0: [5, 4] -> [2] { GroupNorm<2, _>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels1: [5, 4] -> [2] { PRelu<_>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels2: [5, 4] -> [2] { BatchNorm1d<_>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels3: [5, 4] -> [2] { LayerNorm<_, _>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels4: [5, 4] -> [2] { RmsNorm<_, _>(1e-5), Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels5: [5, 4] -> [2] { Conv1d<_, 3, 2>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels6: [5, 4] -> [2] { MaxPool1d<2>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels7: [5, 4] -> [2] { AvgPool1d<2>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels8: [5, 4] -> [2] { AdaptiveMaxPool1d<3>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Channels9: [5, 4] -> [2] { AdaptiveAvgPool1d<3>, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Rows0: [5, 4] -> [2] { Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Rows1: [5, 4] -> [2] { LayerNorm, Flatten, head: Linear<_, 2> } }
network! { struct Rows2: [5, 4] -> [2] { Softmax, Flatten, head: Linear<_, 2> } }
network! { struct Rows3: [5, 4] -> [2] { Glu, Flatten, head: Linear<_, 2> } }
network! { struct Rows4: [5, 4] -> [2] { Linear<_, 3>, Flatten, head: Linear<_, 2> } }
network! { struct Rows5: [5, 4] -> [2] { PRelu, Flatten, head: Linear<_, 2> } }
network! { struct BesideChannels: [5, 4] -> [2] { Concat { a: { Flatten }, b: { conv: Conv1d<_, 2, 2>, Flatten } }, head: Linear<_, 2> } }
network! { struct Embedded: [3] -> [2] { embed: Embedding<7, 4>, Flatten, head: Linear<_, 2> } }
network! { struct EmbeddedRows: [2, 3] -> [2] { embed: Embedding<7, 4>, Flatten, head: Linear<_, 2> } }
network! { struct TokensMean: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, norm: LayerNorm, fc: Linear<_, 5>, GlobalAvgPool1d, head: Linear<_, 3> } }
network! { struct TokensConv: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, norm: LayerNorm, fc: Linear<_, 5>, last: Conv1d<_, 3, 2>, Flatten, head: Linear<_, 3> } }
network! { struct TokensBlocks: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, Repeat<2> { Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> } }, GlobalAvgPool1d, head: Linear<_, 3> } }
network! { struct BlocksBack: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, BatchNorm2d<_>, Flatten, head: Linear<_, 3> } }
network! { struct BlocksPooled: [2, 3, 4] -> [3] { Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, GlobalAvgPool2d, head: Linear<_, 3> } }
network! { struct Words: [3] -> [3] { embed: Embedding<7, 4>, Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, Flatten, head: Linear<_, 3> } }
network! { struct WordsConv: [3] -> [3] { embed: Embedding<7, 4>, norm: LayerNorm, last: Conv1d<_, 3, 2>, Flatten, head: Linear<_, 3> } }
network! { struct SingleChannels: [5] -> [3] { Concat { a: { fc: Linear<_, 6>, Reshape<2, 3, 1> }, b: { fc: Linear<_, 6>, Tanh, Reshape<2, 3, 1> } }, Flatten, head: Linear<_, 3> } }
network! { struct TokensBack: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, norm: LayerNorm, fc: Linear<_, 5>, Flatten, head: Linear<_, 3> } }
network! { struct TokensStay: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, norm: LayerNorm, fc: Linear<_, 5>, Flatten, head: Linear<_, 3> } }
network! { struct BlocksMovedBack: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, Flatten, head: Linear<_, 3> } }
network! { struct BlocksStay: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Reshape<6, 4>, Residual { norm: LayerNorm, up: Linear<_, 8>, Gelu, down: Linear<_, 4> }, Flatten, head: Linear<_, 3> } }
network! { struct SharedFeatures: [2, 3, 4] -> [3] { conv: Conv2d<_, 4, 1>, Flatten, Reshape<6, 4>, fc: Linear<_, 2>, Flatten, head: Linear<_, 3> } }
network! { struct LastOfRows: [5, 4] -> [2] { fc: Linear<_, 3>, SelectLast, head: Linear<_, 2> } }
network! { struct LastOfChannels: [5, 4] -> [2] { conv: Conv1d<_, 3, 2>, Tanh, SelectLast, head: Linear<_, 2> } }
network! { struct LastOfWords: [3] -> [2] { embed: Embedding<7, 4>, SelectLast, head: Linear<_, 2> } }
network! { struct LastOfSwapped: [5, 4] -> [2] { fc: Linear<_, 3>, Transpose, SelectLast, head: Linear<_, 2> } }
network! { struct SwappedTwice: [5, 4] -> [2] { Residual { a: Linear<_, 4>, Transpose, b: Linear<_, 5>, Tanh, Transpose }, Flatten, head: Linear<_, 2> } }
network! { struct SwappedWords: [3] -> [2] { embed: Embedding<7, 4>, Transpose, Flatten, head: Linear<_, 2> } }
network! { struct SwappedForConv: [5, 4] -> [2] { Transpose, conv: Conv1d<_, 3, 2>, Flatten, head: Linear<_, 2> } }
network! { struct SwappedRowsForConv: [5, 4] -> [2] { fc: Linear<_, 3>, Transpose, conv: Conv1d<_, 6, 2>, Flatten, head: Linear<_, 2> } }
network! { struct SwappedChannels: [5, 4] -> [2] { conv: Conv1d<_, 3, 2>, Transpose, fc: Linear<_, 6>, SelectLast, head: Linear<_, 2> } }
network! { struct SwappedMadeRows: [5] -> [2] { make: Linear<_, 12>, Reshape<3, 4>, Transpose, Flatten, head: Linear<_, 2> } }
network! { struct SwappedChannelsBack: [5, 4] -> [2] { conv: Conv1d<_, 3, 2>, Transpose, fc: Linear<_, 6>, Flatten, head: Linear<_, 2> } }
network! { struct SwappedChannelsStay: [5, 4] -> [2] { conv: Conv1d<_, 3, 2>, Transpose, fc: Linear<_, 6>, Flatten, head: Linear<_, 2> } }
network! { struct WiredUnet: [4, 4, 3] -> [3] { enc: Conv2d<_, 4, 1>, act: Relu, MaxPool2d<2>, mid: Conv2d<_, 5, 1>, Tanh, up: Upsample<2>, Concat <- (up, act), last: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> } }
network! { struct WiredUnetImage: [4, 4, 3] -> [4, 4, 2] { enc: Conv2d<_, 4, 1>, act: Relu, MaxPool2d<2>, mid: Conv2d<_, 5, 1>, up: Upsample<2>, Concat <- (act, up), last: Conv2d<_, 2, 1> } }
network! { struct WiredSkip: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, flat: Flatten, fc: Linear<_, 36>, act: Tanh, Add <- (act, flat), head: Linear<_, 3> } }
network! { struct WiredResiduals: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, flat: Flatten, down0: Linear<_, 8>, Relu, up0: Linear<_, 36>, sum0: Add <- (up0, flat), down1: Linear<_, 8>, Relu, up1: Linear<_, 36>, sum1: Add <- (up1, sum0), down2: Linear<_, 8>, Relu, up2: Linear<_, 36>, sum2: Add <- (up2, sum1), PRelu<_>, BatchNorm1d<_>, head: Linear<_, 3> } }
network! { struct WiredGate: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, flat: Flatten, fc: Linear<_, 36>, gate: Sigmoid, Mul <- (gate, flat), head: Linear<_, 3> } }
network! { struct WiredConcat: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, flat: Flatten, fc: Linear<_, 5>, act: Tanh, mean: GlobalAvgPool2d <- conv, Concat <- (mean, flat, act), LayerNorm, head: Linear<_, 3> } }
network! { struct WiredFlattenedTwice: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, a: Flatten, slopes: PRelu<_>, b: Flatten <- conv, Concat <- (slopes, b), head: Linear<_, 3> } }
network! { struct WiredSqueeze: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, GlobalAvgPool2d, fc: Linear<_, 6>, Sigmoid, Reshape<1, 1, 6>, up: Upsample<(2, 3)>, Mul <- (up, conv), Flatten, head: Linear<_, 3> } }
network! { struct WiredVector: (image: [2, 3, 4], vector: [5]) -> [3] { conv: Conv2d<_, 6, 1> <- image, Relu, flat: Flatten, Concat <- (flat, vector), head: Linear<_, 3> } }
network! { struct WiredVectorFirst: (image: [2, 3, 4], vector: [5]) -> [3] { conv: Conv2d<_, 6, 1> <- image, Relu, flat: Flatten, Concat <- (vector, flat), head: Linear<_, 3> } }
network! { struct WiredVectorAdded: (image: [2, 3, 4], vector: [5]) -> [3] { conv: Conv2d<_, 6, 1> <- image, flat: Flatten, fc: Linear<_, 36> <- vector, Add <- (fc, flat), Tanh, head: Linear<_, 3> } }
network! { struct WiredImages: (a: [2, 3, 4], b: [2, 3, 2]) -> [3] { Concat <- (a, b), conv: Conv2d<_, 2, 1>, Flatten, head: Linear<_, 3> } }
network! { struct WiredImagesFlat: (a: [2, 3, 4], b: [2, 3, 4]) -> [3] { Mul <- (a, b), Flatten, head: Linear<_, 3> } }
network! { struct WiredSequence: (heard: [5, 4], vector: [3]) -> [3] { conv: Conv1d<_, 2, 2> <- heard, flat: Flatten, Concat <- (flat, vector), head: Linear<_, 3> } }
network! { struct WiredRows: (rows: [5, 4], vector: [3]) -> [3] { fc: Linear<_, 2> <- rows, flat: Flatten, Concat <- (vector, flat), head: Linear<_, 3> } }
network! { struct WiredOutputs: [2, 3, 4] -> (mask: [2, 3, 2], kind: [3]) { conv: Conv2d<_, 6, 1>, act: Relu, mask: Conv2d<_, 2, 1>, Flatten <- act, kind: Linear<_, 3> } }
network! { struct WiredEnds: (image: [2, 3, 4], vector: [5]) -> (picture: [2, 3, 2], kind: [3]) { conv: Conv2d<_, 6, 1> <- image, Relu, flat: Flatten, code: Concat <- (flat, vector), fc: Linear<_, 12>, picture: Reshape<2, 3, 2>, kind: Linear<_, 3> <- code } }
network! { struct WiredDecoder: (code: [5], label: [3]) -> [2, 3, 2] { Concat <- (code, label), fc: Linear<_, 36>, Tanh, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct WiredDecoderSum: (code: [5], label: [3]) -> [2, 3, 2] { a: Linear<_, 36> <- code, b: Linear<_, 36> <- label, Add <- (a, b), Tanh, Reshape<2, 3, 6>, conv: Conv2d<_, 2, 1> } }
network! { struct WiredAutoencoder: [2, 3, 4] -> [2, 3, 4] { enc: Conv2d<_, 4, 1>, Flatten, code: Linear<_, 5>, fc: Linear<_, 24>, Reshape<2, 3, 4>, dec: Conv2d<_, 4, 1>, Add <- (dec, enc) } }
network! { struct WiredNested: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, inner: WiredInner, head: Linear<_, 3> } }
network! { struct WiredBranch: [2, 3, 4] -> [3] { conv: Conv2d<_, 6, 1>, Flatten, Concat { a: { fc: Linear<_, 36>, Add <- (fc, input) }, b: { Tanh } }, head: Linear<_, 3> } }
network! { struct WiredNestedDecoder: [5] -> [2, 3, 2] { fc: Linear<_, 36>, decoder: WiredPicture } }
network! { struct EndSigmoid: [5] -> [2, 1, 2] { fc: Linear<_, 4>, Reshape<2, 1, 2>, Sigmoid } }
network! { struct EndResidual: [5] -> [2, 1, 2] { fc: Linear<_, 4>, Reshape<2, 1, 2>, Residual { Relu } } }
network! { struct EndHalves: [5] -> [2, 1, 2] { Concat { a: { fc: Linear<_, 2> }, b: { fc: Linear<_, 2> } }, Reshape<2, 1, 2> } }
network! { struct EndHalvesSigmoid: [5] -> [2, 1, 2] { Concat { a: { fc: Linear<_, 2> }, b: { fc: Linear<_, 2> } }, Reshape<2, 1, 2>, Sigmoid } }
network! { struct EndGlu: [5] -> [2, 1, 2] { fc: Linear<_, 8>, Glu, Reshape<2, 1, 2> } }
network! { struct EndGluResidual: [5] -> [2, 1, 2] { fc: Linear<_, 8>, Glu, Reshape<2, 1, 2>, Residual { Relu } } }
network! { struct EndGroups: [5] -> [2, 1, 2] { fc: Linear<_, 4>, GroupNorm<2, _>, Reshape<2, 1, 2> } }
network! { struct EndHalf: [5] -> [2, 3, 2] { fc: Linear<_, 8>, Concat { a: { Glu }, b: {  } }, Reshape<2, 3, 2> } }
network! { struct Random0: [2, 3, 2] -> [2] { Residual { Gelu }, Conv2d<_, 3, 1>, Flatten, Softmax, BatchNorm1d<_, NoAffine>, PRelu, head: Linear<_, 2> } }
network! { struct Random1: [2, 3, 2] -> [2] { Concat { a: { PRelu<_> }, b: { Gelu } }, MaxPool2d<(1, 2), Stride<1>>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, LayerNorm, Softsign, Linear<_, 4>, head: Linear<_, 2> } }
network! { struct Random2: [2, 3, 2] -> [2] { Nested1, Gelu, Flatten, PRelu<_>, BatchNorm1d<_>, Selu, head: Linear<_, 2> } }
network! { struct Random3: [2, 3, 2] -> [2] { Softmax, Residual { PRelu<_> }, BatchNorm2d<_>, Flatten, Elu, Repeat<2> { Residual { Linear<_, 12> } }, Linear<_, 4>, head: Linear<_, 2> } }
network! { struct Random4: [2, 3, 2] -> [2] { Flatten, Residual { Linear<_, 12>, shortcut: { HardSigmoid } }, Linear<_, 12>, Gelu, Reshape<2, 3, 2>, Flatten, Concat { a: { Linear<_, 4>, LogSigmoid }, b: { PRelu<_>, Sigmoid } }, Linear<_, 12>, Relu, Reshape<2, 3, 2>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Nested2, Repeat<2> { Repeat<2> { Silu } }, RmsNorm(1e-5), head: Linear<_, 2> } }
network! { struct Random5: [2, 3, 2] -> [2] { LayerNorm, MaxPool2d<(1, 2), Stride<1>>, BatchNorm2d<_>, Nested3, Concat { a: { Softsign }, b: { Softplus, Dropout } }, Concat { a: { Repeat<2> { PRelu<_> } }, b: { Sigmoid } }, Concat { a: { Softplus, Linear<_, 12> }, b: { Dropout, GroupNorm<1, _> } }, head: Linear<_, 2> } }
network! { struct Random6: [2, 3, 2] -> [2] { Flatten, Concat { a: { Selu }, b: { Linear<_, 6> } }, Repeat<2> { RmsNorm(1e-5), Dropout }, Linear<_, 12>, LogSigmoid, Reshape<2, 3, 2>, MaxPool2d<(1, 2), Stride<1>>, Concat { a: { Flatten }, b: { Flatten, BatchNorm1d<_> } }, LogSigmoid, LogSigmoid, Linear<_, 12>, head: Linear<_, 2> } }
network! { struct Random7: [2, 3, 2] -> [2] { Concat { a: { Conv2d<_, 4, 1> }, b: { PRelu<_> } }, Concat { a: { BatchNorm2d<_> }, b: { BatchNorm2d<_> } }, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, HardSwish, HardTanh, Linear<_, 12>, head: Linear<_, 2> } }
network! { struct Random8: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, Residual { Conv2d<_, 2, 1> }, Concat { a: { Flatten }, b: { Flatten, BatchNorm1d<_> } }, Residual { Repeat<2> { Softplus }, Nested6, shortcut: { GroupNorm<1, _> } }, Linear<_, 4>, LeakyRelu(0.2), head: Linear<_, 2> } }
network! { struct Random9: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, Conv2d<_, 4, 1>, Concat { a: { Flatten }, b: { Flatten, Softsign } }, Concat { a: { Residual { Linear<_, 32>, shortcut: { Mish, Tanh } } }, b: { GeluTanh, Relu } }, Linear<_, 4>, LayerNorm, head: Linear<_, 2> } }
network! { struct Random10: [2, 3, 2] -> [2] { Conv2d<_, 3, 1>, Residual { PRelu<_> }, Concat { a: { Flatten }, b: { Flatten, BatchNorm1d<_, NoAffine> } }, HardSigmoid, LayerNorm, Softsign, head: Linear<_, 2> } }
network! { struct Random11: [2, 3, 2] -> [2] { Tanh, Flatten, Nested7, Linear<_, 12>, Selu, Reshape<2, 3, 2>, BatchNorm2d<_>, Nested8, Concat { a: { Nested9 }, b: { Silu, GroupNorm<1, _> } }, Silu, Nested11, head: Linear<_, 2> } }
network! { struct Random12: [2, 3, 2] -> [2] { Flatten, Concat { a: { Mish }, b: { Selu } }, Sigmoid, Linear<_, 12>, Softmax, Reshape<2, 3, 2>, Residual { Conv2d<_, 2, 1> }, Flatten, Residual { Linear<_, 12> }, Residual { Sigmoid, shortcut: { HardTanh } }, Softmax, head: Linear<_, 2> } }
network! { struct Random13: [2, 3, 2] -> [2] { Residual { Conv2d<_, 2, 1> }, BatchNorm2d<_>, Concat { a: { Flatten }, b: { Flatten, HardSigmoid } }, Silu, Concat { a: { Repeat<2> { HardSigmoid } }, b: { PRelu } }, Nested12, head: Linear<_, 2> } }
network! { struct Random14: [2, 3, 2] -> [2] { Residual { Residual { Gelu } }, Linear<_, 3>, Nested13, LogSigmoid, Repeat<2> { Gelu }, Concat { a: { Celu(0.5) }, b: { Linear<_, 12> } }, head: Linear<_, 2> } }
network! { struct Random15: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, BatchNorm2d<_>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Linear<_, 6>, Residual { Linear<_, 6> }, Nested14, head: Linear<_, 2> } }
network! { struct Random16: [2, 3, 2] -> [2] { Concat { a: { Gelu }, b: { Gelu } }, MaxPool2d<(1, 2), Stride<1>>, Nested15, Celu(0.5), LeakyRelu(0.2), BatchNorm1d<_, NoAffine>, head: Linear<_, 2> } }
network! { struct Random17: [2, 3, 2] -> [2] { Concat { a: { Gelu }, b: { Linear<_, 4> } }, Concat { a: { Gelu }, b: { Conv2d<_, 2, 1> } }, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Silu, LogSigmoid, Relu, head: Linear<_, 2> } }
network! { struct Random18: [2, 3, 2] -> [2] { Nested18, MaxPool2d<(1, 2), Stride<1>>, Flatten, LayerNorm<_, NoBias>, Concat { a: { HardSigmoid }, b: { PRelu } }, Residual { Linear<_, 24> }, head: Linear<_, 2> } }
network! { struct Random19: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, Residual { Tanh }, Concat { a: { Flatten }, b: { Flatten, GroupNorm<1, _> } }, Residual { RmsNorm(1e-5) }, Concat { a: { Elu }, b: { Linear<_, 4>, Linear<_, 6> } }, Softplus, head: Linear<_, 2> } }
network! { struct Random20: [2, 3, 2] -> [2] { Concat { a: { PRelu<_> }, b: { Conv2d<_, 4, 1> } }, MaxPool2d<(1, 2), Stride<1>>, Flatten, Repeat<2> { Relu }, LogSigmoid, Softsign, head: Linear<_, 2> } }
network! { struct Random21: [2, 3, 2] -> [2] { Conv2d<_, 2, 1>, Residual { Gelu }, Flatten, Concat { a: { Concat { a: { BatchNorm1d<_> }, b: { PRelu<_>, Linear<_, 6> } } }, b: { HardTanh } }, Residual { Linear<_, 30> }, Selu, head: Linear<_, 2> } }
network! { struct Random22: [2, 3, 2] -> [2] { Conv2d<_, 3, 1>, Concat { a: { Gelu }, b: { Tanh } }, Concat { a: { Flatten }, b: { Flatten, HardTanh } }, Residual { Repeat<2> { LogSigmoid }, Celu(0.5) }, Repeat<2> { HardSigmoid, Repeat<2> { Linear<_, 72> } }, Repeat<2> { Linear<_, 72>, Mish }, head: Linear<_, 2> } }
network! { struct Random23: [2, 3, 2] -> [2] { Tanh, Concat { a: { Conv2d<_, 4, 1> }, b: { BatchNorm2d<_> } }, BatchNorm2d<_>, Flatten, Nested19, Residual { Tanh }, Softsign, head: Linear<_, 2> } }
network! { struct Random24: [2, 3, 2] -> [2] { Conv2d<_, 4, 1>, Flatten, GroupNorm<1, _>, Gelu, Linear<_, 24>, BatchNorm1d<_, NoAffine>, Reshape<2, 3, 4>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Residual { Repeat<2> { LayerNorm<_, NoBias> } }, PRelu, Residual { BatchNorm1d<_> }, head: Linear<_, 2> } }
network! { struct Random25: [2, 3, 2] -> [2] { Concat { a: { Softmax }, b: { PRelu<_> } }, Concat { a: { Conv2d<_, 4, 1> }, b: { Conv2d<_, 2, 1> } }, BatchNorm2d<_>, Flatten, Concat { a: { Concat { a: { Softplus }, b: { Gelu } } }, b: { Linear<_, 12> } }, Linear<_, 6>, Residual { Tanh }, head: Linear<_, 2> } }
network! { struct Random26: [2, 3, 2] -> [2] { Residual { Conv2d<_, 2, 1> }, Flatten, LayerNorm<_, NoBias>, Linear<_, 4>, Linear<_, 12>, RmsNorm(1e-5), Reshape<2, 3, 2>, Flatten, Nested20, Repeat<2> { LayerNorm<_, NoBias> }, Nested21, head: Linear<_, 2> } }
network! { struct Random27: [2, 3, 2] -> [2] { Gelu, Nested22, Flatten, Linear<_, 12>, Residual { HardSigmoid }, Repeat<2> { Tanh }, head: Linear<_, 2> } }
network! { struct Random28: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, Nested24, Flatten, Residual { Repeat<2> { GeluTanh }, Linear<_, 8> }, Relu, Relu6, head: Linear<_, 2> } }
network! { struct Random29: [2, 3, 2] -> [2] { Flatten, Residual { Dropout, shortcut: { PRelu<_> } }, Nested25, Linear<_, 12>, HardSigmoid, Reshape<2, 3, 2>, Tanh, Flatten, Linear<_, 4>, Residual { Linear<_, 4> }, Repeat<2> { Softplus, HardSigmoid }, head: Linear<_, 2> } }
network! { struct Random30: [2, 3, 2] -> [2] { Nested26, Flatten, Selu, Linear<_, 12>, LogSoftmax, Reshape<2, 3, 2>, Concat { a: { Flatten }, b: { Flatten, Elu } }, LayerNorm<_, NoBias>, Linear<_, 12>, Dropout, head: Linear<_, 2> } }
network! { struct Random31: [2, 3, 2] -> [2] { Concat { a: { Gelu }, b: { PRelu<_> } }, Concat { a: { Gelu }, b: { Gelu } }, Concat { a: { Flatten }, b: { Flatten, Celu(0.5) } }, Concat { a: { BatchNorm1d<_, NoAffine> }, b: { LeakyRelu(0.2), HardSigmoid } }, Relu, Selu, head: Linear<_, 2> } }
network! { struct Random32: [2, 3, 2] -> [2] { MaxPool2d<(1, 2), Stride<1>>, MaxPool2d<(1, 2), Stride<1>>, Concat { a: { Flatten }, b: { Flatten, Gelu } }, Concat { a: { Residual { HardTanh, shortcut: { Silu, BatchNorm1d<_, NoAffine> } } }, b: { Linear<_, 6>, Softsign } }, Repeat<2> { BatchNorm1d<_> }, Linear<_, 6>, head: Linear<_, 2> } }
network! { struct Random33: [2, 3, 2] -> [2] { Conv2d<_, 4, 1>, LayerNorm, BatchNorm2d<_>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Softplus, Nested27, Nested28, head: Linear<_, 2> } }
network! { struct Random34: [2, 3, 2] -> [2] { Residual { Linear<_, 2> }, Linear<_, 2>, Concat { a: { Flatten }, b: { Flatten, HardSigmoid } }, Residual { GeluTanh }, Linear<_, 4>, Linear<_, 6>, head: Linear<_, 2> } }
network! { struct Random35: [2, 3, 2] -> [2] { Nested29, MaxPool2d<(1, 2), Stride<1>>, Nested30, Concat { a: { Residual { Softplus } }, b: { Relu6 } }, Silu, Concat { a: { Silu }, b: { Softsign, Celu(0.5) } }, head: Linear<_, 2> } }
network! { struct Random36: [2, 3, 2] -> [2] { Concat { a: { PRelu<_> }, b: { BatchNorm2d<_> } }, MaxPool2d<(1, 2), Stride<1>>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Repeat<2> { Linear<_, 32> }, Repeat<2> { Repeat<2> { Tanh } }, Repeat<2> { Repeat<2> { HardTanh, Relu } }, head: Linear<_, 2> } }
network! { struct Random37: [2, 3, 2] -> [2] { Nested31, Concat { a: { Gelu }, b: { LayerNorm } }, BatchNorm2d<_>, Flatten, Linear<_, 6>, Linear<_, 12>, Sigmoid, head: Linear<_, 2> } }
network! { struct Random38: [2, 3, 2] -> [2] { Gelu, Conv2d<_, 4, 1>, Nested32, Linear<_, 4>, Linear<_, 12>, Linear<_, 4>, head: Linear<_, 2> } }
network! { struct Random39: [2, 3, 2] -> [2] { Softmax, Residual { Conv2d<_, 2, 1> }, BatchNorm2d<_>, Split { a: { Flatten }, b: { Gelu } }, Tanh, Flatten, Repeat<2> { Softplus }, Linear<_, 6>, Linear<_, 12>, head: Linear<_, 2> } }
network! { struct Axes0: [2, 3, 4] -> [2] { Residual { BatchNorm2d<_>, Softmax }, Residual { BatchNorm2d<_> }, PRelu, Reshape<6, 4>, Residual { Gelu }, GlobalAvgPool1d, head: Linear<_, 2> } }
network! { struct Axes1: [2, 3, 4] -> [2] { Residual { Softmax }, LayerNorm, GlobalAvgPool2d, head: Linear<_, 2> } }
network! { struct Axes2: [2, 3, 4] -> [2] { LayerNorm, Flatten, Dropout, head: Linear<_, 2> } }
network! { struct Axes3: [2, 3, 4] -> [2] { LayerNorm, Reshape<6, 4>, BatchNorm1d<_>, Flatten, head: Linear<_, 2> } }
network! { struct Axes4: [2, 3, 4] -> [2] { BatchNorm2d<_>, Reshape<6, 4>, Linear<_, 3>, BatchNorm1d<_>, Flatten, LayerNorm, head: Linear<_, 2> } }
network! { struct Axes5: [2, 3, 4] -> [2] { Gelu, Tanh, Flatten, head: Linear<_, 2> } }
network! { struct Axes6: [2, 3, 4] -> [2] { Softmax, Reshape<6, 4>, Linear<_, 1>, Residual { Linear<_, 1> }, Flatten, PRelu<_>, head: Linear<_, 2> } }
network! { struct Axes7: [2, 3, 4] -> [2] { Residual { Softmax }, Conv2d<_, 2, 1>, Flatten, LayerNorm, head: Linear<_, 2> } }
network! { struct Axes8: [2, 3, 4] -> [2] { Residual { Conv2d<_, 4, 1>, Linear<_, 4> }, Flatten, Softmax, head: Linear<_, 2> } }
network! { struct Axes9: [2, 3, 4] -> [2] { LayerNorm, Flatten, BatchNorm1d<_, NoAffine>, head: Linear<_, 2> } }
network! { struct Axes10: [2, 3, 4] -> [2] { Residual { LayerNorm, BatchNorm2d<_> }, Residual { Softmax, Gelu }, Flatten, HardTanh, head: Linear<_, 2> } }
network! { struct Axes11: [2, 3, 4] -> [2] { PRelu, LayerNorm, Reshape<6, 4>, BatchNorm1d<_>, Linear<_, 1>, Flatten, head: Linear<_, 2> } }
network! { struct Axes12: [2, 3, 4] -> [2] { Residual { Softmax, Softmax }, Linear<_, 4>, Flatten, head: Linear<_, 2> } }
network! { struct Axes13: [2, 3, 4] -> [2] { Linear<_, 3>, LayerNorm, Linear<_, 4>, Flatten, GroupNorm<1, _>, head: Linear<_, 2> } }
network! { struct Axes14: [2, 3, 4] -> [2] { Softmax, Residual { Softmax, Gelu }, Flatten, head: Linear<_, 2> } }
network! { struct Axes15: [2, 3, 4] -> [2] { Softmax, Softmax, Residual { Tanh }, Reshape<6, 4>, Residual { Tanh }, Flatten, Mish, head: Linear<_, 2> } }
network! { struct Axes16: [2, 3, 4] -> [2] { LayerNorm, BatchNorm2d<_>, Flatten, PRelu, head: Linear<_, 2> } }
network! { struct Axes17: [2, 3, 4] -> [2] { BatchNorm2d<_>, Residual { Linear<_, 4>, Linear<_, 4> }, Tanh, Reshape<6, 4>, Softmax, Residual { Tanh }, Flatten, head: Linear<_, 2> } }
network! { struct Axes18: [2, 3, 4] -> [2] { Residual { Gelu, Linear<_, 4> }, Residual { Tanh, Softmax }, Linear<_, 4>, Reshape<6, 4>, Linear<_, 3>, Residual { Linear<_, 3>, Conv1d<_, 3, 1> }, Flatten, LogSigmoid, head: Linear<_, 2> } }
network! { struct Axes19: [2, 3, 4] -> [2] { Residual { Conv2d<_, 4, 1>, Gelu }, Linear<_, 3>, Conv2d<_, 4, 1>, Flatten, head: Linear<_, 2> } }
network! { struct Axes20: [2, 3, 4] -> [2] { Gelu, Conv2d<_, 2, 1>, Reshape<6, 2>, LayerNorm, Gelu, Flatten, head: Linear<_, 2> } }
network! { struct Axes21: [2, 3, 4] -> [2] { Residual { Tanh, LayerNorm }, Softmax, LayerNorm, Flatten, Silu, head: Linear<_, 2> } }
network! { struct Axes22: [2, 3, 4] -> [2] { Residual { Conv2d<_, 4, 1> }, Residual { Conv2d<_, 4, 1> }, BatchNorm2d<_>, GlobalAvgPool2d, head: Linear<_, 2> } }
network! { struct Axes23: [2, 3, 4] -> [2] { Linear<_, 1>, Flatten, Elu, head: Linear<_, 2> } }
network! { struct Axes24: [2, 3, 4] -> [2] { LayerNorm, BatchNorm2d<_>, Reshape<6, 4>, BatchNorm1d<_>, GlobalAvgPool1d, head: Linear<_, 2> } }
network! { struct Axes25: [2, 3, 4] -> [2] { Conv2d<_, 3, 1>, Softmax, Flatten, Celu(0.5), head: Linear<_, 2> } }
network! { struct Axes26: [2, 3, 4] -> [2] { LayerNorm, Tanh, Reshape<6, 4>, Conv1d<_, 1, 1>, Flatten, head: Linear<_, 2> } }
network! { struct Axes27: [2, 3, 4] -> [2] { Residual { Gelu, Conv2d<_, 4, 1> }, Conv2d<_, 4, 1>, Flatten, head: Linear<_, 2> } }
network! { struct Axes28: [2, 3, 4] -> [2] { Residual { LayerNorm, Gelu }, Softmax, Tanh, Flatten, Softmax, head: Linear<_, 2> } }
network! { struct Axes29: [2, 3, 4] -> [2] { Conv2d<_, 3, 1>, Conv2d<_, 4, 1>, Reshape<6, 4>, Residual { Gelu }, Flatten, Softsign, head: Linear<_, 2> } }
network! { struct Axes30: [2, 3, 4] -> [2] { Linear<_, 4>, Softmax, Reshape<6, 4>, Softmax, Residual { Linear<_, 4>, LayerNorm }, Flatten, LayerNorm<_, NoBias>, head: Linear<_, 2> } }
network! { struct Axes31: [2, 3, 4] -> [2] { BatchNorm2d<_>, BatchNorm2d<_>, Reshape<6, 4>, Conv1d<_, 2, 1>, Flatten, head: Linear<_, 2> } }
network! { struct Axes32: [2, 3, 4] -> [2] { Residual { Softmax, LayerNorm }, BatchNorm2d<_>, Residual { Softmax }, Reshape<6, 4>, LayerNorm, Flatten, LogSoftmax, head: Linear<_, 2> } }
network! { struct Axes33: [2, 3, 4] -> [2] { Residual { LayerNorm }, Tanh, GlobalAvgPool2d, Relu6, head: Linear<_, 2> } }
network! { struct Axes34: [2, 3, 4] -> [2] { BatchNorm2d<_>, Softmax, Reshape<6, 4>, Softmax, Flatten, LogSigmoid, head: Linear<_, 2> } }
network! { struct Axes35: [2, 3, 4] -> [2] { Residual { Conv2d<_, 4, 1>, Softmax }, Reshape<6, 4>, Linear<_, 4>, Flatten, head: Linear<_, 2> } }
network! { struct Axes36: [2, 3, 4] -> [2] { Softmax, Conv2d<_, 2, 1>, Linear<_, 1>, Reshape<6, 1>, Softmax, GlobalAvgPool1d, HardSigmoid, head: Linear<_, 2> } }
network! { struct Axes37: [2, 3, 4] -> [2] { Residual { PRelu }, Residual { Linear<_, 4> }, Gelu, Reshape<6, 4>, BatchNorm1d<_>, GlobalAvgPool1d, head: Linear<_, 2> } }
network! { struct Axes38: [2, 3, 4] -> [2] { LayerNorm, Flatten, LeakyRelu(0.2), head: Linear<_, 2> } }
network! { struct Axes39: [2, 3, 4] -> [2] { Residual { PRelu, Linear<_, 4> }, Residual { Conv2d<_, 4, 1> }, Reshape<6, 4>, Softmax, GlobalAvgPool1d, head: Linear<_, 2> } }
network! { struct WiredRandom0: [2, 3, 4] -> [2] { l0: Sigmoid <- input, l1: Mul <- (input, l0), l2: Flatten <- l0, l3: Add <- (l0, l1), l4: Flatten <- l3, l5: Concat <- (l2, l4), l6: Linear<_, 2> } }
network! { struct WiredRandom1: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Concat <- (v, l0), l2: Linear<_, 6> <- v, l3: Concat <- (l1, v), l4: Concat <- (l2, l3), l5: Linear<_, 2> <- l4 } }
network! { struct WiredRandom2: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Reshape<2, 3, 1> <- v, l2: Reshape<2, 3, 1> <- v, l3: Concat <- (l1, l2), l4: Mul <- (l2, l1), l5: Tanh, l6: Concat <- (x, l3), l7: Concat <- (l5, l6), l8: Concat <- (x, l6), l9: Conv2d<_, 2, 1> <- l5, l10: Flatten <- l0, l11: Flatten <- l7, l12: Flatten <- l8, l13: Flatten <- l9, l14: Concat <- (l10, l11, l12, l13), l15: Linear<_, 2> } }
network! { struct WiredRandom3: [2, 3, 4] -> [2] { l0: Tanh <- input, l1: Tanh, l2: Mul <- (input, l0), l3: Add <- (l1, l0), l4: Concat <- (l2, input), l5: Sigmoid <- l3, l6: Mul <- (l2, input), l7: BatchNorm2d<_> <- l4, l8: Flatten <- l5, l9: Flatten <- l6, l10: Flatten <- l7, l11: Concat <- (l8, l9, l10), l12: Linear<_, 2> } }
network! { struct WiredRandom4: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Concat <- (l0, x), l2: Concat <- (x, l1), l3: Glu <- v, l4: Flatten <- l2, l5: Concat <- (l3, l4), l6: Linear<_, 2> } }
network! { struct WiredRandom5: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Reshape<2, 3, 1> <- v, l2: Concat <- (l0, x), l3: Sigmoid, l4: Mul <- (l2, l3), l5: Mul <- (l3, l2), l6: Concat <- (l5, l4), l7: Concat <- (l4, l6), l8: Flatten <- l6, l9: Concat <- (l3, l5), l10: Flatten <- l1, l11: Flatten <- l7, l12: Flatten <- l9, l13: Concat <- (l8, l10, l11, l12), l14: Linear<_, 2> } }
network! { struct WiredRandom6: [2, 3, 4] -> [2] { l0: Flatten, l1: Reshape<2, 3, 4>, l2: Concat <- (input, l1), l3: Reshape<2, 3, 4> <- l0, l4: Mul <- (l1, l3), l5: Conv2d<_, 4, 1> <- l3, l6: Concat <- (l4, l5), l7: Mul <- (l3, l1), l8: Flatten <- l2, l9: Flatten <- l6, l10: Flatten <- l7, l11: Concat <- (l8, l9, l10), l12: Linear<_, 2> <- l11 } }
network! { struct WiredRandom7: [2, 3, 4] -> [2] { l0: Conv2d<_, 2, 1>, l1: Concat <- (l0, input), l2: Flatten <- input, l3: Reshape<2, 3, 4>, l4: Flatten <- l1, l5: Flatten <- l3, l6: Concat <- (l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom8: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Dropout <- v, l2: Flatten <- x, l3: Mul <- (l1, v), l4: Softsign <- l2, l5: Mul <- (l4, l2), l6: LeakyRelu(0.2) <- l3, l7: Concat <- (l3, l1), l8: Concat <- (l0, l5, l6, l7), l9: Linear<_, 2> } }
network! { struct WiredRandom9: [2, 3, 4] -> [2] { l0: BatchNorm2d<_>, l1: Concat <- (input, l0), l2: BatchNorm2d<_>, l3: Tanh <- l1, l4: Add <- (l2, l1), l5: Add <- (l4, l1), l6: Mul <- (l5, l2), l7: Tanh <- l6, l8: BatchNorm2d<_> <- l5, l9: Flatten, l10: Flatten <- l3, l11: Flatten <- l7, l12: Concat <- (l9, l10, l11), l13: Linear<_, 2> } }
network! { struct WiredRandom10: [2, 3, 4] -> [2] { l0: BatchNorm2d<_>, l1: Flatten, l2: Concat <- (input, l0), l3: Mul <- (input, l0), l4: Flatten <- l2, l5: Flatten <- l3, l6: Concat <- (l1, l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom11: (x: [2, 3, 4], v: [6]) -> [2] { l0: Glu <- v, l1: BatchNorm1d<_, NoAffine>, l2: Flatten <- x, l3: Reshape<2, 3, 1> <- v, l4: Flatten, l5: Glu, l6: Linear<_, 3>, l7: Concat <- (x, l3), l8: Glu <- l4, l9: Linear<_, 3> <- l5, l10: Flatten <- l7, l11: Concat <- (l1, l2, l6, l8, l9, l10), l12: Linear<_, 2> } }
network! { struct WiredRandom12: [2, 3, 4] -> [2] { l0: Conv2d<_, 4, 1> <- input, l1: Concat <- (input, l0), l2: Concat <- (input, l1), l3: Add <- (input, l0), l4: Flatten <- l2, l5: Flatten <- l3, l6: Concat <- (l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom13: [2, 3, 4] -> [2] { l0: Flatten, l1: Dropout <- l0, l2: Reshape<2, 3, 4> <- l1, l3: Add <- (l0, l1), l4: Flatten <- l2, l5: Tanh <- l2, l6: Add <- (l5, l2), l7: Reshape<2, 3, 4> <- l3, l8: Flatten <- l6, l9: Flatten <- l7, l10: Concat <- (l4, l8, l9), l11: Linear<_, 2> <- l10 } }
network! { struct WiredRandom14: [2, 3, 4] -> [2] { l0: Flatten, l1: Reshape<2, 3, 4>, l2: Conv2d<_, 4, 1>, l3: Sigmoid <- l2, l4: Sigmoid, l5: BatchNorm2d<_> <- l3, l6: Conv2d<_, 4, 1> <- l4, l7: Flatten <- l5, l8: Linear<_, 12>, l9: Conv2d<_, 4, 1> <- l6, l10: Flatten <- l9, l11: Concat <- (l8, l10), l12: Linear<_, 2> <- l11 } }
network! { struct WiredRandom15: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Reshape<2, 3, 1> <- v, l2: Concat <- (l1, l0), l3: Add <- (l0, l1), l4: Conv2d<_, 2, 1> <- l2, l5: Add <- (l3, l1), l6: Add <- (l3, l1), l7: Concat <- (l5, x), l8: Concat <- (l7, l1), l9: Concat <- (l7, l2), l10: Flatten <- l4, l11: Flatten <- l6, l12: Flatten <- l8, l13: Flatten <- l9, l14: Concat <- (l10, l11, l12, l13), l15: Linear<_, 2> <- l14 } }
network! { struct WiredRandom16: [2, 3, 4] -> [2] { l0: Sigmoid, l1: Concat <- (input, l0), l2: Sigmoid <- input, l3: Sigmoid <- l0, l4: Flatten <- l1, l5: Flatten <- l2, l6: Flatten <- l3, l7: Concat <- (l4, l5, l6), l8: Linear<_, 2> } }
network! { struct WiredRandom17: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: HardSigmoid, l2: Flatten <- x, l3: Mul <- (l2, l0), l4: Reshape<2, 3, 4> <- l1, l5: Concat <- (l4, x), l6: BatchNorm2d<_> <- l4, l7: Glu <- l3, l8: Flatten <- l5, l9: Conv2d<_, 1, 1> <- l5, l10: Flatten <- l6, l11: Flatten <- l9, l12: Concat <- (v, l7, l8, l10, l11), l13: Linear<_, 2> } }
network! { struct WiredRandom18: [2, 3, 4] -> [2] { l0: Flatten, l1: Reshape<2, 3, 4>, l2: Add <- (l1, input), l3: Gelu <- l2, l4: Concat <- (l1, l2), l5: Add <- (l3, l1), l6: Flatten <- l4, l7: Flatten <- l5, l8: Concat <- (l6, l7), l9: Linear<_, 2> <- l8 } }
network! { struct WiredRandom19: [2, 3, 4] -> [2] { l0: Flatten, l1: BatchNorm2d<_> <- input, l2: Mul <- (input, l1), l3: Gelu <- input, l4: Reshape<2, 3, 4> <- l0, l5: BatchNorm2d<_> <- l1, l6: Flatten <- l2, l7: Flatten <- l3, l8: Flatten <- l4, l9: Flatten <- l5, l10: Concat <- (l6, l7, l8, l9), l11: Linear<_, 2> <- l10 } }
network! { struct WiredRandom20: [2, 3, 4] -> [2] { l0: Flatten <- input, l1: Reshape<2, 3, 4> <- l0, l2: Flatten <- input, l3: Add <- (input, l1), l4: Concat <- (l2, l0), l5: Reshape<2, 3, 4> <- l2, l6: Concat <- (l1, l3), l7: Add <- (l3, l5), l8: Flatten <- l6, l9: Flatten <- l7, l10: Concat <- (l4, l8, l9), l11: Linear<_, 2> } }
network! { struct WiredRandom21: [2, 3, 4] -> [2] { l0: Tanh <- input, l1: Concat <- (input, l0), l2: Concat <- (l1, l0), l3: Flatten <- l0, l4: Reshape<2, 3, 4> <- l3, l5: Conv2d<_, 2, 1> <- l4, l6: Flatten <- l2, l7: Flatten <- l5, l8: Concat <- (l6, l7), l9: Linear<_, 2> } }
network! { struct WiredRandom22: [2, 3, 4] -> [2] { l0: Flatten <- input, l1: Flatten <- input, l2: Concat <- (l0, l1), l3: Glu <- l1, l4: Concat <- (l3, l0), l5: Concat <- (l4, l0), l6: Reshape<2, 3, 10>, l7: Glu <- l4, l8: Linear<_, 36> <- l4, l9: Reshape<2, 3, 10> <- l5, l10: Flatten <- l6, l11: Flatten <- l9, l12: Concat <- (l2, l7, l8, l10, l11), l13: Linear<_, 2> } }
network! { struct WiredRandom23: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Concat <- (v, l0), l2: Linear<_, 30>, l3: Concat <- (l2, l1), l4: Add <- (l1, l2), l5: Glu <- l1, l6: Linear<_, 30> <- l4, l7: Reshape<2, 3, 10> <- l3, l8: Flatten <- l7, l9: Concat <- (l5, l6, l8), l10: Linear<_, 2> } }
network! { struct WiredRandom24: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Concat <- (l0, x), l2: Conv2d<_, 4, 1> <- x, l3: Tanh <- l0, l4: Mul <- (l2, x), l5: Concat <- (l2, l1), l6: Flatten <- l3, l7: Flatten <- l4, l8: Flatten <- l5, l9: Concat <- (l6, l7, l8), l10: Linear<_, 2> } }
network! { struct WiredRandom25: [2, 3, 4] -> [2] { l0: LayerNorm <- input, l1: Concat <- (input, l0), l2: Flatten <- l1, l3: Reshape<2, 3, 8>, l4: Flatten, l5: Linear<_, 2> <- l4 } }
network! { struct WiredRandom26: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Concat <- (l0, x), l2: Gelu <- x, l3: Reshape<2, 3, 1> <- v, l4: Flatten, l5: Conv2d<_, 4, 1> <- l2, l6: Flatten <- l1, l7: Flatten <- l5, l8: Concat <- (l4, l6, l7), l9: Linear<_, 2> <- l8 } }
network! { struct WiredRandom27: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Flatten <- x, l2: Reshape<2, 3, 4>, l3: Reshape<2, 3, 4> <- l0, l4: Concat <- (l0, v), l5: Concat <- (x, l2), l6: Mul <- (l2, l3), l7: Mul <- (l3, x), l8: Flatten <- l5, l9: Flatten <- l6, l10: Flatten <- l7, l11: Concat <- (l4, l8, l9, l10), l12: Linear<_, 2> } }
network! { struct WiredRandom28: [2, 3, 4] -> [2] { l0: Conv2d<_, 3, 1> <- input, l1: BatchNorm2d<_>, l2: Gelu <- l0, l3: Concat <- (input, l1), l4: Flatten <- l2, l5: Flatten <- l3, l6: Concat <- (l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom29: [2, 3, 4] -> [2] { l0: Conv2d<_, 4, 1> <- input, l1: Flatten <- input, l2: Conv2d<_, 4, 1> <- l0, l3: Concat <- (input, l0), l4: BatchNorm2d<_> <- l0, l5: Reshape<2, 3, 4> <- l1, l6: Flatten <- l2, l7: Flatten <- l3, l8: Flatten <- l4, l9: Flatten <- l5, l10: Concat <- (l6, l7, l8, l9), l11: Linear<_, 2> } }
network! { struct WiredRandom30: [2, 3, 4] -> [2] { l0: Tanh <- input, l1: Gelu <- input, l2: Mul <- (input, l1), l3: Mul <- (input, l2), l4: Flatten <- l0, l5: Flatten <- l3, l6: Concat <- (l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom31: [2, 3, 4] -> [2] { l0: BatchNorm2d<_> <- input, l1: Concat <- (l0, input), l2: Concat <- (l0, input), l3: Concat <- (l0, l1), l4: Conv2d<_, 4, 1> <- l0, l5: Tanh <- l1, l6: Concat <- (input, l3), l7: Flatten <- l5, l8: Concat <- (input, l5), l9: Mul <- (l5, l1), l10: Flatten <- l2, l11: Flatten <- l4, l12: Flatten <- l6, l13: Flatten <- l8, l14: Flatten <- l9, l15: Concat <- (l7, l10, l11, l12, l13, l14), l16: Linear<_, 2> <- l15 } }
network! { struct WiredRandom32: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Reshape<2, 3, 4> <- l0, l2: Flatten <- x, l3: Concat <- (x, l1), l4: BatchNorm2d<_> <- l1, l5: Flatten <- l1, l6: Flatten <- l3, l7: Flatten <- l4, l8: Concat <- (v, l2, l5, l6, l7), l9: Linear<_, 2> } }
network! { struct WiredRandom33: [2, 3, 4] -> [2] { l0: Flatten <- input, l1: Flatten <- input, l2: Mul <- (l1, l0), l3: Mul <- (l0, l2), l4: Linear<_, 2> } }
network! { struct WiredRandom34: [2, 3, 4] -> [2] { l0: Gelu, l1: Conv2d<_, 4, 1>, l2: Mul <- (l1, input), l3: Flatten <- l0, l4: Flatten <- l2, l5: Concat <- (l3, l4), l6: Linear<_, 2> } }
network! { struct WiredRandom35: (x: [2, 3, 4], v: [6]) -> [2] { l0: Reshape<2, 3, 1> <- v, l1: Reshape<2, 3, 1> <- v, l2: Flatten <- x, l3: Flatten <- l0, l4: Add <- (l0, l1), l5: Silu <- l3, l6: Concat <- (l4, x), l7: Add <- (l5, l3), l8: Flatten <- l6, l9: Concat <- (l2, l7, l8), l10: Linear<_, 2> } }
network! { struct WiredRandom36: (x: [2, 3, 4], v: [6]) -> [2] { l0: Linear<_, 6> <- v, l1: Mul <- (l0, v), l2: Flatten <- x, l3: Reshape<2, 3, 4>, l4: Reshape<2, 3, 1> <- l0, l5: Concat <- (l2, l1), l6: Flatten <- l3, l7: Conv2d<_, 1, 1> <- l3, l8: Flatten <- l4, l9: Flatten <- l7, l10: Concat <- (l5, l6, l8, l9), l11: Linear<_, 2> <- l10 } }
network! { struct WiredRandom37: [2, 3, 4] -> [2] { l0: Flatten, l1: Reshape<2, 3, 4> <- l0, l2: Reshape<2, 3, 4> <- l0, l3: Concat <- (l2, input), l4: Flatten <- l1, l5: Flatten <- l3, l6: Concat <- (l4, l5), l7: Linear<_, 2> } }
network! { struct WiredRandom38: [2, 3, 4] -> [2] { l0: Flatten, l1: Reshape<2, 3, 4>, l2: Reshape<2, 3, 4> <- l0, l3: Glu <- l0, l4: Tanh <- l2, l5: Reshape<2, 3, 2> <- l3, l6: Reshape<2, 3, 2> <- l3, l7: Concat <- (l2, l4), l8: Flatten <- l6, l9: Mul <- (l6, l5), l10: Flatten <- l1, l11: Flatten <- l7, l12: Flatten <- l9, l13: Concat <- (l8, l10, l11, l12), l14: Linear<_, 2> } }
network! { struct WiredRandom39: (x: [2, 3, 4], v: [6]) -> [2] { l0: Flatten <- x, l1: Gelu <- x, l2: Concat <- (v, l0), l3: Conv2d<_, 3, 1> <- l1, l4: Flatten, l5: Concat <- (l2, l4), l6: Linear<_, 2> } }

/// Calls with each network and its name in order.json.
macro_rules! every_network {
    ($check:ident) => {
        $check!(Repeat, "repeat");
        $check!(Residual, "residual");
        $check!(Concat, "concat");
        $check!(ConcatBehind, "concat_behind");
        $check!(ConcatSingle, "concat_single");
        $check!(Nested, "nested");
        $check!(NestedKeeps, "nested_keeps");
        $check!(NestedFlatten, "nested_flatten");
        $check!(NestedTwice, "nested_twice");
        $check!(BranchFlatten, "branch_flatten");
        $check!(Projected, "projected");
        $check!(BothMade, "both_made");
        $check!(OneKept, "one_kept");
        $check!(ResidualOfTwo, "residual_of_two");
        $check!(RepeatResidual, "repeat_residual");
        $check!(RepeatKeeps, "repeat_keeps");
        $check!(Split, "split");
        $check!(SplitImages, "split_images");
        $check!(Kept0, "kept_0");
        $check!(Kept1, "kept_1");
        $check!(Kept2, "kept_2");
        $check!(Kept3, "kept_3");
        $check!(Kept4, "kept_4");
        $check!(Kept5, "kept_5");
        $check!(Kept6, "kept_6");
        $check!(Kept7, "kept_7");
        $check!(Kept8, "kept_8");
        $check!(Kept9, "kept_9");
        $check!(Kept10, "kept_10");
        $check!(Kept11, "kept_11");
        $check!(Kept12, "kept_12");
        $check!(Kept13, "kept_13");
        $check!(Kept14, "kept_14");
        $check!(Kept15, "kept_15");
        $check!(Kept16, "kept_16");
        $check!(Kept17, "kept_17");
        $check!(Kept18, "kept_18");
        $check!(Kept19, "kept_19");
        $check!(Kept20, "kept_20");
        $check!(Kept21, "kept_21");
        $check!(Kept22, "kept_22");
        $check!(Kept23, "kept_23");
        $check!(Kept24, "kept_24");
        $check!(Kept25, "kept_25");
        $check!(Kept26, "kept_26");
        $check!(Kept27, "kept_27");
        $check!(Kept28, "kept_28");
        $check!(Decoder, "decoder");
        $check!(DecoderAlone, "decoder_alone");
        $check!(DecoderNorm, "decoder_norm");
        $check!(DecoderResidual, "decoder_residual");
        $check!(DecoderRepeat, "decoder_repeat");
        $check!(DecoderNested, "decoder_nested");
        $check!(DecoderSum, "decoder_sum");
        $check!(DecoderParts, "decoder_parts");
        $check!(Autoencoder, "autoencoder");
        $check!(BackToImages, "back_to_images");
        $check!(MadeSequence, "made_sequence");
        $check!(MadeRows, "made_rows");
        $check!(Squeezed, "squeezed");
        $check!(Image0, "image_0");
        $check!(Image1, "image_1");
        $check!(Image2, "image_2");
        $check!(Image3, "image_3");
        $check!(Image4, "image_4");
        $check!(Image5, "image_5");
        $check!(Image6, "image_6");
        $check!(Image7, "image_7");
        $check!(Image8, "image_8");
        $check!(Image9, "image_9");
        $check!(Image10, "image_10");
        $check!(Image11, "image_11");
        $check!(Image12, "image_12");
        $check!(Image13, "image_13");
        $check!(Image14, "image_14");
        $check!(Image15, "image_15");
        $check!(Image16, "image_16");
        $check!(Image17, "image_17");
        $check!(Image18, "image_18");
        $check!(Channels0, "channels_0");
        $check!(Channels1, "channels_1");
        $check!(Channels2, "channels_2");
        $check!(Channels3, "channels_3");
        $check!(Channels4, "channels_4");
        $check!(Channels5, "channels_5");
        $check!(Channels6, "channels_6");
        $check!(Channels7, "channels_7");
        $check!(Channels8, "channels_8");
        $check!(Channels9, "channels_9");
        $check!(Rows0, "rows_0");
        $check!(Rows1, "rows_1");
        $check!(Rows2, "rows_2");
        $check!(Rows3, "rows_3");
        $check!(Rows4, "rows_4");
        $check!(Rows5, "rows_5");
        $check!(BesideChannels, "beside_channels");
        $check!(Embedded, "embedded");
        $check!(EmbeddedRows, "embedded_rows");
        $check!(TokensMean, "tokens_mean");
        $check!(TokensConv, "tokens_conv");
        $check!(TokensBlocks, "tokens_blocks");
        $check!(BlocksBack, "blocks_back");
        $check!(BlocksPooled, "blocks_pooled");
        $check!(Words, "words");
        $check!(WordsConv, "words_conv");
        $check!(SingleChannels, "single_channels");
        $check!(TokensBack, "tokens_back");
        $check!(TokensStay, "tokens_stay");
        $check!(BlocksMovedBack, "blocks_moved_back");
        $check!(BlocksStay, "blocks_stay");
        $check!(SharedFeatures, "shared_features");
        $check!(LastOfRows, "last_of_rows");
        $check!(LastOfChannels, "last_of_channels");
        $check!(LastOfWords, "last_of_words");
        $check!(LastOfSwapped, "last_of_swapped");
        $check!(SwappedTwice, "swapped_twice");
        $check!(SwappedWords, "swapped_words");
        $check!(SwappedForConv, "swapped_for_conv");
        $check!(SwappedRowsForConv, "swapped_rows_for_conv");
        $check!(SwappedChannels, "swapped_channels");
        $check!(SwappedMadeRows, "swapped_made_rows");
        $check!(SwappedChannelsBack, "swapped_channels_back");
        $check!(SwappedChannelsStay, "swapped_channels_stay");
        $check!(WiredUnet, "wired_unet");
        $check!(WiredUnetImage, "wired_unet_image");
        $check!(WiredSkip, "wired_skip");
        $check!(WiredResiduals, "wired_residuals");
        $check!(WiredGate, "wired_gate");
        $check!(WiredConcat, "wired_concat");
        $check!(WiredFlattenedTwice, "wired_flattened_twice");
        $check!(WiredSqueeze, "wired_squeeze");
        $check!(WiredVector, "wired_vector");
        $check!(WiredVectorFirst, "wired_vector_first");
        $check!(WiredVectorAdded, "wired_vector_added");
        $check!(WiredImages, "wired_images");
        $check!(WiredImagesFlat, "wired_images_flat");
        $check!(WiredSequence, "wired_sequence");
        $check!(WiredRows, "wired_rows");
        $check!(WiredOutputs, "wired_outputs");
        $check!(WiredEnds, "wired_ends");
        $check!(WiredDecoder, "wired_decoder");
        $check!(WiredDecoderSum, "wired_decoder_sum");
        $check!(WiredAutoencoder, "wired_autoencoder");
        $check!(WiredNested, "wired_nested");
        $check!(WiredBranch, "wired_branch");
        $check!(WiredNestedDecoder, "wired_nested_decoder");
        $check!(EndSigmoid, "end_sigmoid");
        $check!(EndResidual, "end_residual");
        $check!(EndHalves, "end_halves");
        $check!(EndHalvesSigmoid, "end_halves_sigmoid");
        $check!(EndGlu, "end_glu");
        $check!(EndGluResidual, "end_glu_residual");
        $check!(EndGroups, "end_groups");
        $check!(EndHalf, "end_half");
        $check!(Random0, "random_0");
        $check!(Random1, "random_1");
        $check!(Random2, "random_2");
        $check!(Random3, "random_3");
        $check!(Random4, "random_4");
        $check!(Random5, "random_5");
        $check!(Random6, "random_6");
        $check!(Random7, "random_7");
        $check!(Random8, "random_8");
        $check!(Random9, "random_9");
        $check!(Random10, "random_10");
        $check!(Random11, "random_11");
        $check!(Random12, "random_12");
        $check!(Random13, "random_13");
        $check!(Random14, "random_14");
        $check!(Random15, "random_15");
        $check!(Random16, "random_16");
        $check!(Random17, "random_17");
        $check!(Random18, "random_18");
        $check!(Random19, "random_19");
        $check!(Random20, "random_20");
        $check!(Random21, "random_21");
        $check!(Random22, "random_22");
        $check!(Random23, "random_23");
        $check!(Random24, "random_24");
        $check!(Random25, "random_25");
        $check!(Random26, "random_26");
        $check!(Random27, "random_27");
        $check!(Random28, "random_28");
        $check!(Random29, "random_29");
        $check!(Random30, "random_30");
        $check!(Random31, "random_31");
        $check!(Random32, "random_32");
        $check!(Random33, "random_33");
        $check!(Random34, "random_34");
        $check!(Random35, "random_35");
        $check!(Random36, "random_36");
        $check!(Random37, "random_37");
        $check!(Random38, "random_38");
        $check!(Random39, "random_39");
        $check!(Axes0, "axes_0");
        $check!(Axes1, "axes_1");
        $check!(Axes2, "axes_2");
        $check!(Axes3, "axes_3");
        $check!(Axes4, "axes_4");
        $check!(Axes5, "axes_5");
        $check!(Axes6, "axes_6");
        $check!(Axes7, "axes_7");
        $check!(Axes8, "axes_8");
        $check!(Axes9, "axes_9");
        $check!(Axes10, "axes_10");
        $check!(Axes11, "axes_11");
        $check!(Axes12, "axes_12");
        $check!(Axes13, "axes_13");
        $check!(Axes14, "axes_14");
        $check!(Axes15, "axes_15");
        $check!(Axes16, "axes_16");
        $check!(Axes17, "axes_17");
        $check!(Axes18, "axes_18");
        $check!(Axes19, "axes_19");
        $check!(Axes20, "axes_20");
        $check!(Axes21, "axes_21");
        $check!(Axes22, "axes_22");
        $check!(Axes23, "axes_23");
        $check!(Axes24, "axes_24");
        $check!(Axes25, "axes_25");
        $check!(Axes26, "axes_26");
        $check!(Axes27, "axes_27");
        $check!(Axes28, "axes_28");
        $check!(Axes29, "axes_29");
        $check!(Axes30, "axes_30");
        $check!(Axes31, "axes_31");
        $check!(Axes32, "axes_32");
        $check!(Axes33, "axes_33");
        $check!(Axes34, "axes_34");
        $check!(Axes35, "axes_35");
        $check!(Axes36, "axes_36");
        $check!(Axes37, "axes_37");
        $check!(Axes38, "axes_38");
        $check!(Axes39, "axes_39");
        $check!(WiredRandom0, "wired_random_0");
        $check!(WiredRandom1, "wired_random_1");
        $check!(WiredRandom2, "wired_random_2");
        $check!(WiredRandom3, "wired_random_3");
        $check!(WiredRandom4, "wired_random_4");
        $check!(WiredRandom5, "wired_random_5");
        $check!(WiredRandom6, "wired_random_6");
        $check!(WiredRandom7, "wired_random_7");
        $check!(WiredRandom8, "wired_random_8");
        $check!(WiredRandom9, "wired_random_9");
        $check!(WiredRandom10, "wired_random_10");
        $check!(WiredRandom11, "wired_random_11");
        $check!(WiredRandom12, "wired_random_12");
        $check!(WiredRandom13, "wired_random_13");
        $check!(WiredRandom14, "wired_random_14");
        $check!(WiredRandom15, "wired_random_15");
        $check!(WiredRandom16, "wired_random_16");
        $check!(WiredRandom17, "wired_random_17");
        $check!(WiredRandom18, "wired_random_18");
        $check!(WiredRandom19, "wired_random_19");
        $check!(WiredRandom20, "wired_random_20");
        $check!(WiredRandom21, "wired_random_21");
        $check!(WiredRandom22, "wired_random_22");
        $check!(WiredRandom23, "wired_random_23");
        $check!(WiredRandom24, "wired_random_24");
        $check!(WiredRandom25, "wired_random_25");
        $check!(WiredRandom26, "wired_random_26");
        $check!(WiredRandom27, "wired_random_27");
        $check!(WiredRandom28, "wired_random_28");
        $check!(WiredRandom29, "wired_random_29");
        $check!(WiredRandom30, "wired_random_30");
        $check!(WiredRandom31, "wired_random_31");
        $check!(WiredRandom32, "wired_random_32");
        $check!(WiredRandom33, "wired_random_33");
        $check!(WiredRandom34, "wired_random_34");
        $check!(WiredRandom35, "wired_random_35");
        $check!(WiredRandom36, "wired_random_36");
        $check!(WiredRandom37, "wired_random_37");
        $check!(WiredRandom38, "wired_random_38");
        $check!(WiredRandom39, "wired_random_39");
    };
}
