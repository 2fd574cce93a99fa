//! The index of a model in several files: which tensor is in which of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Component, Path};

use super::error::{LoadError, LoadErrorKind};
use super::json::{Damage, Json};
use super::source::{Contents, Source, Stored, plain};
use crate::limits::read_whole;

/// The largest depth of lists and objects in the metadata of an index.
const MAX_DEPTH: usize = 16;

/// The contents of an index.
#[derive(Default)]
struct Index {
    metadata: BTreeMap<String, String>,
    /// The file of each tensor.
    files: BTreeMap<String, String>,
}

/// Reads an index and the headers of the files that it names, which are in its folder. Tensors that it
/// does not name are left out.
pub(super) fn open(path: &Path) -> Result<(Vec<Source<'static>>, Contents), LoadError> {
    let error = |kind| LoadError {
        path: Some(path.to_owned()),
        kind,
    };
    let wrong = |what: String| error(LoadErrorKind::Index(what));
    let text = read_whole(path).map_err(|kind| error(kind.into()))?;
    let index = Index::read(&text).map_err(|damage| wrong(damage.to_string()))?;

    let folder = path.parent().unwrap_or(Path::new(""));
    let mut sources = Vec::new();
    let mut contents = Contents {
        metadata: index.metadata,
        tensors: BTreeMap::new(),
    };
    // The number of each file, and those of its tensors that are not taken yet.
    let mut files: BTreeMap<&str, (usize, BTreeMap<String, Stored>)> = BTreeMap::new();

    for (name, file) in &index.files {
        let (number, tensors) = match files.entry(file) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                check_file(folder, file).map_err(wrong)?;
                let (source, Contents { tensors, .. }) = Source::open(&folder.join(file))?;
                sources.push(source);
                entry.insert((sources.len() - 1, tensors))
            }
        };
        let Some(mut stored) = tensors.remove(name) else {
            return Err(wrong(format!(
                "it names the tensor `{name}` in `{file}`, which has none of that name"
            )));
        };
        stored
            .places
            .iter_mut()
            .for_each(|place| place.file = *number);
        contents.tensors.insert(name.clone(), stored);
    }
    Ok((sources, contents))
}

/// Checks that a file of an index is in its folder, or in a folder within; returns what is wrong
/// otherwise.
fn check_file(folder: &Path, file: &str) -> Result<(), String> {
    let mut components = Path::new(file).components();
    let is_inside = components.all(|component| matches!(component, Component::Normal(_)));
    if file.is_empty() || !is_inside {
        return Err(format!(
            "it names the file `{file}`, which is not a path within its folder"
        ));
    }

    match std::fs::metadata(folder.join(file)) {
        Ok(metadata) if !metadata.is_file() => {
            Err(format!("it names `{file}`, which is not a file"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
            "it names the file `{file}`, which is missing; put all files of the model into one folder"
        )),
        // Opening the file tells of other errors.
        _ => Ok(()),
    }
}

impl Index {
    /// Reads an index: `{"metadata": {..}, "weight_map": {"a.weight": "a.safetensors"}}`.
    fn read(text: &[u8]) -> Result<Self, Damage> {
        const NEXT: &str = "expected `,` or `}`";
        let mut json = Json::new(text, 0)?;
        let mut metadata = None;
        let mut files = None;

        json.expect(b'{', "expected the index in `{`")?;
        let mut first = true;
        while json.goes_on(b'}', &mut first, NEXT)? {
            match json.key()? {
                "metadata" if metadata.is_none() => {
                    metadata = Some(members(&mut json, scalar)?);
                }
                "weight_map" if files.is_none() => {
                    files = Some(members(&mut json, |json| json.string().map(Some))?);
                }
                "metadata" | "weight_map" => {
                    return json.damage("`metadata` or `weight_map` is there twice");
                }
                _ => json.skip(MAX_DEPTH)?,
            }
        }

        json.space();
        if !json.is_at_end() {
            return json.damage("something follows the end of the index");
        }
        let Some(files) = files else {
            return json.damage("`weight_map` is missing, which has the file of each tensor");
        };
        Ok(Index {
            metadata: metadata.unwrap_or_default(),
            files,
        })
    }
}

/// Reads an object, and returns its members; those for which `value` returns `None` are left out.
fn members<'a>(
    json: &mut Json<'a>,
    value: impl Fn(&mut Json<'a>) -> Result<Option<&'a str>, Damage>,
) -> Result<BTreeMap<String, String>, Damage> {
    let mut members = BTreeMap::new();
    json.expect(b'{', "expected `{`")?;
    let mut first = true;
    while json.goes_on(b'}', &mut first, "expected `,` or `}`")? {
        let at = json.position();
        let key = plain(json.key()?, at)?;
        let Some(value) = value(json)? else {
            continue;
        };
        if members.insert(key, plain(value, at)?).is_some() {
            return Err(Damage {
                what: "two members have the same name",
                at,
            });
        }
    }
    Ok(members)
}

/// Reads a text, or a number or the like as its text; skips lists and objects.
fn scalar<'a>(json: &mut Json<'a>) -> Result<Option<&'a str>, Damage> {
    json.space();
    match json.peek() {
        b'"' => json.string().map(Some),
        b'{' | b'[' => json.skip(MAX_DEPTH).map(|()| None),
        _ => json.plain().map(Some),
    }
}
