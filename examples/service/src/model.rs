//! The network, and the weights that it has at the moment.

use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use shapewright::prelude::*;
use shapewright::weights::{LoadError, Loader};

/// The number of pixels of an image.
pub const PIXELS: usize = 28 * 28;
/// The number of classes.
pub const CLASSES: usize = 10;

/// The mean and the standard deviation of the pixels that the network was trained with.
const MEAN: f32 = 0.130_660_5;
const DEVIATION: f32 = 0.308_107_8;

network! {
    /// The network of `examples/lenet.rs`, which trains it and writes its weights.
    #[derive(Debug)]
    pub struct LeNet: [28, 28, 1] -> [CLASSES] {
        conv1: Conv2d<_, 6, 5>,
        Relu,
        MaxPool2d<2>,
        conv2: Conv2d<_, 16, 5>,
        Relu,
        MaxPool2d<2>,
        Flatten,
        fc1: Linear<_, 120>,
        Relu,
        fc2: Linear<_, 84>,
        Relu,
        head: Linear<_, CLASSES>,
    }
}

/// An image as the network takes it.
pub type Image = Tensor3<28, 28, 1>;

/// Returns an image of pixels from 0 (black) to 1 (white).
pub fn image(pixels: &[f32; PIXELS]) -> Image {
    let mut image = Image::zeros();
    for (x, pixel) in image.iter_mut().zip(pixels) {
        *x = (pixel - MEAN) / DEVIATION;
    }
    image
}

/// A network with the number of its weights: 1 for the first that were read.
#[derive(Debug)]
pub struct Version {
    pub net: Box<LeNet>,
    pub number: u64,
}

/// The weights of a file, which can be read again while others compute with the old ones.
#[derive(Debug)]
pub struct Model {
    path: PathBuf,
    current: RwLock<Arc<Version>>,
}

impl Model {
    /// Reads the weights.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        let net = Loader::open(path)?.load()?;
        Ok(Model {
            path: path.to_owned(),
            current: RwLock::new(Arc::new(Version { net, number: 1 })),
        })
    }

    /// Returns the network. It stays as it is for as long as somebody holds it.
    pub fn current(&self) -> Arc<Version> {
        Arc::clone(&self.current.read().unwrap_or_else(|held| held.into_inner()))
    }

    /// Reads the file again, and returns the new number. After an error the old weights stay.
    pub fn reload(&self) -> Result<u64, LoadError> {
        let net = Loader::open(&self.path)?.load()?;
        let mut current = self
            .current
            .write()
            .unwrap_or_else(|held| held.into_inner());
        let number = current.number + 1;
        *current = Arc::new(Version { net, number });
        Ok(number)
    }
}
