//! An endpoint that is asked about tokens (RFC 7662).

use super::material::{Material, with_causes};
use crate::authn::oidc::introspection::IntrospectionRules;
use crate::source::oidc::{self, Introspection};
use crate::webhook::config::IntrospectionConfig;

const NO_AUDIENCES: &str = "no `audiences` say for whom its tokens must be, and those of the API \
                            server are not known; name them, or `'*'` where the endpoint itself \
                            refuses the tokens of others";

/// The error is what is wrong with it, for people.
pub(super) fn authenticator(
    config: &IntrospectionConfig,
    api_audiences: &[String],
    material: &Material,
) -> Result<Introspection, String> {
    let rules = rules(config, api_audiences)?;
    let secret = config.client_secret_file.path.clone();
    let mut options = oidc::IntrospectionConfig::new(&config.url, &config.client_id, secret, rules)
        .with_timeout(config.timeout);
    if let Some(file) = &config.ca_file {
        // A file that cannot be read was told about, and nothing will serve.
        options = options.with_ca_bundle(material.file(file).unwrap_or_default());
    }
    Introspection::new(options).map_err(|error| with_causes(&error))
}

fn rules(
    config: &IntrospectionConfig,
    api_audiences: &[String],
) -> Result<IntrospectionRules, String> {
    let mut rules = IntrospectionRules::new(&config.username_claim, &config.username_prefix);
    match config.accepted_audiences(api_audiences) {
        // Without one a token for anybody would do.
        Some([]) => return Err(NO_AUDIENCES.to_owned()),
        Some(audiences) => rules = rules.with_audiences(audiences),
        None => {}
    }
    if let Some(claim) = &config.groups_claim {
        rules = rules.with_groups(claim, &config.groups_prefix);
    }
    if let Some(issuer) = &config.issuer {
        rules = rules.with_issuer(issuer);
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::webhook::config::{AuthenticatorConfig, ServerConfig};
    use crate::webhook::load::tests::SERVER;

    fn config(more: &str) -> IntrospectionConfig {
        let text = format!(
            "{SERVER}authenticators:\n- introspection: {{url: 'https://issuer/ask', caFile: ca.crt, \
             clientID: portcullis, clientSecretFile: secret, usernamePrefix: 'op:'{more}}}\n"
        );
        let config = ServerConfig::parse("server.yaml", text.as_bytes()).unwrap();
        match config.authenticators.as_slice() {
            [AuthenticatorConfig::Introspection(config)] => config.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Whether an active token of jane's for these audiences is good.
    fn knows(config: &IntrospectionConfig, aud: Value) -> bool {
        let answer = json!({"active": true, "sub": "jane", "exp": 2_000, "aud": aud});
        let rules = rules(config, &["api".to_owned()]).unwrap();
        match rules.check(answer.as_object().unwrap(), 1_000) {
            Ok(found) => found.unwrap().user.name == "op:jane",
            Err(_) => false,
        }
    }

    #[test]
    fn a_token_of_another_service_is_good_only_where_that_was_said() {
        let silent = config("");
        assert!(knows(&silent, json!("api")) && knows(&silent, json!(["wiki", "api"])));
        for aud in [json!("wiki"), json!(["wiki"]), json!([]), json!(null), json!("")] {
            assert!(!knows(&silent, aud.clone()), "{aud}");
        }
        let named = config(", audiences: [kubectl]");
        assert!(knows(&named, json!("kubectl")));
        assert!(!knows(&named, json!("api")) && !knows(&named, json!("*")));
        let all = config(", audiences: ['*']");
        assert!(knows(&all, json!("wiki")) && knows(&all, json!(null)));
    }

    #[test]
    fn where_nobody_says_for_whom_tokens_must_be_nothing_is_loaded() {
        assert_eq!(rules(&config(""), &[]).unwrap_err(), NO_AUDIENCES);
        assert!(rules(&config(", audiences: [kubectl]"), &[]).is_ok());
        assert!(rules(&config(", audiences: ['*']"), &[]).is_ok());
    }
}
