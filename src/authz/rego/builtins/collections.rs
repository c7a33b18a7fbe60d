//! Arrays, numbers and graphs whose size a call decides.

use std::collections::BTreeSet;

use regorus::Value;

use super::arguments::{array, integer, members, object, set, within};
use super::{Builtin, Fault};

/// Members of a range.
const RANGE: usize = 100_000;
/// Steps of a walk over all paths of a graph: there may be exponentially many.
const STEPS: usize = 100_000;
/// Nodes of one such path.
const PATH: usize = 256;
/// Bits by which a number is shifted.
const SHIFT: i64 = 4_096;

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "all", arity: 1, run: all },
    Builtin { name: "any", arity: 1, run: any },
    Builtin { name: "array.flatten", arity: 1, run: flatten },
    Builtin { name: "bits.lsh", arity: 2, run: shift_left },
    Builtin { name: "graph.reachable_paths", arity: 2, run: reachable_paths },
    Builtin { name: "numbers.range", arity: 2, run: range },
    Builtin { name: "numbers.range_step", arity: 3, run: range_step },
];

/// Of Rego v0: whether each member is true.
fn all(arguments: &[Value]) -> Result<Value, Fault> {
    let all = members("all", arguments, 0)?.into_iter().all(|value| *value == Value::from(true));
    Ok(Value::from(all))
}

/// Of Rego v0: whether one member is true.
fn any(arguments: &[Value]) -> Result<Value, Fault> {
    let any = members("any", arguments, 0)?.into_iter().any(|value| *value == Value::from(true));
    Ok(Value::from(any))
}

/// One level.
fn flatten(arguments: &[Value]) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for member in array("array.flatten", arguments, 0)? {
        match member {
            Value::Array(inner) => out.extend(inner.iter().cloned()),
            other => out.push(other.clone()),
        }
        within("array.flatten", out.len(), 10 * RANGE, "members")?;
    }
    Ok(Value::from(out))
}

fn shift_left(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "bits.lsh";
    let by = integer(function, arguments, 1)?;
    if by < 0 {
        let why = "operand 2 must be an unsigned integer number but got a negative integer";
        return Err(Fault::Argument(format!("{function}: {why}")));
    }
    if by > SHIFT {
        return Err(Fault::Limit(format!("{function}: more than {SHIFT} bits")));
    }
    let [Value::Number(number), Value::Number(by)] = arguments else {
        return Err(Fault::Argument(format!("{function}: operand 1 must be number")));
    };
    number.lsh(by).map(Value::from).ok_or_else(|| {
        let why = "operand 1 must be integer number but got floating-point number";
        Fault::Argument(format!("{function}: {why}"))
    })
}

fn range(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "numbers.range";
    let first = integer(function, arguments, 0)?;
    let last = integer(function, arguments, 1)?;
    steps(function, first, last, 1)
}

fn range_step(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "numbers.range_step";
    let first = integer(function, arguments, 0)?;
    let last = integer(function, arguments, 1)?;
    let step = integer(function, arguments, 2)?;
    if step <= 0 {
        return Err(Fault::Argument(format!("{function}: step must be a positive integer")));
    }
    steps(function, first, last, step)
}

fn steps(function: &str, first: i64, last: i64, step: i64) -> Result<Value, Fault> {
    let distance = i128::from(last) - i128::from(first);
    let count = distance.unsigned_abs() / u128::from(step.unsigned_abs().max(1)) + 1;
    within(function, usize::try_from(count).unwrap_or(usize::MAX), RANGE, "numbers")?;
    let step = if distance < 0 { -i128::from(step) } else { i128::from(step) };
    let mut numbers = Vec::new();
    let mut number = i128::from(first);
    for _ in 0..count {
        numbers.push(i64::try_from(number).map_or_else(|_| Value::from(number), Value::from));
        number += step;
    }
    Ok(Value::from(numbers))
}

struct Walk<'a> {
    edges: std::collections::BTreeMap<&'a Value, &'a Value>,
    path: Vec<Value>,
    on_path: BTreeSet<&'a Value>,
    paths: Vec<Value>,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn end(&mut self) {
        if !self.path.is_empty() {
            self.paths.push(Value::from(self.path.clone()));
        }
    }

    fn visit(&mut self, node: &'a Value) -> Result<(), Fault> {
        let function = "graph.reachable_paths";
        self.steps += 1;
        within(function, self.steps + self.paths.len() * PATH / 64, STEPS, "steps")?;
        within(function, self.path.len(), PATH, "nodes in one path")?;
        let neighbours = match self.edges.get(node) {
            Some(neighbours) if *node != Value::from("") => *neighbours,
            _ => {
                self.end();
                return Ok(());
            }
        };
        if !self.on_path.insert(node) {
            self.end();
            return Ok(());
        }
        self.path.push(node.clone());
        let neighbours = match neighbours {
            Value::Null => Vec::new(),
            other => members(function, std::slice::from_ref(other), 0)?,
        };
        if neighbours.is_empty() {
            self.end();
        }
        for neighbour in neighbours {
            self.visit(neighbour)?;
        }
        self.on_path.remove(node);
        self.path.pop();
        Ok(())
    }
}

fn reachable_paths(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "graph.reachable_paths";
    let edges = object(function, arguments, 0)?.into_iter().collect();
    let mut walk =
        Walk { edges, path: Vec::new(), on_path: BTreeSet::new(), paths: Vec::new(), steps: 0 };
    for start in members(function, arguments, 1)? {
        walk.visit(start)?;
    }
    Ok(set(walk.paths))
}

#[cfg(test)]
mod tests {
    use regorus::Value;

    use super::super::{Fault, call};

    fn ask(name: &str, arguments: &str) -> Result<Value, Fault> {
        call(name, &Value::from_json_str(arguments).unwrap())
    }

    #[test]
    fn a_range_goes_up_and_down_and_a_billion_is_too_many() {
        let want = Value::from_json_str("[2, 1, 0]").unwrap();
        assert_eq!(ask("numbers.range", "[2, 0]"), Ok(want));
        assert_eq!(
            ask("numbers.range_step", "[1, 5, 4]"),
            Value::from_json_str("[1, 5]").map_err(|_| Fault::Limit(String::new()))
        );
        for (name, arguments) in [
            ("numbers.range", "[1, 1000000000]"),
            ("numbers.range", "[-9223372036854775808, 9223372036854775807]"),
            ("numbers.range", "[1, 99999999999999999999]"),
            ("numbers.range_step", "[1, 1000000000, 2]"),
            ("bits.lsh", "[1, 4294967295]"),
        ] {
            assert!(matches!(ask(name, arguments), Err(Fault::Limit(_))), "{name}{arguments}");
        }
        assert!(matches!(ask("numbers.range_step", "[1, 5, 0]"), Err(Fault::Argument(_))));
    }

    #[test]
    fn the_paths_of_a_small_graph_are_listed_and_those_of_a_ladder_are_too_many() {
        let small = r#"[{"a": ["b", "c"], "b": [], "c": ["a"]}, ["a"]]"#;
        let paths = ask("graph.reachable_paths", small).unwrap();
        let want = Value::from_json_str(r#"[["a", "b"], ["a", "c"]]"#).unwrap();
        let paths: Vec<Value> = paths.as_set().unwrap().iter_sorted().cloned().collect();
        assert_eq!(Value::from(paths), want);
        let rungs: Vec<String> = (0..64)
            .map(|n| {
                format!("\"{n}a\": [\"{0}a\", \"{0}b\"], \"{n}b\": [\"{0}a\", \"{0}b\"]", n + 1)
            })
            .collect();
        let ladder = format!("[{{{}}}, [\"0a\"]]", rungs.join(", "));
        assert!(matches!(ask("graph.reachable_paths", &ladder), Err(Fault::Limit(_))));
    }
}
