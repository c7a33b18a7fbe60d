//! Rego, as evaluated by regorus: once over data that is indexed by holder and namespace and
//! compiled for its virtual machine, once over the plain list of rows.

use std::collections::BTreeMap;
use std::error::Error;

use portcullis::api::rbac::PolicyRule;
use regorus::languages::rego::compiler::Compiler;
use regorus::rvm::vm::RegoVM;
use regorus::{Engine, Value};
use serde_json::json;

use crate::Peer;
use crate::flat::Flat;
use crate::world::queries::Query;

/// What both policies share: when a rule covers the input.
const RULES: &str = r#"
covers(rule) if {
    has(rule.verbs, input.verb)
    has(rule.groups, input.group)
    resource(rule)
    name(rule)
}

has(list, one) if one in list
has(list, one) if "*" in list

resource(rule) if input.resource in rule.resources
resource(rule) if "*" in rule.resources
resource(rule) if input.any in rule.resources

name(rule) if count(rule.names) == 0
name(rule) if input.name in rule.names
"#;

const INDEXED: &str = r#"package rbac

default allow := false

allow if {
    some holder in input.holders
    some space in input.spaces
    some role in data.held[holder][space]
    some rule in data.roles[role]
    covers(rule)
}
"#;

const SCAN: &str = r#"package rbac

default allow := false

allow if {
    some row in data.rows
    row.space in input.spaces
    row.holder in input.holders
    some rule in data.roles[row.role]
    covers(rule)
}
"#;

const ALLOW: &str = "data.rbac.allow";

pub(crate) struct Indexed {
    machine: RegoVM,
    inputs: Vec<Value>,
}

impl Indexed {
    pub(crate) fn new(flat: &Flat<'_>, queries: &[Query]) -> Result<Self, Box<dyn Error>> {
        let mut held: BTreeMap<&str, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
        for row in &flat.held {
            held.entry(&row.holder).or_default().entry(&row.namespace).or_default().push(&row.role);
        }
        let data = value(&json!({ "held": held, "roles": roles(flat) }))?;
        let mut engine = Engine::new();
        engine.add_policy("rbac.rego".to_owned(), format!("{INDEXED}{RULES}"))?;
        engine.add_data(data.clone())?;
        let compiled = engine.compile_with_entrypoint(&ALLOW.into())?;
        let program = Compiler::compile_from_policy(&compiled, &[ALLOW])?;
        let mut machine = RegoVM::new();
        machine.load_program(program);
        machine.set_data(data)?;
        machine.set_max_instructions(100_000_000);
        Ok(Self { machine, inputs: inputs(queries)? })
    }
}

impl Peer for Indexed {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        self.machine.set_input(self.inputs[index].clone());
        Ok(self.machine.execute_entry_point_by_name(ALLOW)? == Value::from(true))
    }
}

pub(crate) struct Scan {
    engine: Engine,
    inputs: Vec<Value>,
}

impl Scan {
    pub(crate) fn new(flat: &Flat<'_>, queries: &[Query]) -> Result<Self, Box<dyn Error>> {
        let rows: Vec<_> = flat
            .held
            .iter()
            .map(|row| json!({ "holder": row.holder, "space": row.namespace, "role": row.role }))
            .collect();
        let mut engine = Engine::new();
        engine.add_policy("rbac.rego".to_owned(), format!("{SCAN}{RULES}"))?;
        engine.add_data(value(&json!({ "rows": rows, "roles": roles(flat) }))?)?;
        Ok(Self { engine, inputs: inputs(queries)? })
    }
}

impl Peer for Scan {
    fn allows(&mut self, index: usize) -> Result<bool, Box<dyn Error>> {
        self.engine.set_input(self.inputs[index].clone());
        Ok(self.engine.eval_rule(ALLOW.to_owned())? == Value::from(true))
    }
}

fn roles(flat: &Flat<'_>) -> BTreeMap<String, Vec<serde_json::Value>> {
    let rule = |rule: &PolicyRule| {
        json!({
            "verbs": rule.verbs,
            "groups": rule.api_groups,
            "resources": rule.resources,
            "names": rule.resource_names,
        })
    };
    let all = flat.roles.iter();
    all.map(|(name, rules)| (name.clone(), rules.iter().map(rule).collect())).collect()
}

fn inputs(queries: &[Query]) -> Result<Vec<Value>, Box<dyn Error>> {
    queries
        .iter()
        .map(|query| {
            let asked = &query.asked;
            let groups = query.user.groups.iter().map(|group| format!("g:{group}"));
            let user = format!("u:{}", query.user.name);
            let holders: Vec<String> = std::iter::once(user).chain(groups).collect();
            let (resource, any) = match asked.subresource.as_str() {
                "" => (asked.resource.to_string(), String::new()),
                sub => (format!("{}/{sub}", asked.resource), format!("*/{sub}")),
            };
            value(&json!({
                "holders": holders,
                "spaces": ["", asked.namespace],
                "verb": asked.verb,
                "group": asked.group,
                "resource": resource,
                "any": any,
                "name": asked.name,
            }))
        })
        .collect()
}

fn value(json: &serde_json::Value) -> Result<Value, Box<dyn Error>> {
    Ok(Value::from_json_str(&json.to_string())?)
}
