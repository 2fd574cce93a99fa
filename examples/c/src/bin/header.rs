//! Prints the header of the networks.

use digits_for_c::{LeNet, TwoInputs};
use shapewright::prelude::*;

fn main() {
    print!("{}\n{}", LeNet::c_header(), TwoInputs::c_header());
}
