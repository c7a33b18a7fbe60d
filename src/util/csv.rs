//! Comma-separated values as Go's `encoding/csv` reads them with its strict defaults and any number
//! of columns. No crate is as strict about quotes, and the API server is.

use std::fmt;

use zeroize::Zeroizing;

/// One record; its fields are wiped when they are dropped, for some are tokens.
pub(crate) struct Record {
    /// The line it begins on, counted from 1.
    #[cfg_attr(not(feature = "token-file"), expect(dead_code, reason = "token files name lines"))]
    pub(crate) line: usize,
    pub(crate) fields: Vec<Zeroizing<String>>,
}

/// What is wrong with a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvProblem {
    /// One inside of a field that does not begin with one.
    BareQuote,
    /// One that ends a field too early, or none that ends it.
    Quote,
}

/// Text that is no CSV, in the words of Go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CsvError {
    /// The line on which the record begins, counted from 1.
    pub start_line: usize,
    /// The line of the problem, counted from 1.
    pub line: usize,
    /// The byte of that line, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: CsvProblem,
}

impl fmt::Display for CsvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start_line, line, column, problem } = self;
        if start_line != line {
            write!(f, "record on line {start_line}; ")?;
        }
        write!(f, "parse error on line {line}, column {column}: ")?;
        f.write_str(match problem {
            CsvProblem::BareQuote => "bare \" in non-quoted field",
            CsvProblem::Quote => "extraneous or missing \" in quoted-field",
        })
    }
}

impl std::error::Error for CsvError {}

/// Reads records one after another.
pub(crate) struct Reader<'t> {
    rest: &'t str,
    /// Lines read so far.
    line: usize,
}

/// What is left of a line, without its end.
#[derive(Clone, Copy, Default)]
struct Line<'t> {
    text: &'t str,
    /// Whether a newline follows.
    ended: bool,
}

impl Line<'_> {
    fn len(self) -> usize {
        self.text.len() + usize::from(self.ended)
    }
}

impl<'t> Reader<'t> {
    /// Begins at a line; those before it have been read otherwise.
    pub(crate) const fn new(text: &'t str, lines_before: usize) -> Self {
        Self { rest: text, line: lines_before }
    }

    /// The next line. A carriage return before its newline, or before the end of the text, is not a
    /// part of it.
    fn next_line(&mut self) -> Option<Line<'t>> {
        if self.rest.is_empty() {
            return None;
        }
        let (text, rest, ended) = match self.rest.split_once('\n') {
            Some((text, rest)) => (text, rest, true),
            None => (self.rest, "", false),
        };
        self.rest = rest;
        self.line += 1;
        Some(Line { text: text.strip_suffix('\r').unwrap_or(text), ended })
    }

    /// The next record; empty lines are passed over.
    pub(crate) fn next_record(&mut self) -> Result<Option<Record>, CsvError> {
        let mut line = loop {
            match self.next_line() {
                None => return Ok(None),
                Some(line) if line.text.is_empty() => {}
                Some(line) => break line,
            }
        };
        let start = self.line;
        let mut at = Place { start, line: start, column: 1 };
        let mut fields = Vec::with_capacity(4);
        loop {
            let more = match line.text.strip_prefix('"') {
                None => {
                    let (field, rest) = match line.text.split_once(',') {
                        Some((field, rest)) => (field, Some(rest)),
                        None => (line.text, None),
                    };
                    if let Some(quote) = field.find('"') {
                        at.column += quote;
                        return Err(at.error(CsvProblem::BareQuote));
                    }
                    at.column += field.len() + 1;
                    line.text = rest.unwrap_or_default();
                    fields.push(Zeroizing::new(field.to_owned()));
                    rest.is_some()
                }
                Some(rest) => {
                    line.text = rest;
                    at.column += 1;
                    self.quoted(&mut line, &mut at, &mut fields)?
                }
            };
            if !more {
                return Ok(Some(Record { line: start, fields }));
            }
        }
    }

    /// Reads the rest of a field behind its first quote. Whether another field follows.
    fn quoted(
        &mut self,
        line: &mut Line<'t>,
        at: &mut Place,
        fields: &mut Vec<Zeroizing<String>>,
    ) -> Result<bool, CsvError> {
        // Room for all of it, so that no half of a token is left behind by growing.
        let mut field = Zeroizing::new(String::with_capacity(line.len()));
        loop {
            let Some((before, after)) = line.text.split_once('"') else {
                if line.len() == 0 {
                    return Err(at.error(CsvProblem::Quote));
                }
                field.push_str(line.text);
                if line.ended {
                    field.push('\n');
                }
                at.column += line.len();
                *line = self.next_line().unwrap_or_default();
                if line.len() > 0 {
                    *at = Place { line: self.line, column: 1, ..*at };
                }
                continue;
            };
            field.push_str(before);
            at.column += before.len() + 1;
            if let Some(after) = after.strip_prefix('"') {
                field.push('"');
                line.text = after;
                at.column += 1;
            } else if let Some(after) = after.strip_prefix(',') {
                line.text = after;
                at.column += 1;
                fields.push(field);
                return Ok(true);
            } else if after.is_empty() {
                fields.push(field);
                return Ok(false);
            } else {
                at.column -= 1;
                return Err(at.error(CsvProblem::Quote));
            }
        }
    }
}

/// How far reading came.
#[derive(Clone, Copy)]
struct Place {
    start: usize,
    line: usize,
    column: usize,
}

impl Place {
    const fn error(self, problem: CsvProblem) -> CsvError {
        let Self { start, line, column } = self;
        CsvError { start_line: start, line, column, problem }
    }
}

/// A field as it must be written to be read back.
#[cfg(feature = "token-file")]
pub(crate) fn field(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Result<Vec<Vec<String>>, String> {
        let mut reader = Reader::new(text, 0);
        let mut records = Vec::new();
        while let Some(record) = reader.next_record().map_err(|error| error.to_string())? {
            records.push(record.fields.iter().map(|field| field.to_string()).collect());
        }
        Ok(records)
    }

    #[test]
    fn fields_are_split_as_go_splits_them() {
        for (text, expected) in [
            ("a,b,c\n", &[&["a", "b", "c"][..]][..]),
            ("a,b", &[&["a", "b"]]),
            ("a,b\r\nc,d\r", &[&["a", "b"], &["c", "d"]]),
            ("\n\r\na\n\n", &[&["a"]]),
            (" a , b\n", &[&[" a ", " b"]]),
            ("# a,b\n", &[&["# a", "b"]]),
            ("a,\"b,c\"\n", &[&["a", "b,c"]]),
            ("\"a \"\"word\"\"\",\"b\"", &[&["a \"word\"", "b"]]),
            ("\"a\r\nb\",c\n", &[&["a\nb", "c"]]),
            ("\"\n\n\"", &[&["\n\n"]]),
            ("a,,\n", &[&["a", "", ""]]),
            (",", &[&["", ""]]),
            ("\"\"", &[&[""]]),
            ("\"a\",", &[&["a", ""]]),
            ("a\r\r\n", &[&["a\r"]]),
            ("\u{feff}a", &[&["\u{feff}a"]]),
            (" ", &[&[" "]]),
            ("\"\"\"\"\"\"\"\"", &[&["\"\"\""]]),
            ("", &[]),
        ] {
            assert_eq!(records(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_out_of_place_are_errors_in_the_words_of_go() {
        for (text, error) in [
            ("a \"word\",b", "parse error on line 1, column 3: bare \" in non-quoted field"),
            ("a\n\nb,c\"d", "parse error on line 3, column 4: bare \" in non-quoted field"),
            (
                "\"foo\u{2211}\"bar\"\r\n",
                "parse error on line 1, column 8: extraneous or missing \" in quoted-field",
            ),
            (
                "\"\"\"\"\"\"\"",
                "parse error on line 1, column 8: extraneous or missing \" in quoted-field",
            ),
            (
                "a,\"b\nc\"d,e\"\n",
                "record on line 1; parse error on line 2, column 2: extraneous or missing \" in quoted-field",
            ),
            (
                "\"abc\ndef",
                "record on line 1; parse error on line 2, column 4: extraneous or missing \" in quoted-field",
            ),
            (
                "\"abc\n",
                "parse error on line 1, column 6: extraneous or missing \" in quoted-field",
            ),
            ("\"", "parse error on line 1, column 2: extraneous or missing \" in quoted-field"),
        ] {
            assert_eq!(records(text).unwrap_err(), error, "{text:?}");
        }
    }

    #[cfg(feature = "token-file")]
    #[test]
    fn what_is_written_is_read_back() {
        for text in ["", "a", " a", "a,b", "say \"hi\"", "two\nlines", "\"", ",", "cr\rhere"] {
            let line = format!("x,{},y\n", field(text));
            assert_eq!(records(&line).unwrap(), [["x", text, "y"]], "{text:?}");
        }
    }
}
