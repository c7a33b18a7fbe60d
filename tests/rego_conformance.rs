//! The compliance suite of the Rego language, `../shared/vectors/rego`, on the engine as policies have it,
//! with our built-in functions. Source: open-policy-agent/opa, `v1/test/cases/testdata/v1`.
//!
//! `rego_conformance/passing.txt` only grows: a case in it that fails is a failure, and so is one that passes
//! and is not in it. `rego_conformance/failing.txt` has every other case with its reason, one line each:
//! `note: reason`. No case may panic or hang.
//!
//! Where the register machine can run a case it must say what the interpreter says: `machine.txt` has what it
//! gets wrong, in the same form.
//!
//! Of an error it is asked that there is one; the words are the engine's own.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use portcullis::authz::rego::{Module, Sources, suite};
use regorus::Value;
use serde::Deserialize;

use crate::support;

/// A case takes milliseconds; whatever takes this long hangs.
const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    note: String,
    query: String,
    modules: Option<Vec<String>>,
    data: Option<serde_json::Value>,
    input: Option<serde_json::Value>,
    input_term: Option<String>,
    want_result: Option<serde_json::Value>,
    want_error: Option<String>,
    want_error_code: Option<String>,
    #[serde(default)]
    strict_error: Option<bool>,
    #[serde(default)]
    sort_bindings: bool,
    #[serde(default)]
    ignore: bool,
    #[serde(default, rename = "ignore_generated_vars")]
    _ignore_generated_vars: bool,
}

/// Counts the cases that the register machine ran.
#[derive(Default)]
struct Machine {
    ran: AtomicUsize,
}

/// How a case ended.
enum Outcome {
    Passed,
    Failed(String),
    /// It passes, and the register machine says something else.
    Differs(String),
    /// Never forgiven.
    Panicked(String),
    Hung,
}

impl Case {
    fn wants_error(&self) -> bool {
        self.want_error.is_some() || self.want_error_code.is_some()
    }

    fn sources(&self) -> Sources {
        let modules = self.modules.iter().flatten().enumerate();
        let sources = modules.fold(Sources::default(), |sources, (number, text)| {
            sources.with(Module::new(format!("{number}.rego"), text.as_str()))
        });
        let data = self.data.clone().unwrap_or_else(|| serde_json::json!({}));
        sources.with_data(Value::from(data))
    }

    /// The engine with everything in it.
    fn engine(&self) -> Result<regorus::Engine, String> {
        let strict = self.strict_error == Some(true) || self.wants_error();
        let mut engine = suite::interpreter(&self.sources(), strict).map_err(said)?;
        if let Some(input) = &self.input {
            engine.set_input(Value::from(input.clone()));
        }
        if let Some(term) = &self.input_term {
            let results = engine.eval_query(term.clone(), false).map_err(said)?;
            let row = results.result.into_iter().next_back().ok_or("input_term has no value")?;
            let value = row.expressions.into_iter().next_back().ok_or("input_term is empty")?.value;
            engine.set_input(value);
        }
        Ok(engine)
    }

    /// The result set, as JSON: sets are arrays, rows in a fixed order.
    fn evaluate(&self) -> Result<Value, String> {
        let results = self.engine()?.eval_query(self.query.clone(), false).map_err(said)?;
        let rows = results.result.into_iter().map(|row| {
            let mut value = match row.bindings.as_object().is_ok_and(|object| !object.is_empty()) {
                true => row.bindings,
                false => {
                    row.expressions.into_iter().next_back().map_or(Value::Undefined, |e| e.value)
                }
            };
            if self.sort_bindings {
                sort_bindings(&mut value);
            }
            as_json(&value)
        });
        rows.collect::<Result<Vec<_>, _>>().map(sorted)
    }

    fn run(&self) -> Result<(), String> {
        let result = self.evaluate();
        if self.wants_error() {
            return match result {
                Ok(got) => Err(format!("no error, but {got}")),
                // That is not the error that the case is about.
                Err(error) if error.contains("could not find function") => Err(error),
                Err(_) => Ok(()),
            };
        }
        let want = self.want_result.clone().unwrap_or_else(|| serde_json::json!([]));
        let want = as_json(&Value::from(want)).and_then(|rows| match rows {
            Value::Array(rows) => rows
                .iter()
                .map(|row| {
                    let mut row = row.clone();
                    if self.sort_bindings {
                        sort_bindings(&mut row);
                    }
                    Ok(row)
                })
                .collect::<Result<Vec<_>, String>>()
                .map(sorted),
            other => Ok(other),
        })?;
        let got = result?;
        if got == want { Ok(()) } else { Err(format!("{got} instead of {want}")) }
    }

    /// Compares what the register machine says where it can say something: it runs the same rule.
    fn compare_machine(&self, machine: &Machine) -> Result<(), String> {
        let Some((path, variable)) = self.query.split_once(" = ") else {
            return Ok(());
        };
        let is_path = path.starts_with("data.")
            && path.chars().all(|c| c.is_ascii_alphanumeric() || "._".contains(c));
        let is_plain = self.input_term.is_none() && self.want_result.is_some();
        if !is_path || !is_plain || variable.contains(';') {
            return Ok(());
        }
        let input = self.input.clone().map_or(Value::Undefined, Value::from);
        let value = match suite::machine(&self.sources(), input, path) {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(()),
            // A package is no entry point.
            Err(error) if error == "not a valid rule path" => return Ok(()),
            Err(error) => return Err(error),
        };
        machine.ran.fetch_add(1, Ordering::Relaxed);
        let rows = match value {
            Value::Undefined => Vec::new(),
            value => vec![Value::from(BTreeMap::from([(Value::from(variable), value)]))],
        };
        let got = rows.into_iter().map(|mut row| {
            if self.sort_bindings {
                sort_bindings(&mut row);
            }
            as_json(&row)
        });
        let got = got.collect::<Result<Vec<_>, _>>().map(sorted)?;
        let want = self.evaluate()?;
        if got == want { Ok(()) } else { Err(format!("the machine says {got} instead of {want}")) }
    }

    /// Runs it on a thread of its own.
    fn watched(&self, machine: &Arc<Machine>) -> Outcome {
        let (send, receive) = mpsc::channel();
        let case = self.clone();
        let machine = Arc::clone(machine);
        std::thread::Builder::new()
            .stack_size(8 << 20)
            .spawn(move || {
                let ended = catch_unwind(AssertUnwindSafe(|| {
                    case.run().map(|()| case.compare_machine(&machine))
                }));
                let _ = send.send(ended.map_err(|panic| {
                    let text = panic.downcast_ref::<String>().cloned();
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                        .unwrap_or_default()
                }));
            })
            .unwrap();
        match receive.recv_timeout(DEADLINE) {
            Ok(Ok(Ok(Ok(())))) => Outcome::Passed,
            Ok(Ok(Ok(Err(why)))) => Outcome::Differs(why),
            Ok(Ok(Err(why))) => Outcome::Failed(why),
            Ok(Err(panic)) => Outcome::Panicked(panic),
            Err(_) => Outcome::Hung,
        }
    }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn as_json(value: &Value) -> Result<Value, String> {
    if *value == Value::Undefined {
        return Ok(Value::Undefined);
    }
    Value::from_json_str(&value.to_json_str().map_err(said)?).map_err(said)
}

fn sorted(mut rows: Vec<Value>) -> Value {
    rows.sort();
    Value::from(rows)
}

fn sort_bindings(row: &mut Value) {
    if let Ok(bindings) = row.as_object_mut() {
        for (_, value) in bindings.iter_mut() {
            if let Ok(array) = value.as_array_mut() {
                array.sort();
            }
        }
    }
}

fn list(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rego_conformance").join(name)
}

fn lines(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(list(name)).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The lines `note: reason` of a list.
fn reasons_of(name: &str) -> BTreeMap<String, String> {
    let split = |line: &String| {
        let (note, reason) = line.rsplit_once(": ").expect("a line `note: reason`");
        (note.to_owned(), reason.to_owned())
    };
    lines(name).iter().map(split).collect()
}

/// Every case under a name of its own: notes repeat.
fn cases(folder: &Path) -> Vec<(String, Case)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let file: File = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        for case in file.cases.into_iter().filter(|case| !case.ignore) {
            let note = case.note.replace(['\n', '\r'], " ");
            let count = seen.entry(note.clone()).or_default();
            *count += 1;
            let name = if *count == 1 { note } else { format!("{note} #{count}") };
            cases.push((name, case));
        }
    }
    cases
}

#[test]
fn the_suite_passes_where_it_did_and_every_failure_has_its_reason() {
    let Some(folder) = support::shared("vectors/rego") else {
        return;
    };
    let cases = cases(&folder);
    let must_pass: BTreeSet<String> = lines("passing.txt").into_iter().collect();
    let reasons = reasons_of("failing.txt");
    let differences = reasons_of("machine.txt");

    let mut complaints = Vec::new();
    let machine = Arc::new(Machine::default());
    let (mut passed, mut listed) = (Vec::new(), 0);
    for (name, case) in &cases {
        listed += usize::from(must_pass.contains(name));
        let outcome = case.watched(&machine);
        match (&outcome, differences.contains_key(name)) {
            (Outcome::Passed, true) => complaints
                .push(format!("{name}: the machine says the same; take it out of machine.txt")),
            (Outcome::Differs(why), false) => complaints.push(format!("{name}: {why}")),
            _ => {}
        }
        match outcome {
            Outcome::Passed | Outcome::Differs(_) => {
                passed.push(name);
                if !must_pass.contains(name) {
                    complaints.push(format!("{name}: passes; add it to passing.txt"));
                }
                if reasons.contains_key(name) {
                    complaints.push(format!("{name}: passes; take it out of failing.txt"));
                }
            }
            Outcome::Failed(why) if must_pass.contains(name) => {
                complaints.push(format!("{name}: passed once, and now fails: {why}"));
            }
            Outcome::Failed(why) => {
                if reasons.get(name).is_none_or(|reason| reason.trim().is_empty()) {
                    complaints
                        .push(format!("{name}: fails without a reason in failing.txt: {why}"));
                }
            }
            Outcome::Panicked(text) => complaints.push(format!("{name}: panics: {text}")),
            Outcome::Hung => complaints.push(format!("{name}: hangs")),
        }
    }
    println!("Rego: {} of {} cases of the suite pass", passed.len(), cases.len());
    println!("{} of them on the register machine, too", machine.ran.load(Ordering::Relaxed));
    if let Some(path) = std::env::var_os("REGO_PASSING") {
        let text: Vec<&str> = passed.iter().map(|name| name.as_str()).collect();
        std::fs::write(path, text.join("\n") + "\n").unwrap();
    }
    assert_eq!(listed, must_pass.len(), "passing.txt names cases that the suite does not have");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
