//! What several test modules need.

#[cfg(feature = "webhook")]
pub(crate) mod apiserver;
#[cfg(all(feature = "kerberos", unix))]
pub(crate) mod kdc;
#[cfg(any(feature = "login", feature = "oidc"))]
#[cfg_attr(not(feature = "oidc"), expect(dead_code, reason = "a login needs less of it"))]
pub(crate) mod oidc_provider;
#[cfg(feature = "ldap")]
pub(crate) mod slapd;
#[cfg(feature = "webhook")]
pub(crate) mod tls;
#[cfg(feature = "rbac")]
pub(crate) mod world;

use std::path::PathBuf;

/// The recorded answers and dumps, if this checkout has them beside it. A clone without them
/// passes its tests: callers print a line and return.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PORTCULLIS_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let found = root.join(path);
    if !found.exists() {
        eprintln!("skipped: {} is not there", found.display());
        return None;
    }
    Some(found)
}

/// A file of this repository's corpus.
pub(crate) fn corpus(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(path)
}

/// Each line of an NDJSON file, parsed.
pub(crate) fn ndjson<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Vec<T> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .enumerate()
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|e| panic!("{}:{}: {e}", path.display(), number + 1))
        })
        .collect()
}
