//! `login`: a credential for kubectl, as its credential plugin or by hand.
//!
//! Standard output has the `ExecCredential` and nothing else; whatever a person should see or answer
//! goes over standard error and the terminal.

mod account;
mod lifetime;
mod person;

pub(crate) use account::AccountArgs;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use portcullis::api::client_authentication::{EXEC_INFO, ExecInfo, exec_credential};
use portcullis::api::login::CredentialKind;
use portcullis::source::login::{self, KeptLogin};

use super::clock::{now, utc};
use super::exit::{Exit, Failure};
use super::output::Table;
use super::speak::Speaker;
use person::Terminal;

/// Log in, and give kubectl a short-lived credential
///
/// Run by kubectl as a credential plugin (`client.authentication.k8s.io/v1` and `v1beta1`; write the
/// kubeconfig with `portcullis kubeconfig --login`), or by hand, to log in before something else needs
/// it. What was given is kept in a file that only you can read, and renewed before it ends; of many
/// that need a login at the same time one logs in and the others wait.
///
/// The credential goes to standard output, unless that is a terminal.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  portcullis login --server https://login.example:8443 --ca-file ca.crt --method basic --user jane
  portcullis login --server https://login.example:8443 --method oidc --credential certificate
  portcullis login --direct --issuer https://issuer.example --client-id kubectl --device
  portcullis login --accounts
  portcullis login --logout --all

Where logins are kept: $XDG_CACHE_HOME/portcullis/login, else ~/.kube/cache/portcullis

Exit status:
  0  done
  2  wrong usage, or no credential")]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    account: AccountArgs,
    /// Log in anew, whatever is kept
    #[arg(long, conflicts_with_all = ["logout", "accounts"])]
    fresh: bool,
    /// Forget the login of these flags; with --all, every login
    #[arg(long, conflicts_with = "accounts")]
    logout: bool,
    /// Forget every login
    #[arg(long, requires = "logout", conflicts_with_all = ["server", "direct", "method"])]
    all: bool,
    /// List what logins are kept, without what is secret about them
    #[arg(long)]
    accounts: bool,
    /// Whether somebody may be asked [default: what kubectl says, else whether standard input is a
    /// terminal]
    #[arg(long, value_name = "WHEN")]
    interactive: Option<Interactive>,
    /// No notes on standard error
    #[arg(short, long)]
    quiet: bool,
}

/// Whether somebody may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Interactive {
    /// Also when kubectl reads its input from a file.
    Always,
    /// Not even at a terminal.
    Never,
}

/// Runs the verb.
pub(crate) fn run(args: &LoginArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let speaker = Speaker::new(args.quiet, false);
    let cache = cache_folder(args.account.cache_dir.as_deref())?;
    if args.accounts {
        return list(&cache, out);
    }
    if args.logout && args.all {
        let count = login::logout_all(&cache)?;
        speaker.note(format!("{count} logins forgotten; what they were given ends by itself"));
        return Ok(Exit::Yes);
    }
    let info = exec_info()?;
    let mut options = args.account.options(cache)?;
    options.fresh = args.fresh;
    let is_interactive = match args.interactive {
        Some(Interactive::Always) => true,
        Some(Interactive::Never) => false,
        None => {
            info.and_then(|info| info.interactive).unwrap_or_else(|| std::io::stdin().is_terminal())
        }
    };
    let person = Terminal {
        speaker,
        is_interactive,
        // kubectl's plugins have no input of their own, and neither has a terminal one for a pipe.
        may_read_input: info.is_none() && !is_interactive && args.interactive.is_none(),
        knows_user: !options.account.user.is_empty(),
        password_file: args.account.password_file.clone(),
        opens_browser: !args.account.no_browser,
    };
    if args.logout {
        let was_there = login::logout(&options, &person)?;
        speaker.note(if was_there { "the login is forgotten" } else { "there was no such login" });
        return Ok(Exit::Yes);
    }
    let given = login::credential(&options, &person)?;
    if info.is_none() && std::io::stdout().is_terminal() {
        let who = match given.username.as_str() {
            "" => String::new(),
            name => format!(" as `{name}`"),
        };
        speaker.note(format!("logged in{who} until {}", utc(given.expires)));
        return Ok(Exit::Yes);
    }
    let version = info.map(|info| info.version).unwrap_or_default();
    let answer = exec_credential(version, &given.credential, given.expires);
    out.write_all(answer.expose_secret().as_bytes())?;
    out.write_all(b"\n")?;
    Ok(Exit::Yes)
}

/// What kubectl says, if it is kubectl who runs this.
fn exec_info() -> Result<Option<ExecInfo>, Failure> {
    let Some(text) = std::env::var_os(EXEC_INFO).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let text = text.to_string_lossy();
    ExecInfo::parse(&text).map(Some).map_err(|error| Failure::usage(error.to_string()))
}

fn cache_folder(named: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|it| it.is_absolute());
    if let Some(cache) = folder("XDG_CACHE_HOME") {
        return Ok(cache.join("portcullis").join("login"));
    }
    let home = std::env::home_dir().filter(|home| home.is_absolute()).ok_or_else(|| {
        Failure::usage("there is no home folder to keep logins in; name one with --cache-dir")
    })?;
    Ok(home.join(".kube").join("cache").join("portcullis"))
}

fn list(cache: &Path, out: &mut dyn Write) -> Result<Exit, Failure> {
    let now = now();
    let mut table = Table::new(&[
        "SERVER",
        "METHOD",
        "USER",
        "CREDENTIAL",
        "LOGGED IN AS",
        "ENDS",
        "RENEWABLE",
    ]);
    for kept in login::accounts(cache, now)? {
        table.push(row(kept, now));
    }
    table.write(out)?;
    Ok(Exit::Yes)
}

fn row(kept: KeptLogin, now: i64) -> Vec<String> {
    let KeptLogin { account, username, expires, is_renewable, .. } = kept;
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let ends = match expires {
        None => "-".to_owned(),
        Some(at) if at <= now => "over".to_owned(),
        Some(at) => utc(at),
    };
    let credential = match account.credential {
        CredentialKind::Certificate => "certificate",
        CredentialKind::Token | CredentialKind::Other => "token",
    };
    vec![
        account.server.unwrap_or(account.issuer),
        account.method.to_string(),
        or_none(account.user),
        credential.to_owned(),
        or_none(username),
        ends,
        if is_renewable { "yes" } else { "no" }.to_owned(),
    ]
}

/// How long a person may take, when nothing is said.
const PATIENCE: Duration = Duration::from_secs(180);
