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
            if desk.is_silent && desk.plan.is_some() {
                writeln!(text, "cluster: lost for too long, so there is no opinion")?;
            }
            if let Some((_, problem)) = &desk.problem {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::watch::{Key, Watched};

    #[test]
    fn each_state_of_a_kind_has_its_line() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let live = KindStatus {
            watched: Watched::RoleBindings,
            from: LiveFrom::Live,
            objects: 312,
            bytes: 0,
            newest_event: None,
            heard: Some(at(97)),
            lost: None,
            lists: 1,
            undecodable: Vec::new(),
            undecodable_count: 0,
        };
        let said = |kind: &KindStatus| {
            let mut text = String::new();
            describe_kind(kind, &mut text, at(100)).unwrap();
            text
        };
        assert_eq!(said(&live), "role bindings: 312 live, heard 3 s ago\n");
        let lost = Some((at(98), "connection refused\n".to_owned()));
        let kind = KindStatus { lost, ..live.clone() };
        assert_eq!(
            said(&kind),
            "role bindings: 312 live, heard 3 s ago, lost since 1970-01-01T00:01:38Z: connection \
             refused\n"
        );
        let from = LiveFrom::Disk { saved: at(60) };
        let kind = KindStatus { from, heard: None, ..live.clone() };
        assert_eq!(said(&kind), "role bindings: 312 from disk, saved 1970-01-01T00:01:00Z\n");
        let kind = KindStatus { from: LiveFrom::Nothing, heard: None, ..live.clone() };
        assert_eq!(said(&kind), "role bindings: none yet\n");
        let key = Key { namespace: "shop".into(), name: "b".into() };
        let reason = "`subjects` must be a list".to_owned();
        let undecodable = vec![Undecodable { key, reason }];
        let kind = KindStatus { undecodable, undecodable_count: 7, ..live };
        assert_eq!(
            said(&kind),
            "role bindings: 312 live, heard 3 s ago\nrole bindings: 7 cannot be read and grant \
             nothing\nrole bindings: `shop/b`: `subjects` must be a list\n"
        );
    }
}
