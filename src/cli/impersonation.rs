//! Acting as another: `can-i … --as B --by A`.

use std::io::Write;

use clap::Args;
use portcullis::authz::impersonation::{
    Allowed, Check, Constrained, Mode, Options, Refused, Target, check,
};
use portcullis::model::{Attributes, User, Verdict};
use serde::Serialize;

use super::can_i::{is_incomplete, word};
use super::exit::Failure;
use super::load::World;
use super::output::plain;
use super::subject::SubjectArgs;

/// Who acts as whoever is asked about.
#[derive(Debug, Args)]
#[command(next_help_heading = "Who acts as another")]
pub(crate) struct ByArgs {
    /// The user who makes the request and acts as the one of --as: both must be allowed
    ///
    /// Asks what the API server asks before it believes the impersonation headers of a request, and then
    /// whether the user who comes of it may do this. Groups of the one who is acted as are those of
    /// --as-group alone; --groups tells the groups of this one.
    #[arg(long = "by", id = "user_by", value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A group of that user (repeatable)
    #[arg(long = "by-group", id = "groups_by", value_name = "GROUP", requires = "user_by")]
    groups: Vec<String>,
    /// An extra value of that user, such as the node of a service account's pod (repeatable)
    #[arg(
        long = "by-user-extra",
        id = "extra_by",
        value_name = "KEY=VALUE",
        requires = "user_by",
        value_parser = extra
    )]
    extra: Vec<(String, String)>,
    /// Judge as API servers before 1.36 do, or with the gate ConstrainedImpersonation off: only the verb
    /// `impersonate` counts
    #[arg(long, requires = "user_by")]
    no_constrained_impersonation: bool,
}

/// `KEY=VALUE`.
pub(super) fn extra(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

/// Whether somebody may act as another.
pub(super) struct Judged {
    requester: User,
    target: Target,
    outcome: Result<Allowed, Refused>,
}

/// The same in a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Impersonation<'a> {
    allowed: bool,
    /// The message of the API server, when it is refused.
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    /// Which mode allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    /// What an audit log calls that; none for the classic permission.
    #[serde(skip_serializing_if = "str::is_empty")]
    constraint: &'static str,
    by: Who<'a>,
    /// Who comes of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Who<'a>>,
    /// With --explain: what was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Asked<'a>>,
}

#[derive(Serialize)]
struct Who<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    groups: &'a [String],
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extra: &'a std::collections::BTreeMap<String, Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked<'a> {
    mode: &'static str,
    question: String,
    decision: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [String],
}

impl<'a> From<&'a User> for Who<'a> {
    fn from(user: &'a User) -> Self {
        Self { name: &user.name, uid: &user.uid, groups: &user.groups, extra: &user.extra }
    }
}

impl ByArgs {
    /// Whether the flags make sense; found out before anything is loaded.
    pub(super) fn check(&self) -> Result<(), Failure> {
        match self.user.as_deref() {
            Some("") => Err(Failure::usage("--by is empty; say who acts as another")),
            _ => Ok(()),
        }
    }

    /// Asks whether this user may act as that one for a request; `None` without --by.
    pub(super) fn judge(
        &self,
        world: &World,
        subject: &SubjectArgs,
        user: &User,
        attributes: &Attributes<'_>,
    ) -> Result<Option<Judged>, Failure> {
        let Some(name) = &self.user else { return Ok(None) };
        let listed = subject.listed(name)?;
        let mut requester = User::impersonated(name, self.groups.iter().cloned().chain(listed));
        for (key, value) in &self.extra {
            requester.extra.entry(key.clone()).or_default().push(value.clone());
        }
        let target = Target {
            user: user.name.clone(),
            uid: user.uid.clone(),
            groups: subject.groups.clone(),
            extra: user.extra.clone(),
        };
        let constrained = match self.no_constrained_impersonation {
            true => Constrained::Off,
            false => Constrained::On,
        };
        let options = Options { constrained, ..Options::default() };
        let chain = world.snapshot.chain();
        let outcome = check(chain, &requester, &target, attributes, &options);
        Ok(Some(Judged { requester, target, outcome }))
    }
}

impl Judged {
    /// Who comes of it.
    pub(super) fn user(&self) -> Option<&User> {
        self.outcome.as_ref().ok().map(|allowed| &allowed.user)
    }

    /// Why it is refused; empty when it is not.
    pub(super) fn message(&self) -> &str {
        self.outcome.as_ref().err().map_or("", |refused| &refused.message)
    }

    fn checks(&self) -> &[Check] {
        match &self.outcome {
            Ok(allowed) => &allowed.checks,
            Err(refused) => &refused.checks,
        }
    }

    /// Whether something that was skipped, or failed, could make a yes of this no.
    pub(super) fn is_incomplete(&self, world: &World) -> bool {
        self.outcome.is_err()
            && self.checks().iter().any(|check| {
                let verdict = Verdict::new(check.decision, "").with_errors(check.errors.clone());
                is_incomplete(world, &verdict, &check.request())
            })
    }

    /// For a document.
    pub(super) fn document(&self, is_explained: bool) -> Impersonation<'_> {
        let mode = self.outcome.as_ref().ok().map(|allowed| allowed.mode);
        let checks = if is_explained { self.checks() } else { &[] };
        Impersonation {
            allowed: mode.is_some(),
            message: self.message(),
            mode: mode.map(Mode::as_str),
            constraint: mode.map_or("", Mode::constraint),
            by: Who::from(&self.requester),
            user: self.user().map(Who::from),
            checks: checks.iter().map(asked).collect(),
        }
    }

    /// For people: what came of it, and with --explain what was asked.
    pub(super) fn write(&self, is_explained: bool, out: &mut dyn Write) -> Result<(), Failure> {
        let (by, name) = (plain(&self.requester.name), plain(&self.target.user));
        match &self.outcome {
            Ok(allowed) => {
                let how = match allowed.mode {
                    Mode::Legacy => "impersonate",
                    mode => mode.constraint(),
                };
                let groups = allowed.user.groups.join(", ");
                writeln!(out, "{by} may act as {name} ({how}), in the groups {}", plain(&groups))?;
            }
            Err(_) => writeln!(out, "{by} may not act as {name} for this request")?,
        }
        if !is_explained {
            return Ok(());
        }
        writeln!(out, "asked about {by}:")?;
        let checks: Vec<Asked<'_>> = self.checks().iter().map(asked).collect();
        let width = |of: for<'b> fn(&'b Asked<'_>) -> &'b str| {
            checks.iter().map(|check| of(check).chars().count()).max().unwrap_or(0)
        };
        let (modes, questions) = (width(|check| check.mode), width(|check| &check.question));
        for Asked { mode, question, decision, reason, errors } in &checks {
            let said = if *decision == "no-opinion" { "no opinion" } else { decision };
            write!(out, "  {mode:modes$}  {:questions$}  {said}", plain(question))?;
            let texts = std::iter::once(*reason).chain(errors.iter().map(String::as_str));
            for text in texts.filter(|text| !text.is_empty()) {
                write!(out, " - {}", plain(text))?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

fn asked(check: &Check) -> Asked<'_> {
    Asked {
        mode: check.mode.as_str(),
        question: question(&check.attributes()),
        decision: word(check.decision),
        reason: &check.reason,
        errors: &check.errors,
    }
}

/// `impersonate:user-info users.authentication.k8s.io/bob`.
fn question(attributes: &Attributes<'_>) -> String {
    match attributes {
        Attributes::NonResource(asked) => format!("{} {}", asked.verb, asked.path),
        Attributes::Resource(asked) => {
            let mut text = format!("{} {}", asked.verb, asked.resource);
            for (mark, part) in [(".", asked.group), ("/", asked.name)] {
                if !part.is_empty() {
                    text.push_str(mark);
                    text.push_str(part);
                }
            }
            for (mark, part) in [(" --subresource ", asked.subresource), (" -n ", asked.namespace)]
            {
                if !part.is_empty() {
                    text.push_str(mark);
                    text.push_str(part);
                }
            }
            text
        }
    }
}
