//! Tokenizers of pretrained models, against Hugging Face's library, and the errors of malformed files.
#![cfg(feature = "tokenizers")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;
use shapewright::data::text::{Encoding, TextError, Tokenizer};
use shapewright::data::{ReadError, ReadErrorKind};
use shapewright::prelude::*;

const WORD_PIECE: &str = include_str!("../reference/tokenizer_word_piece.json");
const BYTE_PAIRS: &str = include_str!("../reference/tokenizer_byte_pairs.json");
const UNIGRAM: &str = include_str!("../reference/tokenizer_unigram.json");
const EXPECTED: &str = include_str!("../reference/tokenizers.json");

fn read<const N: usize>(file: &str) -> Result<Tokenizer<N>, ReadError> {
    Tokenizer::read_from("tokenizer.json", file.as_bytes())
}

fn numbers(list: &Value) -> Vec<usize> {
    let list = list.as_array().expect("a list").iter();
    list.map(|x| x.as_u64().expect("a number") as usize)
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// Checks a case with a sequence of `L` positions.
fn check<const N: usize, const L: usize>(tokenizer: &Tokenizer<N>, case: &Value) {
    let encoding: Encoding<L> = match case["texts"].as_array().expect("texts").as_slice() {
        [one] => tokenizer.encode_padded(text(one)),
        [first, second] => tokenizer.encode_pair_padded(text(first), text(second)),
        _ => panic!("one text or two"),
    }
    .unwrap_or_else(|error| panic!("{case}: {error}"));

    let whole = |x: &Tensor1<L>| -> Vec<usize> { x.iter().map(|&x| x as usize).collect() };
    assert_eq!(whole(&encoding.tokens), numbers(&case["tokens"]), "{case}");
    assert_eq!(
        whole(&encoding.segments),
        numbers(&case["segments"]),
        "{case}"
    );
    let mask = numbers(&case["mask"]);
    assert_eq!(whole(&encoding.mask), mask, "{case}");
    assert_eq!(encoding.len, mask.iter().sum::<usize>());

    let all = case["all"].as_u64().expect("a number") as usize;
    assert_eq!(encoding.cut, all - encoding.len, "{case}");
}

fn check_all<const N: usize>(name: &str, file: &str) {
    let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
    let expected = &expected[name];
    let tokenizer: Tokenizer<N> = read(file).expect("a tokenizer");
    assert_eq!(tokenizer.len() as u64, expected["size"]);

    for plain in expected["plain"].as_array().expect("texts") {
        let indices = tokenizer.encode(text(&plain["text"])).expect("tokens");
        let found: Vec<usize> = indices.iter().map(|index| index.index()).collect();
        assert_eq!(found, numbers(&plain["tokens"]), "{name}: {plain}");
        assert_eq!(
            tokenizer.decode(&indices),
            text(&plain["back"]),
            "{name}: {plain}"
        );
    }
    for case in expected["cases"].as_array().expect("cases") {
        match case["length"].as_u64() {
            Some(6) => check::<N, 6>(&tokenizer, case),
            Some(24) => check::<N, 24>(&tokenizer, case),
            other => panic!("no check for the length {other:?}"),
        }
    }
}

#[test]
fn word_pieces_are_those_of_hugging_face() {
    check_all::<160>("word_piece", WORD_PIECE);
}

#[test]
fn byte_pairs_are_those_of_hugging_face() {
    check_all::<300>("byte_pairs", BYTE_PAIRS);
}

#[test]
fn unigrams_are_those_of_hugging_face() {
    check_all::<84>("unigram", UNIGRAM);
}

/// MiniLM's tokenizer cuts 64 sentences as Hugging Face's library does.
#[cfg(feature = "npy")]
#[test]
fn minilm_has_its_tokens() {
    use crate::common::{minilm_file, shared_file};
    use shapewright::data::npy;

    let (Some(file), Some(sentences)) = (
        minilm_file("tokenizer.json"),
        shared_file("minilm", "sentences.txt"),
    ) else {
        return;
    };
    let (Some(ids), Some(lengths)) = (
        shared_file("minilm", "token_ids.npy"),
        shared_file("minilm", "lengths.npy"),
    ) else {
        return;
    };
    let ids: Box<Tensor2<64, 62, i32>> = npy::read(ids).expect("indices");
    let lengths: Box<Tensor1<64, i32>> = npy::read(lengths).expect("lengths");

    let tokenizer: Tokenizer<30522> = Tokenizer::read(file).expect("a tokenizer");
    let sentences = std::fs::read_to_string(sentences).expect("sentences");
    assert_eq!(sentences.lines().count(), 64);
    for (i, sentence) in sentences.lines().enumerate() {
        let encoding = tokenizer.encode_padded::<62>(sentence).expect("tokens");
        assert_eq!(encoding.len as i32, lengths[i], "{sentence}");
        let found = encoding.tokens.map(|x| x as i32);
        assert_eq!(found.as_array(), &ids.as_array()[i], "{sentence}");
    }
}

#[test]
fn wrong_files_are_errors() {
    let error = |file: &str| read::<300>(file).expect_err(file);
    let kind = |file: &str| error(file).kind;
    assert_eq!(kind(""), ReadErrorKind::Format);
    assert_eq!(kind("{}"), ReadErrorKind::Format);
    assert_eq!(kind("[1, 2]"), ReadErrorKind::Format);
    assert_eq!(
        kind(&WORD_PIECE[..WORD_PIECE.len() / 2]),
        ReadErrorKind::Format
    );

    let few = read::<159>(WORD_PIECE).expect_err("too many tokens");
    assert_eq!(few.kind, ReadErrorKind::Shape);
    assert_eq!(
        few.to_string(),
        "tokenizer.json: expected at most 159 tokens, but found 160 of them; read it as a \
         `Tokenizer` of the number of embeddings that the model has"
    );
    let missing = Tokenizer::<160>::read("no-such-file").expect_err("no file");
    assert_eq!(missing.kind, ReadErrorKind::Io);
}

/// Parts of a file that are missing or of another kind: an error, and no panic.
#[test]
fn parts_that_are_missing_are_errors() {
    for file in [WORD_PIECE, BYTE_PAIRS, UNIGRAM] {
        let whole: Value = serde_json::from_str(file).expect("JSON");
        let wrong = |change: &dyn Fn(&mut Value)| {
            let mut other = whole.clone();
            change(&mut other);
            read::<300>(&other.to_string())
        };
        for empty in [
            Value::Null,
            serde_json::json!({}),
            serde_json::json!([]),
            7.into(),
        ] {
            assert!(
                wrong(&|file| file["model"]["vocab"] = empty.clone()).is_err(),
                "{empty}"
            );
            assert!(
                wrong(&|file| file["model"] = empty.clone()).is_err(),
                "{empty}"
            );
        }
        assert!(wrong(&|file| file["post_processor"]["type"] = "Other".into()).is_err());
        assert!(wrong(&|file| file["added_tokens"][0]["id"] = (-1).into()).is_err());
        assert!(wrong(&|file| file["added_tokens"][0]["id"] = u64::MAX.into()).is_err());
        assert!(wrong(&|file| file["added_tokens"][0]["id"] = 300.into()).is_err());
        assert!(wrong(&|file| file["model"]["unk_token"] = "no token".into()).is_err());

        // Without a token for padding, short texts are errors.
        let bare = wrong(&|file| {
            let text = file.to_string().replace("pad", "paX").replace("PAD", "PAX");
            *file = serde_json::from_str(&text).expect("JSON");
        });
        let bare = bare.expect("a tokenizer");
        assert!(bare.padding().is_none());
        assert!(matches!(
            bare.encode_padded::<20>("it was"),
            Err(TextError::NoPadding { length: 20, .. })
        ));
    }
}

/// Tables and steps with which the crate that does the work would panic, or take all memory.
#[test]
fn hostile_steps_are_errors() {
    let with = |normalizer: Value| {
        let mut file: Value = serde_json::from_str(WORD_PIECE).expect("JSON");
        file["normalizer"] = normalizer;
        let tokenizer = read::<160>(&file.to_string()).map_err(|error| error.to_string())?;
        // Damaged tables may be found with the first text only.
        let tokens = tokenizer.encode("it was a day");
        tokens.map_err(|error| error.to_string())
    };

    for tables in ["AAAAAAAA/////w==", "BAAAAP////8AAAAA", "", "AAAA"] {
        let map = serde_json::json!({"type": "Precompiled", "precompiled_charsmap": tables});
        assert!(with(map).is_err(), "{tables}");
    }

    let replace = |from: &str, to: usize| serde_json::json!({"type": "Replace", "pattern": {"String": from}, "content": "a".repeat(to)});
    let sequence =
        |steps: Vec<Value>| serde_json::json!({"type": "Sequence", "normalizers": steps});
    let error = with(sequence(vec![replace("a", 1000); 6])).expect_err("a long text");
    assert!(
        error.contains("a `normalizer` that makes texts more than 64 times"),
        "{error}"
    );
    assert!(with(replace("", 100)).is_err());
    let prepend = serde_json::json!({"type": "Prepend", "prepend": "x".repeat(1000)});
    assert!(with(sequence(vec![prepend; 2])).is_err());
    assert!(with(sequence(vec![replace("a", 3); 2])).is_ok());

    let mut file: Value = serde_json::from_str(WORD_PIECE).expect("JSON");
    file["model"]["continuing_subword_prefix"] = "".into();
    let error = read::<160>(&file.to_string()).expect_err("an empty prefix");
    assert!(
        error
            .to_string()
            .contains("an empty `continuing_subword_prefix`")
    );
}

/// A character that is in no token, where none stands for unknown text.
#[test]
fn text_without_a_token_is_an_error() {
    let mut file: Value = serde_json::from_str(UNIGRAM).expect("JSON");
    file["model"]["unk_id"] = Value::Null;
    let tokenizer: Tokenizer<84> = read(&file.to_string()).expect("a tokenizer");
    assert!(tokenizer.encode("it was").is_ok());
    let error = tokenizer.encode("it \u{65e5} was").expect_err("no token");
    assert!(matches!(error, TextError::NoToken { .. }), "{error:?}");
    assert!(error.to_string().contains('\u{65e5}'), "{error}");
}

#[test]
fn special_tokens_need_room() {
    let tokenizer: Tokenizer<160> = read(WORD_PIECE).expect("a tokenizer");
    assert_eq!(
        tokenizer.encode_padded::<1>("it was"),
        Err(TextError::NoRoom {
            needed: 2,
            length: 1
        })
    );
    let two = tokenizer.encode_padded::<2>("it was").expect("two tokens");
    assert_eq!(
        (two.tokens.as_slice(), two.len, two.cut),
        (&[2.0, 3.0][..], 2, 2)
    );
}

proptest! {
    /// Whatever a file and a text are, there is no panic.
    #[test]
    fn damaged_files_never_panic(
        kind in 0usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        words in ".{0,40}",
    ) {
        let mut bytes = [WORD_PIECE, BYTE_PAIRS, UNIGRAM][kind].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            // Often a character of JSON, so that more than the first check is reached.
            bytes[at] = match byte {
                0..=127 => b"0123456789\"[]{},:eE-.naltrue"[usize::from(byte) % 28],
                other => other,
            };
        }
        if let Ok(tokenizer) = Tokenizer::<400>::read_from(Path::new("file"), &*bytes) {
            let _ = tokenizer.encode_padded::<8>(&words);
            if let Ok(tokens) = tokenizer.encode(&words) {
                let _ = tokenizer.decode(&tokens);
            }
        }
    }

    /// Any text goes through a good tokenizer.
    #[test]
    fn any_text_has_tokens(words in any::<String>(), others in any::<String>()) {
        let tokenizer: Tokenizer<160> = read(WORD_PIECE).expect("a tokenizer");
        let encoding = tokenizer.encode_pair_padded::<12>(&words, &others).expect("tokens");
        prop_assert!(encoding.len >= 3 && encoding.len <= 12);
    }
}
