//! The escapes of texts in JSON.

/// Replaces the escapes of a text in JSON; `None` if one of them is wrong.
pub(super) fn unescape(json: &str) -> Option<String> {
    let mut text = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(backslash) = rest.find('\\') {
        text.push_str(&rest[..backslash]);
        rest = &rest[backslash + 1..];
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];

        text.push(match escape {
            '"' | '\\' | '/' => escape,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => match unit(&mut rest)? {
                // The first half of a surrogate pair; the other half follows.
                first @ 0xd800..=0xdfff => {
                    rest = rest.strip_prefix("\\u")?;
                    char::decode_utf16([first, unit(&mut rest)?]).next()?.ok()?
                }
                first => char::from_u32(u32::from(first))?,
            },
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

/// Takes a UTF-16 code unit of four hexadecimal digits from the front of a text.
fn unit(rest: &mut &str) -> Option<u16> {
    let (digits, after) = rest.split_at_checked(4)?;
    *rest = after;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Appends a text with quotes and escapes to JSON.
pub(super) fn escape(text: &str, json: &mut String) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
}
