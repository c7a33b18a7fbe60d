//! The key of digests in the decision log.

use super::material::{read_file, unreadable};
use crate::authn::Secret;
use crate::webhook::config::{ConfigError, NamedPath, Problem};
use crate::webhook::digest::DigestKey;

/// Reads the file of a key: text, of which blanks around it do not count.
///
/// # Errors
/// When it cannot be read, or its key is too short.
pub(in crate::webhook) fn read_digest_key(named: &NamedPath) -> Result<DigestKey, ConfigError> {
    let problem = |message: String| {
        let message = format!("`{}`: {message}", named.path.display());
        ConfigError::new(vec![Problem::new(named.origin.clone(), &named.field, message)])
    };
    let bytes = read_file(&named.path)
        .map_err(|error| ConfigError::new(vec![unreadable(named, &error)]))?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(problem(
            "not text; write a key such as `openssl rand -hex 32` does".to_owned(),
        ));
    };
    DigestKey::new(&Secret::new(text.trim().to_owned())).map_err(|error| problem(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_file_gives_the_same_digests_again_and_a_short_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digest.key");
        let read = |text: &[u8]| {
            std::fs::write(&path, text).unwrap();
            read_digest_key(&NamedPath::from(path.clone()))
        };
        let key = "0123456789abcdef0123456789abcdef";
        let digest = |text: String| read(text.as_bytes()).unwrap().name("jane");
        assert_eq!(digest(key.to_owned()), digest(format!("{key}\n")));
        assert_ne!(digest(key.to_owned()), digest(key.replace('0', "1")));
        let short = read(format!("{}  \n", key.trim_start_matches('0')).as_bytes())
            .unwrap_err()
            .to_string();
        assert!(short.contains("has 31 bytes; give at least 32"), "{short}");
        assert!(!short.contains(key.trim_start_matches('0')), "{short}");
        assert!(read(&[0xff; 40]).unwrap_err().to_string().contains("not text"));
        std::fs::remove_file(&path).unwrap();
        let gone = read_digest_key(&NamedPath::from(path.clone())).unwrap_err().to_string();
        assert!(gone.contains("cannot be read"), "{gone}");
    }
}
