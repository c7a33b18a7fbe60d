//! Casbin: roles with domains, a domain for each namespace and `*` for everywhere. A row for each
//! rule, its lists joined by commas and tested by functions in Rust; rows of single words would be
//! ten times as many. Casbin takes one subject, so it is asked for the user and then each group
//! until one is allowed.

use std::collections::HashSet;
use std::error::Error;

use casbin::function_map::OperatorFunction;
use casbin::rhai::Dynamic;
use casbin::{CoreApi, DefaultModel, Enforcer, MemoryAdapter, MgmtApi};
use portcullis::api::Str;

use crate::Peer;
use crate::flat::Flat;
use crate::world::queries::Query;

const MODEL: &str = r#"
[request_definition]
r = sub, dom, grp, res, name, verb

[policy_definition]
p = role, grps, ress, names, verbs

[role_definition]
g = _, _, _

[policy_effect]
e = some(where (p.eft == allow))

[matchers]
m = lists(p.verbs, r.verb) && lists(p.grps, r.grp) && covers(p.ress, r.res) && lists(p.names, r.name) && (g(r.sub, p.role, r.dom) || g(r.sub, p.role, "*"))
"#;

pub(crate) struct Casbin {
    enforcer: Enforcer,
    questions: Vec<Question>,
}

/// The subjects to ask for, and the rest of the request.
struct Question {
    subjects: Vec<String>,
    rest: [String; 5],
}

impl Casbin {
    pub(crate) fn new(flat: &Flat<'_>, queries: &[Query]) -> Result<Self, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let enforcer = runtime.block_on(load(flat))?;
        let question = |query: &Query| {
            let asked = &query.asked;
            let groups = query.user.groups.iter().map(|group| format!("g:{group}"));
            let subjects =
                std::iter::once(format!("u:{}", query.user.name)).chain(groups).collect();
            let resource = match asked.subresource.as_str() {
                "" => asked.resource.to_string(),
                sub => format!("{}/{sub}", asked.resource),
            };
            let [namespace, group, name, verb] =
                [&asked.namespace, &asked.group, &asked.name, &asked.verb].map(Str::to_string);
            Question { subjects, rest: [namespace, group, resource, name, verb] }
        };
        Ok(Self { enforcer, questions: queries.iter().map(question).collect() })
    }
}

impl Peer for Casbin {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        let Question { subjects, rest: [namespace, group, resource, name, verb] } =
            &self.questions[index];
        for subject in subjects {
            let request = (
                subject.as_str(),
                namespace.as_str(),
                group.as_str(),
                resource.as_str(),
                name.as_str(),
                verb.as_str(),
            );
            if self.enforcer.enforce(request)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

async fn load(flat: &Flat<'_>) -> casbin::Result<Enforcer> {
    let model = DefaultModel::from_str(MODEL).await?;
    let mut enforcer = Enforcer::new(model, MemoryAdapter::default()).await?;
    enforcer.add_function("lists", OperatorFunction::Arg2(|list, one| test(&list, &one, lists)));
    enforcer.add_function("covers", OperatorFunction::Arg2(|list, one| test(&list, &one, covers)));
    // Casbin refuses two equal rows.
    let rules =
        flat.roles.iter().flat_map(|(role, rules)| rules.iter().map(move |rule| (role, rule)));
    let rules = rules.filter(|(_, rule)| !rule.resources.is_empty()).map(|(role, rule)| {
        let names = if rule.resource_names.is_empty() {
            "*".to_owned()
        } else {
            rule.resource_names.join(",")
        };
        let joined = [&rule.api_groups, &rule.resources].map(|list| list.join(","));
        let [groups, resources] = joined;
        vec![role.clone(), groups, resources, names, rule.verbs.join(",")]
    });
    let rules: HashSet<Vec<String>> = rules.collect();
    enforcer.add_policies(rules.into_iter().collect()).await?;
    let held = flat.held.iter().map(|held| {
        let domain = if held.namespace.is_empty() { "*" } else { &held.namespace };
        vec![held.holder.clone(), held.role.clone(), domain.to_owned()]
    });
    enforcer.add_grouping_policies(held.collect()).await?;
    Ok(enforcer)
}

fn test(list: &Dynamic, one: &Dynamic, holds: fn(&str, &str) -> bool) -> Dynamic {
    let text = |value: &Dynamic| value.clone().into_immutable_string().unwrap_or_default();
    holds(&text(list), &text(one)).into()
}

fn lists(list: &str, one: &str) -> bool {
    list.split(',').any(|entry| entry == "*" || entry == one)
}

fn covers(list: &str, resource: &str) -> bool {
    let (_, sub) = resource.split_once('/').unwrap_or_default();
    list.split(',').any(|entry| {
        entry == "*"
            || entry == resource
            || (!sub.is_empty() && entry.strip_prefix("*/").is_some_and(|of| of == sub))
    })
}
