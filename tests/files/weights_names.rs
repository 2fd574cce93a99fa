//! Patterns of names, and networks that are loaded in part.
#![cfg(feature = "safetensors")]

use shapewright::prelude::*;
use shapewright::weights::{LoadErrorKind, LoadReport, Loader, PatternError};

use crate::common::bits;

/// Returns a file of empty tensors with these names.
fn file_of(names: &[&str]) -> Vec<u8> {
    let tensors: Vec<String> = names
        .iter()
        .map(|name| format!(r#""{name}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let header = format!("{{{}}}", tensors.join(","));
    [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()
}

/// Returns the names of a file after they are renamed, in the order of the new ones.
fn renamed(names: &[&str], patterns: &[(&str, &str)]) -> Result<Vec<String>, Vec<PatternError>> {
    let file = file_of(names);
    let loader = Loader::from_bytes(&file).expect("a file");
    match loader.rename_patterns(patterns) {
        Ok(loader) => Ok(loader.tensors().map(|(name, ..)| name.to_owned()).collect()),
        Err(error) => {
            let text = error.to_string();
            let LoadErrorKind::Patterns(errors) = error.kind else {
                panic!("{text}")
            };
            assert!(text.starts_with("the names of the weights were not changed:\n- "));
            assert!(
                errors
                    .iter()
                    .all(|error| text.contains(&format!("\n- {error}")))
            );
            Err(errors)
        }
    }
}

#[test]
fn patterns_rename_whole_names_and_beginnings() {
    let one = |name: &str, from: &str, to: &str| {
        let renamed = renamed(&[name], &[(from, to)]).ok()?;
        Some(renamed.into_iter().next().expect("a name"))
    };
    let cases = [
        ("fc.weight", "fc", "head", Some("head.weight")),
        ("fc.weight", "fc.weight", "head.w", Some("head.w")),
        ("fc2.weight", "fc", "head", None),
        ("a.fc.weight", "fc", "head", None),
        ("fc.weight", "fc.", "head.", None),
        ("bert.a.b", "bert", "", Some("a.b")),
        ("a.b", "", "bert", Some("bert.a.b")),
        (
            "layer.11.self.query.bias",
            "layer.{i}.self.query",
            "layers.{i}.q",
            Some("layers.11.q.bias"),
        ),
        ("layer.11", "layer.{i}", "l{i}", Some("l11")),
        ("layer", "layer.{i}", "l{i}", None),
        ("layer.", "layer.{i}", "l{i}", None),
        ("layer..w", "layer.{i}", "l{i}", None),
        // Parts of a name between two points.
        (
            "stage3_block12.conv1.w",
            "stage{s}_block{b}.conv{c}",
            "{s}.{b}.{c}",
            Some("3.12.1.w"),
        ),
        (
            "stage3_block12.conv1.w",
            "stage{s}_block{b}.conv",
            "{s}.{b}",
            None,
        ),
        (
            "rnn.weight_ih_l0",
            "rnn.weight_ih_l{k}",
            "{k}.ih",
            Some("0.ih"),
        ),
        (
            "rnn.weight_ih_l0_reverse",
            "rnn.weight_ih_l{k}_reverse",
            "{k}.back",
            Some("0.back"),
        ),
        ("a_b_c_d.w", "{x}_{y}_d", "{y}/{x}", Some("b_c/a.w")),
        ("__x.w", "{x}_{y}", "{y}.{x}", Some("x._.w")),
        ("aé.ü", "a{x}.{y}", "{y}{x}", Some("üé")),
        // Text behind a placeholder that goes over a point.
        ("b1_x.c.d2.w", "b{i}_x.c.d{j}", "{j}.{i}", Some("2.1.w")),
        ("b1_x_x.c.d2.w", "b{i}_x.c.d{j}", "{j}.{i}", Some("2.1_x.w")),
        // A placeholder may be used twice in the new name.
        ("a.7.w", "a.{i}", "{i}.{i}", Some("7.7.w")),
    ];
    for (name, from, to, expected) in cases {
        assert_eq!(
            one(name, from, to).as_deref(),
            expected,
            "{name}, {from} to {to}"
        );
    }

    // The first pattern counts, and other names stay.
    let names = ["a.0.x", "a.1.x", "b"];
    let patterns = [("a.0", "first"), ("a.{i}", "rest.{i}")];
    assert_eq!(
        renamed(&names, &patterns),
        Ok(["b", "first.x", "rest.1.x"].map(String::from).into())
    );
    // New names may be old names of others.
    assert_eq!(
        renamed(&["a", "b"], &[("a", "b"), ("b", "a")]),
        Ok(["a", "b"].map(String::from).into())
    );
}

#[test]
fn mistakes_in_patterns_are_named() {
    let text = |names: &[&str], patterns: &[(&str, &str)]| {
        let errors = renamed(names, patterns).expect_err("mistakes");
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        texts.join("; ")
    };
    let names = ["layer.0.w", "layer.1.w"];
    assert_eq!(
        text(
            &names,
            &[
                ("layer.{i}", "l.{i}"),
                ("bert.{i}.x", "b.{i}"),
                ("layer.0", "x")
            ]
        ),
        "`bert.{i}.x` is the beginning of no name that is left for it; `layer.0` is the beginning of no name that is \
         left for it"
    );
    assert_eq!(
        text(&names, &[("layer.0", "a"), ("layer.1", "a")]),
        "`layer.0.w` and `layer.1.w` both become `a.w`"
    );
    // A name that stays counts, too.
    assert_eq!(
        text(&names, &[("layer.0", "layer.1")]),
        "`layer.0.w` and `layer.1.w` both become `layer.1.w`"
    );
    assert_eq!(
        text(&names, &[("layer.{i}", "l.{j}")]),
        "`layer.{i}` and `l.{j}` do not have the same placeholders: only one of them has `{i}`"
    );
    assert_eq!(
        text(&names, &[("layer.{i}", "l"), ("layer.{i}", "{i}.{j}")]),
        "`layer.{i}` and `l` do not have the same placeholders: only one of them has `{i}`; `layer.{i}` and `{i}.{j}` \
         do not have the same placeholders: only one of them has `{j}`"
    );

    let malformed = [
        ("a{", "partner"),
        ("a}", "partner"),
        ("a}{i}", "partner"),
        ("a{i", "partner"),
        ("a{}", "a name in braces"),
        ("a{{i}}", "a name in braces"),
        ("a{i}}", "partner"),
        ("a{i}{j}", "no text between"),
        ("a{i}.{i}", "twice"),
    ];
    for (from, what) in malformed {
        // Allowed in the new name.
        let is_odd = from == "a{i}.{i}" || from == "a{i}{j}";
        let to = if is_odd { from } else { "x" };
        let found = text(&names, &[(from, to)]);
        assert!(
            found.starts_with(&format!("`{from}` can't be read: ")),
            "{found}"
        );
        assert!(found.contains(what), "{found}");
        if !is_odd {
            assert!(text(&names, &[("layer", from)]).contains(what));
        }
    }
}

network! { #[derive(Clone)] struct Body: [4] -> [8] { fc: Linear<_, 8>, Tanh } }
network! { struct Old: [4] -> [2] { body: Body, pooler: Linear<_, 2> } }
network! { #[derive(Clone)] struct New: [4] -> [3] { body: Body, head: Linear<_, 3> } }

fn names(report: &LoadReport) -> [Vec<&str>; 3] {
    fn list(names: &[String]) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }
    [
        report.loaded().map(|(name, _)| name).collect(),
        list(report.missing()),
        list(report.unused()),
    ]
}

#[test]
fn reports_tell_what_was_loaded_and_what_is_left() {
    let old = Old::init(&mut shapewright::rng(1));
    let fresh = New::init(&mut shapewright::rng(2));
    let bytes = old.to_safetensors(&[]);
    let loader = || Loader::from_bytes(&bytes).expect("a file");
    let (body, head, pooler) = (
        vec!["body.fc.bias", "body.fc.weight"],
        vec!["head.bias", "head.weight"],
        vec!["pooler.bias", "pooler.weight"],
    );

    // All of both.
    let report = Old::zeros().load_from(&loader()).expect("weights");
    assert_eq!(
        names(&report),
        [[&body[..], &pooler].concat(), vec![], vec![]]
    );
    assert!(report.is_complete());
    assert_eq!(report.to_string(), "4 tensors of the network were loaded");

    // What the program allows, and no more.
    let mut new = fresh.clone();
    let missing = |name: &str| name.starts_with("head.");
    let unused = |name: &str| name == "pooler.bias" || name == "pooler.weight";
    let report = new.load_from(&loader().allow_missing(missing).allow_unused(unused));
    let report = report.expect("weights");
    assert_eq!(names(&report), [body.clone(), head.clone(), pooler.clone()]);
    assert!(!report.is_complete());
    assert_eq!(new.body.params(), old.body.params());
    assert_eq!(
        (new.head.weight, new.head.bias),
        (fresh.head.weight, fresh.head.bias)
    );

    let mut new = fresh.clone();
    let error = new
        .load_from(&loader().allow_missing(missing))
        .expect_err("a pooler");
    assert!(
        error
            .to_string()
            .contains("- `pooler.bias`, [2], is none of the network's\n"),
        "{error}"
    );
    assert!(!error.to_string().contains("`head."), "{error}");
    let error = new
        .load_from(&loader().allow_unused(unused))
        .expect_err("no head");
    assert!(
        error
            .to_string()
            .contains("- `head.bias` is missing; the network takes [3]\n"),
        "{error}"
    );
    assert!(!error.to_string().contains("`pooler."), "{error}");
    // A shape is never allowed to differ.
    let loader_of_other = loader()
        .rename(|name| name.replace("pooler", "head"))
        .allow_missing(|_| true)
        .allow_unused(|_| true);
    let error = new.load_from(&loader_of_other).expect_err("shapes");
    assert!(
        error
            .to_string()
            .contains("`head.bias` has the shape [2], but"),
        "{error}"
    );
    assert_eq!(bits(new.params()), bits(fresh.params()));

    // If all is missing, that is a mistake.
    let error = new.load_from(
        &loader()
            .rename(|name| format!("model.{name}"))
            .allow_missing(|_| true)
            .allow_unused(|_| true),
    );
    assert!(matches!(
        error.expect_err("no name").kind,
        LoadErrorKind::Nothing
    ));

    // What `only` and `rename` omit is left, too, by its name in the file.
    let renamed = loader()
        .rename(|name| (name != "pooler.bias").then(|| name.replacen("body.", "encoder.", 1)))
        .rename(|name| name.replacen("encoder.", "body.", 1))
        .only(|name| name != "head.bias" && name != "body.fc.bias")
        .allow_missing(missing)
        .allow_unused(unused);
    let report = new.load_from(&renamed).expect("weights");
    assert_eq!(
        names(&report),
        [
            vec!["body.fc.weight"],
            vec!["body.fc.bias", "head.bias", "head.weight"],
            vec!["body.fc.bias", "pooler.bias", "pooler.weight"],
        ]
    );
    assert_eq!(
        report.loaded().collect::<Vec<_>>(),
        [("body.fc.weight", "body.fc.weight")]
    );

    // Parts have their whole names, and the names in the file.
    let renamed = loader()
        .rename_patterns(&[("body.fc", "a.net.fc")])
        .expect("names");
    let mut encoder = Body::zeros();
    let report = encoder
        .load_from(&renamed.part("a").part("net"))
        .expect("weights");
    assert_eq!(
        report.loaded().collect::<Vec<_>>(),
        [
            ("a.net.fc.bias", "body.fc.bias"),
            ("a.net.fc.weight", "body.fc.weight")
        ]
    );
    assert!(report.is_complete());
    let new: Box<New> = loader()
        .allow_missing(missing)
        .allow_unused(unused)
        .load()
        .expect("weights");
    assert_eq!(
        (new.head.bias, new.body.fc.bias),
        ([0.0; 3], old.body.fc.bias)
    );
}

/// A layer whose result may be another one in PyTorch is not loaded from a file without its mark, even
/// where anything may be missing.
#[test]
fn marks_may_not_be_missing() {
    network! { struct Marked: [4, 4, 2] -> [3] { Flatten, Glu, Linear<_, 3> } }
    let net = Marked::init(&mut shapewright::rng(1));
    let bytes = net.to_safetensors(&[]);
    let mut other = Marked::zeros();
    let report = other
        .load_from(&Loader::from_bytes(&bytes).expect("a file"))
        .expect("weights");
    assert_eq!(names(&report), [vec!["2.bias", "2.weight"], vec![], vec![]]);

    let loader = Loader::from_bytes(&bytes)
        .expect("a file")
        .rename(|name| (!name.ends_with("channels_last")).then(|| name.to_owned()))
        .allow_missing(|_| true);
    let error = other.load_from(&loader).expect_err("no mark").to_string();
    assert!(error.contains("channels_last` is missing"), "{error}");
}

network! {
    struct Parts: [3] -> [7] {
        q: Linear<_, 2>,
        k: Linear<_, 4> <- input,
        v: Linear<_, 1> <- input,
        Concat <- (q, k, v),
    }
}
network! { struct Whole: [3] -> [7] { qkv: Linear<_, 7> } }

/// Parts of a dense layer make one layer with the same outputs, from memory and from a file, in any
/// order of the names.
#[test]
fn parts_are_concatenated() {
    let parts = Parts::init(&mut shapewright::rng(3));
    let file = parts.to_safetensors(&[]);
    let x = Tensor1::from([0.5, -1.0, 2.0]);
    let expected = parts.forward(&x);

    let concat = |loader: Loader<'_>| -> Box<Whole> {
        let loader = loader.concat(&["q", "k", "v"], "qkv").expect("parts");
        loader.load().expect("the network")
    };
    let whole = concat(Loader::from_bytes(&file).expect("a file"));
    let close = |y: &Tensor1<7>| {
        y.iter()
            .zip(expected.iter())
            .all(|(a, b)| (a - b).abs() < 1e-6)
    };
    assert!(close(&whole.forward(&x)));

    let path = crate::common::folder("weights-concat").join("parts.safetensors");
    parts.save(&path).expect("a file");
    let from_file = concat(Loader::open(&path).expect("a file"));
    assert_eq!(bits(from_file.params()), bits(whole.params()));

    // A report names all of them.
    let mut net = Whole::zeros();
    let loader = Loader::from_bytes(&file).expect("a file");
    let loader = loader.concat(&["q", "k", "v"], "qkv").expect("parts");
    let report = net.load_from(&loader).expect("the network");
    assert!(report.missing().is_empty() && report.unused().is_empty());
}

#[test]
fn parts_that_do_not_belong_together_are_errors() {
    let file = Parts::init(&mut shapewright::rng(3)).to_safetensors(&[]);
    let errors = |parts: &[&str], to: &str| {
        let loader = Loader::from_bytes(&file).expect("a file");
        let error = loader.concat(parts, to).err().expect("an error");
        let LoadErrorKind::Patterns(errors) = error.kind else {
            panic!("{error}")
        };
        errors.iter().map(ToString::to_string).collect::<Vec<_>>()
    };

    assert_eq!(
        errors(&["q", "x"], "qx"),
        ["`x` is the beginning of no name that is left for it"]
    );
    assert_eq!(
        errors(&["q.weight", "k.bias"], "w"),
        [
            "`q.weight`, F32 [2, 3], and `k.bias`, F32 [4], can't be concatenated to `w`: parts have \
             numbers of one type, and equal sizes behind the first axis"
        ]
    );
    assert_eq!(errors(&["q", "k"], "v").len(), 2);
    assert_eq!(
        errors(&["{a}.weight", "{a}.scale"], "{a}.both"),
        ["`{a}.scale` is the beginning of no name that is left for it"]
    );
    assert_eq!(errors(&["{a}.weight", "k"], "k").len(), 1);

    // One layer of several has no second part.
    let file = file_of(&["0.q", "0.k", "1.q"]);
    let loader = Loader::from_bytes(&file).expect("a file");
    let error = loader.concat(&["{i}.q", "{i}.k"], "{i}.qk").err();
    let error = error.expect("an error").to_string();
    assert!(
        error.ends_with("- `1.qk` is concatenated of parts, and has none for `{i}.k`"),
        "{error}"
    );
}
