use std::fmt;
use std::str::FromStr;

/// What begins a name that Kubernetes keeps for itself.
pub(super) const RESERVED: &str = "system:";

/// Names that a policy means: one name, all that begin or end like this, or all.
///
/// `jane` is that name alone; `team-*` is every name that begins with `team-`, `*@example.com`
/// every name that ends so, and `*` every name. The whole name is looked at, case counts, and the
/// star stands for nothing as well. There is no other place for a star.
///
/// A star stands for nothing that hides what a name is: no name with a character that is not seen, or
/// with a space in front or behind, is meant by the way.
///
/// Names that begin with `system:` belong to Kubernetes and are not meant by the way: only a text
/// that itself begins with `system:` and goes on means any.
///
/// ```
/// use portcullis::pki::policy::Pattern;
///
/// let team: Pattern = "team-*".parse()?;
/// assert!(team.matches("team-a") && !team.matches("my-team-a"));
/// let all: Pattern = "*".parse()?;
/// assert!(all.matches("jane") && !all.matches("system:node:a"));
/// assert!("system:node:*".parse::<Pattern>()?.matches("system:node:a"));
/// assert!("system:*".parse::<Pattern>().is_err());
/// # Ok::<(), portcullis::pki::policy::PatternError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Shape);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    All,
    Exact(String),
    Prefix(String),
    Suffix(String),
}

/// Not a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// There is nothing.
    #[error("must not be empty")]
    Empty,
    /// A star stands in the middle, or there are several.
    #[error("a `*` may stand at the beginning or at the end, and once")]
    Star,
    /// `system:*` would mean every name of Kubernetes.
    #[error("means every name that Kubernetes keeps for itself; say more, such as `system:node:*`")]
    Reserved,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let shape = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            _ if text.is_empty() => return Err(PatternError::Empty),
            _ if text == "*" => Shape::All,
            (Some(_), Some(_)) => return Err(PatternError::Star),
            (Some(end), None) => Shape::Suffix(end.to_owned()),
            (None, Some(RESERVED)) => return Err(PatternError::Reserved),
            (None, Some(begin)) => Shape::Prefix(begin.to_owned()),
            (None, None) => Shape::Exact(text.to_owned()),
        };
        match &shape {
            Shape::Exact(rest) | Shape::Prefix(rest) | Shape::Suffix(rest)
                if rest.contains('*') =>
            {
                Err(PatternError::Star)
            }
            _ => Ok(Self(shape)),
        }
    }
}

impl Pattern {
    /// Whether it means this name. No pattern means the empty one.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if name.is_empty() || name.starts_with(RESERVED) && !self.is_reserved() {
            return false;
        }
        if let Shape::Exact(text) = &self.0 {
            return text == name;
        }
        if name.trim() != name || name.contains(is_hidden) {
            return false;
        }
        match &self.0 {
            Shape::All => true,
            Shape::Exact(_) => false,
            Shape::Prefix(begin) => name.starts_with(begin.as_str()),
            Shape::Suffix(end) => name.ends_with(end.as_str()),
        }
    }

    /// Whether it is the star alone.
    pub(super) const fn is_for_everything(&self) -> bool {
        matches!(self.0, Shape::All)
    }

    /// Whether it says that it means names of Kubernetes.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(&self.0, Shape::Exact(text) | Shape::Prefix(text) if text.starts_with(RESERVED))
    }
}

/// Characters that are not seen, or change how others are: controls, marks of zero width, and those
/// that turn the direction of writing.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Shape::All => f.write_str("*"),
            Shape::Exact(text) => f.write_str(text),
            Shape::Prefix(begin) => write!(f, "{begin}*"),
            Shape::Suffix(end) => write!(f, "*{end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(name)
    }

    #[test]
    fn a_pattern_means_the_whole_name_and_its_twin_that_differs_is_not_meant() {
        for (pattern, name, twin) in [
            ("jane", "jane", "Jane"),
            ("jane", "jane", "jane2"),
            ("team-*", "team-a", "a-team-a"),
            ("team-*", "team-", "team"),
            ("*@example.com", "jane@example.com", "jane@example.com.evil"),
            ("*@example.com", "@example.com", "@example.org"),
            ("*", "x", ""),
            ("*", "systems:x", "system:x"),
            ("system:node:*", "system:node:a", "system:nodes"),
            (
                "system:serviceaccount:ci:bot",
                "system:serviceaccount:ci:bot",
                "system:serviceaccount:ci:bo",
            ),
            ("s*", "sam", "system:admin"),
            ("*:masters", "my:masters", "system:masters"),
            // Names that look like others.
            ("*", "system", " system:masters"),
            ("*", "jane doe", "jane "),
            ("robot-*", "robot-1", "robot-1\u{a0}"),
            ("robot-*", "robot-1", "robot-\u{1b}[2Kjane"),
            ("*", "jane", "jane\nsystem:masters"),
            ("*", "jane", "ja\u{200b}ne"),
            ("*", "jane", "\u{202e}enaj"),
            ("jane ", "jane ", "jane"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
            assert!(!matches(pattern, twin), "{pattern} {twin}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, error) in [
            ("", PatternError::Empty),
            ("**", PatternError::Star),
            ("*a*", PatternError::Star),
            ("a*b", PatternError::Star),
            ("a**", PatternError::Star),
            ("system:*", PatternError::Reserved),
        ] {
            assert_eq!(text.parse::<Pattern>(), Err(error), "{text}");
        }
        for text in ["*", "a", "a*", "*a", "system:a*", "system:"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
    }
}
