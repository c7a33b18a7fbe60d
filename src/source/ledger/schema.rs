//! The tables, and which version of them this is.

use redb::{
    Durability, MultimapTable, MultimapTableDefinition, ReadOnlyMultimapTable, ReadOnlyTable,
    ReadTransaction, ReadableTable, Table, TableDefinition, TableError, WriteTransaction,
};

use super::error::{Attempt, Cause};

/// The version of the tables. A ledger of another one is refused.
pub(super) const VERSION: u64 = 1;

/// The bytes of a fingerprint.
pub(super) type Key = &'static [u8; 32];
/// The DER of an issuer's name, and a serial number.
pub(super) type Numbered = (&'static [u8], &'static [u8]);

/// Single numbers: see [`meta`].
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The records, without what was said of them later. Never rewritten.
const CERTIFICATES: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("certificates");
const BY_SERIAL: MultimapTableDefinition<'_, &[u8], Key> =
    MultimapTableDefinition::new("by_serial");
const BY_USER: MultimapTableDefinition<'_, &str, Key> = MultimapTableDefinition::new("by_user");
const BY_GROUP: MultimapTableDefinition<'_, &str, Key> = MultimapTableDefinition::new("by_group");
const BY_END: MultimapTableDefinition<'_, i64, Key> = MultimapTableDefinition::new("by_end");
/// What was revoked, known or not: since when, why, and who said so. Never taken back.
const REVOKED: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("revoked");
/// The same for certificates of which only issuer and number are known.
const REVOKED_SERIALS: TableDefinition<'_, Numbered, &[u8]> =
    TableDefinition::new("revoked_serials");
/// The latest time before which all certificates of a user are revoked.
const USERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("revoked_users");
/// The same of groups.
const GROUPS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("revoked_groups");
/// The latest time at which a certificate was said to be issued, to spare it.
const SPARED: TableDefinition<'_, Key, i64> = TableDefinition::new("spared");
/// What the revocation file must hold, in order.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");

/// What the table of single numbers holds.
pub(super) mod meta {
    /// The version of the tables.
    pub(crate) const SCHEMA: &str = "schema";
    /// The number of the last CRL.
    pub(crate) const CRL_NUMBER: &str = "crl_number";
    /// Entries up to this one are known to be in the revocation file.
    pub(crate) const WRITTEN: &str = "written";
    /// How long that file was then, in bytes.
    pub(crate) const WRITTEN_LENGTH: &str = "written_length";
}

/// The tables as they were when this was opened.
pub(super) struct View {
    pub(super) meta: ReadOnlyTable<&'static str, u64>,
    pub(super) certificates: ReadOnlyTable<Key, &'static [u8]>,
    pub(super) by_serial: ReadOnlyMultimapTable<&'static [u8], Key>,
    pub(super) by_user: ReadOnlyMultimapTable<&'static str, Key>,
    pub(super) by_group: ReadOnlyMultimapTable<&'static str, Key>,
    pub(super) by_end: ReadOnlyMultimapTable<i64, Key>,
    pub(super) revoked: ReadOnlyTable<Key, &'static [u8]>,
    pub(super) revoked_serials: ReadOnlyTable<Numbered, &'static [u8]>,
    pub(super) users: ReadOnlyTable<&'static str, &'static [u8]>,
    pub(super) groups: ReadOnlyTable<&'static str, &'static [u8]>,
    pub(super) entries: ReadOnlyTable<u64, &'static [u8]>,
}

impl View {
    pub(super) fn open(read: &ReadTransaction) -> Attempt<Self> {
        Ok(Self {
            meta: read.open_table(META)?,
            certificates: read.open_table(CERTIFICATES)?,
            by_serial: read.open_multimap_table(BY_SERIAL)?,
            by_user: read.open_multimap_table(BY_USER)?,
            by_group: read.open_multimap_table(BY_GROUP)?,
            by_end: read.open_multimap_table(BY_END)?,
            revoked: read.open_table(REVOKED)?,
            revoked_serials: read.open_table(REVOKED_SERIALS)?,
            users: read.open_table(USERS)?,
            groups: read.open_table(GROUPS)?,
            entries: read.open_table(ENTRIES)?,
        })
    }

    /// A single number; 0 when it was never set.
    pub(super) fn number(&self, name: &str) -> Attempt<u64> {
        Ok(self.meta.get(name)?.map_or(0, |number| number.value()))
    }

    /// The number of the last entry; 0 when there is none.
    pub(super) fn last_entry(&self) -> Attempt<u64> {
        Ok(self.entries.last()?.map_or(0, |(number, _)| number.value()))
    }
}

/// The tables, to be changed.
pub(super) struct Books<'t> {
    pub(super) meta: Table<'t, &'static str, u64>,
    pub(super) certificates: Table<'t, Key, &'static [u8]>,
    pub(super) by_serial: MultimapTable<'t, &'static [u8], Key>,
    pub(super) by_user: MultimapTable<'t, &'static str, Key>,
    pub(super) by_group: MultimapTable<'t, &'static str, Key>,
    pub(super) by_end: MultimapTable<'t, i64, Key>,
    pub(super) revoked: Table<'t, Key, &'static [u8]>,
    pub(super) revoked_serials: Table<'t, Numbered, &'static [u8]>,
    pub(super) users: Table<'t, &'static str, &'static [u8]>,
    pub(super) groups: Table<'t, &'static str, &'static [u8]>,
    pub(super) spared: Table<'t, Key, i64>,
    pub(super) entries: Table<'t, u64, &'static [u8]>,
}

impl<'t> Books<'t> {
    /// Opens the tables, and makes those that are not there.
    pub(super) fn open(write: &'t WriteTransaction) -> Attempt<Self> {
        Ok(Self {
            meta: write.open_table(META)?,
            certificates: write.open_table(CERTIFICATES)?,
            by_serial: write.open_multimap_table(BY_SERIAL)?,
            by_user: write.open_multimap_table(BY_USER)?,
            by_group: write.open_multimap_table(BY_GROUP)?,
            by_end: write.open_multimap_table(BY_END)?,
            revoked: write.open_table(REVOKED)?,
            revoked_serials: write.open_table(REVOKED_SERIALS)?,
            users: write.open_table(USERS)?,
            groups: write.open_table(GROUPS)?,
            spared: write.open_table(SPARED)?,
            entries: write.open_table(ENTRIES)?,
        })
    }
}

/// A change that is on the disk once it is committed.
pub(super) fn begin(database: &redb::Database) -> Attempt<WriteTransaction> {
    let mut write = database.begin_write()?;
    write.set_durability(Durability::Immediate)?;
    Ok(write)
}

/// Makes the tables of a new ledger.
pub(super) fn lay_out(database: &redb::Database) -> Attempt<()> {
    let write = begin(database)?;
    {
        let mut books = Books::open(&write)?;
        books.meta.insert(meta::SCHEMA, VERSION)?;
    }
    Ok(write.commit()?)
}

/// Refuses what is no ledger, or one of another version.
pub(super) fn check(read: &ReadTransaction) -> Attempt<()> {
    let table = match read.open_table(META) {
        Ok(table) => table,
        Err(TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(Cause::Foreign),
    };
    let found = table.get(meta::SCHEMA)?.map(|number| number.value());
    match found {
        Some(VERSION) => View::open(read).map(drop),
        Some(later) if later > VERSION => Err(Cause::Newer(later)),
        Some(_) | None => Err(Cause::Foreign),
    }
}
