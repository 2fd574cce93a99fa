//! The compiler: the library as it is checked, and the errors of a program.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The compiler with the library that the programs use.
pub struct Compiler {
    rustc: String,
    library: PathBuf,
    folder: PathBuf,
}

/// An error or a warning.
pub struct Message {
    pub is_error: bool,
    /// The line of the first place that it points to.
    pub line: Option<usize>,
    /// The sentence.
    pub text: String,
    /// All of it, as a person sees it.
    pub rendered: String,
}

impl Compiler {
    /// Checks the library, and keeps programs in a folder.
    pub fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let features: &[&str] = if cfg!(feature = "plots") {
            &["--all-features"]
        } else {
            &[]
        };
        let output = Command::new(cargo)
            .current_dir(root)
            .args(["check", "--lib", "--quiet", "--message-format=json"])
            .args(features)
            .output()
            .expect("cargo runs");

        let text = String::from_utf8_lossy(&output.stdout);
        let files: BTreeMap<String, String> = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["reason"] == "compiler-artifact")
            .filter_map(|message| {
                let name = message["target"]["name"].as_str()?.to_owned();
                let files = message["filenames"].as_array()?;
                let file = files
                    .iter()
                    .filter_map(Value::as_str)
                    .find(|file| file.ends_with(".rmeta"))?;
                Some((name, file.to_owned()))
            })
            .collect();
        let library = PathBuf::from(files.get("shapewright").expect("the library is checked"));

        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mistakes");
        std::fs::create_dir_all(&folder).expect("a folder");
        Compiler {
            rustc: std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()),
            library,
            folder,
        }
    }

    /// Checks a program, and returns what the compiler says.
    pub fn check(&self, name: &str, source: &str) -> Vec<Message> {
        let file = self.folder.join(format!("{name}.rs"));
        std::fs::write(&file, source).expect("the program is written");
        let dependencies = self.library.parent().expect("a folder");

        let output = Command::new(&self.rustc)
            .args(["--edition=2024", "--crate-type=bin", "--emit=metadata"])
            .args(["--error-format=json", "--crate-name=program"])
            .arg("--extern")
            .arg(format!("shapewright={}", self.library.display()))
            .arg("-L")
            .arg(format!("dependency={}", dependencies.display()))
            .arg("-o")
            .arg(self.folder.join(format!("{name}.rmeta")))
            .arg(&file)
            .output()
            .expect("rustc runs");

        let text = String::from_utf8_lossy(&output.stderr);
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        messages
            .filter_map(|message| read(&message, &file))
            .collect()
    }
}

/// Reads a message of the compiler about a program, unless it is a summary.
fn read(message: &Value, program: &Path) -> Option<Message> {
    let text = message["message"].as_str()?.to_owned();
    let level = message["level"].as_str()?;
    if !level.starts_with("error") && level != "warning" {
        return None;
    }
    if text.starts_with("aborting due to") || text.contains("warning emitted") {
        return None;
    }

    let primary = message["spans"]
        .as_array()?
        .iter()
        .find(|span| span["is_primary"] == true);
    let line = primary.and_then(|span| line_of(span, program));
    Some(Message {
        is_error: level.starts_with("error"),
        line,
        text,
        rendered: message["rendered"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Returns the line of a place in the program; of one inside a macro, that of its call.
fn line_of(span: &Value, program: &Path) -> Option<usize> {
    let file = span["file_name"].as_str()?;
    if Path::new(file) == program {
        return span["line_start"].as_u64().map(|line| line as usize);
    }
    line_of(span.get("expansion")?.get("span")?, program)
}
