//! From a tree to what the file says. No field of it has a default (S-ACONF-2).

use std::sync::Arc;

use crate::api::authentication_config::{
    AnonymousCondition, AnonymousConfig, AuthenticationConfiguration, ClaimMappings,
    ClaimOrExpression, ClaimValidationRule, ExtraMapping, Issuer, JwtAuthenticator,
    PrefixedClaimOrExpression, UserValidationRule,
};
use crate::source::apiserver_file::{Decoder, Place, Tree, Undecodable};
use crate::source::document::Node;

/// What a document of a version says.
pub(super) fn configuration(
    name: &Arc<str>,
    tree: &Tree,
    root: &Node,
    version: &str,
) -> Result<AuthenticationConfiguration, Undecodable> {
    let mut reader = Reader(Decoder::new(name, version, tree));
    let configuration = reader.configuration(root);
    reader.0.finish()?;
    Ok(configuration)
}

struct Reader<'a>(Decoder<'a>);

impl Reader<'_> {
    fn text(&mut self, node: &Node, place: &Place) -> String {
        self.0.string(node, place, "string").unwrap_or_default()
    }

    /// A text that has a type of its own.
    fn word(&mut self, node: &Node, place: &Place, kind: &str) -> String {
        let kind = self.0.go_type(kind);
        self.0.string(node, place, &kind).unwrap_or_default()
    }

    fn list<T>(
        &mut self,
        node: &Node,
        place: &Place,
        kind: &str,
        read: impl Fn(&mut Self, &Node, &Place) -> T,
    ) -> Vec<T> {
        let items = self.0.items(node, place, kind);
        items.iter().map(|(item, place)| read(self, item, place)).collect()
    }

    /// A list of objects, which have a type of their own.
    fn objects<T>(
        &mut self,
        node: &Node,
        place: &Place,
        kind: &str,
        read: impl Fn(&mut Self, &Node, &Place) -> T,
    ) -> Vec<T> {
        let kind = self.0.go_type(kind);
        self.list(node, place, &kind, read)
    }

    /// An object of a type: `set` is given each field that is there.
    fn object<T: Default>(
        &mut self,
        node: &Node,
        place: &Place,
        (kind, known): (&'static str, &[&'static str]),
        mut set: impl FnMut(&mut Self, &mut T, &str, &Node, &Place),
    ) -> Option<T> {
        let fields = self.0.fields(node, place, kind, known)?;
        let mut value = T::default();
        for (field, node, place) in &fields {
            set(self, &mut value, field, node, place);
        }
        Some(value)
    }

    fn configuration(&mut self, root: &Node) -> AuthenticationConfiguration {
        let known = ["apiVersion", "kind", "jwt", "anonymous"];
        let kind = ("AuthenticationConfiguration", known.as_slice());
        self.object(
            root,
            &Place::default(),
            kind,
            |this, value: &mut AuthenticationConfiguration, field, node, at| match field {
                "jwt" => value.jwt = this.objects(node, at, "JWTAuthenticator", Self::jwt),
                "anonymous" => value.anonymous = this.anonymous(node, at),
                _ => drop(this.text(node, at)),
            },
        )
        .unwrap_or_default()
    }

    fn jwt(&mut self, node: &Node, place: &Place) -> JwtAuthenticator {
        let known = ["issuer", "claimValidationRules", "claimMappings", "userValidationRules"];
        let kind = ("JWTAuthenticator", known.as_slice());
        self.object(node, place, kind, |this, value: &mut JwtAuthenticator, field, node, at| {
            match field {
                "issuer" => value.issuer = this.issuer(node, at),
                "claimValidationRules" => {
                    value.claim_validation_rules =
                        this.objects(node, at, "ClaimValidationRule", Self::claim_rule);
                }
                "claimMappings" => value.claim_mappings = this.mappings(node, at),
                _ => {
                    value.user_validation_rules =
                        this.objects(node, at, "UserValidationRule", Self::user_rule);
                }
            }
        })
        .unwrap_or_default()
    }

    fn issuer(&mut self, node: &Node, place: &Place) -> Issuer {
        let known = [
            "url",
            "discoveryURL",
            "certificateAuthority",
            "audiences",
            "audienceMatchPolicy",
            "egressSelectorType",
        ];
        let kind = ("Issuer", known.as_slice());
        self.object(node, place, kind, |this, value: &mut Issuer, field, node, at| match field {
            "url" => value.url = this.text(node, at),
            "discoveryURL" => value.discovery_url = this.text(node, at),
            "certificateAuthority" => value.certificate_authority = this.text(node, at),
            "audiences" => value.audiences = this.list(node, at, "string", Self::text),
            "audienceMatchPolicy" => {
                value.audience_match_policy = this.word(node, at, "AudienceMatchPolicyType");
            }
            _ => value.egress_selector_type = this.word(node, at, "EgressSelectorType"),
        })
        .unwrap_or_default()
    }

    fn claim_rule(&mut self, node: &Node, place: &Place) -> ClaimValidationRule {
        let known = ["claim", "requiredValue", "expression", "message"];
        let kind = ("ClaimValidationRule", known.as_slice());
        self.object(node, place, kind, |this, value: &mut ClaimValidationRule, field, node, at| {
            let text = this.text(node, at);
            match field {
                "claim" => value.claim = text,
                "requiredValue" => value.required_value = text,
                "expression" => value.expression = text,
                _ => value.message = text,
            }
        })
        .unwrap_or_default()
    }

    fn mappings(&mut self, node: &Node, place: &Place) -> ClaimMappings {
        let known = ["username", "groups", "uid", "extra"];
        let kind = ("ClaimMappings", known.as_slice());
        self.object(node, place, kind, |this, value: &mut ClaimMappings, field, node, at| {
            match field {
                "username" => value.username = this.prefixed(node, at),
                "groups" => value.groups = this.prefixed(node, at),
                "uid" => value.uid = this.claim_or_expression(node, at),
                _ => value.extra = this.objects(node, at, "ExtraMapping", Self::extra),
            }
        })
        .unwrap_or_default()
    }

    fn prefixed(&mut self, node: &Node, place: &Place) -> PrefixedClaimOrExpression {
        let known = ["claim", "prefix", "expression"];
        let kind = ("PrefixedClaimOrExpression", known.as_slice());
        self.object(
            node,
            place,
            kind,
            |this, value: &mut PrefixedClaimOrExpression, field, node, at| match field {
                "claim" => value.claim = this.text(node, at),
                "prefix" => value.prefix = this.0.string(node, at, "string"),
                _ => value.expression = this.text(node, at),
            },
        )
        .unwrap_or_default()
    }

    fn claim_or_expression(&mut self, node: &Node, place: &Place) -> ClaimOrExpression {
        let kind = ("ClaimOrExpression", ["claim", "expression"].as_slice());
        self.object(node, place, kind, |this, value: &mut ClaimOrExpression, field, node, at| {
            let text = this.text(node, at);
            match field {
                "claim" => value.claim = text,
                _ => value.expression = text,
            }
        })
        .unwrap_or_default()
    }

    fn extra(&mut self, node: &Node, place: &Place) -> ExtraMapping {
        let kind = ("ExtraMapping", ["key", "valueExpression"].as_slice());
        self.object(node, place, kind, |this, value: &mut ExtraMapping, field, node, at| {
            let text = this.text(node, at);
            match field {
                "key" => value.key = text,
                _ => value.value_expression = text,
            }
        })
        .unwrap_or_default()
    }

    fn user_rule(&mut self, node: &Node, place: &Place) -> UserValidationRule {
        let kind = ("UserValidationRule", ["expression", "message"].as_slice());
        self.object(node, place, kind, |this, value: &mut UserValidationRule, field, node, at| {
            let text = this.text(node, at);
            match field {
                "expression" => value.expression = text,
                _ => value.message = text,
            }
        })
        .unwrap_or_default()
    }

    /// Null is absent.
    fn anonymous(&mut self, node: &Node, place: &Place) -> Option<AnonymousConfig> {
        let kind = ("AnonymousAuthConfig", ["enabled", "conditions"].as_slice());
        self.object(node, place, kind, |this, value: &mut AnonymousConfig, field, node, at| {
            match field {
                "enabled" => value.enabled = this.0.bool(node, at).unwrap_or_default(),
                _ => {
                    value.conditions =
                        this.objects(node, at, "AnonymousAuthCondition", Self::condition);
                }
            }
        })
    }

    fn condition(&mut self, node: &Node, place: &Place) -> AnonymousCondition {
        let kind = ("AnonymousAuthCondition", ["path"].as_slice());
        self.object(node, place, kind, |this, value: &mut AnonymousCondition, _, node, at| {
            value.path = this.text(node, at);
        })
        .unwrap_or_default()
    }
}
