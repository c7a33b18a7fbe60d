//! Whoever sits at the terminal.

#[cfg(unix)]
use std::fs::OpenOptions;
#[cfg(unix)]
use std::io::BufReader;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};

use portcullis::authn::Secret;
use portcullis::source::login::{LoginError, Person};

use crate::cli::exit::Failure;
use crate::cli::short_file;
use crate::cli::speak::Speaker;
use crate::cli::whole_file::mode_for_others;

/// No password is longer.
const MAX_PASSWORD: usize = 4096;

/// A person, as far as one may be asked.
pub(super) struct Terminal {
    pub(super) speaker: Speaker,
    pub(super) is_interactive: bool,
    /// Whether standard input is there for a password.
    pub(super) may_read_input: bool,
    pub(super) knows_user: bool,
    pub(super) password_file: Option<PathBuf>,
    pub(super) opens_browser: bool,
}

impl Terminal {
    fn in_file(&self, path: &Path) -> Result<Secret, LoginError> {
        let wrong = |problem| LoginError::File { path: path.to_owned(), problem };
        let bytes = short_file::read(path, MAX_PASSWORD).map_err(|failure| match failure {
            Failure::Read { error, .. } => LoginError::Read { path: path.to_owned(), error },
            _ => wrong("it is too long for a password"),
        })?;
        if let Some(mode) = mode_for_others(path) {
            self.speaker.warn(format!(
                "`{}`: others than its owner can read the password (mode {mode:o})",
                path.display()
            ));
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong("a password must be UTF-8"))?;
        first_line(Secret::new(text)).ok_or_else(|| wrong("its first line must be the password"))
    }
}

impl Person for Terminal {
    fn is_present(&self) -> bool {
        self.is_interactive
    }

    fn knows_password(&self) -> bool {
        self.knows_user && self.password_file.is_some()
    }

    fn user_name(&self) -> Result<String, LoginError> {
        if !self.is_interactive {
            let needed = "a user name is needed (--user)";
            return Err(LoginError::NotInteractive { needed });
        }
        asked("User name: ")
            .map_err(|error| LoginError::NotAnswered { what: "the user name", error })
    }

    fn password(&self, user: &str) -> Result<Secret, LoginError> {
        let failed = |error| LoginError::NotAnswered { what: "the password", error };
        if let Some(path) = &self.password_file {
            return self.in_file(path);
        }
        if self.is_interactive {
            // Control characters would reach the terminal.
            let shown: String = user.chars().filter(|c| !c.is_control()).collect();
            let prompt = format!("Password of {shown}: ");
            return rpassword::prompt_password(prompt).map(Secret::new).map_err(failed);
        }
        let needed = "a password is needed (--password-file)";
        let nobody = LoginError::NotInteractive { needed };
        if !self.may_read_input {
            return Err(nobody);
        }
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_PASSWORD).unwrap_or(u64::MAX);
        io::stdin().lock().take(limit).read_until(b'\n', &mut line).map_err(failed)?;
        let text = String::from_utf8(line)
            .map_err(|_| failed(io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8")))?;
        first_line(Secret::new(text)).ok_or(nobody)
    }

    fn visit(&self, url: &str, code: Option<&str>) {
        // Said even when quiet: nothing goes on without it.
        let speaker = Speaker::new(false, false);
        match code {
            Some(code) => speaker.note(format!("to log in, open {url} and type the code {code}")),
            None if !self.opens_browser => speaker.note(format!("to log in, open {url}")),
            None => match open::that_detached(url) {
                Ok(()) => {
                    speaker
                        .note(format!("log in in your browser; if it shows no page, open {url}"));
                }
                Err(_) => speaker.note(format!("there is no browser here; to log in, open {url}")),
            },
        }
    }

    fn note(&self, text: &str) {
        self.speaker.warn(text);
    }
}

/// `None` when it is empty.
fn first_line(text: Secret) -> Option<Secret> {
    let line = text.expose_secret().lines().next().unwrap_or_default();
    (!line.is_empty()).then(|| Secret::new(line.to_owned()))
}

/// Asks at the terminal itself: standard output is kubectl's.
fn asked(question: &str) -> io::Result<String> {
    #[cfg(unix)]
    {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        terminal.write_all(question.as_bytes())?;
        line(BufReader::new(terminal))
    }
    #[cfg(not(unix))]
    {
        io::stderr().write_all(question.as_bytes())?;
        line(io::stdin().lock())
    }
}

fn line(mut from: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
