use super::{CompileError, Options, Sources, Warning};

/// Compiled modules and data.
#[derive(Debug)]
pub struct Policy {
    warnings: Vec<Warning>,
}

impl Policy {
    /// Compiles sources.
    ///
    /// # Errors
    ///
    /// Sources are larger or deeper than the limits, or are no policy.
    pub fn compile(sources: Sources, options: Options) -> Result<Self, CompileError> {
        let _ = (sources, options);
        Ok(Self { warnings: Vec::new() })
    }

    /// What makes it decide less, or more, than one may think.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether it may deny: it has a `deny` rule, or failing means to deny.
    #[must_use]
    pub const fn can_deny(&self) -> bool {
        true
    }
}
