/// The requirements of a selector, and why some of them were lost in parsing.
///
/// A selector can only narrow a question, so what failed to parse is safe to ignore (S-ATTR-22).
#[derive(Debug, PartialEq, Eq)]
pub struct Selector<'a, R> {
    /// What every selected object fulfils.
    pub requirements: &'a [R],
    /// The first thing that could not be read, if any.
    pub parse_error: Option<&'a str>,
}

// Derives would ask for `R: Copy`.
impl<R> Clone for Selector<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Selector<'_, R> {}

impl<R> Default for Selector<'_, R> {
    fn default() -> Self {
        Self { requirements: &[], parse_error: None }
    }
}

/// How a field is compared; the API knows no more than these (S-ATTR-23).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FieldOperator {
    /// `=` and `==`.
    Equals,
    /// `!=`.
    NotEquals,
}

/// One term of a field selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRequirement {
    /// The field, such as `metadata.name`.
    pub field: String,
    /// The comparison.
    pub operator: FieldOperator,
    /// The value compared with.
    pub value: String,
}

/// How a label is compared (S-ATTR-24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LabelOperator {
    /// `key!=value`.
    NotEquals,
    /// `!key`.
    DoesNotExist,
    /// `key=value` and `key==value`.
    Equals,
    /// `key`.
    Exists,
    /// `key>n`.
    GreaterThan,
    /// `key in (a,b)`.
    In,
    /// `key<n`.
    LessThan,
    /// `key notin (a,b)`.
    NotIn,
}

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelRequirement {
    /// The label key.
    pub key: String,
    /// The comparison.
    pub operator: LabelOperator,
    /// The values compared with, sorted; empty for the existence operators.
    pub values: Vec<String>,
}
