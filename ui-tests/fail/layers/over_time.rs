use shapewright::prelude::*;

network! { struct ShortMask: (x: [9, 4], mask: [8]) -> [4] { MeanOverTime <- (x, mask) } }
network! { struct MaskFirst: (x: [9, 4], mask: [9]) -> [4] { MaxOverTime <- (mask, x) } }
network! { struct ThreeSources: (x: [9, 4], mask: [9]) -> [4] { MaxOverTime <- (x, mask, mask) } }
network! { struct MeanOfImage: [9, 9, 4] -> [4] { MeanOverTime } }
network! { struct MaxOfOne: [64] -> [64] { MaxOverTime } }

network! { struct Reflected: [4, 2] -> [12, 2] { ReflectionPad1d<4> } }
network! { struct PaddedImage: [4, 4, 2] -> [6, 6, 2] { ZeroPad1d<1> } }
network! { struct ReflectedImage: [4, 4, 2] -> [6, 6, 2] { ReflectionPad1d<1> } }
network! { struct ReplicatedImage: [4, 4, 2] -> [6, 6, 2] { ReplicationPad1d<1> } }

network! { struct Mirrored: [4, 2, 1] -> [4, 6, 1] { ReflectionPad2d<(2, 2, 0, 0)> } }
network! { struct MirroredRows: [4, 2] -> [6, 2] { ReflectionPad2d<1> } }

network! { struct NoOverlap: [9, 4] -> [9, 4] { Overlap<0> } }
network! { struct Samples: [512] -> [576] { Overlap<64> } }
network! { struct OddHalves: [9, 5] -> [9, 2] { Magnitude } }

network! { struct BehindTheEnd: [9, 4] -> [5, 4] { Slice<5, 5> } }
network! { struct NoPosition: [9, 4] -> [1, 4] { Slice<3, 0> } }
network! { struct OneSize: [9, 4] -> [3, 4] { Slice<3> } }
network! { struct Number: [] -> [1] { Slice<0, 1> } }

network! { struct OneSource: [4] -> [4] { Reparameterize } }
network! { struct OtherShape: (mean: [4], log_variance: [1]) -> [4] { Reparameterize <- (mean, log_variance) } }

fn main() {}
