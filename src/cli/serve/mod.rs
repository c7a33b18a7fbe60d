//! `serve`: answer the reviews of an API server.

mod dev;

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use portcullis::webhook::load::Draft;
use portcullis::webhook::{Addresses, ServeError, serve, telemetry};

use super::exit::{Exit, Failure};
use dev::Dev;

/// Answer an API server's TokenReviews and SubjectAccessReviews over TLS
///
/// Everything stands in one configuration file; no flag and no variable changes what it says. Files
/// that it names are watched: a change is loaded beside and takes over whole, or, if anything is
/// wrong with it, the last good one goes on serving. SIGHUP looks at once. SIGTERM drains and ends.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  # Nothing needed: a sample policy, sample tokens, certificates made on the spot
  portcullis serve --dev

  # The real thing; `portcullis init apiserver` writes a configuration to begin with
  portcullis check --config /etc/portcullis/server.yaml
  portcullis serve --config /etc/portcullis/server.yaml

Exit status:
  0  it was told to stop, and everything in flight was answered
  1  it was told to stop, and something in flight was cut off
  2  it could not start")]
pub(crate) struct ServeArgs {
    /// The configuration file
    #[arg(long, value_name = "FILE", required_unless_present = "dev", conflicts_with = "dev")]
    config: Option<PathBuf>,
    /// Serve a sample policy with certificates made on the spot
    #[arg(long)]
    dev: bool,
    /// With --dev: where reviews are answered
    #[arg(long, value_name = "HOST:PORT", requires = "dev", default_value = "127.0.0.1:9443")]
    address: SocketAddr,
    /// With --dev: where /readyz and /metrics are
    #[arg(long, value_name = "HOST:PORT", requires = "dev", default_value = "127.0.0.1:9444")]
    operations: SocketAddr,
}

/// Runs the verb.
pub(crate) fn run(args: &ServeArgs, out: &mut dyn Write) -> Result<Exit, Failure> {
    let Some(config) = &args.config else {
        let dev = Dev::new(args.address, args.operations)?;
        return start(&dev.config(), |addresses| {
            dev.write_kubeconfigs(addresses.reviews)?;
            write!(out, "{}", dev.welcome(addresses.reviews, addresses.operations))?;
            Ok(out.flush()?)
        });
    };
    start(config, |_| Ok(()))
}

fn start(
    config: &Path,
    ready: impl FnOnce(&Addresses) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    // The log begins before anything else can be said.
    let draft = Draft::read(config).map_err(ServeError::Config)?;
    #[cfg(all(feature = "kerberos", unix))]
    super::keytab::ensure(draft.config())?;
    let log = &draft.config().log;
    telemetry::init(log.level.as_str(), log.format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("portcullis")
        .build()
        .map_err(ServeError::System)?;
    let mut said = Ok(());
    let drained = runtime.block_on(serve(config, |addresses| {
        tracing::info!(
            reviews = %addresses.reviews,
            operations = %addresses.operations,
            logins = addresses.logins.map(tracing::field::display),
            version = env!("CARGO_PKG_VERSION"),
            "serving"
        );
        said = ready(addresses);
    }))?;
    // Everything in flight is answered. A reload under way need not be waited for.
    runtime.shutdown_background();
    said?;
    Ok(if drained.requests_cut == 0 { Exit::Yes } else { Exit::No })
}
