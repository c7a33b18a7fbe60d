use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::api::authorization::Version;
use crate::api::authorization_config::{Connection, FailurePolicy, WebhookEntry};

struct Folder(TempDir);

impl Folder {
    /// With an authority `ca.crt`, and a certificate and a key of its own.
    fn new() -> Self {
        use rcgen::{CertificateParams, KeyPair};

        let folder = Self(tempfile::tempdir().unwrap());
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["webhook.example".to_owned()]).unwrap();
        folder.write("ca.crt", &params.self_signed(&key).unwrap().pem());
        folder.write("client.crt", &params.self_signed(&key).unwrap().pem());
        folder.write("client.key", &key.serialize_pem());
        folder.write("other.key", &KeyPair::generate().unwrap().serialize_pem());
        folder.write("s3cret", "s3cret");
        folder.write("empty", "\n");
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn kubeconfig(&self, cluster: &str, user: &str) -> PathBuf {
        self.write(
            "kubeconfig",
            &format!(
                "{{kind: Config, apiVersion: v1, current-context: c, \
                 contexts: [{{name: c, context: {{cluster: k, user: u}}}}], \
                 clusters: [{{name: k, cluster: {cluster}}}], users: [{{name: u, user: {user}}}]}}"
            ),
        )
    }

    /// The client, or the message without the folder.
    fn client(&self, kubeconfig: &Path) -> Result<WebhookClient, String> {
        WebhookClient::from_kubeconfig(kubeconfig, &ClientOptions::default(), None).map_err(
            |error| {
                assert!(
                    !error.to_string().contains("s3cret")
                        && !format!("{error:?}").contains("s3cret")
                );
                error.to_string().replace(&format!("{}/", self.0.path().display()), "")
            },
        )
    }

    fn refusal(&self, cluster: &str, user: &str) -> String {
        self.client(&self.kubeconfig(cluster, user)).err().unwrap_or_default()
    }
}

const CLUSTER: &str = "{server: 'https://webhook.example/', certificate-authority: ca.crt}";

#[test]
fn the_current_context_leads_to_a_cluster_and_a_user() {
    let folder = Folder::new();
    assert_eq!(folder.refusal(CLUSTER, "{}"), "");
    let chain = |current: &str, context: &str| {
        let text = format!(
            "{{current-context: {current}, contexts: [{{name: c, context: {context}}}], \
             clusters: [{{name: k, cluster: {CLUSTER}}}], users: [{{name: u, user: {{}}}}]}}"
        );
        folder.client(&folder.write("kubeconfig", &text)).err().unwrap_or_default()
    };
    assert_eq!(chain("c", "{cluster: k, user: u}"), "");
    assert_eq!(chain("c", "{cluster: k}"), "");
    for (current, context, message) in [
        ("''", "{cluster: k}", "`kubeconfig`: it has no `current-context`; name the one to use"),
        (
            "d",
            "{cluster: k}",
            "`kubeconfig`: context `d` does not exist; name one of `contexts` as `current-context`",
        ),
        (
            "c",
            "{cluster: l}",
            "`kubeconfig`: cluster `l` does not exist; name one of `clusters` in the context",
        ),
        (
            "c",
            "{cluster: k, user: v}",
            "`kubeconfig`: user `v` does not exist; name one of `users` in the context, or none",
        ),
    ] {
        assert_eq!(chain(current, context), message);
    }
    let missing = folder.0.path().join("missing");
    assert!(folder.client(&missing).unwrap_err().starts_with("`missing`: cannot be read;"));
    let other = folder.write("kubeconfig", "{kind: Secret}");
    assert!(folder.client(&other).unwrap_err().contains("no kubeconfig"));
}

#[test]
fn the_server_is_a_url_of_http_or_https() {
    let folder = Folder::new();
    for good in ["https://webhook.example", "https://[::1]:8443/a/b/?x=y", "HTTPS://h/"] {
        let cluster = format!("{{server: '{good}', certificate-authority: ca.crt}}");
        assert_eq!(folder.refusal(&cluster, "{}"), "", "{good}");
    }
    for bad in [
        "",
        "webhook.example:443",
        "/authorize",
        "ftp://h/",
        "https://",
        "https://jane:s3cret@h/",
        "https://h/#x",
        "https://h/ x",
    ] {
        let cluster = format!("{{server: '{bad}', certificate-authority: ca.crt}}");
        let message =
            "`kubeconfig`: `server` must be a URL such as `https://webhook.example/authorize`";
        assert_eq!(folder.refusal(&cluster, "{}"), message, "{bad}");
    }
}

#[test]
fn who_vouches_is_named_or_the_danger_is_told() {
    let folder = Folder::new();
    let warnings = |cluster: &str| {
        let client = folder.client(&folder.kubeconfig(cluster, "{}")).unwrap();
        client.warnings().to_vec()
    };
    assert_eq!(warnings(CLUSTER), []);
    assert_eq!(warnings("{server: 'http://127.0.0.1/'}"), []);
    assert_eq!(warnings("{server: 'http://[::1]:80/'}"), []);
    assert_eq!(warnings("{server: 'http://localhost/'}"), [Warning::PlainHttp]);
    assert_eq!(warnings("{server: 'http://webhook.example/'}"), [Warning::PlainHttp]);
    let unverified = "{server: 'https://webhook.example/', insecure-skip-tls-verify: true}";
    assert_eq!(warnings(unverified), [Warning::Unverified]);
    for warning in [Warning::PlainHttp, Warning::Unverified] {
        assert!(warning.to_string().contains("anybody on the way to"), "{warning}");
    }
    let message = folder.refusal("{server: 'https://webhook.example/'}", "{}");
    assert!(message.starts_with("`kubeconfig`: name the authority that"), "{message}");
    let both =
        "{server: 'https://h/', insecure-skip-tls-verify: true, certificate-authority: ca.crt}";
    let message = folder.refusal(both, "{}");
    assert!(
        message
            .contains("specifying a root certificates file with the insecure flag is not allowed"),
        "{message}"
    );
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let folder = Folder::new();
    for (field, value) in [
        ("exec", "{command: s3cret}"),
        ("auth-provider", "{name: s3cret}"),
        ("username", "s3cret"),
        ("password", "s3cret"),
        ("as", "s3cret"),
        ("as-groups", "[s3cret]"),
    ] {
        let message = folder.refusal(CLUSTER, &format!("{{{field}: {value}}}"));
        assert_eq!(
            message,
            format!(
                "`kubeconfig`: `{field}` is not supported; prove this client by `client-certificate` \
                 and `client-key`, `token` or `tokenFile`"
            )
        );
    }
    assert_eq!(folder.refusal(CLUSTER, "{extensions: [{name: x, extension: {}}]}"), "");
    let proxied =
        "{server: 'https://h/', certificate-authority: ca.crt, proxy-url: 'http://s3cret'}";
    assert_eq!(
        folder.refusal(proxied, "{}"),
        "`kubeconfig`: `proxy-url` is not supported; have the webhook reached without a proxy"
    );
}

#[test]
fn certificates_keys_and_tokens_are_whole_and_belong_together() {
    let folder = Folder::new();
    for (user, field) in [
        ("{client-certificate: client.crt, client-key: client.key}", ""),
        ("{client-certificate: client.crt}", "client-certificate"),
        ("{client-key: client.key}", "client-key"),
        ("{client-certificate: client.crt, client-key: other.key}", "client-key"),
        ("{client-certificate: s3cret, client-key: client.key}", "client-certificate"),
        ("{client-certificate: client.crt, client-key: s3cret}", "client-key"),
        ("{token: s3cret}", ""),
        ("{token: \"s3cret\\nX: y\"}", "token"),
        ("{tokenFile: s3cret}", ""),
        ("{tokenFile: empty}", "tokenFile"),
    ] {
        let message = folder.refusal(CLUSTER, user);
        match field {
            "" => assert_eq!(message, "", "{user}"),
            _ => {
                let start = format!("`kubeconfig`: `{field}` is unusable: ");
                assert!(message.starts_with(&start), "{user}: {message}");
            }
        }
    }
    for (cluster, user) in [
        ("{server: 'https://h/', certificate-authority: missing}", "{}"),
        (CLUSTER, "{client-certificate: missing, client-key: client.key}"),
        (CLUSTER, "{client-certificate: client.crt, client-key: missing}"),
        (CLUSTER, "{tokenFile: missing}"),
    ] {
        assert!(
            folder.refusal(cluster, user).starts_with("`missing`: cannot be read;"),
            "{cluster}"
        );
    }
    let none = folder.refusal("{server: 'https://h/', certificate-authority: s3cret}", "{}");
    assert!(none.starts_with("`kubeconfig`: `certificate-authority` is unusable: "), "{none}");
    let name = "{server: 'https://h/', certificate-authority: ca.crt, tls-server-name: 'a b'}";
    let none = folder.refusal(name, "{}");
    assert!(none.starts_with("`kubeconfig`: `tls-server-name` is unusable: "), "{none}");
}

#[test]
fn nothing_secret_is_shown() {
    let folder = Folder::new();
    let kubeconfig = folder.kubeconfig(CLUSTER, "{token: s3cret}");
    let client = folder.client(&kubeconfig).unwrap();
    let shown = format!("{client:?}");
    assert!(shown.contains("https://webhook.example/?timeout=30s"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[test]
fn options_without_time_or_room_are_refused() {
    let folder = Folder::new();
    let kubeconfig = folder.kubeconfig(CLUSTER, "{}");
    let with = |options: ClientOptions| WebhookClient::from_kubeconfig(&kubeconfig, &options, None);
    let good = ClientOptions::default();
    assert!(with(good).is_ok());
    assert!(with(good.with_timeout(Duration::ZERO)).is_err());
    assert!(with(good.with_max_answer_bytes(0)).is_err());
}

// ---- pauses --------------------------------------------------------------------------------------

#[test]
fn pauses_are_those_of_the_api_server_and_are_longer_by_a_fifth_at_most() {
    // S-WHA-9.
    let retry = Retry::default();
    let pauses: Vec<f64> = retry.pauses().map(|pause| pause.as_secs_f64()).collect();
    assert_eq!(pauses, [0.5, 0.75, 1.125, 1.6875]);
    let jittered: Vec<f64> =
        (0..200).map(|_| retry.jittered(Duration::from_secs(1)).as_secs_f64()).collect();
    assert!(jittered.iter().all(|pause| (1.0..=1.2).contains(pause)), "{jittered:?}");
    assert!(jittered.iter().any(|pause| *pause != jittered[0]));
    let once = Retry { attempts: 1, ..retry };
    assert_eq!(once.pauses().count(), 0);
    assert_eq!(Retry { attempts: 0, ..retry }.pauses().count(), 0);
}

// ---- entries -------------------------------------------------------------------------------------

fn entry(connection: Connection) -> WebhookEntry {
    WebhookEntry {
        authorized_ttl: Duration::from_secs(10),
        cache_authorized_requests: true,
        unauthorized_ttl: Duration::from_secs(5),
        cache_unauthorized_requests: false,
        timeout: Duration::from_secs(3),
        subject_access_review_version: Version::V1beta1,
        failure_policy: FailurePolicy::Deny,
        connection,
        match_conditions: vec!["request.user == 'jane'".to_owned()],
    }
}

#[test]
fn an_entry_of_a_chain_becomes_a_webhook_that_is_asked_as_it_says() {
    let folder = Folder::new();
    let kubeconfig = folder.kubeconfig(CLUSTER, "{}");
    let webhook = authorizer(&entry(Connection::KubeConfigFile(kubeconfig)), None).unwrap();
    let options = webhook.options();
    assert_eq!((options.version, options.failure_policy), (Version::V1beta1, FailurePolicy::Deny));
    assert_eq!(options.authorized_ttl, Duration::from_secs(10));
    // S-ACFG-4: not kept at all.
    assert_eq!(options.unauthorized_ttl, Duration::ZERO);
    assert_eq!(options.match_conditions.expressions()[0].text(), "request.user == 'jane'");
    assert!(format!("{webhook:?}").contains("?timeout=3s"), "{webhook:?}");
}

#[test]
fn the_service_account_of_a_pod_is_refused_and_so_is_a_condition_that_does_not_compile() {
    // S-ACFG-7.
    let error = authorizer(&entry(Connection::InClusterConfig), None).unwrap_err();
    assert!(matches!(error, EntryError::InClusterConfig), "{error}");
    let folder = Folder::new();
    let kubeconfig = folder.kubeconfig(CLUSTER, "{}");
    let mut broken = entry(Connection::KubeConfigFile(kubeconfig));
    broken.match_conditions = vec!["request.user ==".to_owned()];
    let error = authorizer(&broken, None).unwrap_err();
    assert!(matches!(error, EntryError::MatchCondition(_)), "{error}");
}
