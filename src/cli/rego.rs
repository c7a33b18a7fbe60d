//! Policies in Rego, when questions are answered offline.

use std::sync::Arc;

use portcullis::authz::rego::{Options, Policy, RegoVersion};
use portcullis::snapshot::Link;
use portcullis::source::rego::{self, RegoLoadOptions};

use super::args::{Asked, PolicyArgs};
use super::exit::Failure;
use super::speak::Speaker;

/// What the link of these policies is called.
const NAME: &str = "Rego";

/// Loads and compiles what `--rego` names.
pub(super) fn policy(args: &PolicyArgs) -> Result<Option<Arc<Policy>>, Failure> {
    if args.rego.is_empty() {
        if args.modes.contains(&Asked::Rego) {
            return Err(Failure::usage("mode Rego needs policies; name them with --rego"));
        }
        return Ok(None);
    }
    let version = if args.rego_v0 { RegoVersion::V0 } else { RegoVersion::V1 };
    let options = RegoLoadOptions { version, ..RegoLoadOptions::default() };
    let loaded = rego::load(&args.rego, &options)?;
    let options = Options::default().with_name(NAME).with_package(args.rego_package.as_str());
    let policy = Policy::compile(loaded.sources, options).map_err(Failure::Rego)?;
    Ok(Some(Arc::new(policy)))
}

/// Puts the policies into the chain: where `--mode` says, else at its end.
pub(super) fn insert(
    policy: &Arc<Policy>,
    args: &PolicyArgs,
    links: &mut Vec<Link>,
    speaker: Speaker,
) {
    let place = args.modes.iter().position(|asked| *asked == Asked::Rego);
    let place = place.unwrap_or(links.len()).min(links.len());
    if policy.can_deny() && place > 0 {
        let before: Vec<&str> = links.iter().take(place).map(Link::name).collect();
        let before = before.join(",");
        speaker.note(format!(
            "the policies of --rego deny nothing that {before} allows, which is asked first; \
             --mode Rego,{before} asks them first"
        ));
    }
    links.insert(place, Link::Rego { name: NAME.to_owned(), policy: Arc::clone(policy) });
}

/// What makes the policies decide less, or more, than one may think.
pub(super) fn warn(links: &[Link], speaker: Speaker) {
    for link in links {
        if let Link::Rego { policy, .. } = link {
            speaker.each(10, policy.warnings().iter(), |speaker, text| speaker.warn(text));
        }
    }
}
