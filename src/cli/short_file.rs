//! Files that are read whole: keys, certificates, tokens.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cli::exit::Failure;

/// Reads a file that must not be longer than it can sensibly be.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::Read { path: path.display().to_string(), error };
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() > most {
        return Err(Failure::usage(format!(
            "`{}`: longer than {most} bytes; this is another file than is meant",
            path.display()
        )));
    }
    Ok(bytes)
}
