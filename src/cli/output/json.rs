use std::io::{self, Write};

use serde::Serialize;

use super::yaml;
use crate::cli::args::Format;
use crate::cli::exit::Failure;

/// An answer as one JSON or YAML document, `Format` permitting; anything else is JSON.
pub(crate) fn object(
    out: &mut dyn Write,
    format: Format,
    value: &impl Serialize,
) -> Result<(), Failure> {
    if format == Format::Yaml {
        let value = serde_json::to_value(value).map_err(io::Error::from)?;
        out.write_all(yaml::document(&value).as_bytes())?;
        return Ok(());
    }
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// An answer on one line.
pub(crate) fn line(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer(&mut *out, value).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(())
}
