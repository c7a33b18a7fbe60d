//! The authorizers that need no policy.

use super::{Authorizer, Rules};
use crate::api::authorization::{NonResourceRule, ResourceRule};
use crate::model::{Decision, Explain, Request, Step, User, Verdict, groups};

/// Allows everything (S-CHAIN-8).
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysAllow;

impl Authorizer for AlwaysAllow {
    /// It only grants.
    fn can_deny(&self) -> bool {
        false
    }

    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        Verdict::deferred(Decision::Allow, self, request)
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        let any = || vec!["*".into()];
        let resource = ResourceRule {
            verbs: any(),
            api_groups: any(),
            resources: any(),
            ..ResourceRule::default()
        };
        let path = NonResourceRule { verbs: any(), non_resource_urls: any() };
        Rules { resource: vec![resource], non_resource: vec![path], ..Rules::default() }
    }
}

impl Explain for AlwaysAllow {
    fn reason(&self, _: &Request<'_>, _: Decision) -> String {
        String::new()
    }

    fn path(&self, _: &Request<'_>, _: Decision) -> Vec<Step> {
        let text = "the mode AlwaysAllow allows everything".to_owned();
        vec![Step { kind: "built-in", text, origin: None }]
    }
}

/// Grants nothing. Despite its name it has no opinion, so that a later authorizer can still allow
/// (S-CHAIN-9).
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysDeny;

impl Authorizer for AlwaysDeny {
    /// It has no opinion on anything (S-CHAIN-9).
    fn can_deny(&self) -> bool {
        false
    }

    fn authorize<'a>(&'a self, _: &'a Request<'a>) -> Verdict<'a> {
        Verdict::no_opinion("Everything is forbidden.")
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

/// The step that the API server puts before every configured authorizer: members of
/// `system:masters` are allowed everything (S-CHAIN-10).
#[derive(Debug, Clone, Copy, Default)]
pub struct SuperUser;

impl Authorizer for SuperUser {
    /// It only grants.
    fn can_deny(&self) -> bool {
        false
    }

    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        if request.user.is_member(groups::MASTERS) {
            Verdict::deferred(Decision::Allow, self, request)
        } else {
            Verdict::no_opinion("")
        }
    }

    /// Nothing: this step is not a member of the union of rules (S-CHAIN-4).
    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::default()
    }
}

impl Explain for SuperUser {
    fn reason(&self, _: &Request<'_>, _: Decision) -> String {
        String::new()
    }

    fn path(&self, _: &Request<'_>, _: Decision) -> Vec<Step> {
        let text = format!("members of {} are allowed everything", groups::MASTERS);
        vec![Step { kind: "built-in", text, origin: None }]
    }
}
