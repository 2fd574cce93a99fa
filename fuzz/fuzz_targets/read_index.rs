//! Reads arbitrary bytes as the index of a model in several files: it must not panic, it must not
//! leave its folder, and an error must leave the network unchanged.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shapewright::prelude::*;
use shapewright::weights::{Loader, Saver};

network! { struct Net: [2] -> [3] { a: Linear<_, 3>, b: Linear<_, 3, NoBias> } }

/// The folder of the index, with the files `a` and `b`. The file beside the folder must not be read.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let outside = std::env::temp_dir().join(format!("read-index-{}", std::process::id()));
    let folder = outside.join("model");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(outside.join("o"), "no weights").expect("a file");

    let net = Net::zeros();
    let a = Saver::new().part("a", &net.a).save(folder.join("a"));
    let b = Saver::new().part("b", &net.b).save(folder.join("b"));
    a.and(b).expect("files");
    fs::canonicalize(folder).expect("the folder")
});

/// Returns whether all parameters have this value. There may be padding between them.
fn all(net: &Net, value: f32) -> bool {
    let mut all = true;
    net.for_each_param(|_, _, numbers| all &= numbers.iter().all(|&x| x == value));
    all
}

fuzz_target!(|bytes: &[u8]| {
    let path = FOLDER.join("index.json");
    fs::write(&path, bytes).expect("an index");

    let mut net = Net::zeros();
    net.for_each_param_mut(|_, _, numbers| numbers.fill(0.5));
    let loaded = Loader::open(&path).and_then(|loader| net.load_from(&loader));

    if let Err(error) = loaded {
        assert!(!error.to_string().is_empty());
        // The file beside the folder is damaged, so that reading it is an error with its path.
        let path = error.path.and_then(|path| fs::canonicalize(path).ok());
        assert!(path.is_none_or(|path| path.starts_with(&*FOLDER)));
        assert!(all(&net, 0.5));
    } else {
        assert!(all(&net, 0.0));
    }
});
