//! Everything that is tested from outside, in one binary: one link step.

// `cfg(test)` tells clippy that helpers are test code, too; it does not look inside of `all(…)`.
#[cfg(test)]
#[cfg(feature = "oidc")]
mod authentication_config;
#[cfg(test)]
#[cfg(all(feature = "query", feature = "structured-chain"))]
mod authorization_config;
#[cfg(test)]
#[cfg(feature = "files")]
mod bad;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "ledger", unix))]
mod cert_crash;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "ledger"))]
mod cert_ledger;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "ledger"))]
mod cert_rotation;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "ledger"))]
mod cert_sign;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod churn_rbac;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_authentication;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_grants;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_impersonation;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "webhook"))]
mod cli_live;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_node;
#[cfg(test)]
#[cfg(feature = "cli")]
mod cli_rego;
#[cfg(test)]
#[cfg(all(feature = "crl", feature = "pki", feature = "webhook"))]
mod crl;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "webhook"))]
mod envtest;
#[cfg(test)]
#[cfg(feature = "cli")]
mod explain;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod fuzz_replay;
#[cfg(test)]
#[cfg(feature = "abac")]
mod golden_abac;
#[cfg(test)]
#[cfg(feature = "full")]
mod golden_chain;
#[cfg(test)]
mod golden_impersonation;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod golden_k8s;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "node"))]
mod golden_node;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "node", feature = "rbac"))]
mod golden_node_policy;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod golden_policy;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod golden_rbac;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "rbac"))]
mod golden_real_cluster;
#[cfg(test)]
#[cfg(all(feature = "abac", feature = "files", feature = "rbac", feature = "rego"))]
mod golden_rego;
#[cfg(test)]
mod golden_review;
#[cfg(test)]
#[cfg(all(feature = "ledger", feature = "files"))]
mod golden_signing;
#[cfg(test)]
#[cfg(feature = "authn")]
mod golden_token_review;
#[cfg(test)]
#[cfg(all(feature = "abac", feature = "rbac"))]
mod golden_union;
#[cfg(test)]
#[cfg(feature = "structured-chain")]
mod golden_webhook;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod grant_times;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "rbac"))]
mod hierarchy;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "webhook"))]
mod init;
#[cfg(test)]
#[cfg(feature = "authn")]
mod jose_vectors;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod jwks;
#[cfg(test)]
#[cfg(all(feature = "issued-token", feature = "service-account"))]
mod jwt_attacks;
#[cfg(test)]
#[cfg(all(feature = "kerberos", unix))]
mod kerberos;
#[cfg(test)]
#[cfg(feature = "authn")]
mod keys;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "ledger"))]
mod kubeconfig;
#[cfg(test)]
#[cfg(feature = "ldap")]
mod ldap;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod live;
#[cfg(test)]
#[cfg(all(feature = "live-groups", feature = "rbac"))]
mod live_groups;
#[cfg(test)]
#[cfg(feature = "node")]
mod live_node;
#[cfg(test)]
#[cfg(all(feature = "login", unix))]
mod login;
#[cfg(test)]
#[cfg(feature = "files")]
mod odd;
#[cfg(test)]
#[cfg(feature = "oidc")]
mod oidc;
#[cfg(test)]
#[cfg(all(feature = "basic", feature = "cli"))]
mod passwd;
#[cfg(test)]
#[cfg(feature = "basic")]
mod passwords;
#[cfg(test)]
#[cfg(feature = "pki")]
mod pki_openssl;
#[cfg(test)]
#[cfg(feature = "pki")]
mod pki_path;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod plain_yaml;
#[cfg(test)]
#[cfg(feature = "node")]
mod prop_node;
#[cfg(test)]
#[cfg(feature = "rbac")]
mod prop_rbac;
#[cfg(test)]
#[cfg(all(feature = "files", feature = "rego"))]
mod prop_rego_files;
#[cfg(test)]
#[cfg(all(feature = "abac", feature = "files", feature = "query"))]
mod query;
#[cfg(test)]
#[cfg(any(feature = "node", feature = "rbac"))]
mod reference;
#[cfg(test)]
#[cfg(feature = "abac")]
mod reference_abac;
#[cfg(test)]
#[cfg(feature = "rego")]
mod rego_conformance;
#[cfg(test)]
#[cfg(feature = "rego")]
mod rego_hostile;
#[cfg(test)]
#[cfg(all(feature = "watch", unix))]
mod saved_state;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod shared_facts;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod signer;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
#[cfg(test)]
#[cfg(all(feature = "cli", feature = "token-file"))]
mod token;
#[cfg(test)]
#[cfg(all(feature = "bootstrap-token", feature = "files", feature = "service-account"))]
mod token_objects;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod watch;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod webhook_client;
#[cfg(test)]
#[cfg(all(feature = "webhook", feature = "cli"))]
mod webhook_e2e;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod webhook_golden;
#[cfg(test)]
#[cfg(feature = "webhook")]
mod webhook_transport;
#[cfg(test)]
#[cfg(all(
    feature = "cli",
    feature = "ledger",
    feature = "request-header",
    feature = "service-account",
    feature = "token-file"
))]
mod whoami;
