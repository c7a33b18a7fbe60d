//! May this user do this? `cargo run --example can_i`

use std::error::Error;
use std::io::Write;

use portcullis::api::resources::ResourceTable;
use portcullis::model::{Request, ResourceAttributes, User};
use portcullis::query;
use portcullis::snapshot::{Config, Mode, compile};
use portcullis::source::{Input, LoadOptions, load};

fn main() -> Result<(), Box<dyn Error>> {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/sample-cluster.yaml");
    let loaded = load(&[Input::from(policy)], &LoadOptions::default(), &mut |_| {})?;
    let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac]))?;
    let mut out = std::io::stdout().lock();

    // Groups as `kubectl --as` has them; a request from the network brings its own.
    let jane = User::impersonated("jane@example.com", ["oidc:shop-leads"]);
    let logs = ResourceAttributes::new("get", "pods").with_subresource("log").in_namespace("shop");
    for attributes in [logs, ResourceAttributes { verb: "delete", ..logs }] {
        let request = Request::resource(&jane, attributes);
        let verdict = snapshot.authorize(&request);
        writeln!(out, "{} pods/log in shop: {}", attributes.verb, verdict.decision)?;
        // A yes names its binding, role and rule, with their lines.
        for step in verdict.path() {
            match step.origin {
                Some(origin) => writeln!(out, "  {} {} ({origin})", step.kind, step.text)?,
                None => writeln!(out, "  {} {}", step.kind, step.text)?,
            }
        }
        // A no says what came nearest.
        for miss in query::nearest(&snapshot, &request, &ResourceTable::builtin()).iter().take(3) {
            writeln!(out, "  {miss}")?;
        }
    }
    Ok(())
}
