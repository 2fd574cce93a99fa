//! The special tokens around a text or a pair of texts.

use serde_json::Value;

/// A part of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A special token.
    Special { token: u32, segment: u8 },
    /// The tokens of the first text.
    First { segment: u8 },
    /// The tokens of the second text.
    Second { segment: u8 },
}

/// The parts of a sequence, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Part>);

impl Template {
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Returns the number of special tokens.
    pub fn specials(&self) -> usize {
        let special = |part: &&Part| matches!(part, Part::Special { .. });
        self.0.iter().filter(special).count()
    }

    /// Returns the templates of a text and of a pair, of the `post_processor` of a file. `None` if
    /// it is not in the format.
    pub fn of(processor: &Value) -> Option<(Self, Self)> {
        let kind = processor.get("type").and_then(Value::as_str);
        match kind {
            Some("TemplateProcessing") => {
                let specials = processor.get("special_tokens");
                let single = written(processor.get("single")?, specials)?;
                let pair = written(processor.get("pair")?, specials)?;
                let seconds = |parts: &[Part]| {
                    let second = |part: &&Part| matches!(part, Part::Second { .. });
                    parts.iter().filter(second).count()
                };
                (seconds(&single) == 0).then_some((Template(single), Template(pair)))
            }
            Some("BertProcessing") => {
                let (cls, sep) = (token_of(processor, "cls")?, token_of(processor, "sep")?);
                Some(Template::between([cls, sep], &[sep], 1))
            }
            Some("RobertaProcessing") => {
                let (cls, sep) = (token_of(processor, "cls")?, token_of(processor, "sep")?);
                Some(Template::between([cls, sep], &[sep, sep], 0))
            }
            Some("Sequence") => {
                // Others, such as `ByteLevel`, add no tokens.
                let members = processor.get("processors")?.as_array()?;
                let adds = |member: &&Value| {
                    member.get("type").and_then(Value::as_str) != Some("ByteLevel")
                };
                match members.iter().find(adds) {
                    Some(member) => Template::of(member),
                    None => Some(Template::plain()),
                }
            }
            Some("ByteLevel") => Some(Template::plain()),
            None if processor.is_null() => Some(Template::plain()),
            _ => None,
        }
    }

    /// Returns the templates without special tokens.
    fn plain() -> (Self, Self) {
        let first = Part::First { segment: 0 };
        let second = Part::Second { segment: 1 };
        (Template(vec![first]), Template(vec![first, second]))
    }

    /// Returns the templates with a token before and one behind the texts, and others between two of
    /// them.
    fn between([before, behind]: [u32; 2], between: &[u32], second: u8) -> (Self, Self) {
        let special = |token, segment| Part::Special { token, segment };
        let first = [special(before, 0), Part::First { segment: 0 }];
        let single = first.into_iter().chain([special(behind, 0)]).collect();
        let pair = first
            .into_iter()
            .chain(between.iter().map(|&token| special(token, 0)))
            .chain([Part::Second { segment: second }, special(behind, second)])
            .collect();
        (Template(single), Template(pair))
    }
}

/// Returns the token of `{"cls": ["[CLS]", 101]}`.
fn token_of(processor: &Value, name: &str) -> Option<u32> {
    let token = processor.get(name)?.get(1)?.as_u64()?;
    u32::try_from(token).ok()
}

/// Reads `[{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", ..}}, ..]`.
fn written(template: &Value, specials: Option<&Value>) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    for piece in template.as_array()? {
        let (kind, piece) = piece.as_object()?.iter().next()?;
        let segment = u8::try_from(piece.get("type_id")?.as_u64()?).ok()?;
        let id = piece.get("id")?.as_str()?;
        match (kind.as_str(), id) {
            ("Sequence", "A") => parts.push(Part::First { segment }),
            ("Sequence", "B") => parts.push(Part::Second { segment }),
            ("SpecialToken", name) => {
                for token in specials?.get(name)?.get("ids")?.as_array()? {
                    let token = u32::try_from(token.as_u64()?).ok()?;
                    parts.push(Part::Special { token, segment });
                }
            }
            _ => return None,
        }
    }
    Some(parts)
}

/// Returns how many tokens of two texts fit into `room`: the longer text is cut down to the shorter
/// one, and then both. It is the strategy "longest first" of Hugging Face's library.
pub(super) fn truncated(first: usize, second: usize, room: usize) -> (usize, usize) {
    if second == 0 {
        return (first.min(room), 0);
    }
    let shorter = first.min(second);
    let longer = if shorter > room {
        shorter
    } else {
        shorter.max(room - shorter)
    };

    let (shorter, longer) = match shorter + longer > room {
        true => (room / 2, room / 2 + room % 2),
        false => (shorter, longer),
    };
    match first > second {
        true => (longer.min(first), shorter),
        false => (shorter, longer.min(second)),
    }
}
