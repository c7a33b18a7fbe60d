use std::os::unix::process::CommandExt as _;
use std::process::Command;

use portcullis::source::kerberos::{
    KEYTAB_VARIABLE, KeytabEnvironment, keytab_environment, keytab_value,
};
use portcullis::webhook::ServeError;
use portcullis::webhook::config::{LoginMethodConfig, ServerConfig};

use super::exit::Failure;

/// Starts this program again where the configuration names a keytab and the environment does not: the
/// Kerberos library finds it there, and nobody changes the environment of a process that runs. Comes
/// back when there is nothing to do.
pub(crate) fn ensure(config: &ServerConfig) -> Result<(), Failure> {
    let methods = config.login.iter().flat_map(|login| &login.methods);
    let mut keytabs = methods.filter_map(|method| match method {
        LoginMethodConfig::Kerberos(kerberos) => Some(&kerberos.keytab_file.path),
        _ => None,
    });
    let Some(keytab) = keytabs.next() else { return Ok(()) };
    let keytab = std::path::absolute(keytab).map_err(ServeError::System)?;
    if keytab_environment(&keytab) != KeytabEnvironment::NotSet {
        // Right, or wrong in a way that opening it explains.
        return Ok(());
    }
    let program = std::env::current_exe().map_err(ServeError::System)?;
    let mut again = Command::new(program);
    again.args(std::env::args_os().skip(1)).env(KEYTAB_VARIABLE, keytab_value(&keytab));
    Err(ServeError::System(again.exec()).into())
}
