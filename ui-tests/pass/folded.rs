//! A folded network is as visible and as documented as the first, and unused ones give no warning.
#![forbid(unsafe_code)]
#![deny(missing_docs, missing_debug_implementations, warnings, unused, nonstandard_style)]
#![deny(unreachable_pub, unused_qualifications)]

use shapewright::prelude::*;

pub mod nets {
    //! Networks.
    use shapewright::prelude::*;

    network! {
        /// Four measurements to three classes.
        #[derive(Clone, Debug, PartialEq)]
        #[folded(DocumentedFolded)]
        pub struct Documented: [4] -> [3] {
            /// What it sees.
            #[allow(dead_code)]
            hidden: Linear<_, 10, NoBias>,
            Dropout(0.5),
            norm: BatchNorm1d<_>,
            Repeat<2> { Dropout(0.5), Residual { Relu, Dropout } },
            own: Private,
            head: Linear<_, 3>,
        }
    }

    network! {
        #[folded(PrivateFolded)]
        #[derive(Clone, Debug, PartialEq)]
        struct Private: [10] -> [10] { Linear<_, 10, NoBias>, BatchNorm1d<_> }
    }

    network! {
        #[derive(Debug)]
        #[folded(UnusedFolded)]
        pub(crate) struct Unused: [2] -> [3] as f64 { Linear<_, 3>, BatchNorm1d<_, NoAffine>(1e-3, 0.1), Softmax }
    }
}

network! {
    #[derive(Debug)]
    #[folded(NeverFolded)]
    struct Never: [2] -> [3] { Linear<_, 3>, BatchNorm1d<_> }
}

fn main() {
    let folded: Box<nets::DocumentedFolded> = nets::Documented::zeros().folded();
    assert_eq!(folded.hidden.bias, [0.0; 10]);
    assert_eq!(folded, folded.clone());
    let _ = (Never::zeros(), nets::Unused::zeros());
}
