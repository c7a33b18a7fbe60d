use jiff::SignedDuration;
use jiff::civil::DateTime;

/// A time as certificates write it (RFC 5280 §4.1.2.5), tag and length included: `UTCTime` from 1950
/// to 2049, `GeneralizedTime` before and after. `None` outside the years 0 to 9999.
pub(in crate::crypto) fn time(seconds: i64) -> Option<Vec<u8>> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;

    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

    // An instant ends a day before the calendar does, and RFC 5280 names its last second.
    let time = EPOCH.checked_add(SignedDuration::from_secs(seconds)).ok()?;
    let year = u16::try_from(time.year()).ok()?;
    let (tag, year) = if (1950..=2049).contains(&year) {
        (UTC_TIME, format!("{:02}", year % 100))
    } else {
        (GENERALIZED_TIME, format!("{year:04}"))
    };
    let text = format!(
        "{year}{:02}{:02}{:02}{:02}{:02}Z",
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    let mut der = vec![tag, u8::try_from(text.len()).ok()?];
    der.extend_from_slice(text.as_bytes());
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64) -> (u8, String) {
        let der = time(seconds).unwrap();
        assert_eq!(usize::from(der[1]), der.len() - 2);
        (der[0], String::from_utf8(der[2..].to_vec()).unwrap())
    }

    #[test]
    fn years_from_1950_to_2049_have_two_digits_and_others_four() {
        assert_eq!(text(0), (0x17, "700101000000Z".to_owned()));
        assert_eq!(text(951_827_696), (0x17, "000229123456Z".to_owned()));
        assert_eq!(text(2_524_607_999), (0x17, "491231235959Z".to_owned()));
        assert_eq!(text(2_524_608_000), (0x18, "20500101000000Z".to_owned()));
        assert_eq!(text(253_402_300_799), (0x18, "99991231235959Z".to_owned()));
        assert_eq!(text(-631_152_000), (0x17, "500101000000Z".to_owned()));
        assert_eq!(text(-631_152_001), (0x18, "19491231235959Z".to_owned()));
    }

    #[test]
    fn times_that_no_certificate_can_hold_are_none() {
        for seconds in [i64::MIN, i64::MAX, 253_402_300_800, -62_200_000_000] {
            assert_eq!(time(seconds), None, "{seconds}");
        }
    }
}
