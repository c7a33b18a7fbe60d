use std::collections::HashSet;

use crate::util::goquote::QuotedList;

/// Up to so many audiences are searched one by one.
const FEW: usize = 16;

/// Those of the audiences asked for that are among the others, in the order asked for.
///
/// ```
/// use portcullis::authn::shared_audiences;
///
/// let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
/// assert_eq!(shared_audiences(&texts(&["c", "x", "a"]), &texts(&["a", "b", "c"])), ["c", "a"]);
/// ```
#[must_use]
pub fn shared_audiences(asked: &[String], known: &[String]) -> Vec<String> {
    // Both lists may be somebody's who means ill: a token signed for thousands of audiences, a
    // review that asks for as many.
    if known.len() <= FEW {
        return asked.iter().filter(|audience| known.contains(audience)).cloned().collect();
    }
    let known: HashSet<&str> = known.iter().map(String::as_str).collect();
    asked.iter().filter(|audience| known.contains(audience.as_str())).cloned().collect()
}

/// For which audiences a token that says for whom it is (`aud`) is good: those that were asked for
/// and that it has, as asked; where none were asked for, those of `own` that it has (S-SAJWT-3).
///
/// ```
/// use portcullis::authn::check_audiences;
///
/// let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
/// let (token, own) = (texts(&["api", "vault"]), texts(&["api"]));
/// assert_eq!(check_audiences(&token, &[], &own)?, ["api"]);
/// assert_eq!(check_audiences(&token, &texts(&["vault"]), &own)?, ["vault"]);
/// assert!(check_audiences(&token, &texts(&["bank"]), &own).is_err());
/// # Ok::<(), portcullis::authn::WrongAudiences>(())
/// ```
///
/// # Errors
/// When there are none, also because neither list says for whom the token would have to be. So
/// what is not an error is never empty.
pub fn check_audiences(
    token: &[String],
    asked: &[String],
    own: &[String],
) -> Result<Vec<String>, WrongAudiences> {
    let requested = if asked.is_empty() { own } else { asked };
    let shared = shared_audiences(requested, token);
    if shared.is_empty() {
        return Err(WrongAudiences { token: token.to_vec(), requested: requested.to_vec() });
    }
    Ok(shared)
}

/// A token is for others. The text is the API server's (S-SAJWT-3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "token audiences {} is invalid for the target audiences {}",
    QuotedList(.token),
    QuotedList(.requested)
)]
pub struct WrongAudiences {
    /// For whom it is.
    pub token: Vec<String>,
    /// For whom it must be.
    pub requested: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|number| format!("audience-{number}")).collect()
    }

    #[test]
    fn few_and_many_audiences_are_shared_alike() {
        for known in [1, FEW, FEW + 1, 1000] {
            let (known, asked) = (numbered(0..known), numbered(0..known + 5));
            assert_eq!(shared_audiences(&asked, &known), known);
            assert_eq!(shared_audiences(&numbered(5000..5010), &known), [""; 0]);
        }
    }

    #[test]
    fn what_is_accepted_is_never_empty() {
        let (none, some) = (numbered(0..0), numbered(0..1));
        for (token, asked, own) in [
            (&none, &none, &none),
            (&some, &none, &none),
            (&none, &some, &some),
            (&none, &none, &some),
        ] {
            assert!(check_audiences(token, asked, own).is_err(), "{token:?} {asked:?} {own:?}");
        }
        assert_eq!(check_audiences(&some, &none, &some).as_ref(), Ok(&some));
    }

    /// A hundred thousand asked for and ten thousand in the token are a thousand million
    /// comparisons one by one; this must not be one request's work.
    #[test]
    fn many_audiences_on_both_sides_are_no_long_work() {
        let (token, asked) = (numbered(0..10_000), numbered(10_000..110_000));
        let started = std::time::Instant::now();
        assert!(check_audiences(&token, &asked, &[]).is_err());
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
