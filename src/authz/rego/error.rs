use std::fmt;

/// Why sources do not become a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", Place(name, *line, *column))]
#[non_exhaustive]
pub struct CompileError {
    /// The module; empty when the fault is in no single one.
    pub name: String,
    /// The line, from 1; 0 when there is none to tell.
    pub line: u32,
    /// The column, from 1; 0 when there is none to tell.
    pub column: u32,
    /// What is wrong, in one line.
    pub reason: String,
}

impl CompileError {
    pub(super) fn new(name: &str, reason: impl Into<String>) -> Self {
        Self { name: name.to_owned(), line: 0, column: 0, reason: reason.into() }
    }

    pub(super) const fn at(mut self, line: u32, column: u32) -> Self {
        self.line = line;
        self.column = column;
        self
    }
}

/// `main.rego:3:5: `.
struct Place<'a>(&'a str, u32, u32);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self("", ..) => Ok(()),
            Self(name, 0, _) => write!(f, "{name}: "),
            Self(name, line, 0) => write!(f, "{name}:{line}: "),
            Self(name, line, column) => write!(f, "{name}:{line}:{column}: "),
        }
    }
}
