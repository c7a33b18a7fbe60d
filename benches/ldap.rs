//! How long do filters take to be filled, written and read, and how long does it take to find 200
//! nested groups in a directory that answers at once? Every figure asserts its answer.

#![expect(clippy::unwrap_used, reason = "a bench on what is refused must stop")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use portcullis::authn::ldap::{
    Asking, Bound, Directory, DirectoryError, Dn, DnTemplate, Entry, Filter, FilterTemplate, Found,
    Groups, LdapConfig, LdapUsers, Nested, Scope, Search, Searcher, UserSearch, Users,
};
use portcullis::model::User;

const TEMPLATE: &str = "(&(objectClass=inetOrgPerson)(|(uid={username})(mail={username})))";

/// So many groups: a tree of three in each, jane in all its leaves.
const GROUPS: usize = 200;
const BRANCHES: usize = 3;

fn filters(criterion: &mut Criterion) {
    let template: FilterTemplate = TEMPLATE.parse().unwrap();
    let text = template.fill("jane").to_string();
    let mut group = criterion.benchmark_group("ldap");
    group.bench_function("filter/fill and write", |bencher| {
        bencher.iter(|| template.fill(black_box("jane")).to_string());
    });
    group.bench_function("filter/read", |bencher| {
        bencher.iter(|| black_box(text.as_str()).parse::<Filter>().unwrap());
    });
    let member = "member".parse().unwrap();
    let dns: Vec<String> = (0..100).map(dn).collect();
    group.bench_function("filter/100 DNs written", |bencher| {
        bencher.iter(|| {
            let ways = dns.iter().map(|dn| Filter::equal(&member, dn.as_bytes())).collect();
            Filter::any(ways).to_string()
        });
    });
    let place: DnTemplate = "uid={username},ou=people,dc=example,dc=org".parse().unwrap();
    group.bench_function("dn/fill and write", |bencher| {
        bencher.iter(|| place.fill(black_box("jane")).to_string());
    });
    let dn = dn(1);
    group.bench_function("dn/read", |bencher| {
        bencher.iter(|| black_box(dn.as_str()).parse::<Dn>().unwrap());
    });
    group.finish();
}

fn closure(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let jane = User::new("jane");
    let mut group = criterion.benchmark_group("ldap");
    for (name, remember) in [("asked", Duration::ZERO), ("known", Duration::from_secs(60))] {
        let users = users(remember);
        let look_up = || runtime.block_on(users.look_up(&jane)).unwrap().unwrap();
        assert_eq!(look_up().len(), GROUPS);
        group.bench_function(format!("200 nested groups/{name}"), |bencher| {
            bencher.iter(look_up);
        });
    }
    group.finish();
}

fn users(remember: Duration) -> LdapUsers {
    let search = UserSearch {
        base: "ou=people,dc=example,dc=org".parse().unwrap(),
        scope: Scope::Subtree,
        filter: TEMPLATE.parse().unwrap(),
    };
    let mut groups = Groups::new(
        "ou=groups,dc=example,dc=org".parse().unwrap(),
        "(objectClass=groupOfNames)".parse().unwrap(),
    );
    groups.nested = Nested::BREADTH_FIRST;
    groups.remember = remember;
    let mut config = LdapConfig::new(Users::Search(search), "uid".parse().unwrap());
    config.groups = Some(groups);
    LdapUsers::new(config, Arc::new(Tree::new()), Arc::new(|| 0)).unwrap()
}

fn dn(number: usize) -> String {
    format!("cn=g{number},ou=groups,dc=example,dc=org")
}

/// Answers at once: jane to every search for people, and the groups that hold what a filter asks for.
struct Tree {
    jane: Entry,
    by_member: HashMap<Vec<u8>, Vec<Entry>>,
}

impl Tree {
    fn new() -> Self {
        let jane = "uid=jane,ou=people,dc=example,dc=org";
        let mut by_member: HashMap<Vec<u8>, Vec<Entry>> = HashMap::new();
        for number in 0..GROUPS {
            let children = (1..=BRANCHES).map(|child| number * BRANCHES + child);
            let mut members: Vec<String> =
                children.filter(|child| *child < GROUPS).map(dn).collect();
            if members.is_empty() {
                members.push(jane.to_owned());
            }
            for member in &members {
                let group = Entry::new(dn(number))
                    .with("cn", [format!("g{number}")])
                    .with("member", members.iter().map(String::as_str));
                by_member.entry(member.clone().into_bytes()).or_default().push(group);
            }
        }
        Self { jane: Entry::new(jane).with("uid", ["jane"]), by_member }
    }

    fn collect(&self, filter: &Filter, found: &mut HashMap<String, Entry>) {
        match filter {
            Filter::And(filters) | Filter::Or(filters) => {
                filters.iter().for_each(|filter| self.collect(filter, found));
            }
            Filter::Equal(_, value) => {
                for group in self.by_member.get(value).into_iter().flatten() {
                    found.insert(group.dn.clone(), group.clone());
                }
            }
            _ => {}
        }
    }
}

impl Searcher for Tree {
    fn search(&self, search: Search) -> Asking<'_, Found> {
        let mut entries = Vec::new();
        if search.base.starts_with("ou=people") {
            entries.push(self.jane.clone());
        } else {
            let mut found = HashMap::new();
            self.collect(&search.filter, &mut found);
            entries.extend(found.into_values());
        }
        Box::pin(std::future::ready(Ok(Found { entries, is_complete: true })))
    }
}

impl Directory for Tree {
    fn bind<'a>(&'a self, _dn: &'a str, _password: &'a str) -> Asking<'a, Bound> {
        Box::pin(std::future::ready(Err(DirectoryError::Overloaded)))
    }
}

criterion_group!(benches, filters, closure);
criterion_main!(benches);
