//! Tokens of an organisation's issuer at the door, and what is not taken for one.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::TokenDesk;
use super::answer::Ending;
use super::door::{Door, Ended, Lookup, OIDC, Ways};
use super::proof::{Proof, Shown};
use crate::api::authentication_config::{ExtraMapping, JwtAuthenticator};
use crate::authn::chain::{Member, TokenChain, Trust};
use crate::authn::issued::{IssuedTokens, Issuer};
use crate::authn::oidc::{OidcAuthenticator, Rules};
use crate::authn::{Attempt, AuthnError, GroupLookup, Keys, LookingUp};
use crate::crypto::{KeySet, SigningAlgorithm, SigningKey};
use crate::model::User;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://issuer.example";
const OWN: &str = "https://portcullis.example";

/// A directory of one.
struct Directory(Result<Option<Vec<String>>, ()>);

impl GroupLookup for Directory {
    fn name(&self) -> &str {
        "directory"
    }

    fn groups_of<'a>(&'a self, user: &'a User) -> LookingUp<'a> {
        let answer = match &self.0 {
            Ok(groups) if user.name == "x:jane" => Ok(groups.clone()),
            Ok(_) => Ok(None),
            Err(()) => Err(AuthnError::unavailable(std::io::Error::other("it is out"))),
        };
        Box::pin(std::future::ready(answer))
    }
}

struct Scene {
    issuer: SigningKey,
    known: IssuedTokens,
    door: Door,
}

/// A door to which the tokens of an issuer for the client `kubectl` are a proof.
fn scene(directory: Option<Directory>) -> Scene {
    let issuer = SigningKey::generate(SigningAlgorithm::Es256).unwrap();
    let mut config = JwtAuthenticator::default();
    config.issuer.url = ISSUER.to_owned();
    config.issuer.audiences = vec!["kubectl".to_owned()];
    config.claim_mappings.username.expression = "claims.?name.orValue('x:jane')".to_owned();
    config.claim_mappings.groups.expression = "claims.?groups.orValue([])".to_owned();
    config.claim_mappings.uid.claim = "sub".to_owned();
    let key = "acme.io/team".to_owned();
    config.claim_mappings.extra =
        vec![ExtraMapping { key, value_expression: "claims.?team.orValue('')".to_owned() }];
    let keys = Arc::new(KeySet::new([issuer.verifying_key().clone()]));
    let oidc = OidcAuthenticator::new(Rules::compile(&config).unwrap(), Arc::new(keys));
    let chain =
        TokenChain::new(Vec::<String>::new()).with(Member::new(Arc::new(oidc), Trust::Foreign));
    let ways = Ways { tokens: Some(chain), ..Ways::default() };

    let own = Arc::new(SigningKey::generate(SigningAlgorithm::Es256).unwrap());
    let keys = Arc::new(KeySet::new([own.verifying_key().clone()]));
    let keys: Arc<dyn Keys> = Arc::new(keys);
    let known = || IssuedTokens::new(OWN, ["api"], Arc::clone(&keys));
    let desk = TokenDesk {
        issuer: Issuer::new(OWN, ["api"], own, 3600).unwrap(),
        verifier: known(),
        audiences: vec!["api".to_owned()],
        lifetime: 3600,
    };
    let lookups = directory.map(|directory| {
        let lookup = Lookup { groups: Arc::new(directory), at_login: true };
        (OIDC.to_owned(), lookup)
    });
    let lookups: HashMap<String, Lookup> = lookups.into_iter().collect();
    let known = known();
    Scene { issuer, known, door: Door::new(ways, lookups, Some(desk), None, 36_000) }
}

impl Scene {
    fn token(&self, more: Value) -> String {
        let mut claims = json!({
            "iss": ISSUER, "aud": "kubectl", "sub": "7", "exp": NOW + 300, "jti": "of-the-issuer",
        });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.issuer.sign(&Map::new(), claims.as_object().unwrap()).unwrap()
    }

    async fn log_in(&self, token: &str) -> Ended {
        self.door.log_in(shown(token), b"").await
    }

    /// The credential, who it says it is, and when it ends.
    fn handed_out(&self, ended: Ended) -> (String, User, i64) {
        let Ending::Yes(reply) = ended.ending else {
            panic!("{:?} {}", ended.ending, ended.reason)
        };
        let answer: Value = serde_json::from_slice(&reply.body).unwrap();
        let token = answer["status"]["token"].as_str().unwrap().to_owned();
        let attempt = Attempt { token: &token, audiences: &[], now: NOW };
        let (found, _) = self.known.verify_session(attempt).unwrap().unwrap();
        (token, found.user, found.expires.unwrap())
    }
}

const fn shown(token: &str) -> Shown<'_> {
    Shown { proof: Proof::Bearer(token), source: None, now: NOW }
}

#[track_caller]
fn refused(ended: &Ended, because: &str) {
    assert!(matches!(ended.ending, Ending::Unauthorized), "{:?}", ended.ending);
    assert!(ended.reason.contains(because), "{}", ended.reason);
}

#[tokio::test]
async fn a_token_of_the_issuer_becomes_one_of_ours_that_lasts_no_longer() {
    let scene = scene(None);
    let token = scene.token(json!({"groups": ["dev"], "team": "red"}));
    let (own, user, expires) = scene.handed_out(scene.log_in(&token).await);
    assert_eq!((user.name.as_str(), user.uid.as_str()), ("x:jane", "7"));
    assert_eq!((user.groups.as_slice(), expires), (&["dev".to_owned()][..], NOW + 300));
    assert_eq!(user.extra["acme.io/team"], ["red"]);
    // The id is that of the new credential.
    assert!(!format!("{user:?}").contains("of-the-issuer"), "{user:?}");
    // Nobody can be asked for the user, so that it ends there.
    refused(&scene.door.refresh(shown(&own), b"").await, "the session is over");
}

#[tokio::test]
async fn what_is_no_token_of_the_issuer_for_this_client_is_no_proof() {
    let scene = scene(None);
    for (more, because) in [
        (json!({"aud": "wiki"}), "expected audience \"kubectl\" got [\"wiki\"]"),
        (json!({"aud": ["wiki"], "azp": "kubectl"}), "expected audience"),
        (json!({"aud": "api"}), "expected audience"),
        (json!({"exp": NOW}), "token is expired"),
        (json!({"exp": null}), "ParseFloat"),
        (json!({"nbf": NOW + 100}), "before the nbf"),
        (json!({"iss": OWN}), "no issuer knows the token"),
        (json!({"iss": "https://other.example"}), "no issuer knows the token"),
        (json!({"name": "system:admin"}), "reserved"),
        (json!({"name": " system:admin"}), "reserved"),
        (json!({"name": ""}), "empty username"),
        (json!({"groups": ["dev", "system:masters"]}), "reserved"),
        (json!({"groups": ["system:authenticated"]}), "reserved"),
    ] {
        refused(&scene.log_in(&scene.token(more)).await, because);
    }
    for token in ["opaque", "a.b.c", "{}", "é"] {
        refused(&scene.log_in(token).await, "no issuer knows the token");
    }
    scene.handed_out(scene.log_in(&scene.token(json!({}))).await);
}

#[tokio::test]
async fn one_of_our_tokens_is_no_proof_and_one_of_the_issuer_s_is_not_renewed() {
    let scene = scene(Some(Directory(Ok(Some(vec!["dev".to_owned()])))));
    let token = scene.token(json!({}));
    let (own, ..) = scene.handed_out(scene.log_in(&token).await);
    // Otherwise a session would never end.
    refused(&scene.log_in(&own).await, "no issuer knows the token");
    refused(&scene.door.refresh(shown(&token), b"").await, "it is no token of a login");
    let (_, user, expires) = scene.handed_out(scene.door.refresh(shown(&own), b"").await);
    assert_eq!((user.name.as_str(), expires), ("x:jane", NOW + 3600));
}

#[tokio::test]
async fn groups_are_those_of_the_directory_where_one_is_named_and_not_the_token_s() {
    let known = scene(Some(Directory(Ok(Some(vec!["dev".to_owned()])))));
    let token = known.token(json!({"groups": ["admins", "system:masters"]}));
    // What the chain refuses comes first, whatever would become of it.
    refused(&known.log_in(&token).await, "reserved");
    let token = known.token(json!({"groups": ["admins"]}));
    let (_, user, _) = known.handed_out(known.log_in(&token).await);
    assert_eq!(user.groups, ["dev"]);

    refused(&known.log_in(&known.token(json!({"name": "x:joan"}))).await, "no such user");
    let gone = scene(Some(Directory(Ok(None))));
    refused(&gone.log_in(&gone.token(json!({}))).await, "no such user");
    let root = scene(Some(Directory(Ok(Some(vec!["system:masters".to_owned()])))));
    refused(&root.log_in(&root.token(json!({}))).await, "reserved");
    let out = scene(Some(Directory(Err(()))));
    let ended = out.log_in(&out.token(json!({"groups": ["admins"]}))).await;
    assert!(matches!(ended.ending, Ending::Unavailable), "{:?}", ended.ending);
}
