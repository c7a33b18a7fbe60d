use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;

/// By which the library finds its keytab.
pub const KEYTAB_VARIABLE: &str = "KRB5_KTNAME";

/// Of the auxiliary vector that Linux gives a process: whether it was started with more privileges
/// than whoever started it (`AT_SECURE` of getauxval(3)).
const AT_SECURE: usize = 23;

/// Whether this process has the environment for a keytab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeytabEnvironment {
    /// It has.
    Ready,
    /// The variable is not set: start again with it.
    NotSet,
    /// The variable names another keytab.
    Other(String),
    /// The variable is set, but the library does not look at the environment of a process that is
    /// set-user-id or has file capabilities.
    Ignored,
}

/// Whether this process was started with `KRB5_KTNAME` for this keytab.
#[must_use]
pub fn keytab_environment(keytab: &Path) -> KeytabEnvironment {
    let value = std::env::var_os(KEYTAB_VARIABLE);
    let vector = fs::read("/proc/self/auxv").unwrap_or_default();
    judge(value.as_deref(), keytab, is_privileged(&vector))
}

/// The value of `KRB5_KTNAME` for a keytab.
#[must_use]
pub fn keytab_value(keytab: &Path) -> OsString {
    let mut value = OsString::from("FILE:");
    value.push(keytab);
    value
}

fn judge(value: Option<&OsStr>, keytab: &Path, is_privileged: bool) -> KeytabEnvironment {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return KeytabEnvironment::NotSet;
    };
    if is_privileged {
        return KeytabEnvironment::Ignored;
    }
    let is_same = value == keytab_value(keytab) || value == keytab.as_os_str() || {
        // Another way to the same file.
        let named = value.to_str().map(|value| value.strip_prefix("FILE:").unwrap_or(value));
        let named = named.and_then(|path| fs::canonicalize(path).ok());
        named.is_some() && named == fs::canonicalize(keytab).ok()
    };
    match is_same {
        true => KeytabEnvironment::Ready,
        false => KeytabEnvironment::Other(value.to_string_lossy().into_owned()),
    }
}

/// Reads pairs of words, the kind and the value of each.
fn is_privileged(vector: &[u8]) -> bool {
    let word = |bytes: &[u8]| <[u8; size_of::<usize>()]>::try_from(bytes).map(usize::from_ne_bytes);
    let words: Vec<usize> =
        vector.chunks_exact(size_of::<usize>()).filter_map(|bytes| word(bytes).ok()).collect();
    words.chunks_exact(2).any(|pair| matches!(pair, [AT_SECURE, value] if *value != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_must_name_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let keytab = folder.path().join("http.keytab");
        let judge = |value: Option<&str>| super::judge(value.map(OsStr::new), &keytab, false);
        let path = keytab.to_str().unwrap();
        assert_eq!(judge(None), KeytabEnvironment::NotSet);
        assert_eq!(judge(Some("")), KeytabEnvironment::NotSet);
        // Before the file is there, by its name.
        assert_eq!(judge(Some(&format!("FILE:{path}"))), KeytabEnvironment::Ready);
        assert_eq!(judge(Some(path)), KeytabEnvironment::Ready);
        let other = "FILE:/etc/krb5.keytab".to_owned();
        assert_eq!(judge(Some(&other)), KeytabEnvironment::Other(other.clone()));
        let around = format!("FILE:{}/./http.keytab", folder.path().display());
        let is_other =
            |value: &str| judge(Some(value)) == KeytabEnvironment::Other(value.to_owned());
        let longer = around.replace("/./", "/../x/");
        assert!(is_other(&longer));
        fs::write(&keytab, "x").unwrap();
        assert_eq!(judge(Some(&around)), KeytabEnvironment::Ready);
        assert!(is_other(&format!("MEMORY:{path}")));
    }

    #[test]
    fn a_process_with_raised_privileges_has_no_environment() {
        let vector =
            |secure: usize| [6, 4096, AT_SECURE, secure, 0, 0].map(usize::to_ne_bytes).concat();
        assert!(is_privileged(&vector(1)));
        assert!(!is_privileged(&vector(0)));
        assert!(!is_privileged(&[]));
        let keytab = Path::new("/k");
        assert_eq!(judge(Some(OsStr::new("/k")), keytab, true), KeytabEnvironment::Ignored);
        assert_eq!(judge(None, keytab, true), KeytabEnvironment::NotSet);
    }
}
