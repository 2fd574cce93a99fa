//! Weight files: saving and loading, parts and names, damaged files, and files inside the program.
#![cfg(feature = "safetensors")]

use std::path::PathBuf;

use crate::common::bits;
use crate::common::reference::{cases, expected, tolerance};
use num_traits::One;
use shapewright::data::{Imputer, MinMaxScaler, StandardScaler};
use shapewright::prelude::*;
use shapewright::weights::{DifferenceKind, LoadError, LoadErrorKind, Loader, Saver};
use shapewright::{
    ext::{
        BackwardInput, BackwardParams, FeatureOrder, Forward, Infer, Inferred, Layer, ShapeRule,
        Train,
    },
    include_weights,
    tensor::{Element, Rank1, Rank2},
};

network! { #[derive(Clone)] struct Encoder: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { #[derive(Clone)] struct Net: [4] -> [3] { encoder: Encoder, Relu, Linear<_, 3, NoBias> } }
network! { struct Encoder64: [4] -> [8] as f64 { fc: Linear<_, 8>, Tanh } }
network! { struct Net64: [4] -> [3] as f64 { encoder: Encoder64, Relu, Linear<_, 3, NoBias> } }

fn net() -> Box<Net> {
    Net::init(&mut shapewright::rng(1))
}

/// Returns the path of a file in a folder of its own.
fn place(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("shapewright-weights-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder.join("net.safetensors")
}

/// Returns a file with this header and these bytes of data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// Returns the error of loading a file, and checks that the network stays as it was.
#[track_caller]
fn refused(bytes: &[u8]) -> LoadError {
    let mut network = net();
    let before = bits(network.params());
    let error = Loader::from_bytes(bytes)
        .and_then(|loader| network.load_from(&loader))
        .expect_err("an error");
    assert_eq!(bits(network.params()), before);
    error
}

#[test]
fn pytorchs_files_give_its_outputs() {
    let case = &cases("weights.json")[0];
    let path = format!(
        "{}/tests/reference/weights.safetensors",
        env!("CARGO_MANIFEST_DIR")
    );

    fn check<N: Trainable>(path: &str, case: &serde_json::Value) {
        let mut net = N::zeros();
        net.load(path).expect("PyTorch's weights");

        let x = crate::common::tensors(&expected(case, "x"));
        let mut y = vec![Tensor::zeros(); x.len()];
        net.forward_batch(&x, &mut y);
        let tolerance = tolerance::<N::Element>(case);
        crate::common::assert_close("y", Tensor::flatten(&y), &expected(case, "y"), tolerance);
    }

    check::<Net>(&path, case);
    check::<Net64>(&path, case);

    let loader = Loader::open(&path).expect("a file");
    assert_eq!(loader.metadata()["note"], "a \"quoted\" é");
    let tensors: Vec<_> = loader
        .tensors()
        .map(|(name, dtype, sizes)| format!("{name} {dtype} {sizes:?}"))
        .collect();
    assert_eq!(
        tensors,
        [
            "2.weight F32 [3, 8]",
            "encoder.fc.bias F32 [8]",
            "encoder.fc.weight F32 [8, 4]"
        ]
    );
}

#[test]
fn all_types_of_floats_are_converted() {
    let types = &cases("weights.json")[0]["types"];
    let path = format!(
        "{}/tests/reference/weights_types.safetensors",
        env!("CARGO_MANIFEST_DIR")
    );
    let loader = || {
        Loader::open(&path)
            .expect("a file")
            .only(|name| name != "steps")
    };

    let (mut single, mut double) = (Net::zeros(), Net64::zeros());
    single.load_from(&loader()).expect("weights");
    double.load_from(&loader()).expect("weights");

    let numbers = |name: &str, outs: usize| -> Vec<f64> {
        let numbers = types[name].as_array().expect("numbers").iter();
        let numbers: Vec<f64> = numbers
            .map(|x| x.as_str().and_then(|x| x.parse().ok()).expect("a number"))
            .collect();
        if outs > 0 {
            crate::common::reference::transposed(&numbers, outs)
        } else {
            numbers
        }
    };

    let mut seen = 0;
    double.for_each_param(|name, sizes, values| {
        assert_eq!(
            bits(values),
            bits(&numbers(name, sizes.get(1).map_or(0, |&outs| outs))),
            "{name}"
        );
        seen += 1;
    });
    assert_eq!(seen, 3);

    single.for_each_param(|name, sizes, values| {
        let rounded: Vec<f32> = numbers(name, sizes.get(1).map_or(0, |&outs| outs))
            .iter()
            .map(|&x| x as f32)
            .collect();
        assert_eq!(bits(values), bits(&rounded), "{name}");
    });

    // The network takes no other tensor, whatever its name.
    let error = single.load_from(
        &Loader::open(&path)
            .expect("a file")
            .rename(|name| match name {
                "steps" => Some("2.weight".to_owned()),
                "2.weight" => None,
                name => Some(name.to_owned()),
            }),
    );
    let text = error.expect_err("an integer").to_string();
    assert!(
        text.contains("- `2.weight` has the shape [], but the network takes [3, 8]\n"),
        "{text}"
    );
}

#[test]
fn saving_and_loading_keeps_every_bit() {
    fn check<N: Trainable>(seed: u64) {
        let mut net = N::init(&mut shapewright::rng(seed));
        net.params_mut()[3] = N::Element::from_f64_lossy(-0.0);
        net.params_mut()[5] = num_traits::Float::infinity();
        let file = net.to_safetensors(&[]);

        // At an odd address, too.
        let moved: Vec<u8> = [0; 3].into_iter().chain(file.iter().copied()).collect();
        for bytes in [&file[..], &moved[3..]] {
            let mut other = N::zeros();
            other
                .load_from(&Loader::from_bytes(bytes).expect("a file"))
                .expect("weights");
            assert_eq!(bits(other.params()), bits(net.params()));
        }
    }

    check::<Net>(1);
    check::<Net64>(2);

    // The bits of a NaN, too.
    let mut net = net();
    net.encoder.fc.weight[2][5] = f32::from_bits(0x7f80_0123);
    let mut other = Net::zeros();
    other
        .load_from(&Loader::from_bytes(&net.to_safetensors(&[])).expect("a file"))
        .expect("weights");
    assert_eq!(other.encoder.fc.weight[2][5].to_bits(), 0x7f80_0123);
}

#[test]
fn files_have_the_layout_of_pytorch() {
    network! { struct Two: [2] -> [3] { Linear<_, 3> } }
    let mut two = Two::zeros();
    two.layer_0.weight = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
    two.layer_0.bias = [7.0, 8.0, 9.0];

    let numbers: Vec<u8> = [1f32, 4.0, 2.0, 5.0, 3.0, 6.0, 7.0, 8.0, 9.0]
        .iter()
        .flat_map(|x| x.to_le_bytes())
        .collect();

    let header = r#"{"__metadata__":{"shapewright":"1","a\"\u000a":"é\\"},"0.weight":{"dtype":"F32","shape":[3, 2],"data_offsets":[0,24]},"0.bias":{"dtype":"F32","shape":[3],"data_offsets":[24,36]}}"#;
    let padding = " ".repeat(header.len().next_multiple_of(8) - header.len());
    let written = two.to_safetensors(&[("a\"\n", "é\\")]);
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&file(&(header.to_owned() + &padding), &numbers))
    );
    assert_eq!(
        Loader::from_bytes(&written).expect("a file").metadata()["a\"\n"],
        "é\\"
    );

    let halves = file(r#"{"__metadata__":{"a":"\ud83d\ude00\t\/"}}"#, &[]);
    assert_eq!(
        Loader::from_bytes(&halves).expect("a file").metadata()["a"],
        "\u{1f600}\t/"
    );

    // Another order, other spaces, and escapes.
    let header = "{\"0.\\u0062i\\u0061s\" : {\"shape\":[ 3 ],\n\"data_offsets\":[24,36],\"dtype\":\"F32\"} ,\t\
                  \"0.weight\":{\"dtype\":\"F32\",\"data_offsets\":[0,24],\"shape\":[3,2]}}   \r\n";
    let mut other = Two::zeros();
    other
        .load_from(&Loader::from_bytes(&file(header, &numbers)).expect("a file"))
        .expect("weights");
    assert_eq!(other.params(), two.params());
}

/// A custom layer with several tensors, two of which have other axes in files.
struct Own;

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct OwnParams {
    plain: [[f32; 3]; 2],
    #[params(axes(2, 0, 1))]
    turned: [[[f32; 4]; 3]; 2],
    #[params(axes(0, 2, 1))]
    inner: [[[f32; 2]; 3]; 2],
    r#type: f32,
    heads: [Head; 2],
}

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Head {
    #[params(axes(1, 0))]
    key: [[f32; 2]; 3],
    scale: f32,
}

impl<In: Shape> ShapeRule<In> for Own {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl Layer<f32> for Own {
    type Config = ();
    type Params = OwnParams;
}
impl<S: Shape> Infer<S, S, f32> for Own {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(_: Forward<'_, Self, S, S, f32>) {}
}

impl<S: Shape> Train<S, S, f32> for Own {
    const READS_OUTPUT: bool = false;
    fn backward_input(_: BackwardInput<'_, Self, S, S, f32>) {}
}
network! { struct WithOwn: [2] -> [2] { Linear<_, 2>, own: Own } }

#[test]
fn layers_of_ones_own_say_how_files_have_them() {
    let mut net = WithOwn::zeros();
    for (i, x) in net.own.as_mut_slice().iter_mut().enumerate() {
        *x = i as f32;
    }
    let written = net.to_safetensors(&[]);
    let loader = Loader::from_bytes(&written).expect("a file");
    let shapes: Vec<_> = loader
        .tensors()
        .map(|(name, _, sizes)| format!("{name} {sizes:?}"))
        .collect();
    let wanted = [
        "0.bias [2]",
        "0.weight [2, 2]",
        "own.heads.0.key [2, 3]",
        "own.heads.0.scale []",
        "own.heads.1.key [2, 3]",
        "own.heads.1.scale []",
        "own.inner [2, 2, 3]",
        "own.plain [2, 3]",
        "own.turned [4, 2, 3]",
        "own.type []",
    ];
    assert_eq!(shapes, wanted);
    // The numbers of `own` are the last in the file, tensor after tensor.
    let numbers: Vec<f32> = written[written.len() - 4 * 57..]
        .as_chunks()
        .0
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect();
    let mut expected = Vec::new();
    expected.extend((0..6).map(|i| i as f32));
    for c in 0..4 {
        expected.extend((0..6).map(|ab| (6 + ab * 4 + c) as f32));
    }
    for (a, c) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        expected.extend((0..3).map(|b| (30 + a * 6 + b * 2 + c) as f32));
    }
    expected.push(42.0);
    for first in [43, 50] {
        expected.extend([0, 2, 4, 1, 3, 5, 6].map(|i| (first + i) as f32));
    }
    assert_eq!(numbers, expected);
    let mut other = WithOwn::zeros();
    other.load_from(&loader).expect("weights");
    assert_eq!(other.params(), net.params());
    // Included weights are the same.
    const COUNT: usize = shapewright::emitted::count::<WithOwn>();
    let constant = shapewright::emitted::included::<WithOwn, COUNT>("own", &written);
    assert_eq!(constant.params(), net.params());
}

/// More parts without numbers than any loop can visit.
struct Hollow;

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct HollowParams {
    before: f32,
    units: [(); 1 << 40],
    structs: [[Empty; 1 << 20]; 1 << 20],
    last_empty: [[[f32; 0]; 1 << 40]; 1 << 40],
    #[params(axes(2, 1, 0))]
    first_in_file: [[[f32; 0]; 1 << 40]; 1 << 40],
    after: f32,
}

#[derive(Clone, Copy, Parameters)]
#[repr(C)]
struct Empty {
    nothing: [f32; 0],
}

impl<In: Shape> ShapeRule<In> for Hollow {
    const OUTPUT: Inferred = Inferred::shape(In::DIMS);
}
impl Layer<f32> for Hollow {
    type Config = ();
    type Params = HollowParams;
}
impl<S: Shape> Infer<S, S, f32> for Hollow {
    const ORDER: FeatureOrder = FeatureOrder::Keeps;
    fn forward(call: Forward<'_, Self, S, S, f32>) {
        let Forward { x, y, .. } = call;
        y.copy_from_slice(x);
    }
}

impl<S: Shape> Train<S, S, f32> for Hollow {
    const READS_OUTPUT: bool = false;
    fn backward_input(call: BackwardInput<'_, Self, S, S, f32>) {
        let BackwardInput { dy, dx, .. } = call;
        if let Some(dx) = dx {
            dx.copy_from_slice(dy);
        }
    }
    fn backward_params(call: BackwardParams<'_, Self, S, S, f32>) {
        let BackwardParams { gradient, .. } = call;
        (gradient.before, gradient.after) = (1.0, 2.0);
    }
}
network! { struct WithHollow: [2] -> [2] { hollow: Hollow, fc: Linear<_, 2> } }

#[test]
fn parts_without_numbers_are_passed_over() {
    let mut net = WithHollow::init(&mut shapewright::rng(3));
    let mut names = Vec::new();
    net.for_each_param(|name, _, _| names.push(name.to_owned()));
    let wanted = [
        "hollow.before",
        "hollow.last_empty",
        "hollow.first_in_file",
        "hollow.after",
        "fc.weight",
        "fc.bias",
    ];
    assert_eq!(names, wanted);

    let mut workspace = WithHollow::workspace();
    let mut gradient = WithHollow::zeros();
    let inputs = [Tensor1::ones()];
    let mut pass = net.forward_train(&inputs, &mut workspace);
    pass.loss(&Mse, &[Tensor1::zeros()]);
    pass.backward(&mut gradient);
    Sgd::new(0.5)
        .state::<WithHollow>()
        .step(&mut net, &gradient);
    assert_eq!((net.hollow.before, net.hollow.after), (-0.5, -1.0));

    let written = net.to_safetensors(&[]);
    let loader = Loader::from_bytes(&written).expect("a file");
    let mut other = WithHollow::zeros();
    other.load_from(&loader).expect("weights");
    assert_eq!(other.params(), net.params());
    const COUNT: usize = shapewright::emitted::count::<WithHollow>();
    let constant = shapewright::emitted::included::<WithHollow, COUNT>("hollow", &written);
    assert_eq!(constant.params(), net.params());
}

#[test]
fn parts_are_loaded_under_other_names() {
    let (old, fresh) = (net(), Net::init(&mut shapewright::rng(5)));
    let bytes = old.to_safetensors(&[]);
    let loader = || Loader::from_bytes(&bytes).expect("a file");

    // The bias alone.
    let mut new = fresh.clone();
    new.load_from(&loader().only(|name| name.ends_with("bias")))
        .expect("weights");
    assert_eq!(
        (new.encoder.fc.bias, new.encoder.fc.weight),
        (old.encoder.fc.bias, fresh.encoder.fc.weight)
    );

    // A nested network alone.
    let mut new = fresh.clone();
    new.encoder
        .load_from(&loader().rename(|name| name.strip_prefix("encoder.").map(str::to_owned)))
        .expect("weights");
    assert_eq!(
        (new.encoder.params(), new.layer_2),
        (old.encoder.params(), fresh.layer_2)
    );

    // A nested network's own file, into the whole network.
    let encoder = old.encoder.to_safetensors(&[]);
    let mut new = fresh.clone();
    let loader_of_encoder = Loader::from_bytes(&encoder)
        .expect("a file")
        .only(|name| name.starts_with("encoder."))
        .rename(|name| format!("encoder.{name}"));
    new.load_from(&loader_of_encoder).expect("weights");
    assert_eq!(
        (new.encoder.params(), new.layer_2),
        (old.encoder.params(), fresh.layer_2)
    );

    // Mistakes.
    let mut new = fresh.clone();
    let error = new.load_from(&loader().only(|name| name.starts_with("encode.")));
    assert!(
        matches!(
            error,
            Err(LoadError {
                kind: LoadErrorKind::Nothing,
                ..
            })
        ),
        "{error:?}"
    );

    let error = new
        .load_from(&loader().rename(|_| "2.weight".to_owned()))
        .expect_err("names");
    assert!(
        error
            .to_string()
            .contains("\n- `2.weight` is there more than once; "),
        "{error}"
    );

    assert_eq!(new.params(), fresh.params());
}

#[test]
fn all_differences_come_at_once() {
    network! { struct Other: [4] -> [5] { encoder: Encoder, Linear<_, 8, NoBias>, head: Linear<_, 5> } }
    network! { struct Flat: [8] -> [4] { fc: Linear<_, 4> } }
    let error = refused(&Other::zeros().to_safetensors(&[]));
    let wanted = "\
the weights do not fit the network, which stays as it was; in the shapes of files, which are PyTorch's:
- `1.weight`, [8, 8], is none of the network's
- `2.weight` is missing; the network takes [3, 8]
- `head.bias`, [5], is none of the network's
- `head.weight`, [5, 8], is none of the network's
Names can be changed with `Loader::rename` and `rename_patterns`, and tensors left out with `only`, `allow_missing` and `allow_unused`.";
    assert_eq!(error.to_string(), wanted);
    let LoadErrorKind::Differs(differences) = error.kind else {
        panic!("{error:?}")
    };
    assert!(
        matches!(differences[1].kind, DifferenceKind::Missing { expected } if expected.sizes() == [3, 8])
    );
    let flat = Flat::zeros().to_safetensors(&[]);
    let mut encoder = Encoder::zeros();
    let error = encoder
        .load_from(&Loader::from_bytes(&flat).expect("a file"))
        .expect_err("shapes")
        .to_string();
    let line = "- `fc.weight` has the shape [4, 8], but the network takes [8, 4]; the file has it transposed\n";
    assert!(
        error.contains(line)
            && error.contains("- `fc.bias` has the shape [4], but the network takes [8]\n")
    );
    let header = r#"{"fc.bias":{"dtype":"I32","shape":[8],"data_offsets":[0,32]},"fc.weight":{"dtype":"NEW","shape":[8,4],"data_offsets":[32,33]}}"#;
    let integers = file(header, &[0; 33]);
    let error = encoder
        .load_from(&Loader::from_bytes(&integers).expect("a file"))
        .expect_err("types")
        .to_string();
    assert!(
        error.contains("- `fc.bias` is of I32; convert it to F32, F64, F16 or BF16\n"),
        "{error}"
    );
    assert!(
        error.contains("- `fc.weight` is of an unknown type; convert it"),
        "{error}"
    );
}

#[test]
fn damaged_files_are_refused() {
    let whole = net().to_safetensors(&[("k", "v")]);
    for len in 0..whole.len() {
        assert!(
            matches!(refused(&whole[..len]).kind, LoadErrorKind::Damaged(_)),
            "cut off at {len}"
        );
    }
    refused(&[&whole[..], &[0]].concat());

    let tensor = |name: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#)
    };
    let headers = [
        ("", "does not begin"),
        (" {}", "does not begin"),
        ("[]", "does not begin"),
        ("{}x", "follows the end"),
        ("{", "expected `\"`"),
        ("{\"a", "no end"),
        ("{\"a\\", "no end"),
        ("{\"a\\\"", "no end"),
        ("{\"a\n\"", "control character"),
        ("{\"a\"}", "expected `:`"),
        ("{\"a\":1}", "in `{`"),
        ("{\"a\":{}}", "lacks"),
        ("{\"__metadata__\":1}", "metadata in `{`"),
        ("{\"__metadata__\":{\"a\":1}}", "expected `\"`"),
        ("{\"__metadata__\":{\"a\":\"\\x\"}}", "wrong escape"),
        (
            "{\"__metadata__\":{\"a\":\"\\ud800\\u0041\"}}",
            "wrong escape",
        ),
        ("{\"__metadata__\":{\"a\":\"\\u00é\"}}", "wrong escape"),
        (
            "{\"__metadata__\":{\"a\":\"\\ud83d--de00\"}}",
            "wrong escape",
        ),
        (&format!("{{{},}}", tensor("a", "[0,8]")), "expected `\"`"),
        (&format!("{{{}}}", tensor("a", "[0,9]")), "beyond|file ends"),
        (&format!("{{{}}}", tensor("a", "[0,7]")), "as far apart"),
        (
            r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#,
            "as far apart",
        ),
        (&format!("{{{}}}", tensor("a", "[8,0]")), "before it begins"),
        (&format!("{{{}}}", tensor("a", "[0]")), "two numbers"),
        (&format!("{{{}}}", tensor("a", "[0,-8]")), "whole number"),
        (&format!("{{{}}}", tensor("a", "[00,8]")), "begins with 0"),
        (
            r#"{"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}}"#,
            "begins with 0",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[000],"data_offsets":[0,0]}}"#,
            "begins with 0",
        ),
        (
            &format!("{{{}}}", tensor("a", "[0,8.0]")),
            "expected `,` or `]`",
        ),
        (
            &format!("{{{}}}", tensor("a", "[0,99999999999999999999]")),
            "too large",
        ),
        // Numbers that would wrap a position in the file.
        (
            &format!(
                "{{{}}}",
                tensor("a", &format!("[{},{}]", usize::MAX - 8, usize::MAX))
            ),
            "file ends",
        ),
        (
            &format!("{{{}}}", tensor("a", &format!("[0,{}]", usize::MAX))),
            "file ends",
        ),
        (
            &format!(
                r#"{{"a":{{"dtype":"F32","shape":[{}],"data_offsets":[0,8]}}}}"#,
                usize::MAX
            ),
            "as far apart",
        ),
        (
            &format!("{{{},{}}}", tensor("a", "[0,8]"), tensor("b", "[0,8]")),
            "exactly once",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#,
            "as far apart",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}"#,
            "8 axes",
        ),
        (
            r#"{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#,
            "each once",
        ),
        (
            r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"b":1}}"#,
            "nothing else",
        ),
    ];

    for (header, what) in headers {
        let error = refused(&file(header, &[0; 8]));
        let LoadErrorKind::Damaged(found) = &error.kind else {
            panic!("{header}: {error}")
        };

        assert!(
            what.split('|').any(|what| found.contains(what)),
            "{header}: {error}"
        );
    }

    let two = |name, begin| {
        file(
            &format!("{{{},{}}}", tensor("a", "[4,12]"), tensor(name, begin)),
            &[0; 16],
        )
    };

    assert!(
        refused(&two("a", "[4,12]"))
            .to_string()
            .contains("the same name")
    );
    assert!(
        refused(&two("\\u0061", "[4,12]"))
            .to_string()
            .contains("the same name")
    );
    assert!(refused(&two("b", "[8,16]")).to_string().contains("overlap"));

    assert!(
        refused(&file("{\"\u{e9}", &[])[..11])
            .to_string()
            .contains("longer than the file")
    );
    assert!(refused(&file("{}", &[])).to_string().contains("is missing"));
    assert!(
        refused(&[0xff; 24])
            .to_string()
            .contains("longer than the file")
    );

    let mut not_text = file("{\"ab", &[0; 8]);
    not_text[10] = 0xff;
    assert!(
        refused(&not_text)
            .to_string()
            .contains("not UTF-8 (byte 10)")
    );
}

#[test]
fn files_of_another_form_are_refused() {
    let whole = net().to_safetensors(&[("a", "b")]);
    let loader = Loader::from_bytes(&whole).expect("this version's form");
    assert_eq!(loader.metadata().keys().collect::<Vec<_>>(), ["a"]);

    let error = refused(&of_another_form());
    let LoadErrorKind::Version { expected, found } = &error.kind else {
        panic!("{error}");
    };
    assert_eq!((*expected, &**found), ("1", "2"));
    assert_eq!(
        error.to_string(),
        "the weights can't be read: the file has the form 2 of this crate's weight files, but this version reads 1; \
         read it with the version that wrote it"
    );
    // Files of other programs have no version number.
    let others = file(r#"{"__metadata__":{"format":"pt"}}"#, &[]);
    assert!(Loader::from_bytes(&others).is_ok());
}

fn of_another_form() -> Vec<u8> {
    let mut whole = net().to_safetensors(&[]);
    let number = br#""shapewright":"1"#;
    let at = whole.windows(number.len()).position(|text| text == number);
    whole[at.expect("the number of the form") + number.len() - 1] = b'2';
    whole
}

#[test]
#[should_panic(expected = "`net` has the form 2 of this crate's weight files")]
fn constants_of_another_form_are_refused() {
    const COUNT: usize = shapewright::emitted::count::<Net>();
    shapewright::emitted::included::<Net, COUNT>("net", &of_another_form());
}

#[test]
#[should_panic(expected = "take another key")]
fn the_key_of_the_format_version_is_reserved() {
    net().to_safetensors(&[("shapewright", "1")]);
}

#[test]
fn files_are_written_whole_or_not_at_all() {
    let path = place("save");
    let folder = path.parent().expect("a folder");
    let (one, two) = (net(), Net::init(&mut shapewright::rng(8)));

    one.save(&path).expect("a file");
    two.save_with(&path, &[("epoch", "3")])
        .expect("a file in its place");
    let mut read = Net::zeros();
    read.load(&path).expect("weights");
    assert_eq!(read.params(), two.params());
    let files = || std::fs::read_dir(folder).expect("a folder").count();
    assert_eq!(files(), 1);

    // A folder can't be replaced by a file, and the temporary file is removed.
    let taken = folder.join("taken");
    std::fs::create_dir(&taken).expect("a folder");
    let error = one.save(&taken).expect_err("a folder is there");
    let (error, place) = (error.to_string(), taken.display().to_string());
    assert!(
        error.starts_with(&format!("the weights can't be written to `{place}`: ")),
        "{error}"
    );
    assert_eq!(error.matches(&place).count(), 1, "{error}");
    assert_eq!(files(), 2);
    assert!(one.save(folder.join("no/such/folder")).is_err() && one.save("..").is_err());

    let missing = folder.join("missing");
    let error = read.load(&missing).expect_err("no file").to_string();
    assert!(
        error.starts_with(&format!(
            "the weights of `{}` can't be read: ",
            missing.display()
        )),
        "{error}"
    );

    std::fs::write(&missing, "no weights").expect("a file");
    let error = read.load(&missing).expect_err("no weights").to_string();
    assert!(
        error.contains(&format!(
            "of `{}` are damaged or no safetensors file",
            missing.display()
        )),
        "{error}"
    );

    assert_eq!(read.params(), two.params());
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

#[test]
fn scalers_are_saved_with_the_network() {
    fn check<N: Trainable>(name: &str) {
        let x: Vec<Tensor<Rank2<2, 3>, N::Element>> = crate::common::random(9, 1);
        let standard = StandardScaler::fit(&x).expect("values");
        let range = MinMaxScaler::fit(&x)
            .expect("values")
            .range(-N::Element::one(), N::Element::one());
        let imputer = Imputer::median(&x).expect("values");
        let net = N::init(&mut shapewright::rng(1));
        let path = place(&format!("scalers-{name}"));
        let saver = Saver::new()
            .part("net", &*net)
            .part("before.standard", &standard);
        let saver = saver
            .part("before.range", &range)
            .metadata("a", "b")
            .part("imputer", &imputer);
        saver.metadata("c", "\"").save(&path).expect("a file");

        let loader = Loader::open(&path).expect("a file");
        assert_eq!(
            (&*loader.metadata()["a"], &*loader.metadata()["c"]),
            ("b", "\"")
        );
        let tensors: Vec<_> = loader
            .tensors()
            .map(|(name, _, sizes)| format!("{name} {sizes:?}"))
            .collect();
        let expected = [
            "before.range.high []",
            "before.range.low []",
            "before.range.max [2, 3]",
        ];
        assert_eq!(tensors[..3], expected);
        let same: Box<N> = loader.part("net").load().expect("a network");
        assert_eq!(bits(same.params()), bits(net.params()));
        let mut same = N::zeros();
        same.load_from(&loader.part("net")).expect("a network");
        assert_eq!(bits(same.params()), bits(net.params()));
        let before = loader.part("before");
        let same: Box<StandardScaler<Rank2<2, 3>, N::Element>> =
            before.part("standard").load().expect("a scaler");
        assert_eq!(*same, standard);
        let same: Box<MinMaxScaler<Rank2<2, 3>, N::Element>> =
            before.part("range").load().expect("a scaler");
        assert_eq!(*same, range);
        let same: Box<Imputer<Rank2<2, 3>, N::Element>> =
            loader.part("imputer").load().expect("an imputer");
        assert_eq!(*same, imputer);
        std::fs::remove_dir_all(path.parent().expect("a folder")).expect("the folder goes");
    }
    check::<Net>("f32");
    check::<Net64>("f64");
}

#[test]
fn parts_that_do_not_fit_are_refused_by_their_whole_names() {
    let scaler = StandardScaler {
        mean: Tensor1::from([1.0, 2.0]),
        std: Tensor1::from([3.0, 4.0]),
    };
    let file = Saver::new()
        .part("scaler", &scaler)
        .part("scaler2", &scaler)
        .part("", &*net())
        .to_bytes();

    let loader = Loader::from_bytes(&file).expect("a file");
    let load = |loader: &Loader<'_>| loader.load::<f32, StandardScaler<Rank1<2>>>();
    assert_eq!(*load(&loader.part("scaler")).expect("a scaler"), scaler);

    let says = |error: LoadError, lines: &[&str]| {
        let LoadErrorKind::Differs(differences) = error.kind else {
            panic!("{error}")
        };

        assert_eq!(
            differences
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            lines
        );
    };

    let (mean, std) = (
        "`scale.mean` is missing; the network takes [2]",
        "`scale.std` is missing; the network takes [2]",
    );
    says(
        load(&loader.part("scale")).expect_err("no such part"),
        &[mean, std],
    );

    let error = loader
        .part("scaler")
        .load::<f32, StandardScaler<Rank1<3>>>()
        .expect_err("another size");
    let shape = |name| format!("`scaler.{name}` has the shape [2], but the network takes [3]");
    says(error, &[&shape("mean"), &shape("std")]);

    let error = loader
        .part("scaler")
        .load::<f32, Imputer<Rank1<2>>>()
        .expect_err("another kind");
    let unknown = |name| format!("`scaler.{name}`, [2], is none of the network's");
    says(
        error,
        &[
            "`scaler.fill` is missing; the network takes [2]",
            &unknown("mean"),
            &unknown("std"),
        ],
    );

    // A network without a name next to other parts is chosen with `only`, which gets the whole
    // names.
    let mut other = Net::zeros();
    other
        .load_from(&loader)
        .expect_err("scalers that are not the network's");
    let loader = Loader::from_bytes(&file)
        .expect("a file")
        .only(|name| !name.starts_with("scaler"));
    other.load_from(&loader).expect("weights");
    assert_eq!(bits(other.params()), bits(net().params()));

    assert!(matches!(
        load(&loader.part("scaler")).expect_err("left out").kind,
        LoadErrorKind::Nothing
    ));

    // Renamed first.
    let loader = Loader::from_bytes(&file)
        .expect("a file")
        .rename(|name| name.replacen("scaler2.", "old.", 1));
    assert_eq!(*load(&loader.part("old")).expect("a scaler"), scaler);
}

#[test]
#[should_panic(expected = "two parts of one file are called `a`; give each a name of its own")]
fn two_parts_have_two_names() {
    let scaler = Imputer::<Rank1<2>>::constant(0.0);
    let _ = Saver::new().part("a", &scaler).part("a", &scaler);
}

#[test]
#[should_panic(expected = "two tensors of one file are called `encoder.fc.weight`; ")]
fn two_tensors_have_two_names() {
    let encoder = Encoder::zeros();
    let _ = Saver::new().part("", &*net()).part("encoder", &*encoder);
}

#[test]
#[should_panic(expected = "long/long")]
fn weights_of_a_long_path_are_checked() {
    const COUNT: usize = shapewright::emitted::count::<Net>();
    let encoder = Encoder::zeros().to_safetensors(&[]);
    let _ = shapewright::emitted::included::<Net, COUNT>(&"long/".repeat(300), &encoder);
}

#[test]
#[should_panic(expected = "`8.bias` is missing; the network takes [8]; and 10 more differences")]
fn differences_that_have_no_room_are_counted() {
    network! {
        struct Deep: [4] -> [8] {
            Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>,
            Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>, Linear<_, 8>,
        }
    }
    const COUNT: usize = shapewright::emitted::count::<Deep>();
    let encoder = Encoder::zeros().to_safetensors(&[]);
    let _ = shapewright::emitted::included::<Deep, COUNT>("encoder", &encoder);
}

static INCLUDED: &Net = include_weights!("../reference/weights.safetensors" as Net);

#[test]
fn weights_can_be_a_part_of_the_program() {
    let path = format!(
        "{}/tests/reference/weights.safetensors",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut loaded = Net::zeros();
    loaded.load(path).expect("weights");
    assert_eq!(bits(INCLUDED.params()), bits(loaded.params()));
    assert_eq!(std::ptr::from_ref(INCLUDED).addr() % 64, 0);

    // Weights can be included twice, and converted.
    let double = include_weights!("../reference/weights.safetensors" as Net64);
    let tensors = |net: &[&[f32]]| {
        net.iter()
            .flat_map(|tensor| bits(tensor))
            .collect::<Vec<_>>()
    };

    let mut doubles = Vec::new();
    double.for_each_param(|_, _, values| doubles.extend(bits(values)));
    let Encoder { fc, .. } = &loaded.encoder;
    let weight = loaded.layer_2.weight.as_flattened();
    assert_eq!(
        doubles,
        tensors(&[fc.weight.as_flattened(), &fc.bias, weight])
    );

    const PATH: &Net = include_weights!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/reference/weights.safetensors"
    ) as Net);
    assert_eq!(PATH.params(), INCLUDED.params());
}

mod mutated {
    use super::{Loader, Net, Network, SaveLoad, bits, net};
    use proptest::prelude::*;

    /// Loads arbitrary bytes. Checks that nothing panics, and that after an error the network is as
    /// it was.
    fn load(bytes: &[u8]) {
        let mut network = net();
        let before = bits(network.params());
        let error = Loader::from_bytes(bytes).and_then(|loader| network.load_from(&loader));
        if let Err(error) = error {
            assert!(!error.to_string().is_empty());
            assert_eq!(bits(network.params()), before);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

        #[test]
        fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            load(&bytes);
            load(&super::file(&String::from_utf8_lossy(&bytes), &bytes));
        }

        #[test]
        fn random_json(header in "[{}\\[\\]:,\"\\\\0-9uadtypeshF_ ]{0,60}", data in prop::collection::vec(any::<u8>(), 0..9)) {
            load(&super::file(&header, &data));
            load(&super::file(&format!("{{{header}"), &data));
        }

        #[test]
        fn changed_files(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6)) {
            let mut bytes = Net::zeros().to_safetensors(&[("key", "value")]);
            for (place, byte, how) in changes {
                let place = place.index(bytes.len());
                match how {
                    0 => { bytes.remove(place); }
                    1 => bytes.insert(place, byte),
                    2 => bytes[place] = byte,
                    // Digits and signs that occur in headers.
                    _ => bytes[place] = b"0123456789,:[]{}\"\\"[usize::from(byte) % 18],
                }
            }
            load(&bytes);
        }
    }
}

/// An `f64` of a file that would become infinite in an `f32` network is refused, and an infinity of
/// the file stays one.
#[test]
fn numbers_beyond_the_largest_f32_are_refused() {
    network! { struct Wide: [2] -> [1] as f64 { fc: Linear<_, 1> } }
    network! { struct Narrow: [2] -> [1] { fc: Linear<_, 1> } }
    let with = |weight: [f64; 2], bias: f64| {
        let mut net = Wide::zeros();
        net.fc.weight = weight.map(|x| [x]);
        net.fc.bias = [bias];
        net.to_safetensors(&[])
    };
    let load = |bytes: &[u8]| {
        let mut net = Narrow::zeros();
        let loaded = Loader::from_bytes(bytes).and_then(|loader| net.load_from(&loader));
        loaded.map(|_| net)
    };

    let error = load(&with([1.0, -1e300], 3.4028235678e38))
        .err()
        .expect("an error");
    let LoadErrorKind::Differs(differences) = &error.kind else {
        panic!("{error}");
    };
    let too_large = |position, value| DifferenceKind::TooLarge { position, value };
    assert_eq!(differences.len(), 2);
    assert_eq!(differences[0].kind, too_large(0, 3.4028235678e38));
    assert_eq!(differences[1].kind, too_large(1, -1e300));
    let end = "which is beyond the largest f32, 3.4028235e38; correct the file, or make the network `as f64`";
    assert!(
        error
            .to_string()
            .contains(&format!("- `fc.bias` has 3.403e38 at position 0, {end}\n"))
    );
    assert!(
        error
            .to_string()
            .contains(&format!("- `fc.weight` has -1e300 at position 1, {end}\n"))
    );

    let net = load(&with([f64::INFINITY, f64::NAN], f32::MAX.into())).expect("the weights");
    assert_eq!(
        (net.fc.weight[0], net.fc.bias),
        ([f32::INFINITY], [f32::MAX])
    );
    assert!(net.fc.weight[1][0].is_nan());
    assert!(
        Loader::from_bytes(&with([1e300, 0.0], 0.0))
            .and_then(|loader| Wide::zeros().load_from(&loader))
            .is_ok()
    );
}

#[test]
#[should_panic(
    expected = "`net` does not fit `Small`: `fc.weight` has 1.25e300 at position 1, which is beyond the largest f32"
)]
fn numbers_beyond_the_largest_f32_are_no_constants() {
    network! { struct Large: [2] -> [1] as f64 { fc: Linear<_, 1> } }
    network! { struct Small: [2] -> [1] { fc: Linear<_, 1> } }
    const COUNT: usize = shapewright::emitted::count::<Small>();
    let mut net = Large::zeros();
    net.fc.weight = [[1.0], [1.25e300]];
    let _ = shapewright::emitted::included::<Small, COUNT>("net", &net.to_safetensors(&[]));
}
