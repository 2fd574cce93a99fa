//! Reads arbitrary bytes as a checkpoint: it must not panic, and an error in the file must leave
//! the network unchanged.
//!
//! ```sh
//! fuzz/run 60
//! ```

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use shapewright::metrics::MeanSquaredError;
use shapewright::prelude::*;
use shapewright::train::{History, TrainError};

network! { struct Net: [2] -> [1] { hidden: Linear<_, 2>, Tanh, out: Linear<_, 1> } }

/// The length of the head: magic number and version, then length and checksum.
const HEAD: usize = 48;

/// The training that writes and resumes the checkpoint.
struct Setting {
    path: PathBuf,
    x: Vec<Tensor1<2>>,
    y: Vec<Tensor1<1>>,
    /// The bytes of a valid checkpoint.
    written: Vec<u8>,
}

impl Setting {
    /// Writes a valid checkpoint, and its content as a seed to the file named by `SEED`.
    fn new() -> Self {
        let name = format!("shapewright-fuzz-{}", std::process::id());
        let mut setting = Setting {
            path: std::env::temp_dir().join(name),
            x: (0..5).map(|i| Tensor1::from([i as f32, 1.0])).collect(),
            y: (0..5).map(|i| Tensor1::from([i as f32 / 5.0])).collect(),
            written: Vec::new(),
        };

        let mut net = Net::init(&mut shapewright::rng(1));
        setting.train(&mut net).expect("a training");
        setting.written = fs::read(&setting.path).expect("a checkpoint");

        let content = &setting.written[HEAD..];
        assert_eq!(setting.with_head(content), setting.written);
        if let Some(seed) = std::env::var_os("SEED") {
            fs::write(seed, [&[1], content].concat()).expect("a seed");
        }
        setting
    }

    /// Trains for two epochs, or resumes from the checkpoint, with every setting that has a state
    /// in it.
    fn train(&self, net: &mut Net) -> Result<History, TrainError> {
        Net::trainer(Adam::new(0.05), Mse)
            .epochs(2)
            .batch_size(2)
            .accumulate(2)
            .validate(&self.x, &self.y)
            .metric(MeanSquaredError::new())
            .schedule(ReduceLrOnPlateau::new())
            .average(WeightAverage::ema(0.8))
            .early_stopping(9)
            .checkpoint(&self.path)
            .resume(true)
            .fit(net, &self.x, &self.y)
    }

    /// Returns a checkpoint with this content, and with the right length and checksum in its head.
    fn with_head(&self, content: &[u8]) -> Vec<u8> {
        let words = content.as_chunks().0.iter();
        let sum = words.fold(0x9e37_79b9_7f4a_7c15, |sum: u64, word| {
            (sum ^ u64::from_le_bytes(*word))
                .wrapping_mul(0xd134_2543_de82_ef95)
                .rotate_left(29)
        });
        let len = (HEAD + content.len()) as u64;
        [
            &self.written[..HEAD - 16],
            &len.to_le_bytes(),
            &sum.to_le_bytes(),
            content,
        ]
        .concat()
    }
}

// The first byte says whether the others are a whole file or its content behind the head.
fuzz_target!(|bytes: &[u8]| {
    static SETTING: OnceLock<Setting> = OnceLock::new();
    let setting = SETTING.get_or_init(Setting::new);
    let Some((form, bytes)) = bytes.split_first() else {
        return;
    };
    let file = if form % 2 == 0 {
        bytes.to_vec()
    } else {
        setting.with_head(bytes)
    };
    fs::write(&setting.path, file).expect("a place for files");

    let mut net = Net::zeros();
    net.params_mut().fill(0.5);
    if let Err(error) = setting.train(&mut net) {
        assert!(!error.to_string().is_empty());
        if matches!(error, TrainError::Checkpoint(_)) {
            assert!(net.params().iter().all(|&x| x == 0.5));
        }
    }
});
