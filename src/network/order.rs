//! The order of features in weight files.
//!
//! Images have their channels last here and first in PyTorch. Flattened, their features are in another order, and so
//! are the parameters of the layer behind, of which there is one for each feature.

use super::layer::{Compute, Flow};
use crate::tensor::{Element, Shape};

/// In which order a tensor of the network would be in PyTorch.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Order {
    /// A layer before worked on channels, so that sequences have theirs first as well.
    channels: bool,
    /// How many pixels a flattened image has; 1 if the order is the same.
    pixels: usize,
}

impl Order {
    /// That of what a network is given.
    pub const START: Order = Order { channels: false, pixels: 1 };

    /// How many pixels each channel has, of an image that was flattened; 1 for others.
    pub const fn pixels(self) -> usize {
        self.pixels
    }

    /// The order of what a layer gives, from that of what it is given.
    pub const fn after<L: Compute<In, Out, T>, In: Shape, Out: Shape, T: Element>(self) -> Order {
        let channels = self.channels || L::CHANNELS;
        let (from, to) = (In::DIMS.sizes().len(), Out::DIMS.sizes().len());
        let keeps = matches!(L::FLOW, Flow::InPlace)
            || L::KEEPS_ORDER
            || (matches!(L::FLOW, Flow::View) && from == 1);
        let is_image = from == 3 || (from == 2 && channels);
        let pixels = if to != 1 {
            1
        } else if keeps {
            self.pixels
        } else if matches!(L::FLOW, Flow::View) && is_image && In::LEN > 0 {
            match In::DIMS.last() {
                Some(last) => In::LEN / last,
                None => 1,
            }
        } else {
            1
        };
        Order { channels, pixels }
    }
}
