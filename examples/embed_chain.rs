//! How do several policies and a rule of my own decide together? `cargo run --example embed_chain`

use std::error::Error;
use std::io::Write;

use portcullis::authz::{Authorizer, Rules, abac};
use portcullis::model::{Attributes, Request, ResourceAttributes, User, Verdict};
use portcullis::snapshot::{Config, Mode, compile};
use portcullis::source::{Input, LoadOptions, load};

/// Whoever is called as a namespace owns it.
struct Owners;

impl Authorizer for Owners {
    fn authorize<'a>(&'a self, request: &'a Request<'a>) -> Verdict<'a> {
        match request.attributes {
            Attributes::Resource(asked) if asked.namespace == request.user.name => {
                Verdict::allow("owners may do everything in their namespace")
            }
            _ => Verdict::no_opinion(""),
        }
    }

    fn rules_for(&self, _: &User, _: &str) -> Rules {
        Rules::incomplete("owners are not listed")
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let policies = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let rbac = Input::from(format!("{policies}/rbac/sample-cluster.yaml"));
    let loaded = load(&[rbac], &LoadOptions::default(), &mut |_| {})?;
    let lines = format!("{policies}/abac/team.jsonl");
    let team = abac::Policy::parse(lines.as_str(), &std::fs::read_to_string(&lines)?)?;

    // Asked in this order; the first that allows or denies decides.
    let config =
        Config::new([Mode::Rbac, Mode::Abac]).with_abac(team).with_authorizer("owners", Owners);
    let snapshot = compile(&loaded.inventory, &config)?;

    let mut out = std::io::stdout().lock();
    for (name, group, namespace) in [
        ("jane@example.com", "oidc:shop-leads", "shop"), // by a RoleBinding
        ("wendy", "web", "web"),                         // by a policy line
        ("payments", "oidc:nobody", "payments"),         // by the rule above
        ("mallory", "oidc:nobody", "payments"),          // by none
    ] {
        let user = User::impersonated(name, [group]);
        let asked = ResourceAttributes::new("list", "pods").in_namespace(namespace);
        let request = Request::resource(&user, asked);
        let verdict = snapshot.authorize(&request);
        writeln!(out, "{name} lists pods in {namespace}: {}", verdict.decision)?;
        // A policy line that allows gives no reason; its place is in the path.
        match (verdict.reason().as_ref(), verdict.path().first()) {
            ("", Some(step)) => writeln!(out, "  {} {}", step.kind, step.text)?,
            (reason, _) => writeln!(out, "  {}", reason.replace('\n', "; "))?,
        }
    }
    Ok(())
}
