//! The answer of `can-i`, for people.

use std::io::Write;

use portcullis::model::{Origin, Step, Verdict};
use portcullis::query::Miss;
use serde::Serialize;

use super::plain;
use crate::cli::exit::Failure;

/// A grant that would have allowed, but for one thing.
#[derive(Serialize)]
pub(crate) struct NearMiss {
    /// What is missing: `verb`, `namespace`, `membership`, ….
    missing: &'static str,
    message: String,
}

impl From<&Miss<'_>> for NearMiss {
    fn from(miss: &Miss<'_>) -> Self {
        Self { missing: miss.missing.as_str(), message: miss.to_string() }
    }
}

/// A link of the chain on the way to the answer.
#[derive(Serialize)]
pub(crate) struct Asked {
    /// Its name.
    pub(crate) link: String,
    /// `allow`, `deny` or `no-opinion`; none when it was not asked any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<&'static str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<String>,
}

/// What each link said, a line each.
pub(crate) fn write_walk(out: &mut dyn Write, walk: &[Asked]) -> Result<(), Failure> {
    writeln!(out, "asked in turn:")?;
    let width = walk.iter().map(|asked| asked.link.chars().count()).max().unwrap_or(0);
    for Asked { link, decision, reason, errors } in walk {
        let said = decision.map_or("not asked", |decision| match decision {
            "no-opinion" => "no opinion",
            other => other,
        });
        write!(out, "  {:width$}  {said}", plain(link))?;
        let texts = std::iter::once(reason).chain(errors).filter(|text| !text.is_empty());
        for text in texts {
            write!(out, " - {}", plain(text))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// As kubectl writes it (S-SAR-24).
pub(crate) fn write_line(
    out: &mut dyn Write,
    is_allowed: bool,
    reason: &str,
    error: &str,
) -> Result<(), Failure> {
    if is_allowed {
        writeln!(out, "\x1b[32myes\x1b[0m")?;
        return Ok(());
    }
    write!(out, "\x1b[31mno\x1b[0m")?;
    for text in [reason, error].into_iter().filter(|text| !text.is_empty()) {
        write!(out, " - {}", plain(text))?;
    }
    writeln!(out)?;
    Ok(())
}

/// The way to the grant, a step a line.
pub(crate) fn write_path(out: &mut dyn Write, verdict: &Verdict<'_>) -> Result<(), Failure> {
    let steps = verdict.path();
    if steps.is_empty() && verdict.is_allowed() {
        // The built-in step, or a mode that needs no policy.
        writeln!(out, "  {}", plain(&verdict.reason()))?;
    }
    let steps: Vec<_> = steps
        .iter()
        .map(|Step { kind, text, origin }| (*kind, text.as_str(), origin.clone()))
        .collect();
    write_steps(out, &steps)
}

/// Kind, text and place of each step.
pub(crate) fn write_steps(
    out: &mut dyn Write,
    steps: &[(&str, &str, Option<Origin>)],
) -> Result<(), Failure> {
    let width = steps.iter().map(|(kind, ..)| kind.len()).max().unwrap_or(0);
    for (kind, text, origin) in steps {
        let place = origin.as_ref().map(|origin| format!("  ({origin})")).unwrap_or_default();
        writeln!(out, "  {:width$}  {}", plain(kind), plain(&format!("{text}{place}")))?;
    }
    Ok(())
}

/// For a no: what came nearest to a yes.
pub(crate) fn write_nearest(
    out: &mut dyn Write,
    is_explained: bool,
    nearest: &[Miss<'_>],
) -> Result<(), Failure> {
    if !is_explained {
        return Ok(());
    }
    if nearest.is_empty() {
        writeln!(out, "nothing comes near: no grant of this to anybody lacks only one thing")?;
        return Ok(());
    }
    writeln!(out, "nearest to a yes:")?;
    for miss in nearest {
        writeln!(out, "  {}", plain(&miss.to_string()))?;
    }
    Ok(())
}
