//! A reader for the parts of JSON, in const code.

/// A defect of a file, and the position of its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub what: &'static str,
    pub at: usize,
}

impl core::fmt::Display for Damage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (byte {})", self.what, self.at)
    }
}

/// Returns an error to the caller: `?` for constants.
macro_rules! pass {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return Err(error),
        }
    };
}
pub(super) use pass;

/// A text in JSON, and how much of it has been read.
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    /// The position of the text in its file.
    start: usize,
}

impl<'a> Json<'a> {
    /// Begins to read the bytes at the position `start` of a file.
    pub const fn new(bytes: &'a [u8], start: usize) -> Result<Self, Damage> {
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(Json { text, at: 0, start }),
            Err(error) => Err(Damage {
                what: "the text is not UTF-8",
                at: start + error.valid_up_to(),
            }),
        }
    }

    /// Returns the position in the file.
    pub const fn position(&self) -> usize {
        self.start + self.at
    }

    /// Returns whether everything has been read.
    pub const fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Returns an error at the current position.
    pub const fn damage<T>(&self, what: &'static str) -> Result<T, Damage> {
        Err(Damage {
            what,
            at: self.position(),
        })
    }

    /// Returns the next byte; 0, which no JSON has, at the end.
    pub const fn peek(&self) -> u8 {
        if self.at < self.text.len() {
            self.text.as_bytes()[self.at]
        } else {
            0
        }
    }

    /// Skips spaces.
    pub const fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Skips spaces and one byte, which must be `byte`.
    pub const fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Damage> {
        self.space();
        if self.peek() != byte {
            return self.damage(what);
        }
        self.at += 1;
        Ok(())
    }

    /// Skips spaces and the end of a list or an object, or the comma before its next item; `first`
    /// tells whether that is the first one. Returns whether there is an item.
    pub const fn goes_on(
        &mut self,
        end: u8,
        first: &mut bool,
        what: &'static str,
    ) -> Result<bool, Damage> {
        self.space();
        if self.peek() == end {
            self.at += 1;
            return Ok(false);
        }
        if !*first {
            pass!(self.expect(b',', what));
            self.space();
        }
        *first = false;
        Ok(true)
    }

    /// Reads the name of a member of an object, with its escapes, and the colon.
    pub const fn key(&mut self) -> Result<&'a str, Damage> {
        let key = pass!(self.string());
        pass!(self.expect(b':', "expected `:`"));
        Ok(key)
    }

    /// Reads a text in quotes, and returns it with its escapes.
    pub const fn string(&mut self) -> Result<&'a str, Damage> {
        pass!(self.expect(b'"', "expected `\"`"));
        let begin = self.at;
        while self.at < self.text.len() && self.peek() != b'"' {
            if self.peek() < b' ' {
                return self.damage("a control character in a text");
            }
            self.at += if self.peek() == b'\\' { 2 } else { 1 };
        }
        if self.at >= self.text.len() {
            self.at = self.text.len();
            return self.damage("a text has no end");
        }
        let string = self.since(begin);
        self.at += 1;
        Ok(string)
    }

    /// Reads a whole number.
    pub const fn number(&mut self) -> Result<usize, Damage> {
        let mut number = 0usize;
        if !self.peek().is_ascii_digit() {
            return self.damage("expected a whole number");
        }
        let begin = self.at;
        while self.peek().is_ascii_digit() {
            if number == 0 && self.at > begin {
                return self.damage("a number begins with 0");
            }
            let digit = (self.peek() - b'0') as usize;
            number = match number.checked_mul(10) {
                Some(tens) if tens <= usize::MAX - digit => tens + digit,
                _ => return self.damage("a number is too large"),
            };
            self.at += 1;
        }
        Ok(number)
    }

    /// Reads a number, `true`, `false` or `null`, and returns its text.
    #[cfg(feature = "std")]
    pub fn plain(&mut self) -> Result<&'a str, Damage> {
        self.space();
        let begin = self.at;
        while matches!(self.peek(), b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') {
            self.at += 1;
        }
        let text = self.since(begin);
        let is_number = text.parse::<f64>().is_ok_and(f64::is_finite)
            && text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        if is_number || matches!(text, "true" | "false" | "null") {
            return Ok(text);
        }
        self.at = begin;
        self.damage("expected a value")
    }

    /// Skips a value, in which lists and objects are at most `depth` deep.
    #[cfg(feature = "std")]
    pub fn skip(&mut self, depth: usize) -> Result<(), Damage> {
        self.space();
        let end = match self.peek() {
            b'"' => return self.string().map(drop),
            b'[' => b']',
            b'{' => b'}',
            _ => return self.plain().map(drop),
        };
        let Some(depth) = depth.checked_sub(1) else {
            return self.damage("lists and objects are nested too deep");
        };

        self.at += 1;
        let mut first = true;
        while self.goes_on(
            end,
            &mut first,
            "expected `,` or the end of a list or object",
        )? {
            if end == b'}' {
                self.key()?;
            }
            self.skip(depth)?;
        }
        Ok(())
    }

    /// Returns the text from a position up to the current one.
    const fn since(&self, begin: usize) -> &'a str {
        self.text.split_at(self.at).0.split_at(begin).1
    }
}
