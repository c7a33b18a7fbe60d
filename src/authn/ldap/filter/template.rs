use std::str::FromStr;

use super::{Filter, FilterError};

/// Where the name of the user goes.
const PLACEHOLDER: &str = "{username}";

/// A filter with `{username}` in one or more of its assertion values. Parsed once; a name that is put
/// in is never parsed.
///
/// ```
/// use portcullis::authn::ldap::FilterTemplate;
///
/// let template: FilterTemplate = "(&(objectClass=person)(uid={username}))".parse()?;
/// let filter = template.fill("jane)(uid=*");
/// assert_eq!(filter.to_string(), r"(&(objectClass=person)(uid=jane\29\28uid=\2a))");
/// assert!("(uid=jane)".parse::<FilterTemplate>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterTemplate(Filter);

impl FilterTemplate {
    /// The filter for this name.
    #[must_use]
    pub fn fill(&self, username: &str) -> Filter {
        self.0.map_values(&|value| fill(value, username))
    }
}

impl FromStr for FilterTemplate {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let filter: Filter = text.parse()?;
        let filled = filter.map_values(&|value| fill(value, "x"));
        if filled == filter {
            return Err(FilterError {
                filter: text.to_owned(),
                at: text.len(),
                what: "`{username}` is in none of its values, so that it would match the same entry for everybody",
            });
        }
        Ok(Self(filter))
    }
}

/// A value with the name in each place that is marked. What the name holds is not looked at again.
pub(in crate::authn::ldap) fn fill(value: &[u8], username: &str) -> Vec<u8> {
    let marker = PLACEHOLDER.as_bytes();
    let mut filled = Vec::with_capacity(value.len() + username.len());
    let mut rest = value;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(marker) {
            filled.extend_from_slice(username.as_bytes());
            rest = after;
        } else {
            filled.push(*first);
            rest = tail;
        }
    }
    filled
}
