//! The configuration of `portcullis serve`, and what the API server has to be told.

use std::net::SocketAddr;

use super::version::KubernetesVersion;
use crate::cli::certificates::API_SERVER;
use crate::cli::kubeconfig::quoted;

/// Roles and bindings of files.
const FROM_FILES: &str = "\
policy:
  # Roles and bindings, as files or folders. Whoever can write here can do everything.
  paths: [policy/]
  # The roles that every API server has, such as view and edit, so that bindings can name them.
  defaultRoles: true
";

/// Those of the cluster, with the credentials of a kubeconfig; empty for those of the pod.
fn from_cluster(kubeconfig: &str) -> String {
    let credentials = match kubeconfig {
        "" => "inCluster: true".to_owned(),
        file => format!("kubeconfig: {}", quoted(file)),
    };
    format!(
        "\
# The roles and bindings of the cluster itself; `portcullis init rbac --config server.yaml` writes what that
# needs to be granted.
policy:
  fromCluster: true
cluster:
  {credentials}
  # What was seen last, for starts at which the API server waits for this server. Whoever can write this
  # file can do everything.
  savedState:
    file: /var/lib/portcullis/cluster.state
    maxAge: 24h
  # What becomes of answers when the API server cannot be watched for so long: Keep, NoOpinion or NotReady.
  whenLost:
    after: 15m
    then: Keep
"
    )
}

/// `server.yaml`.
pub(super) fn configuration(listen: SocketAddr, cluster: Option<&str>) -> String {
    let policy = cluster.map_or_else(|| FROM_FILES.to_owned(), from_cluster);
    let operations = if listen.port() == 9444 { 9445 } else { 9444 };
    let listen = quoted(&listen.to_string());
    format!(
        "\
# The configuration of `portcullis serve --config server.yaml`. Relative paths are relative to this
# file. Policy, tokens and certificates are read again when they change, and on SIGHUP.
apiVersion: portcullis.dev/v1alpha1
kind: ServerConfiguration
listen:
  address: {listen}
  tls:
    certificateFile: tls.crt
    keyFile: tls.key
    # Only the API server may ask: whoever may ask can try out tokens and map the policy.
    clientCAFile: client-ca.crt
    allowedClients: [{API_SERVER}]
# /metrics, /livez, /readyz, /shadow; plain HTTP, so on loopback.
operations:
  address: \"127.0.0.1:{operations}\"
{policy}authorizers:
  - type: RBAC
# Who logs in with a token that the API server itself does not know. Without an entry nobody does.
# `portcullis token new` makes a token and its line.
# authenticators:
#   - tokenFile:
#       file: tokens.ptk
#       format: hashed
# The same as --api-audiences of the API server.
apiAudiences: [https://kubernetes.default.svc]
# How long an answer about a token is kept. The API server keeps it too (10s with our flags).
tokenCache:
  success: 10s
  failure: 0s
"
    )
}

/// A policy to begin with. It needs a binding: the server takes roles without one for a mistake.
pub(super) const POLICY: &str = "\
# Roles and bindings that the webhook grants, in the form of Kubernetes. Add files beside this one, and
# delete this one when there is another.
# Try a change before it counts: `portcullis can-i` and `portcullis check` read the same files.
#
# As it stands a made-up group may look at pods in a made-up namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: look-at-pods
rules:
  - apiGroups: [\"\"]
    resources: [pods, pods/log]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: look-at-pods
  namespace: portcullis-example
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: look-at-pods
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: portcullis-example
";

/// The flags of the API server: names and values.
fn flags(mounted_at: &str) -> [(&'static str, String); 4] {
    [
        ("authorization-config", format!("{mounted_at}/authorization-config.yaml")),
        (
            "authentication-token-webhook-config-file",
            format!("{mounted_at}/token-webhook.kubeconfig"),
        ),
        // The default is v1beta1 (S-TR-1).
        ("authentication-token-webhook-version", "v1".to_owned()),
        // The default is two minutes; a token that is taken back is good for as long.
        ("authentication-token-webhook-cache-ttl", "10s".to_owned()),
    ]
}

/// The flags as a list to paste.
pub(super) fn flag_list(mounted_at: &str) -> String {
    format!(
        "\
# Add these flags to kube-apiserver:
{}
# Remove these, the server refuses them beside --authorization-config:
#   --authorization-mode
#   --authorization-webhook-config-file
#   --authorization-webhook-version
#   --authorization-webhook-cache-authorized-ttl
#   --authorization-webhook-cache-unauthorized-ttl
# If it runs in a container, mount {mounted_at} of the host there, read only.
",
        flags(mounted_at).map(|(name, value)| format!("--{name}={value}")).join("\n")
    )
}

/// The same for kubeadm: part of a ClusterConfiguration.
pub(super) fn kubeadm(version: KubernetesVersion, mounted_at: &str) -> String {
    let api = version.cluster_configuration();
    let mut text = format!(
        "\
# Merge this into the ClusterConfiguration of kubeadm, on each control-plane node:
#   kubectl -n kube-system get configmap kubeadm-config -o jsonpath='{{.data.ClusterConfiguration}}'
#   kubeadm init phase control-plane apiserver --config FILE
# and, once, so that an upgrade does not lose it:
#   kubeadm init phase upload-config kubeadm --config FILE
# kubeadm leaves --authorization-mode out when there is an authorization-config. If your
# configuration sets it under extraArgs, remove it.
apiVersion: kubeadm.k8s.io/{api}
kind: ClusterConfiguration
apiServer:
  extraArgs:
"
    );
    for (name, value) in flags(mounted_at) {
        let value = quoted(&value);
        if version.lists_flags() {
            text.push_str(&format!("    - name: {name}\n      value: {value}\n"));
        } else {
            text.push_str(&format!("    {name}: {value}\n"));
        }
    }
    let path = quoted(mounted_at);
    text.push_str(&format!(
        "  \
  extraVolumes:
    - name: portcullis
      hostPath: {path}
      mountPath: {path}
      readOnly: true
      pathType: Directory
"
    ));
    text
}
