use super::{Finding, Level, Lint};
#[cfg(feature = "abac")]
use crate::authz::abac;
use crate::authz::rbac::aggregation::AggregationProblem;
use crate::model::Origin;
use crate::snapshot::{Notice, Snapshot};

impl Lint<'_> {
    /// What compiling noticed.
    pub(super) fn notices(&mut self, snapshot: &Snapshot) {
        for notice in snapshot.notices() {
            // Grant times are looked over with their bindings.
            let Notice::Aggregation(warning) = notice else { continue };
            let roles = &self.inventory.cluster_roles;
            // The last of a name counts.
            let role = roles.iter().rev().find(|role| role.value.metadata.name == warning.name);
            let (code, advice) = match &warning.problem {
                AggregationProblem::BadSelector { .. } => {
                    ("bad-aggregation-selector", "correct the selector")
                }
                AggregationProblem::Differs { stored_is_used: true, .. } => (
                    "aggregation-differs",
                    "see whether the controller that fills it runs; computed rules can be asked \
                     for",
                ),
                AggregationProblem::Differs { .. } => (
                    "aggregation-differs",
                    "leave `rules` empty and label the roles to be selected; the controller \
                     overwrites what is written by hand",
                ),
                AggregationProblem::Unsettled => {
                    ("aggregation-unsettled", "let no two aggregated roles select each other")
                }
            };
            self.findings.push(Finding {
                level: Level::Warning,
                code,
                object: format!("ClusterRole `{}`", warning.name),
                origin: role.map_or_else(Origin::default, |role| role.origin.clone()),
                message: strip_name(&warning.to_string(), &warning.name),
                advice: advice.to_owned(),
            });
        }
    }

    /// Lines that do not mean what they seem to mean.
    #[cfg(feature = "abac")]
    pub(super) fn abac(&mut self, policy: &abac::Policy) {
        for found in policy.lint() {
            let (code, advice) = advice(&found.concern);
            self.findings.push(Finding {
                level: if found.concern.is_dangerous() { Level::Warning } else { Level::Advice },
                code,
                object: String::new(),
                message: found.concern.to_string(),
                origin: found.origin,
                advice: advice.to_owned(),
            });
        }
    }
}

/// The object is told apart.
fn strip_name(text: &str, name: &str) -> String {
    let prefix = format!("aggregated ClusterRole `{name}`: ");
    text.strip_prefix(&prefix).unwrap_or(text).to_owned()
}

#[cfg(feature = "abac")]
const fn advice(concern: &abac::Concern) -> (&'static str, &'static str) {
    use abac::Concern;
    match concern {
        Concern::GrantsEverything { .. } => {
            ("abac-grants-everything", "give it apiVersion, kind and spec, and say what it grants")
        }
        Concern::SubjectIgnored { .. } => {
            ("abac-subject-ignored", "name the user or the group alone")
        }
        Concern::UnknownFields { .. } => ("abac-unknown-field", "correct or remove the field"),
        Concern::Unversioned { .. } => ("abac-unversioned", "write it in the current form"),
        Concern::NoSubject => ("abac-no-subject", "name a user or a group"),
        Concern::SubresourceNamed { .. } => {
            ("abac-subresource", "name the resource alone; it covers its subresources")
        }
        Concern::LiteralStar { .. } => {
            ("abac-inner-star", "name the paths one by one, or a prefix followed by `*`")
        }
        Concern::GrantsNothing => ("abac-grants-nothing", "name a resource or a path"),
    }
}
