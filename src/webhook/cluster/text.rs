//! What `/readyz` says about the cluster: one line a kind.

use std::fmt::{Result, Write as _};
use std::time::{Duration, SystemTime};

use super::saving::Disk;
use super::{FollowedCluster, kinds};
use crate::source::watch::{KindStatus, LiveFrom, Undecodable};
use crate::webhook::operations::rfc3339;

/// How many objects that cannot be read are named.
const NAMED: usize = 5;

impl FollowedCluster {
    /// Roles and bindings that are known, for people.
    pub(in crate::webhook) fn counts(&self) -> (usize, usize) {
        use crate::source::watch::Watched;

        let status = self.0.cluster.status();
        let sum = |kinds: [Watched; 2]| {
            let of = status.iter().filter(|kind| kinds.contains(&kind.watched));
            of.map(|kind| kind.objects).sum()
        };
        (
            sum([Watched::ClusterRoles, Watched::Roles]),
            sum([Watched::ClusterRoleBindings, Watched::RoleBindings]),
        )
    }

    /// Says how it is doing.
    pub(in crate::webhook) fn describe(&self, text: &mut String, now: SystemTime) -> Result {
        writeln!(text, "cluster: {}", self.server())?;
        {
            let desk = self.0.desk();
            if desk.is_silent {
                writeln!(text, "cluster: lost for too long, so there is no opinion")?;
            }
            if let Some(problem) = &desk.problem {
                writeln!(text, "cluster: the policy is not the newest: {}", problem.trim_end())?;
            }
        }
        for kind in self.0.cluster.status() {
            describe_kind(&kind, text, now)?;
        }
        describe_disk(&self.0.disk.load(), text)
    }
}

fn describe_kind(kind: &KindStatus, text: &mut String, now: SystemTime) -> Result {
    let (words, objects) = (kinds::words(&kind.watched), kind.objects);
    write!(text, "{words}: ")?;
    match kind.from {
        LiveFrom::Nothing => text.push_str("none yet"),
        LiveFrom::Disk { saved } => {
            write!(text, "{objects} from disk, saved {}", rfc3339(saved))?;
        }
        LiveFrom::Live => write!(text, "{objects} live")?,
    }
    if let Some(heard) = kind.heard {
        let ago = now.duration_since(heard).unwrap_or(Duration::ZERO).as_secs();
        write!(text, ", heard {ago} s ago")?;
    }
    if let Some((since, why)) = &kind.lost {
        write!(text, ", lost since {}: {}", rfc3339(*since), why.trim_end())?;
    }
    text.push('\n');
    if kind.undecodable_count > 0 {
        writeln!(text, "{words}: {} cannot be read and grant nothing", kind.undecodable_count)?;
        for Undecodable { key, reason } in kind.undecodable.iter().take(NAMED) {
            let slash = if key.namespace.is_empty() { "" } else { "/" };
            let name = format!("{}{slash}{}", key.namespace, key.name);
            writeln!(text, "{words}: `{name}`: {}", reason.trim_end())?;
        }
    }
    Ok(())
}

fn describe_disk(disk: &Disk, text: &mut String) -> Result {
    let Some(at_start) = &disk.at_start else { return Ok(()) };
    writeln!(text, "saved state: {}", at_start.trim_end())?;
    match (&disk.failing, disk.written) {
        (Some((since, why)), _) => {
            let since = rfc3339(*since);
            writeln!(text, "saved state: cannot be written since {since}: {}", why.trim_end())
        }
        (None, Some(at)) => writeln!(text, "saved state: written {}", rfc3339(at)),
        (None, None) => writeln!(text, "saved state: not written yet"),
    }
}
