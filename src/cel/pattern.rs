use regex::{Regex, RegexBuilder};

/// The most memory that one compiled pattern may take, in bytes.
const MAX_SIZE: usize = 1 << 20;

/// The most repetitions, as in RE2.
const MAX_REPEAT: u32 = 1000;

/// A pattern in the syntax of Go's `regexp`, which is that of RE2.
///
/// The engine beneath means other things by some of the same characters: its classes know Unicode,
/// its sets have operators, its braces must be quoted. So each pattern is read here and written
/// again in what both understand. What is left, is refused.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    /// In characters, by which matching is charged.
    pub(super) length: usize,
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    /// Go does not take it either.
    #[error("not a regular expression")]
    Invalid,
    /// Go takes it, and its meaning here is not certain to be the same.
    #[error("regular expression with an unusual part")]
    Unsupported,
    /// It becomes too large.
    #[error("regular expression of more than 1 MiB")]
    TooLarge,
}

impl Pattern {
    pub(super) fn compile(pattern: &str) -> Result<Self, PatternError> {
        let mut translation = Translation::new(pattern);
        translation.all()?;
        let regex = RegexBuilder::new(&translation.out)
            .size_limit(MAX_SIZE)
            .dfa_size_limit(MAX_SIZE)
            .nest_limit(64)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
                _ => PatternError::Invalid,
            })?;
        Ok(Self { regex, length: pattern.chars().count() })
    }

    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(super) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.regex.find(text).map(|found| found.as_str())
    }

    pub(super) fn find_all<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        self.regex.find_iter(text).map(|found| found.as_str())
    }
}

struct Translation<'p> {
    rest: &'p str,
    out: String,
    depth: usize,
    /// How many bounds in braces there are, and whether those of a group are among them. Go limits
    /// their product where they are nested.
    bounds: usize,
    is_group_bound: bool,
}

/// What a class of letters is in ASCII, inside of brackets.
const fn perl_class(letter: char) -> Option<&'static str> {
    match letter {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some(r"\t\n\f\r "),
        _ => None,
    }
}

impl<'p> Translation<'p> {
    const fn new(rest: &'p str) -> Self {
        Self { rest, out: String::new(), depth: 0, bounds: 0, is_group_bound: false }
    }

    fn next(&mut self) -> Option<char> {
        let next = self.rest.chars().next()?;
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        Some(next)
    }

    fn take(&mut self, start: &str) -> bool {
        let behind = self.rest.strip_prefix(start);
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    fn literal(&mut self, character: char) {
        let mut buffer = [0; 4];
        self.out.push_str(&regex::escape(character.encode_utf8(&mut buffer)));
    }

    fn all(&mut self) -> Result<(), PatternError> {
        // Whether a repetition may follow here, and whether one just did.
        let (mut is_atom, mut is_repeated) = (false, false);
        while let Some(next) = self.next() {
            if let Some(repeat) = self.repetition(next)? {
                // Go refuses both of these.
                if !is_atom || is_repeated {
                    return Err(PatternError::Invalid);
                }
                self.out.push_str(&repeat);
                is_repeated = true;
                continue;
            }
            (is_atom, is_repeated) = (true, false);
            match next {
                '.' => self.out.push('.'),
                // Anchors are atoms for Go; repeated ones are nobody's intention.
                '^' | '$' => {
                    self.out.push(next);
                    self.refuse_repetition()?;
                }
                '|' => {
                    self.out.push('|');
                    is_atom = false;
                }
                '(' => {
                    self.group()?;
                    is_atom = false;
                }
                ')' => {
                    self.depth = self.depth.checked_sub(1).ok_or(PatternError::Invalid)?;
                    self.out.push(')');
                }
                '[' => self.set()?,
                '\\' => self.escape()?,
                other => self.literal(other),
            }
        }
        if self.depth > 0 {
            return Err(PatternError::Invalid);
        }
        let is_nested = self.is_group_bound && self.bounds > 1;
        if is_nested { Err(PatternError::Unsupported) } else { Ok(()) }
    }

    fn refuse_repetition(&self) -> Result<(), PatternError> {
        let is_repeated = self.rest.starts_with(['*', '+', '?', '{']);
        if is_repeated { Err(PatternError::Unsupported) } else { Ok(()) }
    }

    /// A repetition, of which a brace is only one when it looks like one.
    fn repetition(&mut self, next: char) -> Result<Option<String>, PatternError> {
        let mut out = match next {
            '*' | '+' | '?' => next.to_string(),
            '{' => {
                let Some((bounds, behind)) = self.rest.split_once('}') else { return Ok(None) };
                let is_number =
                    |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let (low, high) = bounds.split_once(',').unwrap_or((bounds, bounds));
                if !is_number(low) || !(high.is_empty() || is_number(high)) {
                    return Ok(None);
                }
                let number = |text: &str| text.parse::<u32>().map_err(|_| PatternError::Invalid);
                let low = number(low)?;
                let high = if high.is_empty() { low } else { number(high)? };
                if low > high || high > MAX_REPEAT {
                    return Err(PatternError::Invalid);
                }
                self.rest = behind;
                self.bounds += 1;
                self.is_group_bound |= self.out.ends_with(')');
                format!("{{{bounds}}}")
            }
            _ => return Ok(None),
        };
        if self.take("?") {
            out.push('?');
        }
        Ok(Some(out))
    }

    fn group(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        if !self.take("?") {
            self.out.push('(');
            return Ok(());
        }
        if self.take("P<") || self.rest.starts_with('<') {
            // Names of groups do nothing here, and their rules differ.
            return Err(PatternError::Unsupported);
        }
        let end = self.rest.find([':', ')']).ok_or(PatternError::Invalid)?;
        let (flags, behind) = self.rest.split_at_checked(end).ok_or(PatternError::Invalid)?;
        let are_known = flags.chars().all(|flag| matches!(flag, 'i' | 'm' | 's' | 'U' | '-'));
        let is_empty = flags.is_empty() && !behind.starts_with(':');
        if !are_known || is_empty || flags.ends_with('-') || flags.matches('-').count() > 1 {
            return Err(PatternError::Invalid);
        }
        let mut unique = flags.replace('-', "").into_bytes();
        unique.sort_unstable();
        unique.dedup();
        if unique.len() < flags.replace('-', "").len() {
            return Err(PatternError::Unsupported);
        }
        self.out.push_str("(?");
        self.out.push_str(flags);
        self.rest = behind;
        if self.take(")") {
            self.depth -= 1;
            self.out.push(')');
            return self.refuse_repetition();
        }
        self.take(":");
        self.out.push(':');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), PatternError> {
        let next = self.next().ok_or(PatternError::Invalid)?;
        if let Some(class) = perl_class(next) {
            self.out.push_str(&format!("[{class}]"));
            return Ok(());
        }
        if let Some(class) = perl_class(next.to_ascii_lowercase()) {
            self.out.push_str(&format!("[^{class}]"));
            return Ok(());
        }
        match next {
            'A' | 'z' => {
                self.out.push('\\');
                self.out.push(next);
                self.refuse_repetition()
            }
            'b' => {
                self.out.push_str(r"(?-u:\b)");
                self.refuse_repetition()
            }
            'Q' => {
                let (quoted, behind) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
                let is_odd = quoted.is_empty() || behind.starts_with(['*', '+', '?', '{']);
                if is_odd {
                    return Err(PatternError::Unsupported);
                }
                self.out.push_str(&regex::escape(quoted));
                self.rest = behind;
                Ok(())
            }
            'B' | 'C' | 'E' | 'p' | 'P' => Err(PatternError::Unsupported),
            other => {
                let character = self.escaped(other)?;
                self.literal(character);
                Ok(())
            }
        }
    }

    /// The character behind a backslash that stands for one.
    fn escaped(&mut self, next: char) -> Result<char, PatternError> {
        match next {
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            'x' => {
                let digits = if self.take("{") {
                    let (digits, behind) =
                        self.rest.split_once('}').ok_or(PatternError::Invalid)?;
                    self.rest = behind;
                    digits
                } else {
                    let (digits, behind) =
                        self.rest.split_at_checked(2).ok_or(PatternError::Invalid)?;
                    self.rest = behind;
                    digits
                };
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err(PatternError::Invalid);
                }
                let number = u32::from_str_radix(digits, 16).map_err(|_| PatternError::Invalid)?;
                char::from_u32(number).ok_or(PatternError::Invalid)
            }
            // Octal numbers, and references, which RE2 does not have.
            '0'..='9' => Err(PatternError::Unsupported),
            other if other.is_ascii_punctuation() => Ok(other),
            _ => Err(PatternError::Invalid),
        }
    }

    /// A set in brackets.
    fn set(&mut self) -> Result<(), PatternError> {
        let start = if self.take("^") { "[^" } else { "[" };
        self.out.push_str(start);
        let mut is_first = true;
        loop {
            if !is_first && self.take("]") {
                self.out.push(']');
                return Ok(());
            }
            if self.rest.starts_with("[:") && self.rest.contains(":]") {
                self.named_class()?;
            } else {
                self.set_item(is_first)?;
            }
            is_first = false;
        }
    }

    fn named_class(&mut self) -> Result<(), PatternError> {
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        let (class, behind) = self.rest.split_once(":]").ok_or(PatternError::Invalid)?;
        let name = class.strip_prefix("[:").unwrap_or_default();
        if !NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(PatternError::Invalid);
        }
        self.out.push_str(&format!("[:{name}:]"));
        self.rest = behind;
        Ok(())
    }

    fn set_item(&mut self, is_first: bool) -> Result<(), PatternError> {
        if let Some(letter) = self.rest.strip_prefix('\\').and_then(|rest| rest.chars().next()) {
            if let Some(class) = perl_class(letter) {
                self.rest = self.rest.get(2..).unwrap_or_default();
                self.out.push_str(class);
                return self.refuse_range();
            }
            if perl_class(letter.to_ascii_lowercase()).is_some() || matches!(letter, 'p' | 'P') {
                return Err(PatternError::Unsupported);
            }
        }
        let is_dash = self.rest.starts_with('-');
        let low = self.set_character()?;
        // A dash is itself only at either end.
        if is_dash && !is_first && !self.rest.starts_with(']') {
            return Err(PatternError::Invalid);
        }
        self.literal(low);
        let Some(behind) = self.rest.strip_prefix('-') else { return Ok(()) };
        if behind.starts_with(']') {
            return Ok(());
        }
        self.rest = behind;
        let high = self.set_character()?;
        if low > high {
            return Err(PatternError::Invalid);
        }
        self.out.push('-');
        self.literal(high);
        Ok(())
    }

    fn refuse_range(&self) -> Result<(), PatternError> {
        let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
        if is_range { Err(PatternError::Unsupported) } else { Ok(()) }
    }

    fn set_character(&mut self) -> Result<char, PatternError> {
        match self.next().ok_or(PatternError::Invalid)? {
            '\\' => {
                let next = self.next().ok_or(PatternError::Invalid)?;
                self.escaped(next)
            }
            other => Ok(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::compile(pattern)
            .unwrap_or_else(|error| panic!("{pattern}: {error}"))
            .is_match(text)
    }

    #[test]
    fn usual_patterns_match_what_they_should() {
        for (pattern, yes, no) in [
            ("^system:node:.*$", "system:node:n1", "xsystem:node:n1"),
            ("^(get|list)$", "list", "lists"),
            ("a{2,3}b", "aab", "ab"),
            ("a{,2}", "a{,2}", "aa"),
            ("a{", "a{", "a"),
            ("x{2}?y", "xxy", "xy"),
            (r"\d+\.\w", "12.a", "12a"),
            (r"^\W$", "é", "a"),
            (r"^[^\d]+$", "ab", "a1"),
            ("^[]a-]+$", "]a-", "b"),
            ("^[a-]$", "-", "b"),
            ("^[[:alpha:]_]+$", "aB_", "a1"),
            ("^[[:^digit:]]$", "a", "1"),
            ("(?i)^ABC$", "abc", "abd"),
            ("^(?i:a)b$", "Ab", "AB"),
            ("(?s)a.b", "a\nb", "ab"),
            (r"\Qa.b\Ec", "a.bc", "axbc"),
            (r"\x41\x{42}", "AB", "ab"),
            (r"\bprod\b", "a prod b", "production"),
            ("^[a&&b]$", "&", "&&"),
            ("^[a~~b#]$", "#", "c"),
            ("^a b#c$", "a b#c", "abc"),
        ] {
            assert!(matches(pattern, yes), "{pattern} {yes}");
            assert!(!matches(pattern, no), "{pattern} {no}");
        }
    }

    #[test]
    fn classes_are_ascii_and_an_end_is_the_end_of_the_text() {
        assert!(!matches(r"^\d$", "٣"));
        assert!(!matches(r"^\w$", "é"));
        assert!(!matches(r"^\s$", "\u{a0}"));
        assert!(!matches(r"^\s$", "\u{b}"));
        assert!(!matches("a$", "a\n"));
        assert!(matches("(?m)a$", "a\nb"));
        assert!(!matches("a.b", "a\nb"));
        assert!(matches("^.$", "é"));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "(",
            ")",
            "*",
            "a**",
            "a+*",
            "a??+",
            "(?x)a",
            "[b-a]",
            "[a",
            r"a\",
            r"\8",
            "a{1001}",
            "a{3,2}",
            "(?)",
            r"\i",
            "[[:foo:]]",
            "(|*)",
            "[a-b-c]",
            "(?i-)",
            r"\xg1",
            "^*",
        ] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for pattern in [
            r"\pL",
            r"\p{Greek}",
            r"\C",
            r"\B",
            r"\123",
            "(?P<a>b)",
            "(?<a>b)",
            r"[\D]",
            r"[\d-a]",
            "(?ii)a",
        ] {
            assert_eq!(
                Pattern::compile(pattern).unwrap_err(),
                PatternError::Unsupported,
                "{pattern}"
            );
        }
        let nested = "((a{100}){100}){100}";
        assert_eq!(Pattern::compile(nested).unwrap_err(), PatternError::Unsupported);
        let bomb = "(?i)é{1000}.{1000}.{1000}.{1000}";
        assert_eq!(Pattern::compile(bomb).unwrap_err(), PatternError::TooLarge);
    }

    #[test]
    fn all_matches_are_found_as_go_finds_them() {
        let all = |pattern: &str, text: &str| {
            let pattern = Pattern::compile(pattern).unwrap();
            pattern.find_all(text).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(all("[0-9]+", "123 abc 456"), ["123", "456"]);
        assert_eq!(all("a*", "baac"), ["", "aa", ""]);
        assert_eq!(all("", "é"), ["", ""]);
    }
}
