//! Vocabularies: what texts become, their files, and the errors of malformed ones.

use proptest::prelude::*;
use shapewright::Limits;
use shapewright::data::text::{NextToken, TextError, TextUnit, Vocabulary, VocabularyBuilder};
use shapewright::data::{Batches, ReadError, ReadErrorKind};
use shapewright::prelude::*;

fn numbers<const N: usize>(indices: &[Index<N>]) -> Vec<usize> {
    indices.iter().map(|index| index.index()).collect()
}

fn tokens<const N: usize>(vocabulary: &Vocabulary<N>) -> Vec<String> {
    let tokens = (0..vocabulary.len()).map(|i| {
        let token = vocabulary.token(Index::new(i).expect("an index"));
        String::from_utf8_lossy(token.expect("a token")).into_owned()
    });
    tokens.collect()
}

#[test]
fn words_are_cut_out_of_text() {
    let text = "Don't stop: \"naïve\" 2nd rock'n'roll--'quote' e\u{301}t\u{e9}\u{a0}end.";
    let vocabulary: Vocabulary<40> = VocabularyBuilder::words().build([text]).expect("words");
    let cut = vocabulary.encode(text).expect("known words");
    assert_eq!(
        vocabulary.decode(&cut),
        "Don't stop : \" naïve \" 2nd rock'n'roll - - ' quote ' e\u{301}t\u{e9} end ."
    );
}

#[test]
fn words_are_sorted_by_frequency_and_characters_by_code() {
    let texts = ["b c c a", "c d b"];
    let words: Vocabulary<8> = VocabularyBuilder::words().build(texts).expect("words");
    assert_eq!(tokens(&words), ["c", "b", "a", "d"]);

    let characters: Vocabulary<8> = VocabularyBuilder::characters().build(texts).expect("few");
    assert_eq!(tokens(&characters), [" ", "a", "b", "c", "d"]);

    // The three most frequent, in the order of their codes.
    let frequent: Vocabulary<4> = VocabularyBuilder::characters()
        .unknown()
        .build(texts)
        .expect("three");
    assert_eq!(tokens(&frequent), ["<unk>", " ", "b", "c"]);

    let often: Vocabulary<8> = VocabularyBuilder::words()
        .min_count(2)
        .build(texts)
        .expect("two");
    assert_eq!(tokens(&often), ["c", "b"]);
}

#[test]
fn special_tokens_come_first_in_their_order() {
    let builder = VocabularyBuilder::words()
        .end()
        .begin()
        .unknown()
        .padding()
        .unknown();
    let vocabulary: Vocabulary<6> = builder.build(["a b a"]).expect("a vocabulary");
    assert_eq!(
        tokens(&vocabulary),
        ["<pad>", "<unk>", "<bos>", "<eos>", "a", "b"]
    );
    let special = [
        vocabulary.padding(),
        vocabulary.unknown(),
        vocabulary.begin(),
        vocabulary.end(),
    ];
    assert_eq!(
        special.map(|index| index.map(Index::index)),
        [0, 1, 2, 3].map(Some)
    );
    assert_eq!(vocabulary.index("b").map(Index::index), Some(5));
    assert_eq!(vocabulary.index("<pad>"), None);

    // A text cannot name a special token.
    assert_eq!(
        numbers(&vocabulary.encode("<pad>").expect("unknown")),
        [1, 1, 1]
    );
    let without: Vocabulary<6> = VocabularyBuilder::words()
        .build(["a b"])
        .expect("two words");
    assert_eq!(without.padding(), None);
}

#[test]
fn sequences_are_cut_and_padded() {
    let builder = VocabularyBuilder::characters().padding().begin().end();
    let vocabulary: Vocabulary<8> = builder.build(["abc"]).expect("a vocabulary");
    let padded = |text| {
        vocabulary
            .encode_padded::<5>(text)
            .map(|tokens| numbers(&tokens))
    };
    assert_eq!(padded(""), Ok(vec![1, 2, 0, 0, 0]));
    assert_eq!(padded("ab"), Ok(vec![1, 3, 4, 2, 0]));
    assert_eq!(padded("abc"), Ok(vec![1, 3, 4, 5, 2]));
    assert_eq!(padded("abcabc"), Ok(vec![1, 3, 4, 5, 2]));

    let mut sequence = [Index::default(); 5];
    assert_eq!(vocabulary.encode_into("ab", &mut sequence), Ok(4));
    assert_eq!(vocabulary.decode(&sequence), "ab");
    assert_eq!(vocabulary.encode_into("ab", &mut sequence[..1]), Ok(1));
    assert_eq!(vocabulary.encode_into("ab", &mut []), Ok(0));

    let unpadded: Vocabulary<8> = VocabularyBuilder::characters()
        .build(["abc"])
        .expect("three");
    let error = unpadded
        .encode_padded::<5>("ab")
        .expect_err("three empty positions");
    assert_eq!(
        error,
        TextError::NoPadding {
            found: 2,
            length: 5
        }
    );
    assert_eq!(
        unpadded
            .encode_padded::<2>("abc")
            .map(|tokens| numbers(&tokens)),
        Ok(vec![0, 1])
    );
}

#[test]
fn texts_that_do_not_fit_say_why() {
    #[track_caller]
    fn says<T: std::fmt::Debug>(result: Result<T, TextError>, text: &str) {
        assert_eq!(result.expect_err("no such text").to_string(), text);
    }
    let vocabulary: Vocabulary<3> = VocabularyBuilder::words().build(["one two"]).expect("two");
    says(
        vocabulary.encode("one, two"),
        "`,` at position 1 is not in the vocabulary; build it from this text too, or with \
         `unknown()`",
    );
    says(
        vocabulary.encode(b"one \xff"),
        "the text is not UTF-8 at byte 4; convert it, or take bytes as tokens with \
         `VocabularyBuilder::bytes()`",
    );
    says(
        VocabularyBuilder::characters().build::<3>(["abcd"]),
        "there are 4 tokens, but a `Vocabulary<3>` has 3 indices; take more indices, or let \
         `unknown()` stand for the rarest tokens",
    );
    says(
        VocabularyBuilder::characters()
            .padding()
            .unknown()
            .build::<1>(["a"]),
        "there are 2 tokens, but a `Vocabulary<1>` has 1 indices; take more indices, or let \
         `unknown()` stand for the rarest tokens",
    );
    says(
        NextToken::<3, 2>::new(&[Index::default(); 2]),
        "a window and the token after it take 3 tokens, but the text has 2; take a longer text or \
         shorter windows",
    );
}

#[test]
fn bytes_need_no_encoding() {
    let data = [0xff_u8, 0x00, 0xff, b'A', b'\n'];
    let vocabulary: Vocabulary<256> = VocabularyBuilder::bytes().build([data]).expect("bytes");
    assert_eq!(vocabulary.unit(), TextUnit::Bytes);
    let encoded = vocabulary.encode(data).expect("known bytes");
    assert_eq!(numbers(&encoded), [3, 0, 3, 2, 1]);
    assert_eq!(vocabulary.decode_bytes(&encoded), data);
    assert_eq!(vocabulary.decode(&encoded), "\u{fffd}\0\u{fffd}A\n");
}

const FILE: &str =
    "shapewright vocabulary 1\nunit words\nlowercase no\nspecial <pad> <unk>\ntokens 2\na\nb\n";

fn read<const N: usize>(text: impl AsRef<[u8]>) -> Result<Vocabulary<N>, ReadError> {
    Vocabulary::read_from("v.txt", text.as_ref())
}

#[test]
fn files_are_checked_line_by_line() {
    #[track_caller]
    fn says(text: impl AsRef<[u8]>, kind: ReadErrorKind, words: &str) {
        let error = read::<4>(text).expect_err("a malformed file");
        assert_eq!(
            (error.kind, error.to_string()),
            (kind, format!("v.txt: {words}"))
        );
    }
    use ReadErrorKind::{Format, Shape, Value};
    let rewrite = "correct the line, or write the file again with `Vocabulary::write`";
    assert_eq!(
        tokens(&read::<4>(FILE).expect("a vocabulary")),
        ["<pad>", "<unk>", "a", "b"]
    );
    assert_eq!(read::<4>(FILE.replace('\n', "\r\n")).ok(), read(FILE).ok());
    assert_eq!(read::<4>(format!("\u{feff}{FILE}")).ok(), read(FILE).ok());

    says(
        "a\nb\n",
        Format,
        "line 1: expected a vocabulary, whose first line is `shapewright vocabulary 1`, but found \
         `a`; give a file that `Vocabulary::write` has written",
    );
    says(
        "",
        Format,
        "line 1: expected a vocabulary, whose first line is `shapewright vocabulary 1`, but found \
         the end of the file; give a file that `Vocabulary::write` has written",
    );
    says(
        FILE.replace("words", "lines"),
        Format,
        &format!(
            "line 2: expected `unit bytes`, `unit characters` or `unit words`, but found `unit \
             lines`; {rewrite}"
        ),
    );
    says(
        FILE.replace("<pad> <unk>", "<unk> <pad>"),
        Format,
        &format!(
            "line 4: expected `special` and some of `<pad> <unk> <bos> <eos>`, in this order, but \
             found `special <unk> <pad>`; {rewrite}"
        ),
    );
    says(
        FILE.replace("\nb", "\na"),
        Value,
        "line 7: expected each token once, but found `a`; remove the line, and correct the number \
         behind `tokens`; the indices of later tokens then change",
    );
    says(
        FILE.replace("\nb", "\n"),
        Value,
        &format!(
            "line 7: expected one token of the unit `words`, but found an empty line; {rewrite}"
        ),
    );
    says(
        FILE.replace("\nb", "\nb c"),
        Value,
        &format!("line 7: expected one token of the unit `words`, but found `b c`; {rewrite}"),
    );
    says(
        FILE.replace("\nb", "\n\\q"),
        Value,
        &format!(
            "line 7: expected escapes that are `\\\\`, `\\n`, `\\r`, `\\t` or, as in `\\x20`, a \
             byte, but found `\\q`; {rewrite}"
        ),
    );
    says(
        format!("{FILE}c\n"),
        Shape,
        "line 8: expected at most 4 tokens, with the special ones, but found more; read it as a \
         vocabulary with more indices",
    );
    says(
        FILE.replace("tokens 2", "tokens two"),
        Format,
        &format!(
            "line 5: expected `tokens` and the number of lines behind this one, but found `tokens \
             two`; {rewrite}"
        ),
    );
    says(
        b"\xff",
        Format,
        "byte 0: expected text in UTF-8, but found other bytes; copy or download the file again",
    );
}

/// A file that was cut has fewer tokens, or a part of the last one.
#[test]
fn files_that_were_cut_are_refused() {
    let whole = VocabularyBuilder::words()
        .unknown()
        .build::<8>(["the quick brown fox"])
        .expect("words")
        .to_text();
    assert!(read::<8>(&whole).is_ok());
    for end in 0..whole.len() - 1 {
        // Behind the last letter of the last token, the line end alone is missing.
        let error = read::<8>(&whole[..end]).expect_err("a cut file");
        assert_ne!(error.kind, ReadErrorKind::Io, "{error}");
    }

    let error = read::<8>(&whole[..whole.len() - 4]).expect_err("without `the`");
    assert_eq!(
        error.to_string(),
        "v.txt: line 9: expected 4 tokens, as line 5 says, but found 3 of them; copy the file \
         again, or correct the number behind `tokens`"
    );
}

/// Two spellings of one token are one token.
#[test]
fn escapes_are_no_second_spelling() {
    let error = read::<8>(FILE.replace("\nb", "\n\\x61")).expect_err("`a` twice");
    assert_eq!(error.kind, ReadErrorKind::Value);
}

#[test]
fn memory_is_bounded() {
    let file = FILE.to_owned() + &"word\n".repeat(1000);
    let result = Limits::new().max_bytes(10_000).within(|| read::<10>(&file));
    assert_eq!(result.expect_err("too large").kind, ReadErrorKind::Limit);
}

#[test]
fn files_are_replaced_and_read() {
    let folder = std::env::temp_dir().join(format!("shapewright-text-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("v.txt");
    let vocabulary: Vocabulary<9> = VocabularyBuilder::words()
        .lowercase()
        .unknown()
        .build(["The cat's hat"])
        .expect("words");
    std::fs::write(&path, "old").expect("a file");
    vocabulary.write(&path).expect("the file");
    assert_eq!(Vocabulary::read(&path).expect("the file"), vocabulary);
    let error = vocabulary.write(&folder).expect_err("a folder").to_string();
    assert!(error.contains("cannot be written"), "{error}");
    std::fs::remove_dir_all(&folder).expect("the folder");
}

#[cfg(feature = "safetensors")]
#[test]
fn a_vocabulary_is_saved_with_the_model() {
    network! { struct Words: [2] -> [2, 3] { Embedding<5, 3> } }
    let vocabulary: Vocabulary<5> = VocabularyBuilder::words()
        .unknown()
        .build(["no man is an island"])
        .expect("words");
    let net = Words::init(&mut shapewright::rng(0));
    let file = net.to_safetensors(&[("vocabulary", &vocabulary.to_text())]);
    let file = shapewright::weights::Loader::from_bytes(&file).expect("weights");
    let text = file
        .metadata()
        .get("vocabulary")
        .expect("the entry")
        .to_owned();
    assert_eq!(read(text).ok(), Some(vocabulary));
}

#[test]
fn windows_have_the_next_token_of_each_position() {
    let text = Index::<50>::from_numbers(&(0..50_u8).collect::<Vec<_>>()).expect("indices");
    let windows = NextToken::<50, 7>::new(&text).expect("windows");
    assert_eq!(windows.len(), 43);
    let (x, targets) = windows.to_vecs::<f64>();
    for (start, (x, targets)) in x.iter().zip(&targets).enumerate() {
        for i in 0..7 {
            assert_eq!(x[i], (start + i) as f64);
            assert_eq!(targets[i].index(), start + i + 1);
        }
    }

    // With a stride of a window, no token is a target twice, and the rest at the end is left out.
    let (_, targets) = windows.stride(7).to_vecs::<f32>();
    let targets: Vec<_> = targets
        .iter()
        .flatten()
        .map(|label| label.index())
        .collect();
    assert_eq!(targets, (1..=49).collect::<Vec<_>>());
    assert_eq!(windows.stride(8).len(), 6);
    assert_eq!(windows.stride(0).len(), 43);
}

#[test]
fn draws_are_new_in_each_pass_and_cover_all_windows() {
    let text = Index::<50>::from_numbers(&(0..50_u8).collect::<Vec<_>>()).expect("indices");
    let windows = NextToken::<50, 4>::new(&text).expect("windows").draw(300);
    let mut batches: Batches<'_, Tensor1<4>, _> = Batches::of_dataset(&windows, 32);
    assert_eq!(batches.steps(), 10);

    let mut pass = |seed| {
        batches.shuffle(&mut shapewright::rng(seed));
        let mut starts = Vec::new();
        while let Some((x, _)) = batches.next_batch() {
            starts.extend(x.iter().map(|x| x[0] as usize));
        }
        starts
    };
    let first = pass(1);
    assert_eq!(first.len(), 300);
    assert_eq!(first, pass(1));
    assert_ne!(first, pass(2));

    let mut counts = [0; 46];
    for seed in 0..20 {
        pass(seed).iter().for_each(|&start| counts[start] += 1);
    }
    // 6000 draws among 46: 130 each, with a deviation of 11.
    assert!(
        counts.iter().all(|count| (80..180).contains(count)),
        "{counts:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Text of characters and bytes comes back, through a file too.
    #[test]
    fn text_comes_back(text in "\\PC{0,20}[ \\\\\n\r\t\u{0}-\u{2f}]{0,8}\\PC{0,20}") {
        for unit in [TextUnit::Bytes, TextUnit::Characters] {
            let builder = VocabularyBuilder::new(unit).padding().end();
            let vocabulary: Vocabulary<300> = builder.build([&text]).expect("few tokens");
            let file = read::<300>(vocabulary.to_text()).expect("its file");
            prop_assert_eq!(&file, &vocabulary);
            prop_assert_eq!(file.decode(&file.encode(&text).expect("known")), text.clone());
            let padded = file.encode_padded::<250>(&text).expect("padding");
            prop_assert_eq!(file.decode(&padded), text.clone());
        }
    }

    /// Any bytes come back.
    #[test]
    fn bytes_come_back(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let vocabulary: Vocabulary<256> = VocabularyBuilder::bytes().build([&data]).expect("bytes");
        let file = read::<256>(vocabulary.to_text()).expect("its file");
        prop_assert_eq!(file.decode_bytes(&file.encode(&data).expect("known")), data);
    }

    /// The words of a text with spaces between them are the same words, and a vocabulary of words
    /// comes back from its file.
    #[test]
    fn words_are_stable(text in "[a-zA-Zß0-9'’\\-., \n\u{301}<>]{0,40}", lowercase in any::<bool>()) {
        let mut builder = VocabularyBuilder::words().unknown();
        if lowercase {
            builder = builder.lowercase();
        }
        let vocabulary: Vocabulary<100> = builder.build([&text]).expect("few words");
        let words = vocabulary.encode(&text).expect("known");
        prop_assert!(words.iter().all(|word| Some(*word) != vocabulary.unknown()));
        let again = vocabulary.encode(vocabulary.decode(&words)).expect("known");
        prop_assert_eq!(&words, &again);
        prop_assert_eq!(read::<100>(vocabulary.to_text()).ok(), Some(vocabulary));
    }

    /// Damaged files are errors or other vocabularies, and never panics.
    #[test]
    fn damaged_files_do_not_panic(
        at in any::<prop::sample::Index>(),
        insert in prop::collection::vec(any::<u8>(), 0..4),
        cut in 0_usize..4,
    ) {
        let mut file = FILE.as_bytes().to_vec();
        let at = at.index(file.len());
        let end = (at + cut).min(file.len());
        file.splice(at..end, insert);
        match read::<4>(&file) {
            Ok(vocabulary) => prop_assert!(vocabulary.len() <= 4),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
