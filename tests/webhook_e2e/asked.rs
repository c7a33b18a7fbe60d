//! Our own server is a webhook like any other: our client asks it, and so does the command line.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use portcullis::api::authorization::Version;
use portcullis::authz::Authorizer as _;
use portcullis::authz::webhook::{WebhookAuthorizer, WebhookOptions};
use portcullis::model::{Decision, Request, ResourceAttributes, User};
use portcullis::source::webhook_client::{ClientOptions, Retry, WebhookClient};

use super::kit::*;

/// The kubeconfig of a server, with its client's certificate or without.
fn kubeconfig(server: &Running, user: &str) -> PathBuf {
    let home = &server.home;
    home.write("client.crt", &home.client.certificate);
    home.write("client.key", &home.client.key);
    let port = server.reviews.port();
    home.write(
        "webhook.kubeconfig",
        &format!(
            "kind: Config\napiVersion: v1\ncurrent-context: c\n\
             contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{server: 'https://localhost:{port}/authorize', \
             certificate-authority: ca.crt}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        ),
    );
    home.path("webhook.kubeconfig")
}

const CERTIFICATE: &str = "{client-certificate: client.crt, client-key: client.key}";

fn webhook(kubeconfig: &std::path::Path, version: Version) -> WebhookAuthorizer {
    let retry = Retry { delay: Duration::from_millis(1), ..Retry::default() };
    let options = ClientOptions::default().with_timeout(PATIENCE).with_retry(retry);
    let client = WebhookClient::from_kubeconfig(kubeconfig, &options, None).unwrap();
    WebhookAuthorizer::new(WebhookOptions::new(version), Arc::new(client))
}

#[test]
fn our_client_is_answered_by_our_server_in_both_versions() {
    let server = Home::new("").start();
    let kubeconfig = kubeconfig(&server, CERTIFICATE);
    let (jane, joe) = (User::new("jane"), User::new("joe"));
    for version in [Version::V1, Version::V1beta1] {
        let webhook = webhook(&kubeconfig, version);
        let pods = ResourceAttributes::new("get", "pods");
        let request = Request::resource(&jane, pods);
        let verdict = webhook.authorize(&request);
        assert_eq!((verdict.decision, verdict.errors.as_slice()), (Decision::Allow, &[][..]));
        assert!(verdict.reason().contains("jane-reads"), "{}", verdict.reason());
        let request = Request::resource(&joe, pods);
        let verdict = webhook.authorize(&request);
        assert_eq!((verdict.decision, verdict.errors.as_slice()), (Decision::NoOpinion, &[][..]));
        assert_eq!(webhook.kept(), 2);
        // What is kept needs no server.
        if version == Version::V1beta1 {
            assert_eq!(server.stop(), Some(0));
            let request = Request::resource(&jane, pods);
            assert!(webhook.authorize(&request).is_allowed());
            let other = Request::resource(&jane, pods.named("x"));
            let verdict = webhook.authorize(&other);
            assert_eq!((verdict.decision, verdict.errors.len()), (Decision::NoOpinion, 1));
        }
    }
}

#[test]
fn our_client_without_a_certificate_is_not_answered() {
    let server = Home::new("").start();
    let webhook = webhook(&kubeconfig(&server, "{}"), Version::V1);
    let jane = User::new("jane");
    let request = Request::resource(&jane, ResourceAttributes::new("get", "pods"));
    let verdict = webhook.authorize(&request);
    assert_eq!((verdict.decision, verdict.errors.len()), (Decision::NoOpinion, 1), "{verdict:?}");
    assert_eq!(webhook.kept(), 0);
}

/// A webhook first, then RBAC.
fn chain(server: &Running, conditions: &str) {
    let kubeconfig = kubeconfig(server, CERTIFICATE);
    server.home.write(
        "chain.yaml",
        &format!(
            "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers:\n\
             - type: Webhook\n  name: hook\n  webhook:\n    timeout: 20s\n    \
             subjectAccessReviewVersion: v1\n    failurePolicy: NoOpinion\n{conditions}    \
             connectionInfo: {{type: KubeConfigFile, kubeConfigFile: {}}}\n\
             - {{type: RBAC, name: rbac}}\n",
            kubeconfig.display()
        ),
    );
}

/// The role of [`POLICY`] for joe, which the server does not know.
const JOE: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: joe-reads}
subjects: [{kind: User, name: joe, apiGroup: rbac.authorization.k8s.io}]
roleRef: {kind: ClusterRole, name: reader, apiGroup: rbac.authorization.k8s.io}
";

#[test]
fn an_answer_that_an_unasked_webhook_could_change_is_not_the_whole_answer() {
    let server = Home::new("").start();
    chain(&server, "");
    server.home.write("own.yaml", JOE);
    let exit = |user: &str, how: &[&str]| {
        let mut args = vec!["can-i", "get", "pods", "--as", user, "-f", "own.yaml"];
        args.extend(["--authorization-config", "chain.yaml"]);
        args.extend(how);
        let (code, out, err) = run(&server.home.path(""), &args);
        assert!(!err.contains("panicked"), "{err}");
        (code, out.starts_with("yes"))
    };
    // joe: allowed by RBAC alone. jane: by the webhook alone. jack: by nobody.
    let (ask, none) = (&["--webhook", "ask"][..], &["--webhook", "no-opinion"][..]);
    for (user, how, expected) in [
        ("joe", &[][..], (Some(3), true)),
        ("jane", &[], (Some(3), false)),
        ("jack", &["--webhook", "incomplete"], (Some(3), false)),
        ("joe", none, (Some(0), true)),
        ("jane", none, (Some(1), false)),
        ("joe", ask, (Some(0), true)),
        ("jane", ask, (Some(0), true)),
        ("jack", ask, (Some(1), false)),
    ] {
        assert_eq!(exit(user, how), expected, "{user} {how:?}");
    }
    // A webhook that a condition keeps from being asked changes nothing.
    chain(
        &server,
        "    matchConditionSubjectAccessReviewVersion: v1\n    matchConditions: \
         [{expression: \"request.user == 'jane'\"}]\n",
    );
    assert_eq!(exit("joe", &[]), (Some(0), true));
    assert_eq!(exit("jack", &[]), (Some(1), false));
    assert_eq!(exit("jane", &[]), (Some(3), false));
    assert_eq!(exit("jane", ask), (Some(0), true));
}
