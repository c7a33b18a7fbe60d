//! The API server's own form, record by record (S-BASIC-1).

use super::error::{PasswordFileError, PasswordFileNotice};
use crate::authn::{ReservedNames, Secret, reserved_name, secret_and_user};
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
        let (mut password, user) = secret_and_user(record)
            .map_err(|found| PasswordFileError::Columns { path: path.to_owned(), found })?;
        number += 1;
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
