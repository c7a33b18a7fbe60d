//! Who logs in where: the flags that also stand in a kubeconfig.

use std::path::{Path, PathBuf, absolute};
use std::time::Duration;

use clap::{Args, ValueEnum};
use portcullis::api::login::CredentialKind;
use portcullis::crypto::authority::MAX_PEM_BYTES;
use portcullis::source::login::{Account, LoginOptions, Method, OidcFlow};

use super::PATIENCE;
use super::lifetime::Seconds;
use crate::cli::exit::Failure;
use crate::cli::short_file::read;

/// Who logs in where.
#[derive(Debug, Clone, Args)]
pub(crate) struct AccountArgs {
    /// The URL of the login server
    #[arg(long, value_name = "URL", conflicts_with = "direct")]
    server: Option<String>,
    /// Give kubectl the ID token of the issuer itself, for an API server that knows the issuer
    #[arg(long)]
    direct: bool,
    /// Who vouches for the login server: a bundle of certificates, PEM [default: whom this machine
    /// believes]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How you prove who you are: basic, negotiate (Kerberos), certificate or oidc
    #[arg(long, value_name = "METHOD")]
    method: Option<Method>,
    /// Your user name; for OIDC a hint to the issuer. Logins of several names are kept apart
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    user: String,
    /// What you want: token or certificate
    #[arg(long, value_name = "KIND", default_value = "token")]
    credential: Kind,
    /// Whom the token is to be for; may be repeated [default: the server's]
    #[arg(long = "audience", value_name = "NAME")]
    audiences: Vec<String>,
    /// For how long, such as 90s, 30m or 12h; the server may shorten it [default: the server's]
    #[arg(long, value_name = "TIME")]
    lifetime: Option<Seconds>,
    /// With basic: a file whose first line is the password
    #[arg(long, value_name = "FILE", help_heading = "Passwords and certificates")]
    pub(super) password_file: Option<PathBuf>,
    /// With certificate: the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "client_key")]
    #[arg(help_heading = "Passwords and certificates")]
    client_certificate: Option<PathBuf>,
    /// Its key, PEM, without a passphrase
    #[arg(long, value_name = "FILE", requires = "client_certificate")]
    #[arg(help_heading = "Passwords and certificates")]
    client_key: Option<PathBuf>,
    /// The URL of the issuer [default: the one that the login server names]
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(help_heading = "OIDC")]
    issuer: String,
    /// The client that this program is to the issuer [default: the one that the login server names]
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    #[arg(help_heading = "OIDC")]
    client_id: String,
    /// A file whose first line is the secret of the client, if the issuer gave it one
    #[arg(long, value_name = "FILE", help_heading = "OIDC")]
    client_secret_file: Option<PathBuf>,
    /// A scope besides openid; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", help_heading = "OIDC")]
    scopes: Vec<String>,
    /// Who vouches for the issuer: a bundle of certificates, PEM [default: whom this machine believes]
    #[arg(long, value_name = "FILE", help_heading = "OIDC")]
    issuer_ca_file: Option<PathBuf>,
    /// Log in with a code that is typed in any browser
    #[arg(long, help_heading = "OIDC")]
    device: bool,
    /// Show the address of the login page, and open no browser
    #[arg(long, help_heading = "OIDC")]
    pub(super) no_browser: bool,
    /// The port of 127.0.0.1 that the browser comes back to (http://127.0.0.1:PORT/callback)
    /// [default: any]
    #[arg(long, value_name = "PORT", help_heading = "OIDC", conflicts_with = "device")]
    redirect_port: Option<u16>,
    /// How long to wait for you, or for another process that logs in [default: 180s]
    #[arg(long, value_name = "TIME")]
    patience: Option<Seconds>,
    /// Where logins are kept
    #[arg(long, value_name = "FOLDER")]
    pub(super) cache_dir: Option<PathBuf>,
}

/// What a login gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Token,
    Certificate,
}

impl AccountArgs {
    fn method(&self) -> Result<Method, Failure> {
        match (self.method, self.direct) {
            (None, true) => Ok(Method::Oidc),
            (Some(method), false) => Ok(method),
            (Some(Method::Oidc), true) => Ok(Method::Oidc),
            (Some(_), true) => {
                Err(Failure::usage("--direct is for --method oidc; others need a login server"))
            }
            (None, false) => Err(Failure::usage(
                "say how you log in: --method basic, negotiate, certificate or oidc",
            )),
        }
    }

    /// What the flags mean together, with the bundles that they name.
    pub(crate) fn options(&self, cache: PathBuf) -> Result<LoginOptions, Failure> {
        let account = self.account()?;
        let bundle = |path: &Option<PathBuf>| {
            path.as_deref().map(|path| read(path, MAX_PEM_BYTES)).transpose()
        };
        let mut options = LoginOptions::new(account, cache);
        options.ca_bundle = bundle(&self.ca_file)?;
        options.issuer_ca_bundle = bundle(&self.issuer_ca_file)?;
        options.client_key = self.client_key.clone().unwrap_or_default();
        options.client_secret_file.clone_from(&self.client_secret_file);
        options.oidc_flow = if self.device { OidcFlow::Device } else { OidcFlow::Browser };
        options.redirect_port = self.redirect_port.unwrap_or_default();
        options.patience = self.patience.map_or(PATIENCE, |it| Duration::from_secs(it.0));
        Ok(options)
    }

    fn account(&self) -> Result<Account, Failure> {
        let method = self.method()?;
        self.check(method)?;
        let certificate = self.client_certificate.as_deref().map(whole_path).transpose()?;
        Ok(Account {
            server: self.server.clone(),
            method,
            user: self.user.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            scopes: self.scopes.clone(),
            client_certificate: certificate.unwrap_or_default(),
            credential: match self.credential {
                Kind::Token => CredentialKind::Token,
                Kind::Certificate => CredentialKind::Certificate,
            },
            audiences: self.audiences.clone(),
            lifetime: self.lifetime.map(|it| it.0),
        })
    }

    /// That nothing is said that would not count.
    fn check(&self, method: Method) -> Result<(), Failure> {
        if self.server.is_none() && !self.direct {
            return Err(Failure::usage(
                "say where you log in: --server URL, or --direct for an issuer without one",
            ));
        }
        if self.direct {
            if self.issuer.is_empty() || self.client_id.is_empty() {
                return Err(Failure::usage("--direct needs --issuer and --client-id"));
            }
            let is_plain = self.credential == Kind::Token
                && self.audiences.is_empty()
                && self.lifetime.is_none()
                && self.ca_file.is_none();
            if !is_plain {
                return Err(Failure::usage(
                    "--direct gives the ID token as it is: --credential certificate, --audience, \
                     --lifetime and --ca-file are for login servers",
                ));
            }
        }
        if self.credential == Kind::Certificate && !self.audiences.is_empty() {
            return Err(Failure::usage("--audience is for tokens; a certificate is for all"));
        }
        if method == Method::Certificate && self.client_certificate.is_none() {
            return Err(Failure::usage(
                "--method certificate needs --client-certificate and --client-key",
            ));
        }
        let oidc_flags = [
            ("--issuer", !self.issuer.is_empty()),
            ("--client-id", !self.client_id.is_empty()),
            ("--client-secret-file", self.client_secret_file.is_some()),
            ("--scope", !self.scopes.is_empty()),
            ("--issuer-ca-file", self.issuer_ca_file.is_some()),
            ("--device", self.device),
            ("--redirect-port", self.redirect_port.is_some()),
        ];
        let basic_flags = [("--password-file", self.password_file.is_some())];
        let certificate_flags = [("--client-certificate", self.client_certificate.is_some())];
        for (of, flags) in [
            (Method::Oidc, oidc_flags.as_slice()),
            (Method::Basic, basic_flags.as_slice()),
            (Method::Certificate, certificate_flags.as_slice()),
        ] {
            if let Some((flag, _)) = flags.iter().find(|(_, given)| *given && of != method) {
                return Err(Failure::usage(format!("{flag} is for --method {of}")));
            }
        }
        Ok(())
    }

    /// The same flags again, for a kubeconfig: in one order, paths absolute, since kubectl runs its
    /// plugins wherever it is run itself.
    pub(crate) fn to_args(&self) -> Result<Vec<String>, Failure> {
        let method = self.method()?;
        self.check(method)?;
        let mut args = vec!["login".to_owned()];
        let mut flag = |name: &str, value: &str| args.push(format!("--{name}={value}"));
        if let Some(server) = &self.server {
            flag("server", server);
        }
        flag("method", method.name());
        let kind = match self.credential {
            Kind::Token => "",
            Kind::Certificate => "certificate",
        };
        for (name, value) in [
            ("user", &self.user),
            ("credential", &kind.to_owned()),
            ("issuer", &self.issuer),
            ("client-id", &self.client_id),
        ] {
            if !value.is_empty() {
                flag(name, value);
            }
        }
        for (name, values) in [("audience", &self.audiences), ("scope", &self.scopes)] {
            values.iter().for_each(|value| flag(name, value));
        }
        for (name, path) in [
            ("ca-file", &self.ca_file),
            ("password-file", &self.password_file),
            ("client-certificate", &self.client_certificate),
            ("client-key", &self.client_key),
            ("client-secret-file", &self.client_secret_file),
            ("issuer-ca-file", &self.issuer_ca_file),
            ("cache-dir", &self.cache_dir),
        ] {
            if let Some(path) = path {
                flag(name, &whole_path(path)?);
            }
        }
        for (name, time) in [("lifetime", self.lifetime), ("patience", self.patience)] {
            if let Some(time) = time {
                flag(name, &time.to_string());
            }
        }
        if let Some(port) = self.redirect_port {
            flag("redirect-port", &port.to_string());
        }
        for (name, is_given) in
            [("direct", self.direct), ("device", self.device), ("no-browser", self.no_browser)]
        {
            if is_given {
                args.push(format!("--{name}"));
            }
        }
        Ok(args)
    }
}

/// An absolute path, as text.
fn whole_path(path: &Path) -> Result<String, Failure> {
    let shown = path.display();
    let whole = absolute(path).map_err(|error| Failure::Read { path: shown.to_string(), error })?;
    whole
        .into_os_string()
        .into_string()
        .map_err(|_| Failure::usage(format!("`{shown}`: write paths in UTF-8")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        account: AccountArgs,
    }

    fn read_line(line: &str) -> AccountArgs {
        Line::try_parse_from(["login"].into_iter().chain(line.split_whitespace())).unwrap().account
    }

    #[test]
    fn flags_written_again_mean_the_same() {
        for line in [
            "--server https://a --method basic --user jane --password-file /p --ca-file /ca",
            "--server https://a --method certificate --client-certificate c --client-key k",
            "--server https://a --method oidc --credential certificate --lifetime 2h --device",
            "--server https://a --method negotiate --audience x --audience y --patience 20s",
            "--direct --issuer https://i --client-id c --client-secret-file s --scope a --scope b \
             --issuer-ca-file ca --no-browser --redirect-port 8000 --cache-dir d",
        ] {
            let args = read_line(line);
            let again = args.to_args().unwrap();
            assert_eq!(again.first().map(String::as_str), Some("login"));
            let again = Line::try_parse_from(&again).unwrap().account;
            assert_eq!(args.account().unwrap().id(), again.account().unwrap().id(), "{line}");
            assert_eq!(args.to_args().unwrap(), again.to_args().unwrap());
        }
    }

    #[test]
    fn flags_that_would_not_count_are_refused() {
        for (line, because) in [
            ("--method basic", "--server URL"),
            ("--server https://a", "--method basic"),
            ("--direct --issuer https://i", "--client-id"),
            ("--direct --issuer https://i --client-id c --method basic", "--direct is for"),
            ("--direct --issuer https://i --client-id c --credential certificate", "as it is"),
            ("--direct --issuer https://i --client-id c --audience x", "as it is"),
            ("--server https://a --method certificate", "--client-certificate"),
            ("--server https://a --method basic --issuer https://i", "--issuer is for"),
            ("--server https://a --method basic --device", "--device is for"),
            ("--server https://a --method oidc --password-file p", "--password-file is for"),
            ("--server https://a --method basic --credential certificate --audience x", "for all"),
        ] {
            let Err(failure) = read_line(line).account() else { panic!("{line}") };
            assert!(failure.to_string().contains(because), "{line}: {failure}");
        }
    }
}
