use super::{At, Level, Lint};
use crate::api::meta::{OWN_PREFIX, ObjectMeta};
use crate::authz::rbac::{GrantTimes, NOT_AFTER, NOT_BEFORE};
use crate::util::nearest::nearest;

const KNOWN: [&str; 2] = [NOT_BEFORE, NOT_AFTER];

impl Lint<'_> {
    /// When a binding says that it grants, and who else does not listen.
    pub(super) fn grant_times(&mut self, at: &At<'_>, metadata: &ObjectMeta) {
        let own = metadata.annotations.keys().filter(|key| key.starts_with(OWN_PREFIX));
        for key in own.clone().filter(|key| !KNOWN.contains(&key.as_str())) {
            let meant = nearest(key, KNOWN).map(|meant| format!("; did you mean `{meant}`?"));
            let message = format!("nothing reads `{key}`{}", meant.unwrap_or_default());
            let advice = "correct or remove it";
            self.say(Level::Warning, "unknown-annotation", at, message, advice);
        }
        let told: Vec<String> =
            own.filter(|key| KNOWN.contains(&key.as_str())).map(|key| format!("`{key}`")).collect();
        if told.is_empty() {
            return;
        }
        let told = told.join(" and ");
        if let Err(error) = GrantTimes::of(metadata) {
            let message = match self.has_grant_times {
                true => format!("never grants: {error}"),
                false => format!("would never grant where such times count: {error}"),
            };
            let advice = "write RFC 3339 times, the end after the beginning";
            self.say(Level::Warning, "unreadable-grant-times", at, message, advice);
        }
        if !self.has_grant_times {
            let message = format!("{told} means nothing here: this grants for ever");
            let advice = "turn grant times on: `--grant-times`, or `policy.grantTimes` in the \
                          configuration of the server";
            self.say(Level::Warning, "grant-times-off", at, message, advice);
        }
        let message = if metadata.resource_version.is_empty() {
            format!("the API server does not know {told}: in a cluster this grants for ever")
        } else {
            format!(
                "the API server that this was read from does not know {told}: its own RBAC grants \
                 this for ever"
            )
        };
        let advice = "keep it in files that only Portcullis reads, and out of the cluster; or run an \
                      API server without RBAC for its subjects";
        self.say(Level::Warning, "grant-times-in-cluster", at, message, advice);
    }
}
