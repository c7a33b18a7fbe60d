//! Whom a certificate is for, as Kubernetes reads it: the common name is the user, each organization
//! a group (S-X509-4), and an attribute of its own the uid (S-X509-5).

use super::asn1::{Oid, sequence};

/// A subject to be asked for. It keeps what a map of attributes would lose: the order of the groups,
/// and groups that are there twice.
///
/// ```
/// use portcullis::crypto::subject::Subject;
///
/// let subject = Subject {
///     common_name: "jane".to_owned(),
///     organizations: vec!["dev".to_owned(), "ops".to_owned()],
///     uid: None,
/// };
/// assert!(subject.to_der().windows(3).any(|bytes| bytes == b"ops"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subject {
    /// The user.
    pub common_name: String,
    /// The groups, in order.
    pub organizations: Vec<String>,
    /// The uid, if there is one.
    pub uid: Option<String>,
}

impl Subject {
    /// The `Name` in DER (RFC 5280 §4.1.2.4): every attribute in an RDN of its own, since DER sorts
    /// those that share one, and as UTF-8. First the organizations, then the common name, then the
    /// uid.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let organizations = self.organizations.iter().map(|text| (Oid::ORGANIZATION, text));
        let common_name = Some((Oid::COMMON_NAME, &self.common_name));
        let uid = self.uid.iter().map(|text| (Oid::KUBERNETES_UID, text));
        // A certificate authority may be without a common name of its own.
        let common_name = common_name.filter(|(_, text)| !text.is_empty());
        sequence(|writer| {
            for (id, text) in organizations.chain(common_name).chain(uid) {
                writer.next().write_set(|writer| {
                    writer.next().write_sequence(|writer| {
                        id.write(writer.next());
                        writer.next().write_utf8_string(text);
                    });
                });
            }
        })
    }
}
