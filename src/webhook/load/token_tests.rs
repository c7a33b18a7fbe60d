use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Mutex;
use std::thread;

use super::tests::{Home, POLICY, SERVER};
use super::*;
use crate::authn::Attempt;
use crate::authn::cache::{CacheConfig, CacheUse, TokenCache};
use crate::authn::issued::Issuer;
use crate::crypto::{SigningAlgorithm, SigningKey};
use crate::model::User;
use crate::webhook::config::AuthenticatorConfig;

const NOW: i64 = 1_800_000_000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn with(authenticators: &str) -> Home {
    let home = Home::new();
    home.write("server.yaml", &format!("{SERVER}authenticators:\n{authenticators}"));
    home
}

fn problems(home: &Home) -> Vec<String> {
    let folder = format!("{}/", home.path("").display()).replace("//", "/");
    let error = load(&home.path("server.yaml")).unwrap_err();
    error.problems().iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
}

/// The name of who presents a token; empty for nobody.
fn who(loaded: &Loaded, token: &str) -> String {
    let attempt = Attempt { token, audiences: &[], now: NOW };
    match runtime().block_on(loaded.tokens.find(attempt)) {
        Ok(Some(proof)) => proof.authenticated.user.name.clone(),
        Ok(None) => String::new(),
        Err(error) => format!("error: {error}"),
    }
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(SigningAlgorithm::Es256).unwrap())
}

/// A token of our own for jane.
fn issued(key: &Arc<SigningKey>) -> String {
    let issuer = Issuer::new("https://portcullis", ["api"], Arc::clone(key), 3600).unwrap();
    let token = issuer.issue(&User::new("jane"), &[], NOW - 10, None).unwrap();
    token.expose_secret().to_owned()
}

#[test]
fn tokens_of_a_file_are_known_and_others_are_not() {
    let home = with("- tokenFile: {file: tokens.csv}\n");
    home.write("tokens.csv", "t0k3n-of-jane,jane,7\nt0k3n-of-bob,bob,8\n");
    let loaded = load(&home.path("server.yaml")).unwrap();
    assert_eq!(who(&loaded, "t0k3n-of-jane"), "jane");
    assert_eq!(who(&loaded, "t0k3n-of-joan"), "");
    assert_eq!(loaded.authenticators[0].name, "token-file");
    assert_eq!(loaded.authenticators[0].detail, "tokens: 2");
    assert!(!format!("{loaded:?}").contains("t0k3n"));
    // Whoever empties it takes every token back.
    home.write("tokens.csv", "");
    let loaded = load(&home.path("server.yaml")).unwrap();
    assert_eq!(who(&loaded, "t0k3n-of-jane"), "");
    assert!(loaded.warnings.iter().any(|warning| warning.message.contains("not a single token")));
}

#[test]
fn a_broken_authenticator_fails_the_load() {
    for (authenticators, file, text, expected) in [
        (
            "- tokenFile: {file: tokens.csv}\n",
            "tokens.csv",
            "t0k3n,jane\n",
            "server.yaml:9: `authenticators[0].tokenFile.file`: ",
        ),
        (
            "- tokenFile: {file: tokens.csv}\n",
            "tokens.csv",
            "t0k3n,system:admin,1\n",
            "server.yaml:9: `authenticators[0].tokenFile.file`: ",
        ),
        (
            "- tokenFile: {file: tokens, format: hashed}\n",
            "tokens",
            "t0k3n,jane,7\n",
            "server.yaml:9: `authenticators[0].tokenFile.file`: ",
        ),
        (
            "- tokenFile: {file: tokens.csv}\n",
            "other",
            "",
            "server.yaml:9: `authenticators[0].tokenFile.file`: `tokens.csv`: cannot be read",
        ),
        (
            "- issuedTokens: {issuer: a, audiences: [b], keyFiles: [k.pem]}\n",
            "k.pem",
            "t0k3n",
            "server.yaml:9: `authenticators[0].issuedTokens.keyFiles[0]`: `k.pem`: not PEM",
        ),
        (
            "- serviceAccounts: {issuers: [a], boundObjects: Skip, keyFiles: [k.pem]}\n",
            "k.pem",
            "-----BEGIN CERTIFICATE REQUEST-----\ndDBrM24=\n-----END CERTIFICATE REQUEST-----\n",
            "server.yaml:9: `authenticators[0].serviceAccounts.keyFiles[0]`: `k.pem`: no PEM block holds a key",
        ),
    ] {
        let home = with(authenticators);
        home.write(file, text);
        let problems = problems(&home);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(expected), "{problems:?}");
        assert!(!problems[0].contains("t0k3n"), "{problems:?}");
    }
}

#[test]
fn issued_tokens_are_verified_by_the_keys_of_files() {
    let (good, other) = (key(), key());
    let home = with(
        "- issuedTokens: {issuer: 'https://portcullis', audiences: [api], keyFiles: [k.pem]}\n",
    );
    home.write("k.pem", good.to_pem().expose_secret());
    let loaded = load(&home.path("server.yaml")).unwrap();
    assert_eq!(who(&loaded, &issued(&good)), "jane");
    assert!(who(&loaded, &issued(&other)).starts_with("error: "));
}

#[test]
fn service_accounts_that_cannot_be_looked_up_fail_the_load_unless_that_is_wanted() {
    let check = "- serviceAccounts: {issuers: [a], keyFiles: [k.pem]}\n";
    let home = with(check);
    home.write("k.pem", key().to_pem().expose_secret());
    let found = problems(&home);
    assert!(found[0].starts_with("server.yaml:9: `serviceAccounts`: "), "{found:?}");
    assert!(found[0].contains("hold no ServiceAccount"), "{found:?}");
    let account =
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n";
    home.write("policy/rbac.yaml", &format!("{POLICY}{account}"));
    assert!(load(&home.path("server.yaml")).is_ok());
    let home = with(&check.replace("{issuers", "{boundObjects: Skip, issuers"));
    home.write("k.pem", key().to_pem().expose_secret());
    let loaded = load(&home.path("server.yaml")).unwrap();
    assert_eq!(loaded.authenticators[0].detail, "keys: 1, issuers: a");
    assert_eq!(loaded.config.audiences(), ["a"]);
}

#[test]
fn legacy_tokens_come_before_bound_ones() {
    let home = with(
        "- bootstrapTokens: {}\n- serviceAccounts: {issuers: [a], legacyTokens: true, keyFiles: [k.pem]}\n",
    );
    home.write("k.pem", key().to_pem().expose_secret());
    let account =
        "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n";
    home.write("policy/rbac.yaml", &format!("{POLICY}{account}"));
    let loaded = load(&home.path("server.yaml")).unwrap();
    let names: Vec<&str> = loaded.tokens.names().collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[0], "bootstrap-token");
    assert_ne!(names[1], names[2]);
}

fn key_set(key: &SigningKey) -> String {
    serde_json::json!({ "keys": [key.jwk().unwrap()] }).to_string()
}

/// Serves a JWK set over plain HTTP until the test ends; returns its URL.
fn serve_keys(key: &SigningKey) -> String {
    serve_text(Arc::new(Mutex::new(key_set(key))))
}

fn serve_text(text: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let body = text.lock().unwrap().clone();
            let mut stream = stream.unwrap();
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked);
            let length = body.len();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}");
        }
    });
    url
}

fn by_url(url: &str) -> String {
    format!("- serviceAccounts: {{issuers: [a], boundObjects: Skip, jwks: {{url: '{url}'}}}}\n")
}

fn again(home: &Home, serving: &Loaded) -> Result<Outcome, ConfigError> {
    Draft::read(&home.path("server.yaml")).unwrap().load(Some(serving))
}

#[test]
fn fetched_keys_outlive_a_reload() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let url = serve_keys(&key());
    let home = with(&by_url(&url));
    let first = load(&home.path("server.yaml")).unwrap();
    assert_eq!(first.fetched[0].url(), url);
    home.write("policy/rbac.yaml", &POLICY.replace("jane", "joan"));
    let Ok(Outcome::Loaded(second)) = again(&home, &first) else { panic!("nothing new") };
    assert!(first.fetched[0].is_same(&second.fetched[0]));
    // Another URL is waited for.
    let other = serve_keys(&key());
    home.write("server.yaml", &format!("{SERVER}authenticators:\n{}", by_url(&other)));
    let Ok(Outcome::Loaded(third)) = again(&home, &second) else { panic!("nothing new") };
    assert!(!second.fetched[0].is_same(&third.fetched[0]));
    assert_eq!(third.fetched[0].status().keys, 1);
    // One that does not answer replaces nothing.
    let nowhere = "http://127.0.0.1:1/keys";
    home.write("server.yaml", &format!("{SERVER}authenticators:\n{}", by_url(nowhere)));
    let error = again(&home, &third).unwrap_err();
    assert!(error.to_string().contains("no keys could be fetched"), "{error}");
}

/// A token of the service account `web` for `a`, which is issuer and audience.
fn bound(key: &SigningKey) -> String {
    let claims = serde_json::json!({
        "iss": "a", "aud": ["a"],
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "1"}},
    });
    let serde_json::Value::Object(claims) = claims else { panic!("no object") };
    key.sign(&serde_json::Map::new(), &claims).unwrap()
}

#[test]
fn a_key_that_its_url_takes_back_ends_the_answers_that_are_kept() {
    let (old, new) = (key(), key());
    let runtime = runtime();
    let _entered = runtime.enter();
    let text = Arc::new(Mutex::new(key_set(&old)));
    let url = serve_text(Arc::clone(&text));
    let home = with(&format!(
        "- serviceAccounts: {{issuers: [a], boundObjects: Skip, jwks: {{url: '{url}', refresh: 1s}}}}\n"
    ));
    let loaded = load(&home.path("server.yaml")).unwrap();
    // Only a change of the keys ends this answer.
    let config = CacheConfig { yes_seconds: 1_000_000, ..CacheConfig::default() };
    let cache = Arc::new(TokenCache::new(loaded.tokens(), config).unwrap());
    let flushed = Arc::downgrade(&cache);
    loaded.fetched[0].on_change(move || flushed.upgrade().unwrap().flush());
    let token = bound(&old);
    let until = |wanted: &dyn Fn(CacheUse, bool) -> bool| {
        let started = std::time::Instant::now();
        loop {
            let attempt = Attempt { token: &token, audiences: &[], now: NOW };
            let (used, found) = runtime.block_on(cache.find(attempt));
            if wanted(used, found.is_ok_and(|found| found.is_some())) {
                return;
            }
            assert!(started.elapsed().as_secs() < 30, "never");
            thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    // The first keys are a change, too: it may forget the first answer.
    until(&|used, yes| yes && used == CacheUse::Hit);
    *text.lock().unwrap() = key_set(&new);
    until(&|_, yes| !yes);
}

#[test]
fn a_server_that_knows_no_audiences_of_the_api_server_says_so() {
    let warned = |authenticators: &str| {
        let home = with(authenticators);
        home.write("tokens.csv", "t0k3n-of-jane,jane,7\n");
        home.write("k.pem", key().to_pem().expose_secret());
        let loaded = load(&home.path("server.yaml")).unwrap();
        let is_said = |warning: &&Problem| warning.field == "apiAudiences";
        let said: Vec<String> =
            loaded.warnings.iter().filter(is_said).map(ToString::to_string).collect();
        assert!(said.len() < 2, "{said:?}");
        let attempt = |audiences| Attempt { token: "t0k3n-of-jane", audiences, now: NOW };
        let asked = ["a".to_owned()];
        let knows = |audiences| {
            runtime().block_on(loaded.tokens.find(attempt(audiences))).unwrap().is_some()
        };
        (!said.is_empty(), knows(&[]), knows(&asked))
    };
    let file = "- tokenFile: {file: tokens.csv}\n";
    let accounts = "- serviceAccounts: {issuers: [a], boundObjects: Skip, keyFiles: [k.pem]}\n";
    let issued = "- issuedTokens: {issuer: x, audiences: [a], keyFiles: [k.pem]}\n";
    // Said; and true: whoever asks for audiences, as API servers do, gets no answer.
    assert_eq!(warned(file), (true, true, false));
    assert_eq!(warned("- bootstrapTokens: {}\n"), (true, false, false));
    // Where they are known, by themselves or as the issuers, all is well.
    assert_eq!(warned(&format!("{file}apiAudiences: [a]\n")), (false, true, true));
    assert_eq!(warned(&format!("{file}{accounts}")), (false, true, true));
    // These say themselves for whom they are.
    assert_eq!(warned(issued), (false, false, false));
}

#[test]
fn keys_of_files_and_of_a_url_are_one_set() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let (of_file, of_url) = (key(), key());
    let url = serve_keys(&of_url);
    let home = with(&by_url(&url).replace("jwks:", "keyFiles: [k.pem], jwks:"));
    home.write("k.pem", of_file.to_pem().expose_secret());
    let loaded = load(&home.path("server.yaml")).unwrap();
    let expected = format!("keys: 1 and those of {url}, issuers: a");
    assert_eq!(loaded.authenticators[0].detail, expected);
    assert!(matches!(loaded.config.authenticators[0], AuthenticatorConfig::ServiceAccounts(_)));
    let files = [of_file.verifying_key().clone()].into_iter().collect();
    let both = loaded.fetched[0].with_files(files);
    for _ in 0..200 {
        if both.current().keys().len() == 2 {
            assert!(Arc::ptr_eq(&both.current(), &both.current()));
            return;
        }
        thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("keys were not fetched: {:?}", loaded.fetched[0].status());
}

#[test]
fn a_url_that_cannot_be_trusted_fails_the_load_and_a_check_fetches_nothing() {
    let home = with(&by_url("http://127.0.0.1.example/keys"));
    let checked = check(&home.path("server.yaml"));
    let told = |text| checked.problems.iter().any(|problem| problem.message.contains(text));
    assert!(told("must be https"), "{:?}", checked.problems);
    let home = with(&by_url("http://127.0.0.1:1/keys"));
    let checked = check(&home.path("server.yaml"));
    // Only the certificate is missing.
    assert!(checked.problems.iter().all(|problem| problem.field.starts_with("listen.tls")));
    assert_eq!(checked.problems.len(), 2);
}

/// An AuthenticationConfiguration of one issuer.
fn issuer_file(url: &str) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n\
         - issuer: {{url: '{url}', audiences: [kubectl]}}\n\
         \x20 claimMappings: {{username: {{claim: sub, prefix: 'x:'}}}}\n"
    )
}

#[test]
fn an_issuer_has_one_set_of_rules() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let home = with("- oidc: {configurationFile: a.yaml}\n- oidc: {configurationFile: b.yaml}\n");
    home.write("a.yaml", &issuer_file("https://127.0.0.1:1/a"));
    home.write("b.yaml", &issuer_file("https://127.0.0.1:1/b"));
    let loaded = load(&home.path("server.yaml")).unwrap();
    assert_eq!(loaded.tokens.names().collect::<Vec<_>>(), ["oidc", "oidc"]);
    home.write("b.yaml", &issuer_file("https://127.0.0.1:1/a"));
    let told = problems(&home);
    let text = "issuer `https://127.0.0.1:1/a` stands in another `oidc` entry already; an issuer has \
                one set of rules";
    assert!(matches!(told.as_slice(), [one] if one.contains(text)), "{told:?}");
}

#[test]
fn an_issuer_whose_tokens_are_known_by_other_rules_is_refused() {
    let runtime = runtime();
    let _entered = runtime.enter();
    let said = |issuer: &str| {
        let home = with(&format!(
            "- issuedTokens: {{issuer: '{issuer}', audiences: [api], keyFiles: [k.pem]}}\n\
             - oidc: {{configurationFile: a.yaml}}\n"
        ));
        home.write("k.pem", key().to_pem().expose_secret());
        home.write("a.yaml", &issuer_file("https://127.0.0.1:1/a"));
        load(&home.path("server.yaml")).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(said("https://127.0.0.1:1/b"), Ok(()));
    let text = said("https://127.0.0.1:1/a").unwrap_err();
    assert!(text.contains("URL must not overlap with disallowed issuers"), "{text}");
}

#[test]
fn an_endpoint_that_would_be_shown_tokens_of_others_is_told_of() {
    let ca = rcgen::generate_simple_self_signed(["issuer".to_owned()]).unwrap().cert.pem();
    let warned = |authenticators: &[&str]| {
        let home = with(&format!("{}apiAudiences: [api]\n", authenticators.concat()));
        home.write("ca.crt", &ca);
        home.write("secret", "s3cret\n");
        home.write("tokens.csv", "t0k3n-of-jane,jane,7\n");
        let loaded = load(&home.path("server.yaml")).unwrap();
        let of = |warning: &&Problem| warning.field == "introspection";
        loaded.warnings.iter().filter(of).map(|it| it.message.clone()).collect::<Vec<_>>()
    };
    let asks = "- introspection: {url: 'https://issuer/ask', caFile: ca.crt, clientID: p, \
                clientSecretFile: secret, usernamePrefix: ''}\n";
    let (file, bootstrap) = ("- tokenFile: {file: tokens.csv}\n", "- bootstrapTokens: {}\n");
    assert_eq!(warned(&[file, bootstrap, asks]), [""; 0]);
    assert_eq!(
        warned(&[file, asks, bootstrap]),
        [
            "stands before `bootstrapTokens`, so that https://issuer/ask is shown the tokens of that, \
          too; put it after"
        ]
    );
}
