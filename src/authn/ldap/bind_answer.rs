//! What does a directory mean by its answer to a bind? By the result code, by what Active Directory
//! writes into the message, and by the response control of password policies.
//!
//! Absent on purpose: warnings of passwords that end soon; who would read them?

use super::account::AccountError;
use super::directory::{Bound, DirectoryError};

/// What a refused bind means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is another password, or there is no such user.
    WrongPassword,
    /// The account may not log in.
    Account(AccountError),
    /// Nothing is said about name or password.
    Directory(DirectoryError),
}

/// Where the response control is told as the reason.
const POLICY: &str = "password policy";

/// Whether a bind succeeded, and if not, what that means. A success that a password policy ties to a
/// change of the password is none: nobody here can change it.
pub(super) fn judge(bound: &Bound) -> Result<(), Refusal> {
    let policy = match bound.policy.as_deref() {
        None => None,
        Some(value) => match parse_policy(value) {
            Some(policy) => policy,
            // Something was said that cannot be read.
            None => return Err(Refusal::Directory(DirectoryError::Malformed)),
        },
    };
    if let Some(why) = policy {
        // Policies speak of accounts on wrong passwords too; it is a refusal either way.
        return Err(Refusal::Account(why));
    }
    match bound.code {
        0 => Ok(()),
        // invalidCredentials
        49 => {
            Err(active_directory(&bound.message).map_or(Refusal::WrongPassword, Refusal::Account))
        }
        // inappropriateAuthentication (the entry has no password), noSuchObject
        48 | 32 => Err(Refusal::WrongPassword),
        // constraintViolation, unwillingToPerform: how 389 Directory Server and others tell locks
        code @ (19 | 53) => {
            let message = bound.message.clone();
            Err(Refusal::Account(AccountError::Other { code, message }))
        }
        10 => Err(Refusal::Directory(DirectoryError::Referral)),
        code => {
            let message = bound.message.clone();
            Err(Refusal::Directory(DirectoryError::Refused { code, message }))
        }
    }
}

/// What Active Directory writes behind `data` in the message of a refused bind: a Windows error in
/// hexadecimal.
fn active_directory(message: &str) -> Option<AccountError> {
    const SAID: &str = "bind answer";
    let (_, rest) = message.split_once(", data ")?;
    let code = rest.split([',', ' ']).next()?;
    match code {
        "530" | "531" => Some(AccountError::NotNow { attribute: SAID }),
        "532" => Some(AccountError::PasswordExpired { attribute: SAID }),
        "533" => Some(AccountError::Disabled { attribute: SAID }),
        "701" => Some(AccountError::Expired { attribute: SAID }),
        "773" => Some(AccountError::MustChangePassword { attribute: SAID }),
        "775" => Some(AccountError::Locked { attribute: SAID }),
        _ => None,
    }
}

/// Reads the value of the response control (draft-behera-ldap-password-policy section 6.2):
///
/// ```text
/// SEQUENCE { warning [0] CHOICE { timeBeforeExpiration [0], graceAuthNsRemaining [1] } OPTIONAL,
///            error   [1] ENUMERATED OPTIONAL }
/// ```
///
/// `None` if it cannot be read; `Some(None)` if it refuses nothing.
fn parse_policy(value: &[u8]) -> Option<Option<AccountError>> {
    let (tag, mut content, rest) = element(value)?;
    if tag != 0x30 || !rest.is_empty() {
        return None;
    }
    let mut refusal = None;
    while !content.is_empty() {
        let (tag, inner, rest) = element(content)?;
        content = rest;
        match tag {
            // A login by grace: the password has ended, and each one uses grace up.
            0xa0 => {
                let (choice, _, _) = element(inner)?;
                if choice == 0x81 {
                    refusal = refusal.or(Some(AccountError::PasswordExpired { attribute: POLICY }));
                }
            }
            0x81 => {
                let [code] = inner else { return None };
                refusal = Some(policy_error(*code));
            }
            _ => return None,
        }
    }
    Some(refusal)
}

fn policy_error(code: u8) -> AccountError {
    match code {
        0 => AccountError::PasswordExpired { attribute: POLICY },
        1 => AccountError::Locked { attribute: POLICY },
        2 => AccountError::MustChangePassword { attribute: POLICY },
        code => AccountError::Other {
            code: code.into(),
            message: "an error of the password policy".to_owned(),
        },
    }
}

/// Tag, content and rest of a BER element with a short or one-byte length.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81 => {
            let (length, rest) = rest.split_first()?;
            (usize::from(*length), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(code: u32, message: &str, policy: Option<&[u8]>) -> Bound {
        let policy = policy.map(<[u8]>::to_vec);
        Bound { code, message: message.to_owned(), policy, session: None }
    }

    #[test]
    fn a_success_is_one_and_its_twins_with_a_policy_s_conditions_are_not() {
        assert_eq!(judge(&bound(0, "", None)), Ok(()));
        // Nothing, and a password that ends in 600 s.
        assert_eq!(judge(&bound(0, "", Some(&[0x30, 0]))), Ok(()));
        let warning = [0x30, 6, 0xa0, 4, 0x80, 2, 2, 0x58];
        assert_eq!(judge(&bound(0, "", Some(&warning))), Ok(()));

        let change = [0x30, 3, 0x81, 1, 2];
        let must = AccountError::MustChangePassword { attribute: POLICY };
        assert_eq!(judge(&bound(0, "", Some(&change))), Err(Refusal::Account(must)));
        let grace = [0x30, 5, 0xa0, 3, 0x81, 1, 2];
        let expired = AccountError::PasswordExpired { attribute: POLICY };
        assert_eq!(judge(&bound(0, "", Some(&grace))), Err(Refusal::Account(expired)));
        for broken in [&[][..], &[0x30], &[0x30, 9, 0x81], &[0x31, 0], &[0x30, 2, 0x82, 0]] {
            let malformed = Err(Refusal::Directory(DirectoryError::Malformed));
            assert_eq!(judge(&bound(0, "", Some(broken))), malformed, "{broken:?}");
        }
    }

    #[test]
    fn a_wrong_password_is_told_from_an_account_that_is_locked() {
        assert_eq!(judge(&bound(49, "", None)), Err(Refusal::WrongPassword));
        let locked = [0x30, 3, 0x81, 1, 1];
        let why = AccountError::Locked { attribute: POLICY };
        assert_eq!(judge(&bound(49, "", Some(&locked))), Err(Refusal::Account(why)));
    }

    #[test]
    fn active_directory_says_in_the_message_what_is_wrong() {
        let message = |code: &str| {
            format!(
                "80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {code}, v4563\0"
            )
        };
        assert_eq!(judge(&bound(49, &message("52e"), None)), Err(Refusal::WrongPassword));
        let attribute = "bind answer";
        for (code, why) in [
            ("532", AccountError::PasswordExpired { attribute }),
            ("533", AccountError::Disabled { attribute }),
            ("701", AccountError::Expired { attribute }),
            ("773", AccountError::MustChangePassword { attribute }),
            ("775", AccountError::Locked { attribute }),
        ] {
            assert_eq!(judge(&bound(49, &message(code), None)), Err(Refusal::Account(why)));
        }
    }

    #[test]
    fn a_referral_and_an_unwilling_directory_are_no_success() {
        let referral = Err(Refusal::Directory(DirectoryError::Referral));
        assert_eq!(judge(&bound(10, "", None)), referral);
        assert!(matches!(judge(&bound(53, "inactive", None)), Err(Refusal::Account(_))));
        assert!(matches!(judge(&bound(80, "", None)), Err(Refusal::Directory(_))));
    }
}
