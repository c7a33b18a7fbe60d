//! What is presented.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::api::kubeconfig::{Credentials as Entry, Material};
use portcullis::authn::Secret;
use portcullis::crypto::certificate::chain_from_pem;
use portcullis::source::kubeconfig;

use crate::cli::exit::{Failure, with_causes};

/// The flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "What is presented")]
pub(super) struct CredentialArgs {
    /// A client certificate, PEM, with intermediate ones below it
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,
    /// The client certificate of a proxy that speaks for others with --header
    #[arg(long, value_name = "FILE", conflicts_with = "cert")]
    proxy_cert: Option<PathBuf>,
    /// A header that the proxy sends, as `Name: value` (repeatable)
    #[arg(long = "header", value_name = "LINE")]
    headers: Vec<String>,
    /// A file with a bearer token; `-` for standard input
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// `-` for a bearer token on standard input; a token itself is refused
    #[arg(long, value_name = "-", conflicts_with = "token_file", allow_hyphen_values = true)]
    token: Option<String>,
    /// A kubeconfig with the user's certificate or token
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cert", "proxy_cert", "token", "token_file"])]
    kubeconfig: Option<PathBuf>,
    /// Which user of the kubeconfig [default: that of its current context, or the only one]
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    user: Option<String>,
}

/// Credentials that were read.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// DER, the client's own first.
    pub(super) certificates: Vec<Vec<u8>>,
    /// Names and values.
    pub(super) headers: Vec<(String, String)>,
    /// The value of that header.
    pub(super) authorization: Option<Secret>,
}

impl CredentialArgs {
    /// Reads what is presented.
    pub(super) fn read(&self) -> Result<Credentials, Failure> {
        let mut read = Credentials::default();
        if let Some(path) = &self.kubeconfig {
            read = self.from_kubeconfig(path)?;
        }
        if let Some(path) = self.cert.as_ref().or(self.proxy_cert.as_ref()) {
            read.certificates = certificates(path)?;
        }
        if let Some(token) = self.token()? {
            read.authorization = Some(bearer(&token)?);
        }
        read.headers = self.headers.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
        if read.certificates.is_empty() && read.authorization.is_none() {
            return Err(Failure::usage(
                "say what is presented: --cert FILE, --token-file FILE, --kubeconfig FILE, or \
                 --proxy-cert FILE with --header",
            ));
        }
        Ok(read)
    }

    fn token(&self) -> Result<Option<Secret>, Failure> {
        match (&self.token, &self.token_file) {
            // What was typed is not repeated.
            (Some(token), _) if token != "-" => Err(Failure::usage(
                "--token takes no token: everybody on this machine could read it in the list of \
                 processes; use --token-file FILE, or --token - with the token on standard input",
            )),
            (Some(_), _) => standard_input().map(Some),
            (None, Some(path)) if path.as_os_str() == "-" => standard_input().map(Some),
            (None, Some(path)) => secret(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    #[expect(clippy::wrong_self_convention, reason = "from where it is read, not what is made")]
    fn from_kubeconfig(&self, path: &Path) -> Result<Credentials, Failure> {
        let name = path.display().to_string();
        let usage = |text: String| Failure::usage(format!("`{name}`: {text}"));
        let bytes = Secret::new(
            String::from_utf8(read(path)?).map_err(|_| usage("not UTF-8 text".to_owned()))?,
        );
        let config = kubeconfig::parse(&name, bytes.expose_secret().as_bytes())
            .map_err(|error| Failure::usage(with_causes(&error)))?;
        let current = config.context(&config.current_context);
        let user = match (&self.user, current, config.users.as_slice()) {
            (Some(user), ..) => user,
            (None, Some(context), _) => &context.user,
            (None, None, [only]) => &only.name,
            (None, None, _) => {
                return Err(usage("has no current context; say which user with --user".to_owned()));
            }
        };
        let Some(entry) = config.user(user) else {
            let known: Vec<String> =
                config.users.iter().map(|named| format!("`{}`", named.name)).collect();
            return Err(usage(format!("no user `{user}`; there are {}", known.join(", "))));
        };
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let read = from_entry(entry, folder)?;
        if read.certificates.is_empty() && read.authorization.is_none() {
            return Err(usage(format!(
                "user `{user}` has neither certificate nor token in it{}",
                match entry.others.as_slice() {
                    [] => String::new(),
                    others => format!(", only `{}`, which is not run", others.join("`, `")),
                }
            )));
        }
        Ok(read)
    }
}

/// Files that an entry names are relative to the kubeconfig's folder (S-CSR-23).
fn from_entry(entry: &Entry, folder: &Path) -> Result<Credentials, Failure> {
    let certificates = match &entry.client_certificate {
        None => Vec::new(),
        Some(Material::Embedded(pem)) => chain("client-certificate-data", pem)?,
        Some(Material::Referenced(path)) => certificates(&folder.join(path))?,
    };
    let authorization = match &entry.token {
        None => None,
        Some(Material::Embedded(token)) => Some(bearer(token)?),
        Some(Material::Referenced(path)) => Some(bearer(&secret(&folder.join(path))?)?),
    };
    Ok(Credentials { certificates, authorization, headers: Vec::new() })
}

/// As clients write the header.
fn bearer(token: &Secret) -> Result<Secret, Failure> {
    let token = token.expose_secret().trim();
    if token.is_empty() {
        return Err(Failure::usage("the token is empty; its file should hold it and nothing else"));
    }
    Ok(Secret::new(format!("Bearer {token}")))
}

fn standard_input() -> Result<Secret, Failure> {
    let mut text = String::new();
    let path = || "-".to_owned();
    io::stdin().read_to_string(&mut text).map_err(|error| Failure::Read { path: path(), error })?;
    Ok(Secret::new(text))
}

fn secret(path: &Path) -> Result<Secret, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Read { path: path.display().to_string(), error })?;
    Ok(Secret::new(text))
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    chain(&path.display().to_string(), &read(path)?)
}

fn chain(name: &str, pem: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    chain_from_pem(pem)
        .map_err(|error| Failure::usage(format!("`{name}`: {}", with_causes(&error))))
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::Read { path: path.display().to_string(), error })
}

/// A line of a request, with white space around the value as HTTP has it.
fn header(line: &str) -> Result<(String, String), Failure> {
    let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_name(name)) else {
        // It may be a token.
        return Err(Failure::usage("--header takes `Name: value`, such as 'X-Remote-User: jane'"));
    };
    let holds_token = ["authorization", "sec-websocket-protocol"];
    if holds_token.iter().any(|other| name.eq_ignore_ascii_case(other)) {
        return Err(Failure::usage(format!(
            "--header takes no `{name}`: everybody on this machine could read the token in the list \
             of processes; use --token-file FILE"
        )));
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

fn is_name(text: &str) -> bool {
    let is_separator = |byte: u8| b"\"(),/:;<=>?@[\\]{}".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !is_separator(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_split_at_its_first_colon_and_one_with_a_token_is_refused() {
        let read = |line| header(line).map_err(|failure| failure.to_string());
        let line = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(read("X-Remote-User: jane"), line("X-Remote-User", "jane"));
        assert_eq!(read("X-Remote-User:\t a:b \t"), line("X-Remote-User", "a:b"));
        assert_eq!(read("X-Remote-Extra-a%2fb:"), line("X-Remote-Extra-a%2fb", ""));
        for wrong in ["X-Remote-User", ": jane", "X Remote: jane", ""] {
            assert!(read(wrong).unwrap_err().contains("`Name: value`"), "{wrong}");
        }
        for secret in ["Authorization: Bearer s3cret", "sec-websocket-protocol: s3cret"] {
            let text = read(secret).unwrap_err();
            assert!(text.contains("list of processes") && !text.contains("s3cret"), "{text}");
        }
    }
}
