use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::draft::{self, Draft};
use super::{Damage, Saved, SavedError, format, trust};

/// No state is larger: that of a million pods has 300 MB.
const LARGEST: u64 = 4 << 30;

/// All bytes of a file that nobody else can have written; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, SavedError> {
    let failed = |error| SavedError::Read { path: path.to_owned(), error };
    let (real, about) = trust::resolved(path)?;
    if about.is_none() {
        check_folder(path, &real)?;
        return Ok(None);
    }
    let file = match File::open(&real) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err(SavedError::NoFile { path: path.to_owned() });
    }
    trust::check(path, &about)?;
    let length = about.len();
    if length > LARGEST {
        return Err(SavedError::Damaged {
            path: path.to_owned(),
            damage: Damage::TooLarge { found: length },
        });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0).saturating_add(1));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Puts a state in the place of the one that is there, if any.
pub(super) fn write(path: &Path, saved: &Saved) -> Result<(), SavedError> {
    let failed = |error| SavedError::Write { path: path.to_owned(), error };
    let (real, about) = trust::resolved(path)?;
    if about.is_some() {
        check_ours(path, &real)?;
    }
    check_folder(path, &real)?;
    let folder = trust::folder(&real);
    let name = real.file_name().ok_or_else(|| SavedError::NoFile { path: path.to_owned() })?;
    draft::sweep(folder, name);
    let draft = Draft::new(folder, name).map_err(failed)?;
    let mut out = BufWriter::with_capacity(1 << 18, &draft.file);
    format::encode(saved, &mut out).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    draft.replace(&real).map_err(failed)?;
    // The name, too, must survive a power cut; a folder that cannot be synced need not be.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn check_folder(path: &Path, real: &Path) -> Result<(), SavedError> {
    let folder = trust::folder(real);
    match folder.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SavedError::NoFolder { path: path.to_owned(), folder: folder.to_owned() })
        }
        // What else is in the way is told by the attempt.
        _ => Ok(()),
    }
}

/// A path that was mistyped does not cost anybody a file.
fn check_ours(path: &Path, real: &Path) -> Result<(), SavedError> {
    let mut begin = Vec::new();
    let telling = u64::try_from(format::TELLING).unwrap_or(u64::MAX);
    let read = File::open(real).and_then(|file| file.take(telling).read_to_end(&mut begin));
    match read {
        Ok(_) if !format::may_be_ours(&begin) => Err(SavedError::NotOurs { path: path.to_owned() }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(SavedError::Read { path: path.to_owned(), error }),
    }
}
