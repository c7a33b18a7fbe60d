//! The API server's AuthorizationConfiguration.

use super::exempt::Exemption;
use super::version::KubernetesVersion;
use crate::cli::kubeconfig::quoted;

/// The width at which comments are broken.
const WIDTH: usize = 96;

/// Writes the file. `kubeconfig` is where the API server sees the webhook's kubeconfig.
pub(super) fn configuration(
    version: KubernetesVersion,
    kubeconfig: &str,
    exemptions: &[Exemption],
) -> String {
    let api_version = version.authorization_configuration();
    let kubeconfig = quoted(kubeconfig);
    let cache = cache(version);
    let mut text = format!(
        "\
# The chain of authorizers of a Kubernetes {version} API server (--authorization-config), made by
# `portcullis init apiserver`. The API server reads this file again when it changes, at the latest
# after a minute; an error in the new one leaves the old chain in place.
#
# What the webhook's place in the chain means:
# - It is asked first, about everybody but members of system:masters and those exempted below.
#   An allow is final: the authorizers after it are not asked. Whoever can change the policy of the
#   webhook can do everything.
# - RBAC and ABAC policies of Portcullis allow or have no opinion, as the API server's own do; they
#   never deny. So what the webhook does not allow, a role of the cluster still can.
#
# Three ways to run it:
# - Beside the cluster's roles, as it stands here: both can grant.
# - As the main authorizer: keep the bindings of people and teams in the policy of the webhook only,
#   and delete them in the cluster. Do not remove Node and RBAC here: the control plane itself lives
#   by them (and RBAC can only be removed from a running server by a restart).
# - To deny only: not with `portcullis serve`, whose policies never deny; with an empty one it allows
#   nothing and denies nothing. A server of your own can, with the library's chain of authorizers.
apiVersion: apiserver.config.k8s.io/{api_version}
kind: AuthorizationConfiguration
authorizers:
  - type: Webhook
    name: portcullis
    webhook:
      # While the webhook cannot answer, everybody it is asked about gets an error (HTTP 500).
      # NoOpinion would leave them what Node and RBAC allow. Choose it only if the webhook does
      # nothing but grant.
      failurePolicy: Deny
      # For one attempt. There can be five, with pauses between them.
      timeout: 3s
      subjectAccessReviewVersion: v1
      matchConditionSubjectAccessReviewVersion: v1
{cache}      connectionInfo:
        type: KubeConfigFile
        # Read when the chain is built. After a change of the kubeconfig or the CA alone, restart
        # the API server.
        kubeConfigFile: {kubeconfig}
      # The webhook is asked only if all of these are true. Each keeps somebody away from it without
      # whom a webhook that is down could lock the cluster. None grants anything: Node and RBAC
      # decide about them. An expression that fails counts as an answer of failurePolicy.
      matchConditions:
"
    );
    for exemption in exemptions {
        comment(&mut text, exemption.why);
        text.push_str("        - expression: >-\n");
        for line in &exemption.expression {
            text.push_str("            ");
            text.push_str(line);
            text.push('\n');
        }
    }
    text.push_str("  - type: Node\n    name: node\n  - type: RBAC\n    name: rbac\n");
    text
}

/// Answers are not kept, or, where the server cannot do without, for the shortest useful time. Zero
/// would mean five minutes (S-ACFG-4).
fn cache(version: KubernetesVersion) -> &'static str {
    if version.can_do_without_cache() {
        "      # A grant that is taken away is gone with the next request.
      cacheAuthorizedRequests: false
      cacheUnauthorizedRequests: false
"
    } else {
        "      # This version cannot do without a cache; 0s would mean the defaults, 5m and 30s. A \
         grant that
      # is taken away is gone after a second.
      authorizedTTL: 1s
      unauthorizedTTL: 1s
"
    }
}

fn comment(text: &mut String, words: &str) {
    let mut line = String::from("        #");
    for word in words.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line.truncate("        #".len());
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
