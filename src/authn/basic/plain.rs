//! The API server's own form, record by record (S-BASIC-1).

use super::error::{PasswordFileError, PasswordFileNotice};
use crate::authn::{ReservedNames, Secret, reserved_name};
use crate::model::User;
use crate::util::csv::Reader;

/// One record.
pub(super) struct PlainRow {
    pub(super) record: usize,
    pub(super) password: Secret,
    pub(super) user: User,
}

/// Reads all records: password, user, uid, and optionally groups, with the rules of token files.
pub(super) fn read(
    path: &str,
    text: &Secret,
    names: ReservedNames,
) -> Result<(Vec<PlainRow>, Vec<PasswordFileNotice>), PasswordFileError> {
    let mut reader = Reader::new(text.expose_secret(), 0);
    let mut rows: Vec<PlainRow> = Vec::new();
    let mut notices = Vec::new();
    let csv = |error| PasswordFileError::Csv { path: path.to_owned(), error };
    let mut number = 0;
    while let Some(record) = reader.next_record().map_err(csv)? {
        let mut fields = record.fields.into_iter();
        let found = fields.len();
        let (Some(mut password), Some(user), Some(uid)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(PasswordFileError::Columns { path: path.to_owned(), found });
        };
        number += 1;
        // A fourth column, be it empty, is a list of at least one name (S-TOKF-4).
        let groups = fields.next().map(|names| names.split(',').map(str::to_owned).collect());
        let user = User {
            name: user.to_string(),
            uid: uid.to_string(),
            groups: groups.unwrap_or_default(),
            ..User::default()
        };
        if names == ReservedNames::Refuse
            && let Some(reserved) = reserved_name(&user)
        {
            let path = path.to_owned();
            return Err(PasswordFileError::Reserved { path, record: number, reserved });
        }
        if password.is_empty() {
            notices.push(PasswordFileNotice::Empty { path: path.to_owned(), record: number });
        }
        let password = Secret::new(std::mem::take(&mut *password));
        rows.push(PlainRow { record: number, password, user });
    }
    Ok((rows, notices))
}
