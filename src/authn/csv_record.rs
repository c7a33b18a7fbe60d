use zeroize::Zeroizing;

use crate::model::User;
use crate::util::csv::Record;

/// A secret and whose it is: the columns of token files and of the password files of old (S-TOKF-1,
/// S-BASIC-1). The error is how many columns there are when three are missing.
pub(super) fn secret_and_user(record: Record) -> Result<(Zeroizing<String>, User), usize> {
    let mut fields = record.fields.into_iter();
    let found = fields.len();
    let (Some(secret), Some(name), Some(uid)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(found);
    };
    // A fourth column, be it empty, is a list of at least one name (S-TOKF-4).
    let groups = fields.next().map(|names| names.split(',').map(str::to_owned).collect());
    let user = User {
        name: name.to_string(),
        uid: uid.to_string(),
        groups: groups.unwrap_or_default(),
        ..User::default()
    };
    Ok((secret, user))
}
