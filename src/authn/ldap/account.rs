use super::account_times::{file_time, generalized_time};
use super::config::Accounts;
use super::directory::Entry;
use crate::authn::UnixSeconds;

/// `userAccountControl`, and what is computed of it: bits of MS-ADTS section 2.2.16.
const DISABLED: i64 = 0x2;
const LOCKED: i64 = 0x10;
const PASSWORD_NEVER_EXPIRES: i64 = 0x1_0000;
const SMARTCARD_REQUIRED: i64 = 0x4_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;

/// `pwdAccountLockedTime` of an account that an administrator locked for good
/// (draft-behera-ldap-password-policy section 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// Why an account may not log in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// Somebody disabled it.
    #[error("it is disabled (`{attribute}`)")]
    Disabled {
        /// What says so.
        attribute: &'static str,
    },
    /// It has ended.
    #[error("it has expired (`{attribute}`)")]
    Expired {
        /// What says so.
        attribute: &'static str,
    },
    /// Locked, by somebody or after wrong passwords.
    #[error("it is locked (`{attribute}`)")]
    Locked {
        /// What says so.
        attribute: &'static str,
    },
    /// The password has ended.
    #[error("its password has expired (`{attribute}`)")]
    PasswordExpired {
        /// What says so.
        attribute: &'static str,
    },
    /// The password must be changed before anything else.
    #[error("its password must be changed first (`{attribute}`)")]
    MustChangePassword {
        /// What says so.
        attribute: &'static str,
    },
    /// Not now, or not from here.
    #[error("it may not log in at this time or from this machine (`{attribute}`)")]
    NotNow {
        /// What says so.
        attribute: &'static str,
    },
    /// The directory says no more than that it is not to log in.
    #[error("the directory says so (result code {code}): {message}")]
    Other {
        /// The result code.
        code: u32,
        /// The diagnostic message.
        message: String,
    },
    /// What an attribute says cannot be read, so the worst is assumed.
    #[error("its `{attribute}` cannot be read")]
    Unreadable {
        /// The attribute.
        attribute: &'static str,
    },
}

const CONTROL: &str = "userAccountControl";
const COMPUTED: &str = "msDS-User-Account-Control-Computed";
const ACCOUNT_EXPIRES: &str = "accountExpires";
const LOCKOUT_TIME: &str = "lockoutTime";
const PWD_LAST_SET: &str = "pwdLastSet";
const PWD_LOCKED: &str = "pwdAccountLockedTime";
const PWD_RESET: &str = "pwdReset";
const SHADOW_EXPIRE: &str = "shadowExpire";
const FLAGS: [&str; 2] = ["nsAccountLock", "loginDisabled"];

/// What an entry says of its account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It may log in, until then.
    Open { until: Option<UnixSeconds> },
    /// It may not.
    Refused(AccountError),
    /// It was locked for a while, and nobody says whether that has ended. A bind that succeeds makes
    /// a directory take the lock away, so whoever has bound looks again.
    PerhapsLocked(AccountError),
}

impl Accounts {
    /// The attributes to ask for.
    pub(super) fn attributes(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.active_directory {
            names.extend([CONTROL, COMPUTED, ACCOUNT_EXPIRES, LOCKOUT_TIME, PWD_LAST_SET]);
        }
        if self.password_policy {
            names.extend([PWD_LOCKED, PWD_RESET]);
        }
        if self.shadow {
            names.push(SHADOW_EXPIRE);
        }
        if self.flags {
            names.extend(FLAGS);
        }
        names
    }

    pub(super) fn judge(&self, entry: &Entry, now: UnixSeconds) -> State {
        match self.find_refusal(entry, now) {
            Err(error) => State::Refused(error),
            Ok((until, None)) => State::Open { until },
            Ok((_, Some(lock))) => State::PerhapsLocked(lock),
        }
    }

    /// When the account ends, and a lock of which the end is not known.
    fn find_refusal(
        &self,
        entry: &Entry,
        now: UnixSeconds,
    ) -> Result<(Option<UnixSeconds>, Option<AccountError>), AccountError> {
        let mut ends = Vec::new();
        let mut lock = None;
        if self.active_directory {
            ends.extend(active_directory(entry, now)?);
            lock = self.active_directory_lock(entry, now)?;
        }
        if self.password_policy {
            if is_true(entry, PWD_RESET)? {
                return Err(AccountError::MustChangePassword { attribute: PWD_RESET });
            }
            lock = self.policy_lock(entry, now)?.or(lock);
        }
        if self.shadow
            && let Some(days) = number(entry, SHADOW_EXPIRE)?
            && days >= 0
        {
            // shadow(5): the day on which it ends is a day without it.
            let end = days.saturating_mul(86_400);
            if end <= now {
                return Err(AccountError::Expired { attribute: SHADOW_EXPIRE });
            }
            ends.push(end);
        }
        if self.flags {
            for attribute in FLAGS {
                if is_true(entry, attribute)? {
                    return Err(AccountError::Disabled { attribute });
                }
            }
        }
        Ok((ends.into_iter().min(), lock))
    }

    fn active_directory_lock(
        &self,
        entry: &Entry,
        now: UnixSeconds,
    ) -> Result<Option<AccountError>, AccountError> {
        // What is computed knows how long a lock lasts; the time of the lock alone does not.
        if number(entry, COMPUTED)?.is_some() {
            return Ok(None);
        }
        let Some(text) = single(entry, LOCKOUT_TIME)? else { return Ok(None) };
        let since = file_time(text).map_err(|()| unreadable(LOCKOUT_TIME))?;
        self.timed_lock(LOCKOUT_TIME, since, now)
    }

    fn policy_lock(
        &self,
        entry: &Entry,
        now: UnixSeconds,
    ) -> Result<Option<AccountError>, AccountError> {
        let Some(text) = single(entry, PWD_LOCKED)? else { return Ok(None) };
        if text.starts_with(LOCKED_FOR_GOOD.trim_end_matches('Z')) {
            return Err(AccountError::Locked { attribute: PWD_LOCKED });
        }
        let since = generalized_time(text).ok_or_else(|| unreadable(PWD_LOCKED))?;
        self.timed_lock(PWD_LOCKED, Some(since), now)
    }

    fn timed_lock(
        &self,
        attribute: &'static str,
        since: Option<UnixSeconds>,
        now: UnixSeconds,
    ) -> Result<Option<AccountError>, AccountError> {
        let Some(since) = since else { return Ok(None) };
        let Some(lockout) = self.lockout else {
            return Ok(Some(AccountError::Locked { attribute }));
        };
        let end = since.saturating_add_unsigned(lockout.as_secs());
        if now < end { Err(AccountError::Locked { attribute }) } else { Ok(None) }
    }
}

/// When the account ends, if it does.
fn active_directory(entry: &Entry, now: UnixSeconds) -> Result<Option<UnixSeconds>, AccountError> {
    let control = number(entry, CONTROL)?.unwrap_or_default();
    let computed = number(entry, COMPUTED)?.unwrap_or_default();
    if control & DISABLED != 0 {
        return Err(AccountError::Disabled { attribute: CONTROL });
    }
    if computed & LOCKED != 0 {
        return Err(AccountError::Locked { attribute: COMPUTED });
    }
    if computed & PASSWORD_EXPIRED != 0 {
        return Err(AccountError::PasswordExpired { attribute: COMPUTED });
    }
    let needs_password = control & (PASSWORD_NEVER_EXPIRES | SMARTCARD_REQUIRED) == 0;
    if needs_password && number(entry, PWD_LAST_SET)? == Some(0) {
        return Err(AccountError::MustChangePassword { attribute: PWD_LAST_SET });
    }
    let Some(text) = single(entry, ACCOUNT_EXPIRES)? else { return Ok(None) };
    let end = file_time(text).map_err(|()| unreadable(ACCOUNT_EXPIRES))?;
    match end {
        Some(end) if end <= now => Err(AccountError::Expired { attribute: ACCOUNT_EXPIRES }),
        end => Ok(end),
    }
}

const fn unreadable(attribute: &'static str) -> AccountError {
    AccountError::Unreadable { attribute }
}

/// The only value of an attribute, if it has any.
fn single<'a>(entry: &'a Entry, attribute: &'static str) -> Result<Option<&'a str>, AccountError> {
    match entry.values(attribute) {
        [] => Ok(None),
        [_] => entry.text(attribute).map(Some).ok_or(unreadable(attribute)),
        _ => Err(unreadable(attribute)),
    }
}

fn number(entry: &Entry, attribute: &'static str) -> Result<Option<i64>, AccountError> {
    let Some(text) = single(entry, attribute)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| unreadable(attribute))
}

/// A flag that is neither true nor false is taken for true.
fn is_true(entry: &Entry, attribute: &'static str) -> Result<bool, AccountError> {
    Ok(single(entry, attribute)?.is_some_and(|text| !text.eq_ignore_ascii_case("false")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26.
    const NOW: UnixSeconds = 1_795_650_000;

    fn judge(attributes: &[(&str, &str)]) -> State {
        judge_with(Accounts::default(), attributes)
    }

    fn judge_with(accounts: Accounts, attributes: &[(&str, &str)]) -> State {
        let entry = attributes
            .iter()
            .fold(Entry::new("uid=jane"), |entry, (name, value)| entry.with(name, [*value]));
        accounts.judge(&entry, NOW)
    }

    fn ticks(unix: UnixSeconds) -> String {
        ((unix + 11_644_473_600) * 10_000_000).to_string()
    }

    #[track_caller]
    fn assert_open(attributes: &[(&str, &str)]) {
        assert_eq!(judge(attributes), State::Open { until: None }, "{attributes:?}");
    }

    #[test]
    fn an_active_directory_account_logs_in_and_its_disabled_twin_does_not() {
        assert_open(&[(CONTROL, "512"), (ACCOUNT_EXPIRES, "0"), (LOCKOUT_TIME, "0")]);
        let disabled = AccountError::Disabled { attribute: CONTROL };
        assert_eq!(judge(&[(CONTROL, "514")]), State::Refused(disabled));
        assert_eq!(judge(&[(CONTROL, "x")]), State::Refused(unreadable(CONTROL)));
    }

    #[test]
    fn an_account_that_expires_later_logs_in_until_then_and_its_expired_twin_does_not() {
        let end = NOW + 1;
        let open = State::Open { until: Some(end) };
        assert_eq!(judge(&[(ACCOUNT_EXPIRES, &ticks(end))]), open);
        let expired = AccountError::Expired { attribute: ACCOUNT_EXPIRES };
        assert_eq!(judge(&[(ACCOUNT_EXPIRES, &ticks(NOW))]), State::Refused(expired));
        assert_open(&[(ACCOUNT_EXPIRES, "9223372036854775807")]);
    }

    #[test]
    fn the_computed_lock_is_believed_over_the_time_of_the_lock() {
        let locked = AccountError::Locked { attribute: COMPUTED };
        assert_eq!(judge(&[(COMPUTED, "16")]), State::Refused(locked));
        assert_open(&[(COMPUTED, "0"), (LOCKOUT_TIME, &ticks(NOW - 9_999))]);
        let expired = AccountError::PasswordExpired { attribute: COMPUTED };
        assert_eq!(judge(&[(COMPUTED, "8388608")]), State::Refused(expired));
    }

    #[test]
    fn a_timed_lock_is_looked_at_again_unless_it_is_known_how_long_it_lasts() {
        let locked = || AccountError::Locked { attribute: LOCKOUT_TIME };
        let since = ticks(NOW - 60);
        assert_eq!(judge(&[(LOCKOUT_TIME, &since)]), State::PerhapsLocked(locked()));
        let accounts = |seconds| Accounts {
            lockout: Some(std::time::Duration::from_secs(seconds)),
            ..Accounts::default()
        };
        let judged = judge_with(accounts(61), &[(LOCKOUT_TIME, &since)]);
        assert_eq!(judged, State::Refused(locked()));
        let judged = judge_with(accounts(60), &[(LOCKOUT_TIME, &since)]);
        assert_eq!(judged, State::Open { until: None });
    }

    #[test]
    fn a_password_policy_s_locks_refuse_and_their_absence_does_not() {
        let locked = || AccountError::Locked { attribute: PWD_LOCKED };
        assert_eq!(judge(&[(PWD_LOCKED, "000001010000Z")]), State::Refused(locked()));
        assert_eq!(judge(&[(PWD_LOCKED, "00000101000000Z")]), State::Refused(locked()));
        assert_eq!(judge(&[(PWD_LOCKED, "20261126000000Z")]), State::PerhapsLocked(locked()));
        assert_eq!(judge(&[(PWD_LOCKED, "later")]), State::Refused(unreadable(PWD_LOCKED)));
        let reset = AccountError::MustChangePassword { attribute: PWD_RESET };
        assert_eq!(judge(&[(PWD_RESET, "TRUE")]), State::Refused(reset));
        assert_open(&[(PWD_RESET, "FALSE")]);
    }

    #[test]
    fn a_shadow_account_logs_in_until_its_day_and_flags_refuse() {
        let today = NOW / 86_400;
        let expired = || State::Refused(AccountError::Expired { attribute: SHADOW_EXPIRE });
        assert_eq!(judge(&[(SHADOW_EXPIRE, &today.to_string())]), expired());
        assert_eq!(judge(&[(SHADOW_EXPIRE, "0")]), expired());
        let tomorrow = today + 1;
        let open = State::Open { until: Some(tomorrow * 86_400) };
        assert_eq!(judge(&[(SHADOW_EXPIRE, &tomorrow.to_string())]), open);
        assert_open(&[(SHADOW_EXPIRE, "-1")]);
        for attribute in FLAGS {
            let disabled = State::Refused(AccountError::Disabled { attribute });
            assert_eq!(judge(&[(attribute, "true")]), disabled);
            assert_open(&[(attribute, "false")]);
        }
    }

    #[test]
    fn a_password_that_was_never_set_must_be_changed_unless_none_is_needed() {
        let must = AccountError::MustChangePassword { attribute: PWD_LAST_SET };
        assert_eq!(judge(&[(CONTROL, "512"), (PWD_LAST_SET, "0")]), State::Refused(must));
        assert_open(&[(CONTROL, "66048"), (PWD_LAST_SET, "0")]);
        assert_open(&[(CONTROL, "512"), (PWD_LAST_SET, &ticks(NOW - 1))]);
    }

    #[test]
    fn what_is_turned_off_is_neither_asked_for_nor_looked_at() {
        let off = Accounts {
            active_directory: false,
            password_policy: false,
            shadow: false,
            flags: false,
            lockout: None,
        };
        assert!(off.attributes().is_empty());
        let all = [(CONTROL, "514"), (PWD_RESET, "TRUE"), (SHADOW_EXPIRE, "1"), (FLAGS[0], "true")];
        assert_eq!(judge_with(off, &all), State::Open { until: None });
    }
}
