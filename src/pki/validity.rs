//! From when until when is a certificate valid (S-CSR-16)?

/// How long before now a certificate begins, for clocks that are late.
pub const BACKDATE: i64 = 5 * 60;
/// Nobody gets less than this, in seconds.
pub const SHORTEST: i64 = 10 * 60;
/// What lasts less than this, in seconds, is not shortened by what it was backdated.
pub const SHORT: i64 = 8 * 3600;
/// How long certificates last when nothing is said, in seconds: the API server's 8760 hours.
pub const DEFAULT_SIGNING_DURATION: i64 = 8760 * 3600;

/// Both ends of a certificate's life; seconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: i64,
    /// The last second.
    pub not_after: i64,
}

/// No certificate can be valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate authority has expired; what it signs would be valid for nobody")]
pub struct AuthorityExpired;

/// When a certificate begins and ends that is made `now`: `requested` seconds are what
/// `spec.expirationSeconds` says, `signing_duration` is the most that the signer gives, in seconds,
/// and `authority_not_after` the last second of the authority.
///
/// ```
/// use portcullis::pki::validity::{DEFAULT_SIGNING_DURATION, lifetime};
///
/// let hour = lifetime(1_000_000, Some(3600), DEFAULT_SIGNING_DURATION, i64::MAX)?;
/// assert_eq!((hour.not_before, hour.not_after), (999_700, 1_003_600));
/// # Ok::<(), portcullis::pki::validity::AuthorityExpired>(())
/// ```
///
/// # Errors
/// When the authority has expired.
pub fn lifetime(
    now: i64,
    requested: Option<i32>,
    signing_duration: i64,
    authority_not_after: i64,
) -> Result<Validity, AuthorityExpired> {
    if now >= authority_not_after {
        return Err(AuthorityExpired);
    }
    let seconds = match requested.map(i64::from) {
        None => signing_duration,
        Some(seconds) if seconds > signing_duration => signing_duration,
        Some(seconds) => seconds.max(SHORTEST),
    };
    let counted = if seconds < SHORT { seconds } else { seconds - BACKDATE };
    Ok(Validity {
        not_before: now.saturating_sub(BACKDATE),
        not_after: now.saturating_add(counted).min(authority_not_after),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const YEAR: i64 = DEFAULT_SIGNING_DURATION;
    const FAR: i64 = NOW + 10 * YEAR;

    fn seconds(requested: Option<i32>, most: i64, until: i64) -> i64 {
        let Validity { not_before, not_after } = lifetime(NOW, requested, most, until).unwrap();
        assert_eq!(not_before, NOW - 300);
        not_after - NOW
    }

    #[test]
    fn what_is_asked_for_is_given_between_ten_minutes_and_the_most() {
        for (requested, most, given) in [
            (None, YEAR, YEAR - 300),
            (Some(3_600), YEAR, 3_600),
            (Some(600), YEAR, 600),
            (Some(599), YEAR, 600),
            (Some(-1), YEAR, 600),
            (Some(i32::MIN), YEAR, 600),
            (Some(i32::MAX), YEAR, YEAR - 300),
            (Some(7_200), 3_600, 3_600),
            // The order of the API server: what is more than the most is cut before ten minutes
            // are given.
            (Some(300), 200, 200),
            (Some(100), 200, 600),
        ] {
            assert_eq!(seconds(requested, most, FAR), given, "{requested:?} of {most}");
        }
    }

    #[test]
    fn backdating_shortens_what_lasts_eight_hours_and_nothing_shorter() {
        assert_eq!(seconds(Some(28_799), YEAR, FAR), 28_799);
        assert_eq!(seconds(Some(28_800), YEAR, FAR), 28_500);
        assert_eq!(seconds(None, 28_799, FAR), 28_799);
        assert_eq!(seconds(None, 28_800, FAR), 28_500);
    }

    #[test]
    fn nothing_outlives_its_authority_and_an_expired_one_signs_nothing() {
        assert_eq!(seconds(None, YEAR, NOW + 50), 50);
        assert_eq!(seconds(Some(600), YEAR, NOW + 1), 1);
        assert_eq!(seconds(Some(600), YEAR, NOW + 601), 600);
        for until in [NOW, NOW - 1, i64::MIN] {
            assert_eq!(lifetime(NOW, None, YEAR, until), Err(AuthorityExpired));
        }
    }
}
