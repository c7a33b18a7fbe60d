use super::syntax::{label_value_errors, qualified_name_errors};
use crate::api::field::{BadValue, FieldError, FieldErrors};
use crate::model::{LabelOperator, LabelRequirement};

/// Reads a label selector as `kubectl -l` takes it, requirements sorted by key (S-ATTR-24).
///
/// ```
/// use portcullis::api::selector::parse_labels;
/// use portcullis::model::LabelOperator;
///
/// let requirements = parse_labels("tier in (web,db), !canary")?;
/// assert_eq!(requirements[0].operator, LabelOperator::DoesNotExist);
/// assert_eq!(requirements[1].values, ["db", "web"]);
/// assert_eq!(
///     parse_labels("a b").unwrap_err().to_string(),
///     "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"
/// );
/// # Ok::<(), portcullis::api::selector::LabelSelectorError>(())
/// ```
///
/// # Errors
///
/// The first thing that is not a label selector.
pub fn parse_labels(selector: &str) -> Result<Vec<LabelRequirement>, LabelSelectorError> {
    let mut requirements = Parser { tokens: lex(selector), position: 0 }.selector()?;
    requirements.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(requirements)
}

/// Why a label selector was not read; the texts are those of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelSelectorError {
    /// Something else was expected.
    #[error("found '{found}', expected: {expected}")]
    Unexpected {
        /// What stands there; empty at the end.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// `in` and `notin` want a list.
    #[error("found '{found}' expected: '('")]
    MissingList {
        /// What stands there; empty at the end.
        found: String,
    },
    /// The key is not a label key.
    #[error(transparent)]
    Key(FieldError),
    /// Key, operator and values do not fit together.
    #[error(transparent)]
    Requirement(FieldErrors),
    /// One of the above, within a requirement.
    #[error("unable to parse requirement: {0}")]
    InRequirement(Box<LabelSelectorError>),
    /// The operator of a selector object is none.
    #[error("{} is not a valid label selector operator", crate::util::goquote::Quoted(.0))]
    Operator(String),
}

/// A requirement, checked as Kubernetes checks it before use.
///
/// # Errors
///
/// [`LabelSelectorError::Requirement`] when key, operator and values do not fit together.
pub(crate) fn requirement(
    key: &str,
    operator: LabelOperator,
    values: Vec<String>,
) -> Result<LabelRequirement, LabelSelectorError> {
    let mut errors = Vec::new();
    errors.extend(key_error(key, "key"));
    let mut wrong = |detail| {
        errors.push(FieldError::invalid("values", BadValue::json(&values), detail));
    };
    match operator {
        LabelOperator::In | LabelOperator::NotIn => {
            if values.is_empty() {
                wrong("for 'in', 'notin' operators, values set can't be empty");
            }
        }
        LabelOperator::Equals | LabelOperator::NotEquals => {
            if values.len() != 1 {
                wrong("exact-match compatibility requires one single value");
            }
        }
        LabelOperator::Exists | LabelOperator::DoesNotExist => {
            if !values.is_empty() {
                wrong("values set must be empty for exists and does not exist");
            }
        }
        LabelOperator::GreaterThan | LabelOperator::LessThan => {
            if values.len() != 1 {
                wrong("for 'Gt', 'Lt' operators, exactly one value is required");
            }
            for (index, value) in values.iter().enumerate() {
                if value.parse::<i64>().is_err() {
                    errors.push(FieldError::invalid(
                        format!("values[{index}]"),
                        value.as_str(),
                        "for 'Gt', 'Lt' operators, the value must be an integer",
                    ));
                }
            }
        }
    }
    for (index, value) in values.iter().enumerate() {
        let problems = label_value_errors(value);
        if !problems.is_empty() {
            errors.push(FieldError::invalid(
                format!("values[{index}][{key}]"),
                value.as_str(),
                problems.join("; "),
            ));
        }
    }
    FieldErrors(errors).into_result().map_err(LabelSelectorError::Requirement)?;
    Ok(LabelRequirement { key: key.to_owned(), operator, values })
}

fn key_error(key: &str, path: &str) -> Option<FieldError> {
    let problems = qualified_name_errors(key);
    (!problems.is_empty()).then(|| FieldError::invalid(path, key, problems.join("; ")))
}

/// A word or a symbol. `in` and `notin` are words; the grammar decides what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'a str),
    End,
}

impl<'a> Token<'a> {
    const fn text(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

const SYMBOLS: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];
const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Splits a selector; a NUL ends it, as Kubernetes' scanner takes it for the end.
fn lex(selector: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = selector.split('\0').next().unwrap_or_default();
    loop {
        rest = rest.trim_start_matches(WHITESPACE);
        let length = if rest.starts_with("==") || rest.starts_with("!=") {
            2
        } else if rest.starts_with(SYMBOLS) {
            1
        } else {
            let end = rest.find(|c| SYMBOLS.contains(&c) || WHITESPACE.contains(&c));
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            if word.is_empty() {
                return tokens;
            }
            tokens.push(Token::Word(word));
            rest = after;
            continue;
        };
        let (symbol, after) = rest.split_at(length);
        tokens.push(Token::Symbol(symbol));
        rest = after;
    }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    position: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Token<'a> {
        self.tokens.get(self.position).copied().unwrap_or(Token::End)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.position += 1;
        token
    }

    fn selector(&mut self) -> Result<Vec<LabelRequirement>, LabelSelectorError> {
        let mut requirements = Vec::new();
        match self.peek() {
            Token::End => return Ok(requirements),
            Token::Word(_) | Token::Symbol("!") => {}
            other => return unexpected(other, "!, identifier, or 'end of string'"),
        }
        loop {
            requirements.push(
                self.requirement().map_err(|e| LabelSelectorError::InRequirement(Box::new(e)))?,
            );
            match self.next() {
                Token::End => return Ok(requirements),
                Token::Symbol(",") => match self.peek() {
                    Token::Word(_) | Token::Symbol("!") => {}
                    other => return unexpected(other, "identifier after ','"),
                },
                other => return unexpected(other, "',' or 'end of string'"),
            }
        }
    }

    fn requirement(&mut self) -> Result<LabelRequirement, LabelSelectorError> {
        let absent = self.peek() == Token::Symbol("!");
        if absent {
            self.next();
        }
        let key = match self.next() {
            Token::Word(key) => key,
            other => return unexpected(other, "identifier"),
        };
        // Kubernetes has no path here and prints its absence.
        key_error(key, "<nil>").map_or(Ok(()), |error| Err(LabelSelectorError::Key(error)))?;
        if absent {
            return requirement(key, LabelOperator::DoesNotExist, Vec::new());
        }
        if matches!(self.peek(), Token::End | Token::Symbol(",")) {
            return requirement(key, LabelOperator::Exists, Vec::new());
        }
        let operator = match self.next() {
            Token::Word("in") => LabelOperator::In,
            Token::Word("notin") => LabelOperator::NotIn,
            Token::Symbol("=" | "==") => LabelOperator::Equals,
            Token::Symbol("!=") => LabelOperator::NotEquals,
            Token::Symbol(">") => LabelOperator::GreaterThan,
            Token::Symbol("<") => LabelOperator::LessThan,
            other => return unexpected(other, "in, notin, =, ==, !=, gt, lt"),
        };
        let mut values = match operator {
            LabelOperator::In | LabelOperator::NotIn => self.list()?,
            _ => vec![self.value()?],
        };
        values.sort_unstable();
        values.dedup();
        requirement(key, operator, values)
    }

    fn value(&mut self) -> Result<String, LabelSelectorError> {
        match self.peek() {
            // `key=` compares with the empty value.
            Token::End | Token::Symbol(",") => Ok(String::new()),
            Token::Word(word) => {
                self.next();
                Ok(word.to_owned())
            }
            other @ Token::Symbol(_) => unexpected(other, "identifier"),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, LabelSelectorError> {
        match self.next() {
            Token::Symbol("(") => {}
            other => {
                return Err(LabelSelectorError::MissingList { found: other.text().to_owned() });
            }
        }
        match self.peek() {
            Token::Word(_) | Token::Symbol(",") => {}
            Token::Symbol(")") => {
                self.next();
                return Ok(Vec::new());
            }
            other => return unexpected(other, "',', ')' or identifier"),
        }
        let values = self.items()?;
        // `items` stops before the closing parenthesis, and only there.
        self.next();
        Ok(values)
    }

    /// Words between commas; a missing word is the empty value.
    fn items(&mut self) -> Result<Vec<String>, LabelSelectorError> {
        let mut values = Vec::new();
        loop {
            match self.next() {
                Token::Word(word) => {
                    values.push(word.to_owned());
                    match self.peek() {
                        Token::Symbol(",") => {}
                        Token::Symbol(")") => return Ok(values),
                        other => return unexpected(other, "',' or ')'"),
                    }
                }
                Token::Symbol(",") => {
                    if values.is_empty() {
                        values.push(String::new());
                    }
                    match self.peek() {
                        Token::Symbol(")") => {
                            values.push(String::new());
                            return Ok(values);
                        }
                        Token::Symbol(",") => {
                            self.next();
                            values.push(String::new());
                        }
                        _ => {}
                    }
                }
                other => return unexpected(other, "',', or identifier"),
            }
        }
    }
}

fn unexpected<T>(found: Token<'_>, expected: &'static str) -> Result<T, LabelSelectorError> {
    Err(LabelSelectorError::Unexpected { found: found.text().to_owned(), expected })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(selector: &str) -> String {
        match parse_labels(selector) {
            Ok(requirements) => requirements
                .iter()
                .map(|r| format!("{} {:?} {}", r.key, r.operator, r.values.join("|")))
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_operator_is_read_and_keys_are_sorted() {
        for (selector, expected) in [
            ("", ""),
            ("  ", ""),
            ("x", "x Exists "),
            ("!x", "x DoesNotExist "),
            ("b=1,a==2", "a Equals 2; b Equals 1"),
            ("x!=y", "x NotEquals y"),
            ("x=", "x Equals "),
            ("x=,y", "x Equals ; y Exists "),
            ("x>1,y<2", "x GreaterThan 1; y LessThan 2"),
            ("x in (b,a,b)", "x In a|b"),
            (
                "x notin ()",
                "unable to parse requirement: values: Invalid value: []: for 'in', \
                            'notin' operators, values set can't be empty",
            ),
            ("x in (,a)", "x In |a"),
            ("x in (a,)", "x In |a"),
            ("x in (a,,b)", "x In |a|b"),
            ("in in (in,notin)", "in In in|notin"),
            ("x\tin\n(a)", "x In a"),
        ] {
            assert_eq!(shown(selector), expected, "{selector:?}");
        }
    }

    #[test]
    fn what_is_no_selector_is_refused_in_the_words_of_kubernetes() {
        for (selector, expected) in [
            (",x", "found ',', expected: !, identifier, or 'end of string'"),
            ("x,", "found '', expected: identifier after ','"),
            ("x=a b", "found 'b', expected: ',' or 'end of string'"),
            ("!x=a", "found '=', expected: ',' or 'end of string'"),
            ("!", "unable to parse requirement: found '', expected: identifier"),
            ("x in a", "unable to parse requirement: found 'a' expected: '('"),
            ("x in (a", "unable to parse requirement: found '', expected: ',' or ')'"),
            ("x in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier"),
            ("x in (a,=", "unable to parse requirement: found '=', expected: ',', or identifier"),
            ("x=(", "unable to parse requirement: found '(', expected: identifier"),
            (
                "x>a",
                "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' \
                 operators, the value must be an integer",
            ),
        ] {
            assert_eq!(shown(selector), expected, "{selector:?}");
        }
        assert!(shown("x=-").contains("values[0][x]: Invalid value: \"-\": a valid label must"));
    }
}
