//! Seeded clusters: a believable world of RBAC objects and questions about it, the same on every
//! machine for the same parameters.
//!
//! | | share | why |
//! |---|---|---|
//! | ClusterRoleBindings | 2 % of the bindings | components, operators and platform teams; few, but every request must consider them |
//! | RoleBindings | 98 %, about 50 a namespace | what grows with tenants |
//! | ClusterRoles | about 250, whatever the size | Kubernetes' own, four for each operator, the company's |
//! | Roles | 8 a namespace | 5 are what charts install everywhere alike, 3 are of its own applications |
//! | rules with `resourceNames` | about 10 % | locks, configuration, secrets |
//! | subjects | 60 % service accounts, 25 % groups, 15 % users; 1 to 3 a binding | |
//! | holders | skewed | an account of a chart has a handful of grants, one of the platform thousands |
//! | dangling references | 2 % | charts get removed, bindings stay |

mod bindings;
mod defaults;
mod operators;
mod people;
pub(crate) mod queries;
mod questioner;
pub(crate) mod reference;
pub(crate) mod rng;
mod roles;
mod rules;

use portcullis::api::Str;
use portcullis::api::inventory::Inventory;
use portcullis::api::meta::ObjectMeta;
use portcullis::api::rbac::Object;
use portcullis::model::Origin;

use people::{Organisation, Person};
use questioner::Questioner;
use rng::Rng;

/// A cluster of one team: everything fits into the first-level caches, so this measures
/// instructions. Also the size at which other engines are asked (they scan).
pub(crate) const SMALL: usize = 1_000;
/// A usual company cluster, 200 namespaces: fits into the second-level cache.
pub(crate) const MEDIUM: usize = 10_000;
/// A large multi-tenant cluster, 2,000 namespaces: about 55 MB of JSON, larger than any
/// second-level cache, so this measures how often memory is touched.
pub(crate) const LARGE: usize = 100_000;
/// Beyond what etcd holds comfortably, 20,000 namespaces: nothing is ever cached.
pub(crate) const HUGE: usize = 1_000_000;

/// Enough questions of a class that neither they nor what they touch stay in a cache.
pub(crate) const MIX: usize = 50_000;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Params {
    /// How many bindings of either kind.
    pub(crate) bindings: usize,
    /// Worlds of the same seed and size are equal.
    pub(crate) seed: u64,
}

/// A cluster, and what is needed to ask about it.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The objects.
    pub(crate) inventory: Inventory,
    organisation: Organisation,
    seed: u64,
}

impl World {
    /// The world of these parameters.
    pub(crate) fn generate(params: &Params) -> Self {
        let Params { bindings, seed } = *params;
        let rng = &mut Rng::new(seed);
        let cluster_wide = bindings / 50;
        let namespaced = bindings - cluster_wide;
        let namespaces = namespaced.div_ceil(50).max(1);
        let organisation = Organisation::new(namespaces, (bindings / 10).clamp(200, 20_000), rng);

        let mut stored = Stored::default();
        let mut cluster_roles = defaults::cluster_roles();
        cluster_roles.extend(operators::cluster_roles(rng));
        defaults::aggregate(&mut cluster_roles);
        for role in cluster_roles {
            stored.push(role);
        }
        for binding in bindings::cluster_wide(cluster_wide, &organisation, rng) {
            stored.push(binding);
        }
        for (index, namespace) in organisation.namespaces.iter().enumerate() {
            let roles = roles::roles(namespace, rng);
            let count = namespaced.saturating_sub(index * 50).min(50);
            for binding in bindings::in_namespace(index, count, &roles, &organisation, rng) {
                stored.push(binding);
            }
            for role in roles {
                stored.push(role);
            }
        }
        Self { inventory: stored.inventory, organisation, seed }
    }

    /// Asks about this world. The questions depend on the seed of the world, not on how much of
    /// the generator's stream it took.
    pub(crate) fn questioner(&self) -> Questioner<'_> {
        let Organisation { namespaces, people, .. } = &self.organisation;
        Questioner::new(&self.inventory, namespaces, people, !self.seed)
    }

    /// The names of the namespaces.
    pub(crate) fn namespaces(&self) -> &[Str] {
        &self.organisation.namespaces
    }

    /// The people of the organisation.
    pub(crate) fn people(&self) -> &[Person] {
        &self.organisation.people
    }
}

/// Objects as an API server has stored them: each with a resource version, by which a reader
/// knows that the rules of aggregated roles are already filled in.
#[derive(Default)]
struct Stored {
    inventory: Inventory,
    version: usize,
    origin: Origin,
}

impl Stored {
    fn push<O: Into<Object>>(&mut self, object: O) {
        self.version += 1;
        let mut object = object.into();
        metadata(&mut object).resource_version = (41_000_000 + self.version * 7).to_string().into();
        self.inventory.push(object, self.origin.clone());
    }
}

fn metadata(object: &mut Object) -> &mut ObjectMeta {
    match object {
        Object::ClusterRole(it) => &mut it.metadata,
        Object::ClusterRoleBinding(it) => &mut it.metadata,
        Object::Role(it) => &mut it.metadata,
        Object::RoleBinding(it) => &mut it.metadata,
    }
}
