//! What a login says of itself, as a header, and what it wishes for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::HeaderValue;
use zeroize::Zeroizing;

use super::cache::Current;
use super::{Account, LoginError};
use crate::api::login::{CredentialKind, LoginSpec, LoginStatus};
use crate::crypto::certificate::{Certificate, chain_from_pem};
use crate::crypto::private_key::{KeyAlgorithm, PrivateKey};
use crate::crypto::request::SigningRequest;
use crate::crypto::subject::Subject;
use crate::util::rfc3339;
use crate::util::secret::Secret;

/// `Authorization: Basic` (RFC 7617, UTF-8).
pub(super) fn basic(user: &str, password: &Secret) -> Result<HeaderValue, LoginError> {
    let password = password.expose_secret();
    let problem = if user.is_empty() {
        Some("the user name is empty")
    } else if user.contains(':') {
        Some("a user name with a colon cannot be sent (RFC 7617 §2)")
    } else if user.chars().any(char::is_control) {
        Some("the user name has a control character")
    } else if password.is_empty() {
        Some("the password is empty, which no server should take")
    } else if password.chars().any(char::is_control) {
        Some("the password has a control character (RFC 7617 §2)")
    } else {
        None
    };
    if let Some(problem) = problem {
        return Err(LoginError::Unsendable(problem));
    }
    let pair = Zeroizing::new(format!("{user}:{password}"));
    header("Basic", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
}

/// `Authorization: Bearer` (RFC 6750).
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, LoginError> {
    header("Bearer", token.expose_secret())
}

/// `Authorization: Negotiate` (RFC 4559).
#[cfg(feature = "kerberos")]
pub(super) fn negotiate(token: &[u8]) -> Result<HeaderValue, LoginError> {
    header("Negotiate", &Zeroizing::new(STANDARD.encode(token)))
}

fn header(scheme: &str, value: &str) -> Result<HeaderValue, LoginError> {
    let text = Zeroizing::new(format!("{scheme} {value}"));
    HeaderValue::from_str(&text)
        .map_err(|_| LoginError::Unsendable("what is to be sent is no text of ASCII"))
}

/// What is wished for. The key of a certificate stays here.
pub(super) struct Wish {
    pub(super) spec: LoginSpec,
    key: Option<PrivateKey>,
}

impl Wish {
    /// What an account is to have. Makes a key for each certificate.
    pub(super) fn new(account: &Account) -> Result<Self, LoginError> {
        let (request, key) = match account.credential {
            CredentialKind::Certificate => {
                let (request, key) = signing_request(account)?;
                (request, Some(key))
            }
            CredentialKind::Token | CredentialKind::Other => (String::new(), None),
        };
        let spec = LoginSpec {
            credential: account.credential,
            request,
            audiences: account.audiences.clone(),
            expiration_seconds: account.lifetime,
        };
        Ok(Self { spec, key })
    }

    /// What was given. An error says why it is not what was wished for.
    pub(super) fn granted(self, status: &LoginStatus, now: i64) -> Result<Current, &'static str> {
        let seconds = |text: &str| rfc3339::parse(text).map(|time| time.seconds);
        let end = seconds(&status.expiration_timestamp)
            .ok_or("`expirationTimestamp` is no time in RFC 3339")?;
        let refreshable_until = match status.refreshable_until.as_str() {
            "" => 0,
            text => seconds(text).ok_or("`refreshableUntil` is no time in RFC 3339")?,
        };
        let LoginStatus { token, certificate, .. } = status;
        let current = match (self.key, token.is_empty(), certificate.is_empty()) {
            (None, false, true) => {
                if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err("its token has other characters than a header may have");
                }
                Current {
                    token: Some(Secret::new(token.clone())),
                    certificate: String::new(),
                    key: None,
                    obtained: now,
                    expires: end,
                    refreshable_until,
                }
            }
            (Some(key), true, false) => {
                let (certificate, not_after) = of_key(certificate, &key)?;
                Current {
                    token: None,
                    certificate,
                    key: Some(key.to_pem()),
                    obtained: now,
                    expires: end.min(not_after),
                    refreshable_until,
                }
            }
            (None, ..) => return Err("a token was asked for, and it holds something else"),
            (Some(_), ..) => {
                return Err("a certificate was asked for, and it holds something else");
            }
        };
        if !current.is_usable(now) {
            return Err("what it gives has ended already; check the clocks of both machines");
        }
        Ok(current)
    }
}

/// A key, and a request for it. The subject is the server's to say; one must be in it.
fn signing_request(account: &Account) -> Result<(String, PrivateKey), LoginError> {
    let failed = |error: &dyn std::error::Error| LoginError::Key(error.to_string());
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).map_err(|error| failed(&error))?;
    let name = match account.user.as_str() {
        "" => "portcullis-login",
        user => user,
    };
    let subject = Subject { common_name: name.to_owned(), organizations: Vec::new(), uid: None };
    let request = SigningRequest::create(&key, &subject).map_err(|error| failed(&error))?;
    Ok((STANDARD.encode(request.pem()), key))
}

/// The PEM of a chain, which begins with a certificate of this key, and when that ends.
fn of_key(chain: &str, key: &PrivateKey) -> Result<(String, i64), &'static str> {
    let pem = STANDARD.decode(chain).ok().and_then(|pem| String::from_utf8(pem).ok());
    let pem = pem.ok_or("`certificate` is no PEM in base64")?;
    let chain = chain_from_pem(pem.as_bytes()).map_err(|_| "its certificate is no PEM")?;
    let first = chain.first().map(Vec::as_slice).unwrap_or_default();
    let certificate = Certificate::from_der(first).map_err(|_| "its certificate is none")?;
    if !certificate.has_key(key.public_key_info()) {
        return Err("its certificate is of another key than the one that was made here");
    }
    Ok((pem, certificate.not_after()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::login::Method;

    const NOW: i64 = 1_795_656_600;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn status() -> LoginStatus {
        LoginStatus {
            token: "s3cret".to_owned(),
            expiration_timestamp: "2026-11-26T02:30:00Z".to_owned(),
            ..LoginStatus::default()
        }
    }

    #[test]
    fn names_and_passwords_go_into_a_header_as_utf_8() {
        let header = basic("jané", &secret("a:b ü")).unwrap();
        let encoded = header.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        assert_eq!(STANDARD.decode(encoded).unwrap(), "jané:a:b ü".as_bytes());
    }

    #[test]
    fn what_basic_cannot_carry_is_refused_without_the_password() {
        for (user, password) in [
            ("", "hunter2"),
            ("a:b", "hunter2"),
            ("a\n", "hunter2"),
            ("jane", ""),
            ("jane", "hunter2\0"),
            ("jane", "hunter2\r\nX: y"),
        ] {
            let error = basic(user, &secret(password)).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_token_is_granted_as_it_was_wished_for() {
        let wish = Wish::new(&Account::new(Method::Basic)).unwrap();
        let granted = wish.granted(&status(), NOW).unwrap();
        assert!(granted.token.as_ref().unwrap().is("s3cret"));
        assert_eq!((granted.expires, granted.refreshable_until), (NOW + 3600, 0));
    }

    #[test]
    fn an_answer_that_is_not_what_was_wished_for_is_refused() {
        let refused = |account: &Account, status: &LoginStatus| {
            Wish::new(account).unwrap().granted(status, NOW).unwrap_err()
        };
        let token = Account::new(Method::Basic);
        let certificate =
            Account { credential: CredentialKind::Certificate, ..Account::new(Method::Basic) };
        let both = LoginStatus { certificate: "AAAA".to_owned(), ..status() };
        for (account, status, because) in [
            (&token, LoginStatus { token: String::new(), ..status() }, "a token was asked for"),
            (&token, both.clone(), "a token was asked for"),
            (&token, LoginStatus { token: "a b".to_owned(), ..status() }, "other characters"),
            (
                &token,
                LoginStatus { expiration_timestamp: "soon".to_owned(), ..status() },
                "no time",
            ),
            (&token, LoginStatus { refreshable_until: "soon".to_owned(), ..status() }, "no time"),
            (
                &token,
                LoginStatus { expiration_timestamp: "2026-11-26T01:30:00Z".to_owned(), ..status() },
                "has ended",
            ),
            (&certificate, status(), "a certificate was asked for"),
            (&certificate, both.clone(), "a certificate was asked for"),
            (&certificate, LoginStatus { token: String::new(), ..both }, "PEM"),
        ] {
            let said = refused(account, &status);
            assert!(said.contains(because), "{said}");
        }
    }

    #[test]
    fn a_certificate_of_another_key_is_refused_and_one_of_ours_is_taken() {
        use crate::crypto::private_key::PrivateKey;

        let account =
            Account { credential: CredentialKind::Certificate, ..Account::new(Method::Basic) };
        let wish = Wish::new(&account).unwrap();
        let pem = STANDARD.decode(&wish.spec.request).unwrap();
        let request = SigningRequest::from_pem(&pem).unwrap();
        assert_eq!(request.common_name(), Some("portcullis-login"));
        let self_signed = |key: &PrivateKey| {
            let pair = rcgen::KeyPair::from_pem(key.to_pem().expose_secret()).unwrap();
            let mut params = rcgen::CertificateParams::default();
            params.not_after = rcgen::date_time_ymd(2027, 1, 1);
            let pem = params.self_signed(&pair).unwrap().pem();
            LoginStatus { token: String::new(), certificate: STANDARD.encode(pem), ..status() }
        };
        let ours = self_signed(wish.key.as_ref().unwrap());
        let granted = wish.granted(&ours, NOW).unwrap();
        assert_eq!((granted.expires, granted.token.is_none()), (NOW + 3600, true));
        assert!(granted.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        let other = Wish::new(&account).unwrap();
        assert!(other.granted(&ours, NOW).unwrap_err().contains("of another key"));
    }
}
