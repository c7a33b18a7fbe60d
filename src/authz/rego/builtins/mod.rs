//! Which built-in functions do policies for Kubernetes expect that the engine lacks or runs without a
//! limit?

use super::CompileError;

/// Adds them to an engine.
#[expect(dead_code, reason = "not yet called")]
pub(super) fn install(engine: &mut regorus::Engine) -> Result<(), CompileError> {
    let _ = engine;
    Ok(())
}
