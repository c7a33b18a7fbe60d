//! Who may read the Secrets of kube-system? `cargo run --example who_can`

use std::error::Error;
use std::io::Write;

use portcullis::api::resources::ResourceTable;
use portcullis::model::{Attributes, ResourceAttributes};
use portcullis::query::{self, Directory, Groups};
use portcullis::snapshot::{Config, Mode, compile};
use portcullis::source::{Input, LoadOptions, load};

fn main() -> Result<(), Box<dyn Error>> {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/sample-cluster.yaml");
    let loaded = load(&[Input::from(policy)], &LoadOptions::default(), &mut |_| {})?;
    let snapshot = compile(&loaded.inventory, &Config::new([Mode::Rbac]))?;

    // Groups are not among the objects of a cluster: an operator says who is in them.
    let groups = Groups::parse("groups.yaml", "oidc:platform-admins: [ann@example.com]\n")?;
    let directory = Directory::new(&loaded.inventory, groups);

    let secrets = ResourceAttributes::new("get", "secrets").in_namespace("kube-system");
    let who = query::who_can(&snapshot, &Attributes::Resource(secrets), &ResourceTable::builtin());
    let mut out = std::io::stdout().lock();
    writeln!(out, "get secrets in kube-system:")?;
    for row in &who.rows {
        let subject = row.subject();
        write!(out, "  {subject}")?;
        if let Some(binding) = row.binding() {
            write!(out, " by {} {} ({})", binding.kind(), binding.name(), binding.origin())?;
        }
        if let Some(mark) = row.mark() {
            write!(out, " [{mark}: {}]", mark.explanation())?;
        }
        writeln!(out)?;
        for member in directory.members(&subject) {
            writeln!(out, "    {member}")?;
        }
    }
    for error in &who.errors {
        writeln!(out, "not resolved: {error}")?;
    }
    Ok(())
}
