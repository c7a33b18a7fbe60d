//! CertificateSigningRequest objects on the command line: in, and out again.

use std::io::Write;
use std::path::Path;

use clap::ValueEnum;
use portcullis::api::certificates::CertificateSigningRequest;
use portcullis::source::objects;
use serde_json::{Value, json};

use crate::cli::args::Format;
use crate::cli::exit::{Exit, Failure};
use crate::cli::load::read_file;
use crate::cli::output::object;
use crate::cli::speak;

/// Objects that were read.
pub(super) struct Requests {
    pub(super) requests: Vec<CertificateSigningRequest>,
    /// Whether they came as a list.
    is_list: bool,
}

/// A form of objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ObjectForm {
    /// YAML
    #[default]
    Yaml,
    /// JSON
    Json,
}

/// Reads the objects of a file, or of standard input for `-`.
pub(super) fn read(path: &Path) -> Result<Requests, Failure> {
    parse(path, &read_file(path)?)
}

/// Takes every object of a text. Any other object is a mistake: nothing is passed over.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Requests, Failure> {
    let name = match path.as_os_str() == "-" {
        true => "<stdin>".to_owned(),
        false => path.display().to_string(),
    };
    let read = objects::read(&name, bytes)?;
    if read.objects.is_empty() && !read.is_list {
        return Err(Failure::usage(format!("`{name}`: there is no object in it")));
    }
    let mut requests = Vec::new();
    for whole in read.objects {
        let request = CertificateSigningRequest::from_value(whole.value)
            .map_err(|error| Failure::usage(format!("{}: {error}", whole.origin)))?;
        requests.push(request);
    }
    Ok(Requests { requests, is_list: read.is_list })
}

impl Requests {
    /// Checks that every name is that of an object.
    pub(super) fn find_all(&self, names: &[String]) -> Result<(), Failure> {
        let known = |name: &&String| !self.requests.iter().any(|request| request.name() == *name);
        match names.iter().find(known) {
            None => Ok(()),
            Some(name) => Err(Failure::usage(format!(
                "there is no CertificateSigningRequest `{name}` among what was read"
            ))),
        }
    }

    /// What is said of this many.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }
}

/// What became of a batch.
#[derive(Default)]
pub(super) struct Outcome {
    /// The objects that changed, in order.
    pub(super) changed: Vec<CertificateSigningRequest>,
    /// Whether something was refused.
    pub(super) refused: bool,
    /// What stopped the batch; what came before it is done.
    pub(super) stopped: Option<String>,
}

impl Outcome {
    /// Writes the objects that changed: one alone as it came, several as a list.
    pub(super) fn write(
        self,
        out: &mut dyn Write,
        form: ObjectForm,
        from: bool,
    ) -> Result<Exit, Failure> {
        let Self { changed, refused, stopped } = self;
        let mut values: Vec<Value> =
            changed.into_iter().map(CertificateSigningRequest::into_value).collect();
        if stopped.is_some() && values.is_empty() {
            return Err(Failure::usage(stopped.unwrap_or_default()));
        }
        let one = if from { None } else { values.pop() };
        let format = match form {
            ObjectForm::Yaml => Format::Yaml,
            ObjectForm::Json => Format::Json,
        };
        match one {
            Some(value) => object(out, format, &value)?,
            None if from => {
                let list = json!({
                    "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""},
                    "items": values,
                });
                object(out, format, &list)?;
            }
            None => {}
        }
        if let Some(error) = stopped {
            out.flush()?;
            speak::error(&error);
            return Ok(Exit::Unusable);
        }
        Ok(if refused { Exit::No } else { Exit::Yes })
    }
}

impl Requests {
    /// Whether what comes out is a list.
    pub(super) const fn is_list(&self) -> bool {
        self.is_list
    }
}
