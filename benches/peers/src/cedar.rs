//! Cedar. A policy for each rule; a role is an entity, held everywhere by being a parent and in a
//! namespace by a tag of the namespace that lists the holders. (One policy for each binding and
//! rule, as converters from RBAC write, is ten times slower: Cedar looks at every policy.)

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    PolicySet, Request, RestrictedExpression,
};
use portcullis::api::Str;
use portcullis::api::rbac::PolicyRule;

use crate::Peer;
use crate::flat::Flat;
use crate::world::queries::Query;

pub(crate) struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    requests: Vec<(Request, Entities)>,
}

type Parents = HashMap<String, HashSet<EntityUid>>;

impl Cedar {
    pub(crate) fn new(flat: &Flat<'_>, queries: &[Query]) -> Result<Self, Box<dyn Error>> {
        let rules =
            flat.roles.iter().flat_map(|(role, rules)| rules.iter().map(move |rule| (role, rule)));
        let on_resources = rules.filter(|(_, rule)| !rule.resources.is_empty());
        let source: String = on_resources.map(|(role, rule)| policy(role, rule)).collect();
        let policies = PolicySet::from_str(&source)?;

        let mut everywhere = Parents::new();
        let mut spaces: HashMap<&str, HashMap<String, Vec<RestrictedExpression>>> = HashMap::new();
        for held in &flat.held {
            if held.namespace.is_empty() {
                everywhere.entry(held.holder.clone()).or_default().insert(uid("Role", &held.role)?);
            } else {
                let tags = spaces.entry(&held.namespace).or_default();
                let holder = RestrictedExpression::new_entity_uid(principal(&held.holder)?);
                tags.entry(held.role.clone()).or_default().push(holder);
            }
        }
        let mut base = vec![Entity::with_uid(uid("Namespace", "")?)];
        for (name, tags) in spaces {
            let tags =
                tags.into_iter().map(|(role, who)| (role, RestrictedExpression::new_set(who)));
            base.push(Entity::new_with_tags(uid("Namespace", name)?, [], [], tags)?);
        }
        for (holder, roles) in everywhere.iter().filter(|(holder, _)| holder.starts_with("g:")) {
            base.push(Entity::new_no_attrs(principal(holder)?, roles.clone()));
        }
        let base = Entities::from_entities(base, None)?;
        let requests = queries.iter().map(|query| request(query, &base, &everywhere));
        let requests = requests.collect::<Result<_, _>>()?;
        Ok(Self { authorizer: Authorizer::new(), policies, requests })
    }
}

impl Peer for Cedar {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        let (request, entities) = &self.requests[index];
        let response = self.authorizer.is_authorized(request, &self.policies, entities);
        Ok(response.decision() == Decision::Allow)
    }
}

/// A rule in Cedar's language; wildcards leave their condition out.
fn policy(role: &str, rule: &PolicyRule) -> String {
    let role = format!("{role:?}");
    let mut conditions = vec![format!(
        "(principal in Role::{role} || (resource.space.hasTag({role}) && principal in resource.space.getTag({role})))"
    )];
    let any = |list: &[Str]| list.iter().any(|one| one == "*");
    let set = |list: &[Str]| format!("{:?}", list.iter().map(Str::as_str).collect::<Vec<_>>());
    if !any(&rule.api_groups) {
        conditions.push(format!("{}.contains(resource.group)", set(&rule.api_groups)));
    }
    if !any(&rule.resources) {
        let whole = format!("{}.contains(resource.path)", set(&rule.resources));
        let subresources = rule.resources.iter().filter_map(|entry| entry.strip_prefix("*/"));
        let subresources = subresources.map(|sub| format!("resource.subresource == {sub:?}"));
        let either: Vec<String> = std::iter::once(whole).chain(subresources).collect();
        conditions.push(format!("({})", either.join(" || ")));
    }
    if !rule.resource_names.is_empty() {
        conditions.push(format!("{}.contains(resource.name)", set(&rule.resource_names)));
    }
    let action = if any(&rule.verbs) {
        "action".to_owned()
    } else {
        let verbs: Vec<_> = rule.verbs.iter().map(|verb| format!("Action::\"{verb}\"")).collect();
        format!("action in [{}]", verbs.join(", "))
    };
    format!("permit(principal, {action}, resource) when {{ {} }};\n", conditions.join(" && "))
}

fn request(
    query: &Query,
    base: &Entities,
    everywhere: &Parents,
) -> Result<(Request, Entities), Box<dyn Error>> {
    let asked = &query.asked;
    let user = format!("u:{}", query.user.name);
    let mut parents = everywhere.get(&user).cloned().unwrap_or_default();
    for group in &query.user.groups {
        parents.insert(uid("Group", group)?);
    }
    let path = match asked.subresource.as_str() {
        "" => asked.resource.to_string(),
        sub => format!("{}/{sub}", asked.resource),
    };
    let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
    let attributes = HashMap::from([
        ("group".to_owned(), text(&asked.group)),
        ("path".to_owned(), text(&path)),
        ("subresource".to_owned(), text(&asked.subresource)),
        ("name".to_owned(), text(&asked.name)),
        (
            "space".to_owned(),
            RestrictedExpression::new_entity_uid(uid("Namespace", &asked.namespace)?),
        ),
    ]);
    let (who, what) = (principal(&user)?, uid("Resource", "asked")?);
    let entities = base.clone().add_entities(
        [
            Entity::new_no_attrs(who.clone(), parents),
            Entity::new(what.clone(), attributes, HashSet::new())?,
        ],
        None,
    )?;
    let action = uid("Action", &asked.verb)?;
    Ok((Request::new(who, action, what, Context::empty(), None)?, entities))
}

/// The entity of a holder, `u:…` or `g:…`.
fn principal(holder: &str) -> Result<EntityUid, Box<dyn Error>> {
    match holder.split_once(':') {
        Some(("g", group)) => uid("Group", group),
        Some((_, user)) => uid("User", user),
        None => Err("a holder has a prefix".into()),
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Box<dyn Error>> {
    let kind = EntityTypeName::from_str(kind)?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}
