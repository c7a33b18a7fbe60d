//! Where a password comes from: typed without an echo, or one line of standard input.

use std::io::{self, Read};

use portcullis::authn::Secret;

use crate::cli::exit::Failure;
use crate::cli::speak::Speaker;

/// The longest that is asked for anywhere.
const LONGEST: usize = 1024;
/// Shorter ones are remarked upon (NIST SP 800-63B section 5.1.1).
const SHORT: usize = 8;

/// Asks for a password.
pub(super) struct Ask<'a> {
    user: &'a str,
    from_stdin: bool,
}

impl<'a> Ask<'a> {
    pub(super) const fn new(user: &'a str, from_stdin: bool) -> Self {
        Self { user, from_stdin }
    }

    /// A password that is to be compared.
    pub(super) fn password(&self) -> Result<Secret, Failure> {
        if self.from_stdin {
            return line_of_stdin();
        }
        typed(&format!("Password of {}: ", self.user))
    }

    /// A password that is to be set: typed twice, and one that can be sent.
    pub(super) fn new_password(&self, speaker: Speaker) -> Result<Secret, Failure> {
        let password = if self.from_stdin {
            line_of_stdin()?
        } else {
            let password = typed(&format!("New password of {}: ", self.user))?;
            let again = typed("The same again: ")?;
            if !password.is(again.expose_secret()) {
                return Err(Failure::usage("the two are not the same; nothing was changed"));
            }
            password
        };
        let text = password.expose_secret();
        if text.is_empty() {
            return Err(Failure::usage("the password is empty; nobody gets in with such a one"));
        }
        if text.len() > LONGEST {
            return Err(Failure::usage(format!(
                "the password has more than {LONGEST} bytes; nobody gets in with such a one"
            )));
        }
        if text.contains(char::is_control) {
            return Err(Failure::usage(
                "the password holds control characters, which cannot be sent (RFC 7617); of standard \
                 input one line is read, and there must be no other",
            ));
        }
        if text.chars().count() < SHORT {
            speaker.warn(format!(
                "the password has less than {SHORT} characters; it is among the first to be guessed"
            ));
        }
        Ok(password)
    }
}

fn typed(prompt: &str) -> Result<Secret, Failure> {
    let typed = rpassword::prompt_password(prompt);
    typed.map(Secret::new).map_err(|_| {
        Failure::usage(
            "there is no terminal to type the password at; give it on standard input, with --stdin",
        )
    })
}

/// All of standard input, without the end of its line.
fn line_of_stdin() -> Result<Secret, Failure> {
    let most = u64::try_from(LONGEST + 3).unwrap_or(u64::MAX);
    // Room for all of it, so that no half of it is left behind by growing.
    let mut text = String::with_capacity(LONGEST + 3);
    let read = io::stdin().lock().take(most).read_to_string(&mut text);
    let reading = |error| Failure::Read { path: "standard input".to_owned(), error };
    read.map_err(reading)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(Secret::new(text))
}
