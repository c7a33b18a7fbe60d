//! What is asked: `VERB TYPE[/NAME]` or `VERB /PATH`, as kubectl reads it.

use clap::Args;
use portcullis::api::authorization::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReviewSpec,
};
use portcullis::api::resources::{
    Note, ResourceTable, Target, non_resource_verb_note, resource_verb_note,
};

use super::args::ScopeArgs;
use super::exit::Failure;
use super::load::DEFAULT_NAMESPACE;
use super::speak::Speaker;

/// The part of a question that both directions share.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// get, list, watch, create, update, patch, delete, …; for a path the HTTP method
    #[arg(value_name = "VERB")]
    pub(crate) verb: Option<String>,
    /// A resource as kubectl takes it (pods, deploy, deployments.apps, '*'), with /NAME for one
    /// object; or a path such as /healthz
    #[arg(value_name = "TYPE[/NAME] | /PATH")]
    pub(crate) target: Option<String>,
    /// The subresource, such as log, exec or scale
    #[arg(long, value_name = "SUB")]
    pub(crate) subresource: Option<String>,
}

impl TargetArgs {
    /// Verb and target; asked for before anything is loaded.
    pub(crate) fn words(&self) -> Result<(&str, &str), Failure> {
        match (self.verb.as_deref(), self.target.as_deref()) {
            (Some(""), _) | (_, Some("")) => {
                Err(Failure::usage("neither the verb nor the resource may be empty"))
            }
            (Some(verb), Some(target)) => Ok((verb, target)),
            _ => Err(Failure::usage(
                "say what is asked: VERB TYPE[/NAME], such as `get pods/web-0`, or VERB /PATH",
            )),
        }
    }

    /// Whether the resource is none that is known.
    pub(crate) fn is_unknown(&self, table: &ResourceTable) -> bool {
        let resolved = self.target.as_deref().map(|target| table.resolve(target));
        let Some(Target::Resource(resolved)) = resolved else { return false };
        resolved.notes.iter().any(|note| matches!(note, Note::Unknown { .. }))
    }

    /// The question, without anybody who asks it. What deserves a remark goes to standard error.
    pub(crate) fn spec(
        &self,
        scope: &ScopeArgs,
        table: &ResourceTable,
        speaker: Speaker,
    ) -> Result<SubjectAccessReviewSpec, Failure> {
        let (verb, target) = self.words()?;
        let resolved = match table.resolve(target) {
            Target::Path(path) => return self.path(verb, path, scope, speaker),
            Target::Resource(resolved) => resolved,
        };
        if let Some(note) = resource_verb_note(verb) {
            speaker.warn(note.to_string());
        }
        for note in &resolved.notes {
            speaker.warn(note.to_string());
        }
        let namespace = match (&scope.namespace, scope.all_namespaces) {
            (_, true) => "",
            (Some(namespace), false) => {
                // kubectl warns and asks with the namespace all the same.
                if let Some(note) = resolved.scope_note() {
                    speaker.warn(format!(
                        "{note}; asked in namespace `{namespace}` all the same, as kubectl does"
                    ));
                }
                namespace
            }
            // A request for such a resource has no namespace.
            (None, false) if resolved.namespaced == Some(false) => "",
            (None, false) => {
                speaker.note("asked in namespace `default` (-n NS names another, -A asks for all)");
                DEFAULT_NAMESPACE
            }
        };
        let attributes = ResourceAttributes {
            namespace: namespace.into(),
            verb: verb.into(),
            group: resolved.group.into(),
            resource: resolved.resource.into(),
            subresource: self.subresource.as_deref().unwrap_or_default().into(),
            name: resolved.name.unwrap_or_default().into(),
            ..ResourceAttributes::default()
        };
        Ok(SubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        })
    }

    fn path(
        &self,
        verb: &str,
        path: String,
        scope: &ScopeArgs,
        speaker: Speaker,
    ) -> Result<SubjectAccessReviewSpec, Failure> {
        if self.subresource.is_some() {
            return Err(Failure::usage("--subresource has no meaning for a path"));
        }
        if scope.namespace.is_some() {
            speaker.note("a path has no namespace; -n is left out of the question");
        }
        if let Some(note) = non_resource_verb_note(verb) {
            speaker.warn(note.to_string());
        }
        let attributes = NonResourceAttributes { path: path.into(), verb: verb.into() };
        Ok(SubjectAccessReviewSpec {
            non_resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        })
    }
}
