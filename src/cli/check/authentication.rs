//! `check --authentication-config` and the flags in its place in `check --apiserver-flags`: would an
//! API server start with this, and whom would it trust?

use std::path::Path;

use portcullis::query::Finding;

use super::CheckArgs;
use crate::cli::exit::Failure;
use crate::cli::speak::Speaker;

/// What is to be said of the file, and of the flags beside it.
#[cfg(feature = "oidc")]
pub(super) use with_oidc::look;
#[cfg(not(feature = "oidc"))]
pub(super) use without_oidc::look;

#[cfg(feature = "oidc")]
mod with_oidc {
    use portcullis::api::authentication_config::{AuthenticationConfiguration, JwtAuthenticator};
    use portcullis::query;
    use portcullis::source::authentication_config::{
        self, AuthenticationConfigError, AuthenticationFlags, ServerFlags,
    };

    use super::*;
    use crate::cli::check::counts;
    use crate::cli::describe::counted;
    use crate::cli::load::read_file;

    pub(in crate::cli::check) fn look(
        args: &CheckArgs,
        speaker: Speaker,
    ) -> Result<Vec<Finding>, Failure> {
        let flags = match &args.apiserver_flags {
            None => None,
            Some(file) => match flags(file)? {
                Ok(flags) => Some(flags),
                Err(error) => return Ok(refused(file, &error, speaker)),
            },
        };
        match (&args.authentication_config, &args.apiserver_flags, flags) {
            (Some(file), _, flags) => look_at_file(file, flags.map(|read| read.flags), speaker),
            (None, Some(file), Some(read)) => {
                look_at_flags(file, &read, speaker);
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn flags(file: &Path) -> Result<Result<ServerFlags, AuthenticationConfigError>, Failure> {
        let bytes = read_file(file)?;
        Ok(authentication_config::server_flags(&file.display().to_string(), &bytes))
    }

    fn look_at_file(
        file: &Path,
        flags: Option<AuthenticationFlags>,
        speaker: Speaker,
    ) -> Result<Vec<Finding>, Failure> {
        let bytes = read_file(file)?;
        let name = file.display().to_string();
        let flags = flags.unwrap_or_default();
        let read = authentication_config::parse_beside(&name, &bytes, &flags);
        match read {
            Ok(loaded) => {
                let findings = query::check_authentication(&loaded);
                accepted(file, &loaded.configuration, &findings, speaker);
                Ok(findings)
            }
            Err(error) => Ok(refused(file, &error, speaker)),
        }
    }

    fn look_at_flags(file: &Path, read: &ServerFlags, speaker: Speaker) {
        match &read.configuration {
            Some(configuration) if read.flags.oidc.is_set() => {
                accepted(file, configuration, &[], speaker);
            }
            Some(_) => {}
            None => speaker.note(format!(
                "`{}`: who is trusted stands in `{}`; look that over with --authentication-config",
                file.display(),
                read.flags.config
            )),
        }
    }

    fn refused(file: &Path, error: &AuthenticationConfigError, speaker: Speaker) -> Vec<Finding> {
        let name = file.display();
        speaker
            .note(format!("kube-apiserver would not start with `{name}`; it would say: {error}"));
        query::authentication_errors(error)
    }

    fn accepted(
        file: &Path,
        configuration: &AuthenticationConfiguration,
        findings: &[Finding],
        speaker: Speaker,
    ) {
        let issuer = |jwt: &JwtAuthenticator| format!("`{}`", jwt.issuer.url);
        let issuers: Vec<String> = configuration.jwt.iter().map(issuer).collect();
        let trusts = match issuers.as_slice() {
            [] => "no issuer of JWTs".to_owned(),
            issuers => format!("JWTs of {}", issuers.join(", ")),
        };
        let anonymous = match &configuration.anonymous {
            None => "anonymous requests as the flags say".to_owned(),
            Some(anonymous) if !anonymous.enabled => "no anonymous request".to_owned(),
            Some(anonymous) if anonymous.conditions.is_empty() => {
                "anonymous requests everywhere".to_owned()
            }
            Some(anonymous) => {
                format!("anonymous requests for {}", counted(anonymous.conditions.len(), "path"))
            }
        };
        speaker.note(format!(
            "kube-apiserver accepts `{}`: {trusts}; {anonymous}; {}",
            file.display(),
            counts(findings)
        ));
    }
}

#[cfg(not(feature = "oidc"))]
mod without_oidc {
    use super::*;
    use crate::cli::load::read_file;

    pub(in crate::cli::check) fn look(
        args: &CheckArgs,
        speaker: Speaker,
    ) -> Result<Vec<Finding>, Failure> {
        const BUILD: &str = "build portcullis with `--features cli,oidc` for that";
        if args.authentication_config.is_some() {
            return Err(Failure::usage(format!(
                "--authentication-config cannot be read by this build; {BUILD}"
            )));
        }
        if let Some(file) = &args.apiserver_flags {
            let file: &Path = file;
            let bytes = read_file(file)?;
            let text = String::from_utf8_lossy(&bytes);
            if text.contains("--oidc-") || text.contains("--authentication-config") {
                speaker.warn(format!(
                    "`{}`: --oidc-* and --authentication-config are not looked at by this build; \
                     {BUILD}",
                    file.display()
                ));
            }
        }
        Ok(Vec::new())
    }
}
