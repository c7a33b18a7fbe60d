//! Which kinds of objects does a configuration make the server watch? Nothing else may it be allowed to.

use super::{AuthenticatorConfig, AuthorizerConfig, BoundObjects, ServerConfig};
use crate::source::watch::Watched;

/// The kinds that the chain and the authenticators read, without duplicates, if the policy comes from
/// the cluster.
///
/// ```
/// use portcullis::source::watch::Watched;
/// use portcullis::webhook::config::{ServerConfig, needs};
///
/// let text = "
/// apiVersion: portcullis.dev/v1alpha1
/// kind: ServerConfiguration
/// listen: {address: 127.0.0.1:9443, tls: {certificateFile: tls.crt, keyFile: tls.key}}
/// cluster: {inCluster: true}
/// policy: {fromCluster: true}
/// authorizers: [{type: RBAC}]
/// authenticators: [{bootstrapTokens: {}}]
/// ";
/// let config = ServerConfig::parse("server.yaml", text.as_bytes())?;
/// assert_eq!(
///     needs(&config),
///     [
///         Watched::ClusterRoles,
///         Watched::ClusterRoleBindings,
///         Watched::Roles,
///         Watched::RoleBindings,
///         Watched::BootstrapSecrets,
///     ],
/// );
/// # Ok::<(), portcullis::webhook::config::ConfigError>(())
/// ```
#[must_use]
pub fn needs(config: &ServerConfig) -> Vec<Watched> {
    let mut needed = Vec::new();
    if !config.policy.from_cluster {
        return needed;
    }
    let mut need = |kinds: &[Watched]| {
        for kind in kinds {
            if !needed.contains(kind) {
                needed.push(kind.clone());
            }
        }
    };
    for authorizer in &config.authorizers {
        match authorizer {
            AuthorizerConfig::Rbac => need(&[
                Watched::ClusterRoles,
                Watched::ClusterRoleBindings,
                Watched::Roles,
                Watched::RoleBindings,
            ]),
            AuthorizerConfig::Node(gates) => {
                need(&[
                    Watched::Pods,
                    Watched::PersistentVolumes,
                    Watched::VolumeAttachments,
                    Watched::ResourceSlices,
                ]);
                if gates.pod_certificate_request {
                    need(&[Watched::PodCertificateRequests]);
                }
            }
            AuthorizerConfig::Abac { .. }
            | AuthorizerConfig::AlwaysAllow
            | AuthorizerConfig::AlwaysDeny
            | AuthorizerConfig::Rego(_)
            | AuthorizerConfig::Webhook(_) => {}
        }
    }
    for authenticator in &config.authenticators {
        match authenticator {
            AuthenticatorConfig::BootstrapTokens => need(&[Watched::BootstrapSecrets]),
            AuthenticatorConfig::ServiceAccounts(accounts) => {
                if accounts.bound_objects == BoundObjects::Check {
                    need(&[
                        Watched::ServiceAccounts,
                        Watched::Pods,
                        Watched::Nodes,
                        Watched::SecretMetadata,
                    ]);
                }
                if accounts.legacy_tokens {
                    need(&[Watched::ServiceAccounts, Watched::ServiceAccountSecrets]);
                }
            }
            AuthenticatorConfig::IssuedTokens(_)
            | AuthenticatorConfig::Introspection(_)
            | AuthenticatorConfig::Oidc(_)
            | AuthenticatorConfig::TokenFile(_) => {}
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed(policy: &str, authorizers: &str, authenticators: &str) -> Vec<Watched> {
        let text = format!(
            "apiVersion: portcullis.dev/v1alpha1\nkind: ServerConfiguration\n\
             listen: {{address: '127.0.0.1:0', tls: {{certificateFile: a, keyFile: b}}}}\n\
             cluster: {{inCluster: true}}\npolicy: {policy}\nauthorizers: [{authorizers}]\n\
             authenticators: [{authenticators}]\n"
        );
        needs(&ServerConfig::parse("s.yaml", text.as_bytes()).unwrap())
    }

    #[test]
    fn each_link_and_authenticator_needs_its_kinds_and_no_others() {
        let from = "{fromCluster: true}";
        assert_eq!(needed(from, "{type: AlwaysDeny}", ""), []);
        assert_eq!(
            needed(from, "{type: Node}", ""),
            [
                Watched::Pods,
                Watched::PersistentVolumes,
                Watched::VolumeAttachments,
                Watched::ResourceSlices
            ]
        );
        let gates = "{type: Node, featureGates: {PodCertificateRequest: true}}";
        assert_eq!(needed(from, gates, "").last(), Some(&Watched::PodCertificateRequests));
        let accounts = |more: &str| {
            let accounts = format!("{{serviceAccounts: {{issuers: [a], keyFiles: [k]{more}}}}}");
            needed(from, "{type: AlwaysDeny}", &accounts)
        };
        let bound =
            [Watched::ServiceAccounts, Watched::Pods, Watched::Nodes, Watched::SecretMetadata];
        assert_eq!(accounts(""), bound);
        assert_eq!(accounts(", boundObjects: Skip"), []);
        let legacy = [Watched::ServiceAccounts, Watched::ServiceAccountSecrets];
        assert_eq!(accounts(", boundObjects: Skip, legacyTokens: true"), legacy);
        let mut both = bound.to_vec();
        both.push(Watched::ServiceAccountSecrets);
        assert_eq!(accounts(", legacyTokens: true"), both);
    }

    #[test]
    fn a_policy_of_files_needs_nothing_of_the_cluster() {
        assert_eq!(needed("{paths: [p]}", "{type: RBAC}", "{bootstrapTokens: {}}"), []);
    }
}
