//! Asking: questions near what a world grants, so that an answer of either kind must be worked for.

use portcullis::api::Str;
use portcullis::api::inventory::Inventory;
use portcullis::api::rbac::{PolicyRule, RoleRef, Subject};
use portcullis::model::{User, groups, names};

use super::operators::OPERATORS;
use super::people::Person;
use super::queries::{Asked, Class, PATHS, Query};
use super::reference::{ByHolder, Roles};
use super::rng::Rng;
use super::roles::APPS;

/// Makes questions about one world.
pub(crate) struct Questioner<'w> {
    inventory: &'w Inventory,
    namespaces: &'w [Str],
    people: &'w [Person],
    roles: Roles<'w>,
    answers: ByHolder<'w>,
    rng: Rng,
}

/// Of a hundred questions of service accounts and people, so many are allowed.
const ALLOWED_PERCENT: usize = 60;

impl<'w> Questioner<'w> {
    /// A stream of questions that depends on nothing but the world and the seed.
    pub(crate) fn new(
        inventory: &'w Inventory,
        namespaces: &'w [Str],
        people: &'w [Person],
        seed: u64,
    ) -> Self {
        let roles = Roles::new(inventory);
        let answers = ByHolder::new(inventory, &roles);
        Self { inventory, namespaces, people, roles, answers, rng: Rng::new(seed) }
    }

    /// So many questions of a class, in random order over the whole world, so that consecutive
    /// ones share neither subject nor namespace.
    pub(crate) fn ask(&mut self, class: Class, count: usize) -> Vec<Query> {
        (0..count).filter_map(|_| self.question(class)).collect()
    }

    /// What a webhook sees: of a hundred questions 50 by service accounts, 35 by people, 15 about
    /// paths; shuffled.
    pub(crate) fn mix(&mut self, count: usize) -> Vec<Query> {
        let (people, paths) = (count * 35 / 100, count * 15 / 100);
        let mut mix = self.ask(Class::ServiceAccount, count - people - paths);
        mix.extend(self.ask(Class::Person, people));
        mix.extend(self.ask(Class::Path, paths));
        self.rng.shuffle(&mut mix);
        mix
    }

    /// `None` when nothing fits after many tries, as in a world without bindings.
    fn question(&mut self, class: Class) -> Option<Query> {
        let wanted = self.rng.percent(ALLOWED_PERCENT);
        (0..10_000).find_map(|_| {
            let mut query = match class {
                Class::Path => self.path(),
                Class::WhoCan => {
                    let (_, asked) = self.grant()?;
                    Query { class, user: User::default(), asked, allowed: true }
                }
                Class::ServiceAccount | Class::Person => {
                    let (subject, asked) = self.grant()?;
                    let user = self.user(class, subject)?;
                    Query { class, user, asked, allowed: true }
                }
            };
            if matches!(class, Class::ServiceAccount | Class::Person) && !wanted {
                self.miss(&mut query);
            }
            if class == Class::WhoCan {
                return Some(query);
            }
            query.allowed = self.answers.allows(&query.user, &query.asked.attributes());
            (class == Class::Path || query.allowed == wanted).then_some(query)
        })
    }

    /// Something that somebody is granted, and to whom: six of seven in a namespace, the others
    /// everywhere.
    fn grant(&mut self) -> Option<(&'w Subject, Asked)> {
        let (subjects, namespace, role_ref): (&[Subject], &str, &RoleRef) = if self.rng.percent(85)
        {
            let binding = &self.rng.pick(&self.inventory.role_bindings)?.value;
            (&binding.subjects, &binding.metadata.namespace, &binding.role_ref)
        } else {
            let binding = &self.rng.pick(&self.inventory.cluster_role_bindings)?.value;
            (&binding.subjects, "", &binding.role_ref)
        };
        let subject = self.rng.pick(subjects)?;
        let rule = self.rng.pick(self.roles.resolve(role_ref, namespace))?;
        let mut asked = self.instance(rule)?;
        asked.namespace = namespace.into();
        if namespace.is_empty() && self.rng.percent(70) {
            asked.namespace = self.rng.pick(self.namespaces)?.clone();
        }
        Some((subject, asked))
    }

    /// One of the things that a rule on resources covers.
    fn instance(&mut self, rule: &PolicyRule) -> Option<Asked> {
        let (_, some_group, some_resources) = *self.rng.pick(&OPERATORS)?;
        let some_resources: Vec<&str> = some_resources.split_whitespace().collect();
        let mut draw = |list: &[Str], any: &str| {
            self.rng.pick(list).map(|one| if one == "*" { any.into() } else { one.clone() })
        };
        let group = draw(&rule.api_groups, some_group)?;
        let verb = draw(&rule.verbs, "update")?;
        let entry = draw(&rule.resources, some_resources.first()?)?;
        let (resource, subresource) = entry.split_once('/').unwrap_or((&entry, ""));
        let resource = if resource == "*" { some_resources.first()? } else { resource };
        let on_object = matches!(verb.as_str(), "get" | "update" | "patch" | "delete");
        let name = match self.rng.pick(&rule.resource_names) {
            Some(name) => name.clone(),
            None if on_object => self.object_name(),
            None => Str::default(),
        };
        let (resource, subresource) = (resource.into(), subresource.into());
        Some(Asked { verb, group, resource, subresource, name, ..Asked::default() })
    }

    fn object_name(&mut self) -> Str {
        let (set, pod) = (self.rng.below(1 << 30), self.rng.below(1 << 20));
        format!("{}-{set:08x}-{pod:05x}", self.rng.word(&APPS)).into()
    }

    /// The user of a subject, if it is of the class.
    fn user(&mut self, class: Class, subject: &Subject) -> Option<User> {
        match (class, subject.kind.as_str()) {
            (Class::ServiceAccount, "ServiceAccount") => {
                Some(User::service_account(&subject.namespace, &subject.name))
            }
            // Most people hold a few of the groups, so a few tries find one who holds this.
            (Class::Person, "Group") => {
                let first = self.rng.below(self.people.len());
                let around = self.people.iter().cycle().skip(first).take(self.people.len());
                around.take(2_000).find(|one| one.groups.contains(&subject.name)).map(Person::user)
            }
            (Class::Person, "User") => {
                self.people.iter().find(|one| one.name == subject.name).map(Person::user)
            }
            _ => None,
        }
    }

    /// Turns what is granted into something close to it that probably is not.
    fn miss(&mut self, query: &mut Query) {
        match self.rng.below(10) {
            0..=2 => {
                let others = ["create", "delete", "deletecollection", "patch", "update", "watch"];
                query.asked.verb = self.rng.word(&others).into();
            }
            3..=5 => {
                query.asked.namespace = self.rng.pick(self.namespaces).cloned().unwrap_or_default();
            }
            6..=8 => {
                let others =
                    ["nodes", "secrets", "clusterroles", "pods", "volumes", "widgets", "tasks"];
                query.asked.resource = self.rng.word(&others).into();
            }
            _ => {
                query.user.name.push_str("-retired");
                query.user.groups.retain(|group| group == groups::AUTHENTICATED);
            }
        }
    }

    fn path(&mut self) -> Query {
        let anonymous = User::new(names::ANONYMOUS).with_groups([groups::UNAUTHENTICATED]);
        let user = match self.rng.below(10) {
            0..=3 => anonymous,
            4..=6 => {
                let namespace = self.rng.pick(self.namespaces).cloned().unwrap_or_default();
                User::service_account(&namespace, &super::people::local_account(&mut self.rng))
            }
            _ => self.rng.pick(self.people).map(Person::user).unwrap_or_default(),
        };
        let mut asked = Asked::default();
        if user.name == names::ANONYMOUS && self.rng.percent(40) {
            asked.resource = self.rng.word(&["pods", "secrets", "nodes", "namespaces"]).into();
            asked.namespace = self.rng.pick(self.namespaces).cloned().unwrap_or_default();
            asked.verb = self.rng.word(&["get", "list"]).into();
        } else {
            asked.path = self.rng.word(&PATHS).into();
            asked.verb = self.rng.word(&["get", "get", "get", "get", "head", "post"]).into();
        }
        Query { class: Class::Path, user, asked, allowed: false }
    }
}
