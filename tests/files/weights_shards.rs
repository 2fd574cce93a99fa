//! Weights in several files with an index, and files that are read as far as they are wanted.
#![cfg(feature = "safetensors")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use shapewright::Limits;
use shapewright::prelude::*;
use shapewright::weights::{Half, LoadError, LoadErrorKind, Loader, Saver};

use crate::common::{bits, folder};

network! { struct Attention: [4] -> [4] { q: Linear<_, 4>, Tanh, out: Linear<_, 4> } }
network! {
    struct Bert: [4] -> [4] {
        embed: Linear<_, 4>,
        layers: Repeat<2> { attention: Attention, Tanh, fc: Linear<_, 4> }
    }
}

/// The names of the reference's tensors here.
const NAMES: &[(&str, &str)] = &[
    ("bert.embeddings.dense", "embed"),
    (
        "bert.encoder.layer.{i}.attention.self.query",
        "layers.{i}.attention.q",
    ),
    (
        "bert.encoder.layer.{i}.attention.output.dense",
        "layers.{i}.attention.out",
    ),
    ("bert.encoder.layer.{i}.output.dense", "layers.{i}.fc"),
];

const INDEX: &str = "model.safetensors.index.json";

fn reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/shards")
}

/// Copies the reference to a folder of its own.
fn copy(name: &str) -> PathBuf {
    let folder = folder(name);
    for file in fs::read_dir(reference()).expect("the reference") {
        let file = file.expect("a file").path();
        fs::copy(&file, folder.join(file.file_name().expect("a name"))).expect("a copy");
    }
    folder
}

fn load(path: &Path) -> Result<Box<Bert>, LoadError> {
    Loader::open(path)?
        .rename_patterns(NAMES)?
        .allow_unused(|name| name.starts_with("bert.pooler.") || name.ends_with("position_ids"))
        .load()
}

/// A model that Hugging Face's function has divided has its numbers in the right places.
#[test]
fn models_of_several_files_are_loaded_by_their_index() {
    let path = reference().join(INDEX);
    let loader = Loader::open(&path).expect("an index");
    assert_eq!(loader.metadata()["total_size"], "680");
    // The element j of the tensor k is k + j / 64.
    let names: Vec<String> = loader.tensors().map(|(name, ..)| name.to_owned()).collect();
    assert_eq!(names.len(), 17);
    let numbers = |name: &str| {
        let k = names.iter().position(|known| known == name).expect(name) as f32;
        move |j: usize| k + j as f32 / 64.0
    };

    let net = load(&path).expect("weights");
    let check = |name: &str, weight: &[[f32; 4]; 4], bias: &[f32; 4]| {
        let of_weight = numbers(&format!("{name}.weight"));
        let of_bias = numbers(&format!("{name}.bias"));
        for (i, row) in weight.iter().enumerate() {
            assert_eq!(bias[i], of_bias(i), "{name}");
            for (o, &x) in row.iter().enumerate() {
                assert_eq!(x, of_weight(4 * o + i), "{name}");
            }
        }
    };
    check("bert.embeddings.dense", &net.embed.weight, &net.embed.bias);
    for (i, layer) in net.layers.iter().enumerate() {
        let of = |name: &str| format!("bert.encoder.layer.{i}.{name}");
        let attention = &layer.attention;
        check(
            &of("attention.self.query"),
            &attention.q.weight,
            &attention.q.bias,
        );
        check(
            &of("attention.output.dense"),
            &attention.out.weight,
            &attention.out.bias,
        );
        check(&of("output.dense"), &layer.fc.weight, &layer.fc.bias);
    }

    // A path without a folder, and the path of an index for `SaveLoad::load`.
    let error = Bert::zeros().load(&path).expect_err("other names");
    assert_eq!(error.path.as_deref(), Some(&*path));
    assert!(matches!(error.kind, LoadErrorKind::Differs(_)), "{error}");
}

#[test]
fn files_that_an_index_does_not_fit_are_refused() {
    let folder = copy("weights-shards");
    let path = folder.join(INDEX);
    let text = fs::read_to_string(&path).expect("the index");
    let (first, second) = (
        "model-00001-of-00003.safetensors",
        "model-00002-of-00003.safetensors",
    );
    let refused = |text: &str| {
        fs::write(&path, text).expect("an index");
        let error = Loader::open(&path).err().expect("an error");
        assert!(matches!(error.kind, LoadErrorKind::Index(_)), "{error}");
        let text = error.to_string();
        let begin = format!(
            "the index of `{}` does not lead to the weights: ",
            path.display()
        );
        text.strip_prefix(&begin).expect(&text).to_owned()
    };

    let layer = "\"bert.encoder.layer.1.output.dense.bias\": \"model-00002-of-00003.safetensors\"";
    assert_eq!(
        refused(&text.replace(layer, &layer.replace("00002-of", "00001-of"))),
        "it names the tensor `bert.encoder.layer.1.output.dense.bias` in `model-00001-of-00003.safetensors`, which \
         has none of that name"
    );
    for outside in [
        "../x.safetensors",
        "a/../../x",
        "/etc/passwd",
        "..",
        ".",
        "./x",
        "",
    ] {
        assert_eq!(
            refused(&text.replace(first, outside)),
            format!("it names the file `{outside}`, which is not a path within its folder")
        );
    }
    fs::create_dir(folder.join("sub")).expect("a folder");
    assert_eq!(
        refused(&text.replace(first, "sub")),
        "it names `sub`, which is not a file"
    );
    let files = || fs::read_dir(&folder).expect("a folder").count();
    assert_eq!(files(), 5);

    let damaged = [
        ("", "expected the index in `{` (byte 0)"),
        ("[]", "expected the index in `{` (byte 0)"),
        ("{}", "`weight_map` is missing"),
        ("{\"weight_map\":[]}", "expected `{` (byte 14)"),
        ("{\"weight_map\":{\"a\":1}}", "expected `\"` (byte 19)"),
        ("{\"weight_map\":{\"a\":\"b\"", "expected `,` or `}`"),
        ("{\"weight_map\":{}}x", "something follows"),
        ("{\"weight_map\":{},\"weight_map\":{}}", "twice"),
        (
            "{\"weight_map\":{\"a\":\"b\",\"\\u0061\":\"b\"}}",
            "two members have the same name",
        ),
        ("{\"weight_map\":{\"a\":\"\\x\"}}", "wrong escape"),
        (
            "{\"metadata\":{\"a\":tru},\"weight_map\":{}}",
            "expected a value",
        ),
        (
            "{\"metadata\":{\"a\":1e999},\"weight_map\":{}}",
            "expected a value",
        ),
        ("{\"a\":[1,],\"weight_map\":{}}", "expected a value"),
        ("{\"a\":[1 2],\"weight_map\":{}}", "expected `,` or the end"),
        ("{\"a\":{\"b\"},\"weight_map\":{}}", "expected `:`"),
        (
            &format!("{{\"a\":{}", "[".repeat(100_000)),
            "nested too deep",
        ),
    ];
    for (text, what) in damaged {
        let found = refused(text);
        assert!(found.contains(what), "{text}: {found}");
    }
    fs::write(&path, b"{\"\xff\"").expect("an index");
    let error = Loader::open(&path).err().expect("an error").to_string();
    assert!(error.ends_with("the text is not UTF-8 (byte 2)"), "{error}");

    // Other members and values are allowed.
    let odd = text
        .replace(
            "680",
            "-6.5e2, \"x\": {\"y\": [1, [true, null], \"]\", {}]}, \"format\": \"\\u0070t\"",
        )
        .replacen('{', "{ \"other\" : [ ] , ", 1);
    fs::write(&path, odd).expect("an index");
    let loader = Loader::open(&path).expect("an index");
    let metadata: Vec<_> = loader
        .metadata()
        .iter()
        .map(|(k, v)| (&**k, &**v))
        .collect();
    assert_eq!(metadata, [("format", "pt"), ("total_size", "-6.5e2")]);
    assert!(load(&path).is_ok());

    // A tensor that the index does not name is not there.
    let (begin, end) = text.split_once(&format!("{layer},")).expect("a line");
    fs::write(&path, format!("{begin}{end}")).expect("an index");
    let error = load(&path)
        .err()
        .expect("a tensor is not named")
        .to_string();
    assert!(error.contains("- `layers.1.fc.bias` is missing"), "{error}");

    // The files themselves.
    fs::write(&path, &text).expect("an index");
    let whole = fs::read(folder.join(second)).expect("a file");
    fs::write(folder.join(second), &whole[..whole.len() - 1]).expect("a file");
    let error = load(&path).err().expect("cut off");
    assert_eq!(error.path, Some(folder.join(second)));
    assert!(matches!(error.kind, LoadErrorKind::Damaged(_)), "{error}");
    let text = String::from_utf8_lossy(&whole).into_owned();
    fs::write(
        folder.join(second),
        text.replace("\"format\":\"pt\"", "\"shapewright\":\"\""),
    )
    .expect("a file");
    assert!(load(&path).is_err());

    fs::remove_file(folder.join(second)).expect("the file goes");
    let error = Loader::open(&path).err().expect("a missing file");
    assert_eq!(
        error.to_string(),
        format!(
            "the index of `{}` does not lead to the weights: it names the file `{second}`, which is missing; put all \
             files of the model into one folder",
            path.display()
        )
    );
    let error = Loader::open(folder.join("none.json"))
        .err()
        .expect("no index");
    assert!(matches!(error.kind, LoadErrorKind::Read(_)), "{error}");
    let few = Limits::new().max_bytes(100);
    let error = few.within(|| Loader::open(&path)).err().expect("too large");
    assert!(
        matches!(error.kind, LoadErrorKind::TooLarge { limit: 100, .. }),
        "{error}"
    );
}

network! { #[derive(Clone)] struct Wide: [300] -> [200] { fc: Linear<_, 200>, Tanh, out: Linear<_, 200> } }
network! { #[derive(Clone)] struct Wide64: [300] -> [200] as f64 { fc: Linear<_, 200>, Tanh, out: Linear<_, 200> } }

/// Tensors of more bytes than are read at a time arrive whole: as they are, transposed, and converted.
#[test]
fn large_tensors_are_read_in_pieces() {
    let folder = folder("weights-pieces");
    let path = folder.join("net.safetensors");
    let net = Wide::init(&mut shapewright::rng(1));
    let double = Wide64::init(&mut shapewright::rng(2));
    let saver = Saver::new().part("net", &*net).part("double", &*double);
    saver.save(&path).expect("a file");
    assert_eq!(fs::read(&path).expect("the file"), saver.to_bytes());

    let loader = Loader::open(&path).expect("a file");
    let same: Box<Wide> = loader.part("net").load().expect("weights");
    assert_eq!(bits(same.params()), bits(net.params()));
    let same: Box<Wide64> = loader.part("double").load().expect("weights");
    assert_eq!(bits(same.params()), bits(double.params()));
    let single: Box<Wide> = loader.part("double").load().expect("weights");
    let rounded: Vec<f32> = double.params().iter().map(|&x| x as f32).collect();
    assert_eq!(bits(single.params()), bits(&rounded));

    // A number behind the first piece that would become infinite changes nothing.
    let mut large = double.clone();
    large.out.weight[150][150] = 1e300;
    large.save(&path).expect("a file");
    let mut kept = net.clone();
    let error = kept.load(&path).expect_err("too large").to_string();
    let line = format!("- `out.weight` has 1e300 at position {}, ", 150 * 200 + 150);
    assert!(error.contains(&line), "{error}");
    assert_eq!(bits(kept.params()), bits(net.params()));
}

#[test]
fn files_that_change_while_they_are_open_are_errors_or_read_as_they_were() {
    let folder = folder("weights-changes");
    let path = folder.join("net.safetensors");
    let net = Wide::init(&mut shapewright::rng(1));
    net.save(&path).expect("a file");

    // Another file in its place.
    let loader = Loader::open(&path).expect("a file");
    Wide::zeros().save(&path).expect("a file");
    if cfg!(unix) {
        let same: Box<Wide> = loader.load().expect("weights");
        assert_eq!(bits(same.params()), bits(net.params()));
    }

    net.save(&path).expect("a file");
    let loader = Loader::open(&path).expect("a file");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .expect("the file");
    file.set_len(5000).expect("a shorter file");
    let mut kept = Wide::init(&mut shapewright::rng(3));
    let before = bits(kept.params());
    let error = kept.load_from(&loader).expect_err("a shorter file");
    assert_eq!(
        error.to_string(),
        format!(
            "the weights of `{}` can't be read: it has another length than when it was opened",
            path.display()
        )
    );
    assert_eq!(bits(kept.params()), before);
}

/// A file that becomes shorter behind the last check is an error that says that some numbers are set.
#[test]
fn loading_that_is_interrupted_says_so() {
    let folder = folder("weights-interrupted");
    let path = folder.join("net.safetensors");
    let net = Wide::init(&mut shapewright::rng(1));
    let attention = Attention::zeros();
    let saver = Saver::new().part("", &*net).part("extra", &*attention);
    saver.save(&path).expect("a file");

    let shorten = |_: &str| {
        let file = fs::OpenOptions::new().write(true).open(&path);
        let len = fs::metadata(&path).expect("the file").len().min(300_000);
        file.and_then(|file| file.set_len(len))
            .expect("a shorter file");
        true
    };
    let loader = Loader::open(&path).expect("a file").allow_unused(shorten);
    let mut kept = Wide::zeros();
    let error = kept.load_from(&loader).expect_err("a shorter file");
    assert!(
        matches!(&error.kind, LoadErrorKind::Interrupted { tensor, .. } if tensor == "out.weight"),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("can't be read from `out.weight` on: "),
        "{text}"
    );
    assert!(
        text.ends_with("the network has only some of them, so load all of it again"),
        "{text}"
    );
    assert_eq!(kept.fc.weight, net.fc.weight);
    assert_eq!(kept.out.weight[150][150], 0.0);
}

#[test]
fn headers_that_promise_much_are_refused() {
    let folder = folder("weights-promises");
    let path = folder.join("net.safetensors");
    // A file of a terabyte that takes no place on the disk, where the system has such.
    let file = fs::File::create(&path).expect("a file");
    if file.set_len(1 << 40).is_ok() {
        use std::io::Write;
        (&file)
            .write_all(&(1u64 << 39).to_le_bytes())
            .expect("a length");
        let error = Loader::open(&path)
            .err()
            .expect("a long header")
            .to_string();
        assert!(error.contains("longer than 100 MB"), "{error}");
    }
    drop(file);
    for len in 0..12u8 {
        fs::write(&path, vec![len; len.into()]).expect("a file");
        let error = Loader::open(&path).err().expect("no file of weights");
        assert!(matches!(error.kind, LoadErrorKind::Damaged(_)), "{error}");
    }
}

network! { struct SelfAttention: [384] -> [384] { q: Linear<_, 384>, k: Linear<_, 384>, v: Linear<_, 384> } }
network! {
    struct MiniLm: [384] -> [384] {
        layers: Repeat<6> {
            attention: SelfAttention,
            out: Linear<_, 384>,
            norm1: LayerNorm<_>,
            up: Linear<_, 1536>,
            down: Linear<_, 384>,
            norm2: LayerNorm<_>,
        }
    }
}

/// The encoder of a model of 22 million weights: from its file, from a file with 16 bits, and from
/// several files, by the names that its program has.
#[test]
fn minilm_is_loaded_by_patterns() {
    let Some(path) = crate::common::minilm_file("model.safetensors") else {
        return;
    };
    let open = |path: &Path| {
        Loader::open(path)
            .expect("a file")
            .rename_patterns(&[
                (
                    "encoder.layer.{i}.attention.self.query",
                    "layers.{i}.attention.q",
                ),
                (
                    "encoder.layer.{i}.attention.self.key",
                    "layers.{i}.attention.k",
                ),
                (
                    "encoder.layer.{i}.attention.self.value",
                    "layers.{i}.attention.v",
                ),
                ("encoder.layer.{i}.attention.output.dense", "layers.{i}.out"),
                (
                    "encoder.layer.{i}.attention.output.LayerNorm",
                    "layers.{i}.norm1",
                ),
                ("encoder.layer.{i}.intermediate.dense", "layers.{i}.up"),
                ("encoder.layer.{i}.output.dense", "layers.{i}.down"),
                ("encoder.layer.{i}.output.LayerNorm", "layers.{i}.norm2"),
            ])
            .expect("BERT's names")
            .allow_unused(|name| name.starts_with("embeddings.") || name.starts_with("pooler."))
    };
    let mut net = MiniLm::zeros();
    let report = net.load_from(&open(&path)).expect("weights");
    assert_eq!((report.loaded().len(), report.missing().len()), (96, 0));
    assert_eq!(report.unused().len(), 8, "{report}");
    assert!(net.params().iter().all(|x| x.is_finite()));

    // A weight from its bytes in the file.
    let file = fs::read(&path).expect("the file");
    let (length, rest) = file.split_first_chunk::<8>().expect("a header");
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).expect("JSON");
    let begin = header["encoder.layer.5.intermediate.dense.weight"]["data_offsets"][0].as_u64();
    let (numbers, _) = data[begin.expect("a number") as usize..].as_chunks();
    let up = &net.layers[5].up;
    for (i, o) in [(0, 0), (383, 0), (0, 1535), (100, 1000), (383, 1535)] {
        assert_eq!(up.weight[i][o], f32::from_le_bytes(numbers[o * 384 + i]));
    }

    let folder = folder("weights-minilm");
    for (half, error) in [(Half::F16, 2f32.powi(-11)), (Half::BF16, 2f32.powi(-8))] {
        let path = folder.join("half.safetensors");
        net.save_half(&path, half).expect("a file");
        let len = fs::metadata(&path).expect("the file").len() as usize;
        assert!(len < size_of::<MiniLm>() / 2 + 20_000);
        let mut read = MiniLm::zeros();
        read.load(&path).expect("weights");
        for (x, y) in net.params().iter().zip(read.params()) {
            // Subnormal numbers of an F16 are multiples of 2^-24.
            assert!((x - y).abs() <= x.abs() * error + 2f32.powi(-25), "{x} {y}");
        }
    }

    // Each layer in a file of its own.
    let mut map = serde_json::Map::new();
    for (i, layer) in net.layers.iter().enumerate() {
        let file = format!("layer-{i}.safetensors");
        let saver = Saver::new().part(&format!("layers.{i}"), layer);
        saver.save(folder.join(&file)).expect("a file");
        let loader = Loader::open(folder.join(&file)).expect("a file");
        map.extend(
            loader
                .tensors()
                .map(|(name, ..)| (name.to_owned(), file.clone().into())),
        );
    }
    let index = serde_json::json!({ "weight_map": map }).to_string();
    fs::write(folder.join(INDEX), index).expect("an index");
    let mut read = MiniLm::zeros();
    read.load(folder.join(INDEX)).expect("weights");
    assert!(read.params() == net.params());
    fs::remove_dir_all(folder).expect("the folder goes");
}

/// Opens an index with this text in a folder with the files of the reference, and loads what it has.
fn open(folder: &Path, text: &[u8]) {
    let path = folder.join(INDEX);
    fs::write(&path, text).expect("an index");
    let mut net = Bert::zeros();
    net.params_mut().fill(0.5);
    let loaded = Loader::open(&path)
        .and_then(|loader| loader.rename_patterns(NAMES))
        .and_then(|loader| net.load_from(&loader));
    if let Err(error) = loaded {
        assert!(!error.to_string().is_empty());
        assert!(net.params().iter().all(|&x| x == 0.5));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_text_may_be_an_index(
        json in "[{}\\[\\]:,\"\\\\0-9eumnaw_ight]{0,60}",
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
    ) {
        static FOLDER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
        let folder = FOLDER.get_or_init(|| copy("weights-any-index"));
        open(folder, json.as_bytes());
        open(folder, format!("{{\"weight_map\":{{{json}").as_bytes());

        let mut bytes = fs::read(reference().join(INDEX)).expect("the index");
        for (place, byte, how) in changes {
            let place = place.index(bytes.len());
            match how {
                0 => { bytes.remove(place); }
                1 => bytes.insert(place, byte),
                2 => bytes[place] = byte,
                _ => bytes[place] = b"0123456789,:[]{}\"\\./"[usize::from(byte) % 20],
            }
        }
        open(folder, &bytes);
    }
}
