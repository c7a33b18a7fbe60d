use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::config::{AttributeMapping, Groups, ReservedGroups, UidForm};
use super::directory::Entry;
use super::dn::Dn;
use super::error::LdapError;
use super::filter::Attribute;
use super::graph::Membership;
use super::groups::usable_name;
use crate::authn::reserved_name;
use crate::model::User;

/// What a group is called: the only value of the attribute, or of several the one in the DN.
pub(super) fn group_name(attribute: &Attribute, group: &Entry) -> Option<Arc<str>> {
    match group.values(attribute.as_str()) {
        [only] => usable_name(only),
        [] => None,
        _ => {
            let dn: Dn = group.dn.parse().ok()?;
            usable_name(dn.first_value(attribute)?)
        }
    }
}

/// The names of groups as the authorizers see them: each once, sorted, and none that is reserved.
pub(super) fn group_names(
    name: &str,
    config: &Groups,
    reserved: ReservedGroups,
    groups: &[Membership],
) -> Result<Vec<String>, LdapError> {
    let mut names = BTreeSet::new();
    for group in groups {
        let Some(bare) = &group.name else {
            tracing::debug!(dn = %group.dn, "group without a usable name left out");
            continue;
        };
        let full = format!("{}{bare}", config.prefix);
        let probe = User::default().with_groups([full]);
        match (reserved_name(&probe), reserved) {
            (None, _) => names.extend(probe.groups),
            (Some(reserved), ReservedGroups::Refuse) => {
                return Err(LdapError::Reserved { name: name.to_owned(), reserved });
            }
            (Some(reserved), ReservedGroups::Drop) => {
                tracing::warn!(%reserved, dn = %group.dn, "reserved group of the directory left out");
            }
        }
    }
    Ok(names.into_iter().collect())
}

impl AttributeMapping {
    /// The attributes to ask for.
    pub(super) fn attributes(&self) -> Vec<String> {
        let uid = self.uid.iter().map(|(attribute, _)| attribute);
        let all = std::iter::once(&self.username).chain(uid).chain(self.extra.values());
        all.map(ToString::to_string).collect()
    }

    /// The user of an entry, without groups. `name` is the name that was typed, for errors.
    pub(super) fn user(&self, name: &str, entry: &Entry) -> Result<User, LdapError> {
        let values = entry.values(self.username.as_str());
        let [value] = values else { return Err(self.no_username(name, values.len())) };
        let bare = usable_name(value).ok_or_else(|| self.no_username(name, 0))?;
        let mut user = User::new(format!("{}{bare}", self.username_prefix));
        if let Some(reserved) = reserved_name(&user) {
            return Err(LdapError::Reserved { name: name.to_owned(), reserved });
        }
        if let Some((attribute, form)) = &self.uid {
            user.uid = uid(entry, attribute, *form).unwrap_or_default();
        }
        for (key, attribute) in &self.extra {
            let values = entry.values(attribute.as_str()).iter();
            let texts: Vec<String> =
                values.filter_map(|value| String::from_utf8(value.clone()).ok()).collect();
            if !texts.is_empty() {
                user.extra.insert(key.clone(), texts);
            }
        }
        Ok(user)
    }

    /// The value of the attribute that a user name comes from; `None` for a name of somebody else.
    pub(super) fn bare_name<'a>(&self, username: &'a str) -> Option<&'a str> {
        username.strip_prefix(self.username_prefix.as_str())
    }

    /// Whether a login would call the user of this entry so. A directory that compares without regard
    /// to case finds `jane` for `JANE`, who may be somebody else wherever the name comes from.
    pub(super) fn is_name_of(&self, bare_name: &str, entry: &Entry) -> bool {
        matches!(entry.values(self.username.as_str()), [only] if *only == bare_name.as_bytes())
    }

    fn no_username(&self, name: &str, count: usize) -> LdapError {
        LdapError::NoUsername { name: name.to_owned(), attribute: self.username.to_string(), count }
    }
}

/// A uid that is missing or cannot be read is none: it is informative only.
fn uid(entry: &Entry, attribute: &Attribute, form: UidForm) -> Option<String> {
    match form {
        UidForm::Text => entry.text(attribute.as_str()).map(str::to_owned),
        UidForm::ObjectGuid => guid(entry.values(attribute.as_str()).first()?),
    }
}

/// The first three parts are little-endian (MS-DTYP section 2.3.4.2).
fn guid(bytes: &[u8]) -> Option<String> {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    if bytes.len() != ORDER.len() {
        return None;
    }
    let mut text = String::with_capacity(36);
    for (place, from) in ORDER.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            text.push('-');
        }
        write!(text, "{:02x}", bytes.get(from)?).ok()?;
    }
    Some(text)
}
