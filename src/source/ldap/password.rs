use std::sync::Arc;

use super::error::PoolError;
use super::options::Service;
use super::tls::read;
use crate::authn::Secret;

/// The password of the service account as its file holds it now. Never empty: that would be no login.
pub(super) fn service_password(service: &Service) -> Result<Option<Arc<Secret>>, PoolError> {
    let Service::Simple { password_file, .. } = service else { return Ok(None) };
    let wrong = || PoolError::Content {
        path: password_file.clone(),
        what: "a password in one line of text, without NUL",
    };
    let text = String::from_utf8(read(password_file)?).map_err(|_| wrong())?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(['\n', '\0']) {
        return Err(wrong());
    }
    let password = Arc::new(Secret::new(line.to_owned()));
    // The copy that was read is wiped, too.
    drop(Secret::new(text));
    Ok(Some(password))
}
