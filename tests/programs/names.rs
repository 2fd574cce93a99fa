//! Names of the user's own that the code of the macro must not pick up.

/// Defines a module with a network of one dense layer, 4 to `N`, after items with a name that the
/// macro's code uses.
macro_rules! beside {
    ($($module:ident: { $($item:item)* })*) => { $(
        mod $module {
            #![allow(dead_code, non_camel_case_types, non_upper_case_globals, unused_macros)]
            use shapewright::Network as _;
            $($item)*

            shapewright::network! {
                #[derive(Clone, Debug, PartialEq)]
                pub struct Net: [4] -> [3] {
                    shapewright::nn::Linear<_, 6>,
                    shapewright::nn::Dropout(0.5),
                    shapewright::nn::Residual { fc: shapewright::nn::Linear<_, 6>, Act },
                    own: Act,
                    head: shapewright::nn::Linear<6, 3, NoBias>,
                }
            }
            use shapewright::nn::Relu as Act;

            #[test]
            fn computes() {
                let net = Net::init(&mut shapewright::rng(0));
                assert_eq!(Net::PARAMS, 30 + 42 + 18);
                assert_eq!(*net.clone(), *net);
                assert!(format!("{net:?}").starts_with("Net { layer_0: "));
                assert!(net.forward(&shapewright::Tensor1::ones()).iter().all(|output| output.is_finite()));
            }
        }
    )* };
}

beside! {
    a_constant_x: { const x: usize = 1; }
    a_constant_y: { const y: usize = 1; }
    a_constant_params: { const params: usize = 1; }
    a_constant_rng: { const rng: u8 = 1; }
    a_constant_run: { const run: &str = "run"; }
    a_constant_call: { const call: usize = 1; }
    a_constant_gradient: { const gradient: usize = 1; }
    a_constant_block: { const block: usize = 1; }
    a_constant_f: { const f: usize = 1; }
    a_constant_len: { const len: usize = 1; }
    a_constant_cx: { const cx: usize = 1; }
    a_constant_from: { const from: usize = 1; const to: usize = 2; }
    a_static_self_like: { static this: usize = 1; static state: usize = 2; }
    a_type_usize: { struct usize; }
    a_type_bool: { struct bool; }
    a_type_f32: { struct f32; }
    a_type_str: { struct str; }
    all_primitive_types: { struct u8; struct u32; struct u64; struct i32; struct f64; struct char; }
    a_type_option: { enum Option { Some, None } }
    a_type_result: { enum Result { Ok, Err } }
    a_type_vec_and_box: { struct Vec; struct Box; struct String; }
    a_trait_clone: { trait Clone {} trait Copy {} trait Debug {} trait PartialEqOther {} }
    a_trait_sized: { trait Sized {} trait Send {} trait Fn {} }
    a_trait_default: { trait Default {} trait Iterator {} trait Into {} trait From {} }
    a_type_network: { struct Network; struct Layer; struct Infer; struct Train; struct Plan; }
    a_type_tensor: { struct Tensor; struct Shape; struct Dims; struct Rank1; struct Sizes; }
    a_type_parameters: { struct Parameters; struct ShapeRule; struct Inferred; struct Needs; }
    a_function_report: { fn report() {} fn sum() {} fn padding() {} fn gap() {} fn hold() {} }
    a_module_core: { mod core {} }
    a_module_std: { mod std {} mod alloc {} }
    a_module_emitted: { mod emitted {} mod kernels {} }
    a_macro_assert: { macro_rules! assert_ne { () => {}; } }
    a_macro_panic: { macro_rules! panic { ($($t:tt)*) => { compile_error!("not this one") }; } }
    a_macro_define: { macro_rules! define { ($($t:tt)*) => { compile_error!("not this one") }; } }
    a_macro_concat: { macro_rules! concat { () => {}; } macro_rules! stringify { () => {}; } }
    a_constant_infer: { const INFER: usize = 0; const DIMS0: usize = 0; const PLAN: usize = 0; }
    a_generic_t: { struct T; struct R; struct S; struct In; struct Out; struct Input; struct Output; }
}

/// The user's own `assert!`, which shadows that of the standard library in the whole module.
mod own_assert {
    #[allow(unused_macros)]
    macro_rules! assert {
        ($($t:tt)*) => {
            compile_error!("the library used the user's own `assert!`")
        };
    }
    #[allow(unused_macros)]
    macro_rules! assert_eq {
        ($($t:tt)*) => {
            compile_error!("the library used the user's own `assert_eq!`")
        };
    }
    #[allow(unused_macros)]
    macro_rules! debug_assert {
        ($($t:tt)*) => {
            compile_error!("the library used the user's own `debug_assert!`")
        };
    }

    use shapewright::prelude::*;

    network! { struct Net: [4] -> [2] { fc: Linear<_, 2>, Softmax } }

    #[derive(Clone, Parameters)]
    #[repr(C)]
    struct Own {
        scale: [f32; 2],
    }

    #[test]
    fn layer_names_weights_and_parameters_are_used() {
        let own = Own { scale: [2.0; 2] };
        let group = layer!(Net, fc.bias);
        let state = Sgd::new(own.scale[0] as f64).state::<Net>().freeze(group);
        drop(state);
    }
}

/// Names of fields and layers.
mod fields {
    use shapewright::prelude::*;

    network! {
        pub struct Fields: [2] -> [2] {
            x: Linear<_, 2>, y: Linear<_, 2>, params: Linear<_, 2>, run: Linear<_, 2>,
            r#type: Linear<_, 2>, r#fn: Linear<_, 2>, len: Linear<_, 2>, call: Linear<_, 2>,
            gradient: Linear<_, 2>, __params: Linear<_, 2>, layer_0: Linear<_, 2>,
            _private: Linear<_, 2>,
        }
    }

    #[test]
    fn are_the_users() {
        let fields = Fields::zeros();
        assert_eq!(fields.x.bias, fields.r#type.bias);
        assert_eq!(fields._private.bias, [0.0; 2]);
        assert_eq!(Fields::PARAMS, 12 * 6);
    }
}

/// Constants as sizes, with names that the macro's code uses.
mod sizes_called_like_variables {
    #![allow(non_upper_case_globals)]
    use shapewright::prelude::*;

    const x: usize = 2;
    const params: usize = 3;
    const usize_: usize = 4;
    const run: usize = 5;
    const P: f64 = 0.25;
    network! {
        struct Net: [x] -> [run] { Linear<x, params>, Dropout(P), Linear<_, usize_>, Linear<_, { run }> }
    }

    #[test]
    fn are_sizes() {
        assert_eq!(Net::PARAMS, 9 + 16 + 25);
    }
}

/// Networks that have the names of things in the library and in its macro.
mod networks_called_like_types {
    use shapewright::{Network as _, network, nn};

    network! { pub struct Network: [1] -> [1] { nn::Relu } }
    network! { pub struct Tensor: [1] -> [1] { nn::Relu } }
    network! { pub struct Linear: [1] -> [1] { nn::Linear<_, 1> } }
    network! { pub struct Option: [1] -> [1] { inner: Network, self::Linear } }
    #[allow(non_camel_case_types)]
    mod lower {
        use shapewright::{network, nn};
        network! { pub struct lower_case: [1] -> [1] { nn::Tanh } }
    }

    #[test]
    fn are_networks() {
        assert_eq!(Network::PARAMS + Tensor::PARAMS, 0);
        assert_eq!((Linear::PARAMS, Option::PARAMS), (2, 2));
        assert_eq!(lower::lower_case::PARAMS, 0);
    }
}
