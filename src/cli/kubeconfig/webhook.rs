//! The kubeconfig by which an API server finds a webhook.

use std::path::Path;

use super::quoted;

/// Where a webhook is, and the files that the two ends prove themselves with, as the API server sees
/// them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Webhook<'a> {
    /// The whole URL with its path. A query would be replaced by the API server (S-WHA-1).
    pub(crate) server_url: &'a str,
    /// Who vouches for the server.
    pub(crate) ca: &'a Path,
    /// The certificate of the API server.
    pub(crate) client_certificate: &'a Path,
    /// Its key.
    pub(crate) client_key: &'a Path,
}

/// Writes the kubeconfig. Certificates stand in it as files, so that no key is copied around.
pub(crate) fn webhook(webhook: &Webhook<'_>) -> String {
    let Webhook { server_url, ca, client_certificate, client_key } = *webhook;
    let [ca, certificate, key] = [ca, client_certificate, client_key].map(quoted_path);
    let server = quoted(server_url);
    format!(
        "\
apiVersion: v1
kind: Config
clusters:
  - name: portcullis
    cluster:
      server: {server}
      certificate-authority: {ca}
users:
  - name: kube-apiserver
    user:
      client-certificate: {certificate}
      client-key: {key}
contexts:
  - name: portcullis
    context:
      cluster: portcullis
      user: kube-apiserver
current-context: portcullis
"
    )
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
