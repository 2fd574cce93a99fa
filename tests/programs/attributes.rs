//! Attributes on networks and layers.

/// A network with an attribute; `uses` says whether it is there.
macro_rules! with {
    ($($module:ident: $(#[$attr:meta])+ $(=> $uses:tt)?)*) => { $(
        mod $module {
            #[allow(unused_imports)]
            use shapewright::prelude::*;

            network! {
                $(#[$attr])+
                pub struct Net: [4] -> [3] {
                    Linear<_, 8>,
                    Residual { inner: Linear<_, 8>, Tanh },
                    head: Linear<_, 3>,
                }
            }
            $(with! { @test $uses })?
        }
    )* };
    (@test { $($body:tt)* }) => {
        #[test]
        #[allow(deprecated)]
        fn does_what_it_says() { $($body)* }
    };
}

with! {
    cfg_on: #[cfg(not(any()))] #[derive(Clone, Debug)] => { assert_eq!(Net::PARAMS, 40 + 72 + 27); }
    cfg_off: #[cfg(any())] #[derive(Clone, Debug)]
    cfg_test: #[cfg(test)] => { assert_eq!(Net::PARAMS, 40 + 72 + 27); }
    cfg_feature: #[cfg(feature = "std")] => { assert_eq!(Net::PARAMS, 40 + 72 + 27); }
    two_cfgs: #[cfg(test)] #[cfg(any(unix, windows))] => { assert_eq!(Net::NAME, "Net"); }
    cfg_attr_derive: #[cfg_attr(test, derive(Clone, Debug, PartialEq))] => {
        let net = Net::init(&mut shapewright::rng(0));
        assert_eq!(*net.clone(), *net);
        assert!(format!("{net:?}").contains("layer_1: "));
        fn is_copy<T: Copy>() {}
        is_copy::<Net>();
    }
    cfg_attr_derive_off: #[cfg_attr(any(), derive(Clone, Debug, PartialEq, Serialize))] => { assert_eq!(Net::NAME, "Net"); }
    cfg_attr_twice: #[cfg_attr(test, derive(Clone))] #[cfg_attr(any(), derive(Clone))] => {
        let net = Net::zeros();
        assert_eq!(net.clone().params(), net.params());
    }
    cfg_attr_of_doc: #[cfg_attr(test, doc = "A network.", allow(dead_code))] => { assert_eq!(Net::NAME, "Net"); }
    cfg_attr_of_deprecated: #[cfg_attr(test, deprecated)] => { assert_eq!(Net::PARAMS, 139); }
    deprecated: #[deprecated] #[derive(Clone, Debug, PartialEq)] => { assert_eq!(Net::PARAMS, 139); }
    deprecated_with_note: #[deprecated(since = "1.0.0", note = "use another")] => { assert_eq!(Net::NAME, "Net"); }
    must_use: #[must_use] => { assert_eq!(Net::NAME, "Net"); }
    non_exhaustive: #[non_exhaustive] => { assert_eq!(Net::NAME, "Net"); }
    doc_hidden: #[doc(hidden)] #[doc(alias = "mlp")] => { assert_eq!(Net::NAME, "Net"); }
    doc_of_a_macro: #[doc = concat!("A network ", "of two.")] => { assert_eq!(Net::NAME, "Net"); }
    allow: #[allow(dead_code, clippy::pedantic)] => { assert_eq!(Net::NAME, "Net"); }
    deny: #[deny(warnings, unused, clippy::all)] => { assert_eq!(Net::NAME, "Net"); }
    derives: #[derive(Clone, Copy, Debug, PartialEq)] => { assert_eq!(Net::NAME, "Net"); }
    derives_by_path: #[derive(std::clone::Clone, core::fmt::Debug, ::core::cmp::PartialEq)] => {
        assert_eq!(*Net::zeros(), *Net::zeros());
    }
    several_derives: #[derive(Clone)] #[derive(Debug)] #[derive(PartialEq)] => {
        assert_eq!(*Net::zeros(), *Net::zeros());
    }
}

/// An expectation that the network meets.
mod expect {
    use shapewright::prelude::*;

    network! {
        #[expect(dead_code, non_camel_case_types, reason = "for later")]
        struct resnet_18: [4] -> [3] { Linear<_, 3> }
    }
}

/// Attributes on a network that has a folded one.
mod folded {
    use shapewright::prelude::*;

    network! {
        #[cfg(test)]
        #[derive(Clone, Debug)]
        #[folded(Folded)]
        pub struct Net: [4] -> [3] { fc: Linear<_, 3>, BatchNorm1d<_> }
    }
    network! {
        #[cfg(any())]
        #[folded(OffFolded)]
        pub struct Off: [4] -> [3] { fc: Linear<_, 3>, BatchNorm1d<_> }
    }
    network! {
        #[expect(dead_code)]
        #[folded(UnusedFolded)]
        struct Unused: [4] -> [3] { fc: Linear<_, 3>, BatchNorm1d<_> }
    }
    mod deprecated {
        #![allow(deprecated)]
        use shapewright::prelude::*;
        network! {
            #[deprecated]
            #[folded(OldFolded)]
            pub struct Old: [4] -> [3] { fc: Linear<_, 3>, BatchNorm1d<_> }
        }
    }

    #[test]
    fn has_them_as_well() {
        assert_eq!(Net::zeros().folded().params().len() % 16, 0);
    }
}

/// Attributes on layers.
mod layers {
    use shapewright::prelude::*;

    network! {
        #[derive(Debug)]
        pub struct Net: [4] -> [3] {
            /// The first.
            #[allow(dead_code)]
            first: Linear<_, 4>,
            #[doc(hidden)]
            second: Linear<_, 4>,
            #[deprecated = "use the second"]
            third: Linear<_, 4>,
            #[doc = "The last."]
            #[tied(first)]
            fourth: Linear<_, 4>,
            Linear<_, 3>,
        }
    }

    #[test]
    fn are_on_the_fields() {
        assert_eq!(Net::zeros().second.bias, [0.0; 4]);
    }
}
