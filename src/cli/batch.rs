//! Many questions, one a line.

use std::path::Path;

use super::args::PolicyArgs;
use super::exit::Failure;
use super::load::read_file;

/// Reads every line with `read`; blank lines are passed over. All or nothing: the first line that
/// makes no sense is the answer.
pub(crate) fn read<T>(
    path: &Path,
    read: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Vec<T>, Failure> {
    let bytes = read_file(path)?;
    let name = || match path.as_os_str() == "-" {
        true => "<stdin>".to_owned(),
        false => path.display().to_string(),
    };
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut questions = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let fail = |message| Failure::Line { path: name(), line: index + 1, message };
        questions.push(read(line).map_err(fail)?);
    }
    if questions.is_empty() {
        return Err(Failure::usage(format!("`{}`: not a single question in it", name())));
    }
    Ok(questions)
}

/// Standard input can be read only once.
pub(crate) fn check_stdin(queries: Option<&Path>, policy: &PolicyArgs) -> Result<(), Failure> {
    let is_stdin = |path: &Path| path.as_os_str() == "-";
    let mut users = policy.files.iter().map(|path| is_stdin(path)).collect::<Vec<_>>();
    users.extend(policy.abac.as_deref().map(is_stdin));
    users.extend(policy.authorization_config.as_deref().map(is_stdin));
    users.extend(queries.map(is_stdin));
    if users.into_iter().filter(|is_stdin| *is_stdin).count() > 1 {
        return Err(Failure::usage(
            "`-` is named more than once; standard input is read only once",
        ));
    }
    Ok(())
}

/// The text of a JSON error; its line is always 1 and would mislead.
pub(crate) fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
