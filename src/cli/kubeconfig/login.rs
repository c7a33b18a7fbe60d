//! The entry by which kubectl asks `portcullis login` for a credential.

use clap::{Args, Parser, ValueEnum};
use portcullis::api::client_authentication::Version;
use portcullis::api::kubeconfig::Exec;

use crate::cli::exit::Failure;
use crate::cli::login::AccountArgs;

const HINT: &str = "\
portcullis, which logs in to this cluster, was not found. Install it with
  cargo install portcullis --features login
or name its path in `command` of the user's exec entry.";

/// A credential plugin instead of a credential.
#[derive(Debug, Args)]
#[command(next_help_heading = "Login")]
pub(super) struct LoginEntryArgs {
    /// Let kubectl ask `portcullis login`; its flags follow behind `--`
    #[arg(long, conflicts_with_all = ["client_certificate", "client_key", "token_file"])]
    #[arg(requires = "login_flags")]
    login: bool,
    /// What kubectl runs [default: portcullis, wherever PATH has it]
    #[arg(long, value_name = "PROGRAM", requires = "login", default_value = "portcullis")]
    #[arg(hide_default_value = true)]
    login_command: String,
    /// The version of client.authentication.k8s.io; kubectl before 1.22 knows v1beta1 only
    #[arg(long, value_name = "VERSION", requires = "login", default_value = "v1")]
    login_api: Api,
    /// Flags of `portcullis login`
    #[arg(last = true, value_name = "LOGIN FLAGS", requires = "login")]
    login_flags: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Api {
    V1,
    V1beta1,
}

/// What follows behind `--`.
#[derive(Debug, Parser)]
#[command(name = "portcullis login", disable_help_flag = true)]
struct Flags {
    #[command(flatten)]
    account: AccountArgs,
}

impl LoginEntryArgs {
    /// The entry, if one is asked for.
    pub(super) fn exec(&self) -> Result<Option<Exec>, Failure> {
        if !self.login {
            return Ok(None);
        }
        let words = ["login"].into_iter().chain(self.login_flags.iter().map(String::as_str));
        let flags = Flags::try_parse_from(words).map_err(|error| {
            // The first line says what is wrong; the rest is usage of a command that was not run.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default();
            Failure::usage(format!("behind `--`: {}", line.trim_start_matches("error: ")))
        })?;
        let version = match self.login_api {
            Api::V1 => Version::V1,
            Api::V1beta1 => Version::V1Beta1,
        };
        Ok(Some(Exec {
            api_version: version.api_version().to_owned(),
            command: self.login_command.clone(),
            args: flags.account.to_args()?,
            install_hint: HINT.to_owned(),
        }))
    }
}
