//! Where objects stand, by number.
//!
//! Whoever follows a cluster names a new source with every version of an object. So numbers that nothing
//! refers to any more are given out again: what is kept does not grow with the changes that were made.

use std::sync::Arc;

use super::{Editor, TooLarge};
use crate::authz::rbac::table::Source;
use crate::util::num;

/// So many sources are not worth a sweep.
pub(super) const FEW: usize = 1024;

impl Editor {
    /// The number of a source that has none.
    pub(super) fn add_source(&mut self, source: Source) -> Result<u32, TooLarge> {
        if self.free_sources.is_empty() && self.policy.sources.len() >= self.next_sweep {
            self.sweep_sources();
        }
        let sources = Arc::make_mut(&mut self.policy.sources);
        let id = match self.free_sources.pop() {
            Some(id) => {
                if let Some(free) = sources.get_mut(id) {
                    *free = source.clone();
                }
                id
            }
            None => sources.push(source.clone()).ok_or(TooLarge)?,
        };
        self.source_ids.insert(source, id);
        Ok(id)
    }

    /// Finds the numbers that nothing refers to. Goes through all that there is, but so seldom that it comes
    /// to a few steps a change.
    fn sweep_sources(&mut self) {
        let policy = &self.policy;
        let mut is_used = vec![false; policy.sources.len()];
        let of_roles = policy.roles.iter().map(|row| row.info.place);
        let scopes = std::iter::once(&policy.cluster).chain(policy.spaces.scopes.iter());
        let of_bindings =
            scopes.flat_map(|scope| scope.slots().filter_map(|slot| scope.place(slot)));
        let mut used = 0;
        for place in of_roles.chain(of_bindings) {
            if let Some(is_used @ false) = is_used.get_mut(num::index(place.source)) {
                *is_used = true;
                used += 1;
            }
        }
        let is_free = |id: u32| is_used.get(num::index(id)) == Some(&false);
        self.source_ids.retain(|_, id| !is_free(*id));
        self.free_sources = (0..).take(is_used.len()).filter(|id| is_free(*id)).collect();
        self.wait_to_sweep(used);
    }

    /// The next sweep is due when there are twice as many sources as were used.
    pub(super) fn wait_to_sweep(&mut self, used: usize) {
        self.next_sweep = used.saturating_mul(2).saturating_add(FEW);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rbac::{
        ClusterRole, ClusterRoleBinding, Kind, Object, ObjectKey, PolicyRule, RoleRef, Subject,
    };
    use crate::authz::Authorizer;
    use crate::authz::rbac::Policy;
    use crate::model::{Origin, Request, ResourceAttributes, User};

    fn binding(name: &str) -> Object {
        let mut binding = ClusterRoleBinding {
            subjects: vec![Subject::user(name)],
            role_ref: RoleRef::cluster_role("reader"),
            ..ClusterRoleBinding::default()
        };
        binding.metadata.name = name.into();
        binding.into()
    }

    fn role() -> Object {
        let mut role = ClusterRole::default();
        role.metadata.name = "reader".into();
        role.rules = vec![PolicyRule {
            verbs: vec!["get".into()],
            api_groups: vec!["".into()],
            resources: vec!["pods".into()],
            ..PolicyRule::default()
        }];
        role.into()
    }

    fn at(name: &str, version: usize) -> Origin {
        Origin::named(format!("cluster: {name} (resourceVersion {version})"))
    }

    /// Where the binding that lets somebody in was read.
    fn origin_of(policy: &Policy, name: &str) -> Option<String> {
        let user = User::new(name);
        let request = Request::resource(&user, ResourceAttributes::new("get", "pods"));
        assert_eq!(policy.authorize(&request).is_allowed(), policy.bindings() > 0);
        let slot = policy.cluster.slots().find(|slot| policy.cluster.name(*slot) == name)?;
        policy.cluster.place(slot).map(|place| policy.origin(place).to_string())
    }

    #[test]
    fn versions_that_are_gone_take_no_room_and_those_that_are_there_keep_their_place() {
        let mut editor = Editor::new();
        editor.apply(&role(), &at("reader", 1)).unwrap();
        editor.apply(&binding("quiet"), &at("quiet", 1)).unwrap();
        let mut before = None;
        for version in 2..10 * FEW {
            // One object that changes all the time, and others that come and go.
            editor.apply(&binding("busy"), &at("busy", version)).unwrap();
            let name = format!("b{version}");
            editor.apply(&binding(&name), &at(&name, version)).unwrap();
            let key = ObjectKey {
                kind: Kind::ClusterRoleBinding,
                namespace: "".into(),
                name: name.as_str().into(),
            };
            assert!(editor.delete(&key));
            if version == 500 {
                before = Some(editor.policy());
            }
        }
        let most = 2 * FEW;
        assert!(editor.policy.sources.len() <= most, "{}", editor.policy.sources.len());
        assert!(editor.source_ids.len() <= most, "{}", editor.source_ids.len());
        let policy = editor.policy();
        let said = |policy: &Policy, name| origin_of(policy, name).unwrap();
        assert_eq!(said(&policy, "quiet"), "cluster: quiet (resourceVersion 1)");
        let last = 10 * FEW - 1;
        assert_eq!(said(&policy, "busy"), format!("cluster: busy (resourceVersion {last})"));
        // A version that a reader holds says what it said.
        assert_eq!(said(&before.unwrap(), "busy"), "cluster: busy (resourceVersion 500)");
    }
}
