//! How is the review server embedded in a program of one's own?
//!
//! ```text
//! cargo run --bin portcullis --features webhook -- init apiserver --out /tmp/portcullis
//! cargo run --example webhook_server --features webhook -- /tmp/portcullis/server/server.yaml
//! ```
//!
//! This is `portcullis serve --config` without its log settings. `deploy/` beside this file has what
//! puts it into service.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use portcullis::webhook::serve;

fn main() -> Result<(), Box<dyn Error>> {
    let config = std::env::args_os().nth(1).map(PathBuf::from);
    let config = config.ok_or("name a configuration file, such as server.yaml")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Until SIGTERM or Ctrl-C; SIGHUP and changed files reload.
    let drained = runtime.block_on(serve(&config, |addresses| {
        // Nobody may be reading.
        let _ = writeln!(
            std::io::stdout(),
            "reviews at https://{}, operations at http://{}/readyz",
            addresses.reviews,
            addresses.operations
        );
    }))?;
    if drained.requests_cut > 0 {
        return Err(format!("{} requests were cut off", drained.requests_cut).into());
    }
    Ok(())
}
