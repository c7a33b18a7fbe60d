/// Something that makes a policy decide less, or more, than whoever wrote it may think.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The module; empty when it concerns all.
    pub name: String,
    /// The line, from 1; 0 when there is none to tell.
    pub line: u32,
    /// What is the matter, in one line.
    pub text: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.name.as_str(), self.line) {
            ("", _) => f.write_str(&self.text),
            (name, 0) => write!(f, "{name}: {}", self.text),
            (name, line) => write!(f, "{name}:{line}: {}", self.text),
        }
    }
}
