//! The flags of kube-apiserver, from the manifest of its static pod or a file of flags.

use super::{EntryPlaces, Loaded};
use crate::api::authorization_config::{FlagError, ModeFlags};
use crate::source::apiserver_file::{CommandLine, ConfigurationError, Problem};

/// The flags of an API server, and the chain that they amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerFlags {
    /// The flags.
    pub flags: ModeFlags,
    /// The chain; `None` when it stands in the file of [`ModeFlags::config`].
    pub chain: Option<Loaded>,
}

/// Reads the manifest of a pod that runs kube-apiserver, or a text of flags: words between white space,
/// of which `#` begins a comment at the beginning of a line and `\` ends one. `name` is what messages
/// call it.
///
/// ```
/// use portcullis::source::authorization_config;
///
/// let manifest = "
/// kind: Pod
/// spec:
///   containers:
///   - command:
///     - kube-apiserver
///     - --authorization-mode=Node,RBAC,Node
/// ";
/// let error =
///     authorization_config::server_flags("kube-apiserver.yaml", manifest.as_bytes()).unwrap_err();
/// assert_eq!(
///     error.problems()[0].to_string(),
///     r#"kube-apiserver.yaml:7: authorization-mode ["Node" "RBAC" "Node"] has mode specified more than once"#,
/// );
/// ```
///
/// # Errors
/// Everything that the API server says about the flags (S-CHAIN-14, 15); when the text is neither.
pub fn server_flags(name: &str, bytes: &[u8]) -> Result<ServerFlags, ConfigurationError> {
    let refused = |problems: Vec<Problem>| ConfigurationError::joined("", problems);
    let line = CommandLine::read(name, bytes).map_err(|problem| refused(vec![problem]))?;
    let problem = |error: &FlagError| line.problem(error.flag(), error.to_string());
    let flags =
        ModeFlags::from_args(line.words()).map_err(|error| refused(vec![problem(&error)]))?;
    let origin = line.place("authorization-mode");
    let chain = match flags.build() {
        Ok(configuration) => {
            let places = configuration.authorizers.iter().map(|_| EntryPlaces::at(&origin));
            Some(Loaded { places: places.collect(), configuration })
        }
        Err(errors) if matches!(errors.as_slice(), [FlagError::SeeConfig(_)]) => None,
        Err(errors) => return Err(refused(errors.iter().map(problem).collect())),
    };
    Ok(ServerFlags { flags, chain })
}
