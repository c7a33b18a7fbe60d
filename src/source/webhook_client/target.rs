use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::Uri;
use http::uri::PathAndQuery;

use super::WebhookClientError;
use super::credentials::Token;
use super::tls::{self, Identity, Server};
use crate::api::authorization_config::GoDuration;
use crate::api::kubeconfig::{Cluster, Credentials, Kubeconfig, Material};
use crate::source::kubeconfig;

/// What a kubeconfig allows and its owner may not have meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// `insecure-skip-tls-verify`: anybody on the way can answer in the place of the webhook.
    Unverified,
    /// Plain `http` to another machine: likewise, and anybody can read.
    PlainHttp,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unverified => {
                "`insecure-skip-tls-verify` is set: anybody on the way to the webhook can answer in its \
                 place; name its `certificate-authority` instead"
            }
            Self::PlainHttp => {
                "the webhook is asked by plain http: anybody on the way to it can read, and answer in \
                 its place; use https"
            }
        })
    }
}

/// Where a webhook is, and how it and its asker are known.
pub(super) struct Target {
    pub(super) uri: Uri,
    pub(super) tls: rustls::ClientConfig,
    pub(super) server_name: Option<rustls::pki_types::ServerName<'static>>,
    pub(super) token: Option<Token>,
    pub(super) warnings: Vec<Warning>,
}

/// The kubeconfig that is being read.
struct Reader<'a> {
    path: &'a Path,
}

type Read<T> = Result<T, WebhookClientError>;

impl Target {
    /// What the current context of a kubeconfig says.
    pub(super) fn read(path: &Path, timeout: GoDuration) -> Read<Self> {
        let reader = Reader { path };
        let bytes = read_file(path)?;
        let config = kubeconfig::parse(&path.display().to_string(), &bytes)?;
        let (cluster, user) = reader.current(&config)?;
        let uri = reader.uri(&cluster.server, timeout)?;
        let is_plain = uri.scheme_str() == Some("http");
        let mut warnings = Vec::new();
        let server = match (is_plain, cluster.insecure_skip_tls_verify) {
            (true, _) => {
                if !uri.host().is_some_and(is_loopback) {
                    warnings.push(Warning::PlainHttp);
                }
                Server::Plain
            }
            (false, true) if cluster.certificate_authority.is_some() => {
                return Err(WebhookClientError::InsecureWithAuthority { path: path.to_owned() });
            }
            (false, true) => {
                warnings.push(Warning::Unverified);
                Server::Unverified
            }
            (false, false) => match &cluster.certificate_authority {
                Some(authority) => Server::Verified(reader.bytes(authority)?),
                None => return Err(WebhookClientError::NoAuthority { path: path.to_owned() }),
            },
        };
        let identity = reader.identity(user)?;
        let tls = tls::config(&server, identity).map_err(|problem| problem.of(path))?;
        let server_name = reader.server_name(&cluster.tls_server_name)?;
        let token = reader.token(user)?;
        Ok(Self { uri, tls, server_name, token, warnings })
    }
}

impl Reader<'_> {
    /// The cluster and the user of the current context, with nothing in them that is not understood.
    fn current<'c>(&self, config: &'c Kubeconfig) -> Read<(&'c Cluster, &'c Credentials)> {
        if config.current_context.is_empty() {
            return Err(WebhookClientError::NoCurrentContext { path: self.path.to_owned() });
        }
        let missing = |what, name: &str, advice| WebhookClientError::NotThere {
            path: self.path.to_owned(),
            what,
            name: name.to_owned(),
            advice,
        };
        let context = config.context(&config.current_context).ok_or_else(|| {
            missing(
                "context",
                &config.current_context,
                "name one of `contexts` as `current-context`",
            )
        })?;
        let cluster = config.cluster(&context.cluster).ok_or_else(|| {
            missing("cluster", &context.cluster, "name one of `clusters` in the context")
        })?;
        if !cluster.proxy_url.is_empty() {
            return Err(self.unsupported("proxy-url", "have the webhook reached without a proxy"));
        }
        if context.user.is_empty() {
            return Ok((cluster, NOBODY));
        }
        let user = config.user(&context.user).ok_or_else(|| {
            missing("user", &context.user, "name one of `users` in the context, or none")
        })?;
        if let Some(field) = user.others.iter().find(|field| *field != "extensions") {
            return Err(self.unsupported(
                field,
                "prove this client by `client-certificate` and `client-key`, `token` or `tokenFile`",
            ));
        }
        Ok((cluster, user))
    }

    fn unsupported(&self, field: &str, advice: &'static str) -> WebhookClientError {
        WebhookClientError::Unsupported {
            path: self.path.to_owned(),
            field: field.to_owned(),
            advice,
        }
    }

    fn unusable(&self, field: &'static str, problem: &'static str) -> WebhookClientError {
        WebhookClientError::Material { path: self.path.to_owned(), field, problem }
    }

    /// The URL with the timeout in place of its query (S-WHA-1).
    fn uri(&self, server: &str, timeout: GoDuration) -> Read<Uri> {
        let wrong = || WebhookClientError::Server { path: self.path.to_owned() };
        if server.contains('#') {
            return Err(wrong());
        }
        let mut parts = server.parse::<Uri>().map_err(|_| wrong())?.into_parts();
        let authority = parts.authority.as_ref().ok_or_else(wrong)?;
        let is_http =
            matches!(parts.scheme.as_ref().map(http::uri::Scheme::as_str), Some("http" | "https"));
        if !is_http || authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::path);
        let query = timeout.to_string().replace('µ', "%C2%B5");
        let asked = format!("{path}?timeout={query}").parse().map_err(|_| wrong())?;
        parts.path_and_query = Some(asked);
        Uri::from_parts(parts).map_err(|_| wrong())
    }

    fn server_name(&self, name: &str) -> Read<Option<rustls::pki_types::ServerName<'static>>> {
        if name.is_empty() {
            return Ok(None);
        }
        rustls::pki_types::ServerName::try_from(name.to_owned())
            .map(Some)
            .map_err(|_| self.unusable("tls-server-name", "it must be a DNS name or an address"))
    }

    fn identity(&self, user: &Credentials) -> Read<Option<Identity>> {
        match (&user.client_certificate, &user.client_key) {
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(self.unusable("client-certificate", "its key is missing; name `client-key`"))
            }
            (None, Some(_)) => Err(self
                .unusable("client-key", "its certificate is missing; name `client-certificate`")),
            (Some(certificate), Some(key)) => {
                let key = match key {
                    Material::Embedded(key) => key.clone(),
                    Material::Referenced(file) => read_file(&self.resolve(file))?.into(),
                };
                Ok(Some(Identity { certificate: self.bytes(certificate)?, key }))
            }
        }
    }

    fn token(&self, user: &Credentials) -> Read<Option<Token>> {
        let token = match &user.token {
            None => return Ok(None),
            Some(Material::Embedded(token)) => Token::fixed(token),
            Some(Material::Referenced(file)) => {
                let file = self.resolve(file);
                let bytes = read_file(&file)?;
                Token::of_file(file, bytes)
            }
        };
        let field =
            if matches!(user.token, Some(Material::Embedded(_))) { "token" } else { "tokenFile" };
        token
            .map(Some)
            .ok_or_else(|| self.unusable(field, "a token must be text on one line, and not empty"))
    }

    fn bytes(&self, material: &Material<Vec<u8>>) -> Read<Vec<u8>> {
        match material {
            Material::Embedded(bytes) => Ok(bytes.clone()),
            Material::Referenced(file) => read_file(&self.resolve(file)),
        }
    }

    /// A relative path counts from the folder of the kubeconfig.
    fn resolve(&self, file: &str) -> PathBuf {
        self.path.parent().unwrap_or_else(|| Path::new("")).join(file)
    }
}

/// Whom a context without a user stands for.
static NOBODY: &Credentials = &Credentials {
    client_certificate: None,
    client_key: None,
    token: None,
    exec: None,
    others: Vec::new(),
};

fn read_file(path: &Path) -> Read<Vec<u8>> {
    fs::read(path).map_err(|error| WebhookClientError::Read { path: path.to_owned(), error })
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
