//! Records of a table: lines cut into fields, without quotes.
//!
//! Reads RFC 4180 and its usual variants: any end of lines, blanks around quotes, a byte order mark
//! of UTF-8. A quote opens a field only where the field begins; elsewhere it is text. The usual
//! crate takes a quote that is not closed, and the lines after it, for text without an error.

use core::ops::Range;
use std::io::{self, BufRead, BufReader, Read};

use super::super::read_error::quoted;
use super::{ReadErrorKind, Row};
use crate::limits::{Budget, RAISE, TooLarge};

const QUOTE: u8 = b'"';
/// The most bytes that a field takes in addition to its text: its place, or the name of a column.
const FIELD: u64 = 64;

/// Reads the records of a table.
pub(super) struct Records<R> {
    source: BufReader<R>,
    delimiter: u8,
    /// A field may stand in quotes.
    quotes: bool,
    /// The number of the line that was read last.
    line: u64,
    /// That line without its end, and its end.
    text: Vec<u8>,
    end: &'static str,
    /// The memory that a record may take. It does not grow with the file: a line as long as that is
    /// a mistake.
    budget: Budget,
}

/// A record that cannot be read.
pub(super) enum Wrong {
    Io(io::Error),
    Text(Box<WrongText>),
}

/// The mistake in the text of a record, and its place.
pub(super) struct WrongText {
    pub kind: ReadErrorKind,
    pub line: u64,
    /// The position of the field, if it is known.
    pub field: Option<usize>,
    pub expected: String,
    pub found: String,
    pub advice: String,
    /// Nothing after it can be read.
    pub last: bool,
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Wrong::Io(error)
    }
}

impl<R: Read> Records<R> {
    pub fn new(source: R, delimiter: u8, quotes: bool) -> Self {
        Records {
            source: BufReader::new(source),
            delimiter,
            quotes,
            line: 0,
            text: Vec::new(),
            end: "",
            budget: Budget::of_size(0),
        }
    }

    /// Reads the next record, of one line or of several with a quote around their ends; false at the
    /// end. Lines of blanks alone are no records.
    pub fn read(&mut self, row: &mut Row) -> Result<bool, Wrong> {
        let mut content = core::mem::take(&mut row.text).into_bytes();
        content.clear();
        row.fields.clear();

        loop {
            if !self.next_line(0)? {
                return Ok(false);
            }
            if self
                .text
                .iter()
                .any(|&byte| !is_blank(byte) || byte == self.delimiter)
            {
                break;
            }
        }

        row.line = self.line;
        self.check_size(&row.fields, 0)?;
        if self.quotes && self.text.contains(&QUOTE) {
            self.unquote(&mut content, &mut row.fields)?;
        } else {
            self.cut(&mut row.fields);
            core::mem::swap(&mut content, &mut self.text);
        }

        if content.contains(&0) {
            let advice = "save the file as UTF-8; in UTF-16, many bytes are 0";
            let wrong = self.wrong(row.line, "text", "a byte of 0", advice);
            return Err(wrong);
        }

        row.text = String::from_utf8(content).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let field = row.fields.iter().position(|field| at < field.end);
            let start = field.map_or(0, |field| row.fields[field].start);
            let found = format!("other bytes from byte {} of the field", at - start);
            let mut wrong = self.wrong(row.line, "text in UTF-8", found, "save the file as UTF-8");
            if let Wrong::Text(wrong) = &mut wrong {
                wrong.field = field;
            }
            wrong
        })?;
        Ok(true)
    }

    /// Reads a line into `text`; false at the end of the file. The record has `before` bytes
    /// already.
    fn next_line(&mut self, before: usize) -> Result<bool, Wrong> {
        self.text.clear();
        self.end = "";
        self.line += 1;
        loop {
            let buffer = fill(&mut self.source)?;
            if buffer.is_empty() {
                break;
            }
            let Some(at) = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.text.extend(buffer);
                let len = buffer.len();
                self.source.consume(len);
                let need = before as u64 + self.text.len() as u64;
                self.budget
                    .check(need)
                    .map_err(|error| self.too_large(error, "a line that is longer"))?;
                continue;
            };

            self.text.extend(&buffer[..at]);
            self.end = if buffer[at] == b'\n' { "\n" } else { "\r" };
            self.source.consume(at + 1);
            if self.end == "\r" && fill(&mut self.source)?.first() == Some(&b'\n') {
                self.source.consume(1);
                self.end = "\r\n";
            }
            self.without_mark()?;
            return Ok(true);
        }

        self.without_mark()?;
        Ok(!self.text.is_empty())
    }

    /// Takes the mark of an encoding from the first line.
    fn without_mark(&mut self) -> Result<(), Wrong> {
        const UTF_8: &[u8] = b"\xef\xbb\xbf";
        if self.line > 1 {
            return Ok(());
        }
        if self.text.starts_with(UTF_8) {
            self.text.drain(..UTF_8.len());
        }

        if self.text.starts_with(b"\xff\xfe") || self.text.starts_with(b"\xfe\xff") {
            let mut wrong = self.wrong(
                1,
                "text in UTF-8",
                "text in UTF-16",
                "save the file as UTF-8",
            );
            if let Wrong::Text(wrong) = &mut wrong {
                wrong.last = true;
            }
            return Err(wrong);
        }
        Ok(())
    }

    /// Cuts a line without quotes.
    fn cut(&self, fields: &mut Vec<Range<usize>>) {
        let mut start = 0;
        for part in self.text.split(|&byte| byte == self.delimiter) {
            fields.push(start..start + part.len());
            start += part.len() + 1;
        }
    }

    /// Cuts a record that has quotes in its first line.
    fn unquote(
        &mut self,
        content: &mut Vec<u8>,
        fields: &mut Vec<Range<usize>>,
    ) -> Result<(), Wrong> {
        let mut at = 0;
        loop {
            let start = content.len();
            let begin = self.skip_blanks(at);
            if self.text.get(begin) == Some(&QUOTE) {
                let opened = self.line;
                at = self.quoted_field(begin + 1, opened, content, fields)?;
                at = self.skip_blanks(at);
                if self
                    .text
                    .get(at)
                    .is_some_and(|&byte| byte != self.delimiter)
                {
                    return Err(self.after_quote(at, opened));
                }
            } else {
                // A quote that does not begin the field is text: `5" pipe`, as Python's csv and
                // pandas read it.
                let rest = &self.text[at..];
                let delimiter = rest.iter().position(|&byte| byte == self.delimiter);
                let end = delimiter.unwrap_or(rest.len());
                content.extend(&rest[..end]);
                at += end;
            }

            fields.push(start..content.len());
            if at == self.text.len() {
                return Ok(());
            }
            // Without it, the halves of a letter in two fields would become text.
            content.push(self.delimiter);
            at += 1;
        }
    }

    /// Appends the text between two quotes and returns the position behind the second.
    fn quoted_field(
        &mut self,
        mut at: usize,
        opened: u64,
        content: &mut Vec<u8>,
        fields: &[Range<usize>],
    ) -> Result<usize, Wrong> {
        loop {
            let rest = &self.text[at..];
            if let Some(len) = rest.iter().position(|&byte| byte == QUOTE) {
                content.extend(&rest[..len]);
                at += len + 1;
                if self.text.get(at) != Some(&QUOTE) {
                    return Ok(at);
                }
                content.push(QUOTE);
                at += 1;
                continue;
            }

            content.extend(rest);
            content.extend(self.end.as_bytes());
            if !self.next_line(content.len())? {
                let expected = "a quote that closes the one that opens a field in this line";
                let advice =
                    "close it, write it twice if it is text, or read the file with `quotes(false)`";
                let mut wrong = self.wrong(opened, expected, "the end of the file", advice);
                if let Wrong::Text(wrong) = &mut wrong {
                    wrong.last = true;
                }
                return Err(wrong);
            }
            self.check_size(fields, content.len())?;
            at = 0;
        }
    }

    fn skip_blanks(&self, at: usize) -> usize {
        let blanks = self.text[at..]
            .iter()
            .take_while(|&&byte| is_blank(byte) && byte != self.delimiter);
        at + blanks.count()
    }

    /// The error for text between a closing quote and the end of its field.
    fn after_quote(&self, at: usize, opened: u64) -> Wrong {
        let expected = "the end of the field after its closing quote";
        let closed = match self.line {
            line if line == opened => String::new(),
            line => format!(" in line {line}"),
        };
        let found = format!(
            "{}{closed}",
            quoted(&String::from_utf8_lossy(&self.text[at..]))
        );
        let advice = "write a quote that is text twice, close one that was left open, or read the file with \
                      `quotes(false)` if quotes are text in it";
        self.wrong(opened, expected, found, advice)
    }

    /// Checks that the record with this line is within the limit. Only long lines have many fields.
    fn check_size(&self, fields: &[Range<usize>], before: usize) -> Result<(), Wrong> {
        let mut count = fields.len() as u64;
        if self.text.len() > 4096 {
            count += self
                .text
                .iter()
                .filter(|&&byte| byte == self.delimiter)
                .count() as u64;
        }
        let need = before as u64 + self.text.len() as u64 + FIELD * count;
        self.budget
            .check(need)
            .map_err(|error| self.too_large(error, &format!("a line of {count} fields")))
    }

    fn too_large(&self, error: TooLarge, what: &str) -> Wrong {
        let mut wrong = self.wrong(self.line, error.expected(), what, RAISE);
        if let Wrong::Text(wrong) = &mut wrong {
            wrong.kind = ReadErrorKind::Limit;
            wrong.last = true;
        }
        wrong
    }

    fn wrong(
        &self,
        line: u64,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Wrong {
        Wrong::Text(Box::new(WrongText {
            kind: ReadErrorKind::Format,
            line,
            field: None,
            expected: expected.into(),
            found: found.into(),
            advice: advice.into(),
            last: false,
        }))
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns the next bytes. A signal does not end the reading.
fn fill<R: Read>(source: &mut BufReader<R>) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(source.buffer())
}
