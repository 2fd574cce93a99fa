//! MTCNN (Zhang et al., 2016): three networks, each of which looks more closely at what the one
//! before it took for a face.

use std::path::Path;

use shapewright::prelude::*;
use shapewright::weights::{LoadError, Loader};

/// The rows and columns of a tile that the first network takes, and of cells that it gives. It looks
/// at squares of 12 by 12 pixels, 2 pixels apart.
pub const TILE: usize = 76;
pub const CELLS: usize = 33;

network! {
    /// Proposes faces: says of each square of a tile whether it is one.
    pub struct Proposals: [TILE, TILE, 3] -> (faces: [CELLS, CELLS, 2], offsets: [CELLS, CELLS, 4]) {
        conv1: Conv2d<_, 10, 3>,
        prelu1: PRelu<_>,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 3>,
        prelu2: PRelu<_>,
        conv3: Conv2d<_, 32, 3>,
        prelu3: PRelu<_>,
        conv4_1: Conv2d<_, 2, 1>,
        faces: Softmax,
        offsets: Conv2d<_, 4, 1> <- prelu3,
    }
}

network! {
    /// Refines proposals: says of a picture whether it is a face, and how its box has to move.
    pub struct Refinement: [24, 24, 3] -> (face: [2], offsets: [4]) {
        conv1: Conv2d<_, 28, 3>,
        prelu1: PRelu<_>,
        // The last window of each axis has two columns or rows. A copy of the last one changes no
        // maximum: PyTorch's `ceil_mode`.
        ReplicationPad2d<(0, 1, 0, 1)>,
        MaxPool2d<3, Stride<2>>,
        conv2: Conv2d<_, 48, 3>,
        prelu2: PRelu<_>,
        MaxPool2d<3, Stride<2>>,
        conv3: Conv2d<_, 64, 2>,
        prelu3: PRelu<_>,
        Flatten,
        dense4: Linear<_, 128>,
        prelu4: PRelu<_>,
        dense5_1: Linear<_, 2>,
        face: Softmax,
        offsets: Linear<_, 4> <- prelu4,
    }
}

network! {
    /// Decides, and finds the eyes, the nose and the corners of the mouth: five horizontal positions,
    /// then five vertical ones, as shares of the box.
    pub struct Decision: [48, 48, 3] -> (face: [2], offsets: [4], landmarks: [10]) {
        conv1: Conv2d<_, 32, 3>,
        prelu1: PRelu<_>,
        ReplicationPad2d<(0, 1, 0, 1)>,
        MaxPool2d<3, Stride<2>>,
        conv2: Conv2d<_, 64, 3>,
        prelu2: PRelu<_>,
        MaxPool2d<3, Stride<2>>,
        conv3: Conv2d<_, 64, 3>,
        prelu3: PRelu<_>,
        MaxPool2d<2>,
        conv4: Conv2d<_, 128, 2>,
        prelu4: PRelu<_>,
        Flatten,
        dense5: Linear<_, 256>,
        prelu5: PRelu<_>,
        dense6_1: Linear<_, 2>,
        face: Softmax,
        offsets: Linear<_, 4> <- prelu5,
        landmarks: Linear<_, 10> <- prelu5,
    }
}

/// The three networks.
pub struct Networks {
    pub proposals: Box<Proposals>,
    pub refinement: Box<Refinement>,
    pub decision: Box<Decision>,
}

impl Networks {
    /// Reads the files that `fetch.py` writes.
    pub fn read(folder: &Path) -> Result<Self, LoadError> {
        let file = |name: &str| Loader::open(folder.join(name));
        Ok(Self {
            proposals: file("pnet.safetensors")?
                .rename(|name| name.replace("conv4_2", "offsets"))
                .load()?,
            refinement: file("rnet.safetensors")?
                .rename(|name| name.replace("dense5_2", "offsets"))
                .load()?,
            decision: file("onet.safetensors")?
                .rename(|name| {
                    let name = name.replace("dense6_2", "offsets");
                    name.replace("dense6_3", "landmarks")
                })
                .load()?,
        })
    }
}
