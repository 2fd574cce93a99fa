//! A language model that others have trained tells its story, byte for byte.

use shapewright::prelude::*;

#[path = "../../examples/story/model.rs"]
mod model;

use model::{END, Pieces, Stories, TOKENS, weights};

const WEIGHTS: &[u8] = include_bytes!("../../examples/data/stories260k/stories260K.bin");
const VOCABULARY: &[u8] = include_bytes!("../../examples/data/stories260k/tok512.bin");
const EXPECTED: &[u8] = include_bytes!("../../examples/data/stories260k/expected.txt");

/// The text is that of llama2.c's own test: 200 steps from the start token, each the most likely.
#[test]
fn the_story_is_told_byte_for_byte() {
    let net = weights(WEIGHTS).unwrap();
    let pieces = Pieces::new(VOCABULARY).unwrap();
    let mut stream = Stories::stream_boxed();
    let mut logits = Tensor1::<TOKENS>::zeros();

    let mut token = END;
    let mut story = Vec::new();
    let mut tokens = Vec::new();
    for _ in 0..200 {
        stream.step_into(&net, &Tensor0::from(token as f32), &mut logits);
        let next = logits.argmax();
        if next == END {
            break;
        }
        story.extend(pieces.text(token, next));
        tokens.push(token);
        token = next;
    }
    assert_eq!(
        String::from_utf8_lossy(&story),
        String::from_utf8_lossy(EXPECTED)
    );

    // The whole story at once has the same logits, to the last bit.
    let mut all = Tensor1::<512>::zeros();
    all.iter_mut()
        .zip(&tokens)
        .for_each(|(x, &token)| *x = token as f32);
    let expected = net.predict(&[all]);
    stream.reset();
    for (position, token) in tokens.iter().enumerate().take(50) {
        stream.step_into(&net, &Tensor0::from(*token as f32), &mut logits);
        let row = &expected[0].as_slice()[position * TOKENS..][..TOKENS];
        assert_eq!(logits.as_slice(), row, "position {position}");
    }
}

#[test]
fn texts_become_pieces() {
    let pieces = Pieces::new(VOCABULARY).unwrap();
    assert_eq!(pieces.encode(""), [1]);
    assert_eq!(pieces.encode("Once upon a time"), [1, 403, 407, 261, 378]);

    let text = "Lily and Tom went to the park.";
    let tokens = pieces.encode(text);
    let bytes: Vec<u8> = tokens
        .windows(2)
        .flat_map(|pair| pieces.text(pair[0], pair[1]))
        .collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
}

#[test]
fn files_that_are_cut_off_are_errors() {
    assert!(
        weights(&WEIGHTS[..1000])
            .err()
            .unwrap()
            .contains("too short")
    );
    assert!(
        weights(&VOCABULARY[..100])
            .err()
            .unwrap()
            .contains("in its header")
    );
    assert!(Pieces::new(&VOCABULARY[..1000]).is_err());
}
