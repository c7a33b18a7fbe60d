use std::error::Error;
use std::fmt::Write;
use std::io;
use std::process::ExitCode;

use portcullis::api::resources::discovery::DiscoveryError;
use portcullis::authz::abac;
use portcullis::query::GroupsError;
use portcullis::snapshot::CompileError;
use portcullis::source::LoadError;
use portcullis::source::authorization_config::ConfigurationError;
use portcullis::source::hierarchy::HierarchyError;

#[cfg(feature = "webhook")]
use super::certificates::CertificateError;

/// How the command ends, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes, or done.
    Yes,
    /// No: denied, or nobody allows it.
    No,
    /// Wrong usage or unusable input; nothing was answered.
    Unusable,
    /// Answered, but something that could matter was skipped or failed.
    Incomplete,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Unusable => 2,
            Exit::Incomplete => 3,
        })
    }
}

/// Why there is no answer. All of them end with [`Exit::Unusable`], save a reader that went away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Arguments that make no sense together, or name nothing.
    #[error("{0}")]
    Usage(String),
    /// The policy cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Who is above whom cannot be told.
    #[error(transparent)]
    Hierarchy(#[from] HierarchyError),
    /// The ABAC policy cannot be loaded.
    #[error(transparent)]
    Abac(#[from] abac::LoadError),
    /// The policies in Rego cannot be loaded.
    #[error(transparent)]
    RegoLoad(#[from] portcullis::source::rego::RegoLoadError),
    /// The policies in Rego do not compile.
    #[error(transparent)]
    Rego(portcullis::authz::rego::CompileError),
    /// Discovery output cannot be read.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The file of groups cannot be read.
    #[error(transparent)]
    Groups(#[from] GroupsError),
    /// The file of live groups cannot be used.
    #[cfg(feature = "live-groups")]
    #[error(transparent)]
    LiveGroups(#[from] portcullis::source::group_file::GroupFileReadError),
    /// The policy does not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The API server would not start with the file of its chain.
    #[error(transparent)]
    Chain(#[from] ConfigurationError),
    /// A file besides the policy cannot be read.
    #[error("`{path}`: cannot be read; check the path and your permission to read it")]
    Read {
        /// What was to be read.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A file cannot be written; the old one, if any, is as it was.
    #[cfg(any(
        feature = "basic",
        feature = "ledger",
        feature = "login",
        feature = "token-file",
        feature = "watch"
    ))]
    #[error("`{path}`: cannot be written; check the path and your permission to write there")]
    Write {
        /// What was to be written.
        path: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The server cannot start.
    #[cfg(feature = "webhook")]
    #[error(transparent)]
    Serve(#[from] portcullis::webhook::ServeError),
    /// The server's log cannot start.
    #[cfg(feature = "webhook")]
    #[error(transparent)]
    Telemetry(#[from] portcullis::webhook::telemetry::TelemetryError),
    /// A file of tokens cannot be used.
    #[cfg(feature = "token-file")]
    #[error(transparent)]
    Tokens(#[from] portcullis::authn::token_file::TokenFileError),
    /// A file of passwords cannot be used.
    #[cfg(feature = "basic")]
    #[error(transparent)]
    Passwords(#[from] portcullis::authn::basic::PasswordFileError),
    /// The ledger of certificates cannot be used.
    #[cfg(feature = "ledger")]
    #[error(transparent)]
    Ledger(#[from] portcullis::source::ledger::LedgerFileError),
    /// Certificates cannot be made.
    #[cfg(feature = "webhook")]
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// Nobody is logged in.
    #[cfg(feature = "login")]
    #[error(transparent)]
    Login(#[from] portcullis::source::login::LoginError),
    /// A kubeconfig cannot be used.
    #[cfg(any(feature = "ledger", feature = "login"))]
    #[error(transparent)]
    Kubeconfig(#[from] portcullis::source::kubeconfig::KubeconfigError),
    /// No API server can be asked.
    #[cfg(feature = "watch")]
    #[error(
        "no cluster can be asked; check {named}, or name another with --kubeconfig and --context"
    )]
    Connect {
        /// Where it is said which cluster.
        named: String,
        /// What is wrong there.
        #[source]
        error: portcullis::source::watch::ConnectError,
    },
    /// An API server gives no answer.
    #[cfg(feature = "watch")]
    #[error(
        "the API server `{server}` cannot be asked; check that it runs, that this machine reaches it, and \
         that {named} means it, with good credentials"
    )]
    List {
        /// Its URL.
        server: String,
        /// Where it is said which cluster.
        named: String,
        /// What went wrong.
        #[source]
        error: Box<dyn Error + Send + Sync>,
    },
    /// The system has no room for what waits for answers.
    #[cfg(feature = "watch")]
    #[error("the system does not let this process wait for network answers")]
    Runtime(#[source] io::Error),
    /// A line of a batch makes no sense.
    #[error("{path}:{line}: {message}")]
    Line {
        /// The file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The answer cannot be written.
    #[error("the answer cannot be written")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Wrong usage.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// What to say, each in one line: a configuration may have several mistakes.
    pub(crate) fn messages(&self) -> Vec<String> {
        match self {
            #[cfg(feature = "webhook")]
            Self::Serve(portcullis::webhook::ServeError::Config(error)) => {
                error.problems().iter().map(ToString::to_string).collect()
            }
            Self::Chain(error) => error.problems().iter().map(ToString::to_string).collect(),
            _ => vec![with_causes(self)],
        }
    }

    /// Whether somebody downstream, such as `head`, had seen enough.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
