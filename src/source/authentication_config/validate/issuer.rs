use std::collections::HashSet;

use super::super::{certificates, url};
use super::Noting;
use crate::api::authentication_config::Issuer;
use crate::api::field::BadValue;

impl Noting<'_> {
    /// S-ACONF-3, 4.
    pub(super) fn issuer(&mut self, issuer: &Issuer, disallowed: &[&str]) {
        let Issuer { url, discovery_url, .. } = issuer;
        if url.is_empty() {
            self.required("issuer.url", "");
        } else {
            self.url("issuer.url", url, disallowed);
        }
        if !discovery_url.is_empty() {
            let same = url.trim_end_matches('/') == discovery_url.trim_end_matches('/');
            if same && !url.is_empty() {
                let detail = "discoveryURL must be different from URL";
                self.invalid("issuer.discoveryURL", discovery_url, detail);
            }
            self.url("issuer.discoveryURL", discovery_url, &[]);
        }
        self.audiences(&issuer.audiences, &issuer.audience_match_policy);
        if !issuer.certificate_authority.is_empty()
            && let Some(detail) = certificates::objection(&issuer.certificate_authority)
        {
            self.invalid("issuer.certificateAuthority", "<omitted>", detail);
        }
        let egress = issuer.egress_selector_type.as_str();
        if !matches!(egress, "" | "controlplane" | "cluster") {
            let detail = "egress selector must be either controlplane or cluster";
            self.invalid_value("issuer.egressSelectorType", BadValue::json(&egress), detail);
        }
    }

    fn url(&mut self, name: &str, text: &str, disallowed: &[&str]) {
        if disallowed.contains(&text) {
            let all = disallowed.join(" ");
            let detail = format!("URL must not overlap with disallowed issuers: [{all}]");
            self.invalid(name, text, detail);
        }
        let url = match url::parse(text) {
            Ok(url) => url,
            Err(error) => return self.invalid(name, text, error),
        };
        let objections = [
            (url.scheme != "https", "URL scheme must be https"),
            (url.has_user, "URL must not contain a username or password"),
            (!url.query.is_empty(), "URL must not contain a query"),
            (!url.fragment.is_empty(), "URL must not contain a fragment"),
        ];
        for (_, detail) in objections.into_iter().filter(|(holds, _)| *holds) {
            self.invalid(name, text, detail);
        }
    }

    fn audiences(&mut self, audiences: &[String], policy: &str) {
        const NAME: &str = "issuer.audiences";
        if audiences.is_empty() {
            let path = self.path(NAME);
            return self.required(NAME, &format!("at least one {path} is required"));
        }
        let mut seen = HashSet::new();
        for (index, audience) in audiences.iter().enumerate() {
            let name = format!("{NAME}[{index}]");
            if audience.is_empty() {
                self.required(&name, "");
            }
            if !seen.insert(audience) {
                self.duplicate(&name, audience);
            }
        }
        let is_one = audiences.len() == 1;
        let detail = match policy {
            "MatchAny" => return,
            "" if is_one => return,
            _ if is_one => "audienceMatchPolicy must be empty or MatchAny for single audience",
            _ => "audienceMatchPolicy must be MatchAny for multiple audiences",
        };
        // Words that have a type of their own are shown as JSON (S-FMT-2).
        self.invalid_value("issuer.audienceMatchPolicy", BadValue::json(&policy), detail);
    }
}
