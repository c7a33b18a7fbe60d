//! Functions of the engine whose result may be far larger than their arguments: their size is worked out
//! first, and then the engine's own function has the work.

use std::cell::RefCell;

use regorus::{Engine, Value};

use super::super::values::to_text;
use super::arguments::{members, object, string, within};
use super::{Builtin, Fault};

/// Bytes of one string.
const BYTES: usize = 1 << 20;
/// Bytes of a literal argument that bounds a result.
const SHORT: usize = 64;

/// A function of the engine, and when a call of it needs no guard.
pub(super) struct Guard {
    /// As policies call it.
    pub(super) plain: &'static str,
    /// As the guarded function is called.
    pub(super) name: &'static str,
    /// Arguments, without the output.
    pub(super) arity: u8,
    /// Text of a module that replaces the plain function, and must see its calls.
    pub(super) mocked: &'static str,
    /// Whether the literal arguments bound the result. `literal` is the text between the quotes of an
    /// argument, `written` whether an argument is a collection that is written out.
    pub(super) is_bounded: fn(literal: Literal<'_>, written: Written<'_>) -> bool,
}

type Literal<'a> = &'a dyn Fn(usize) -> Option<&'a str>;
type Written<'a> = &'a dyn Fn(usize) -> bool;

pub(super) const GUARDED: &[Guard] = &[
    Guard {
        plain: "concat",
        name: "portcullis.concat",
        arity: 2,
        mocked: "with concat as",
        is_bounded: |literal, written| {
            literal(0).is_some_and(|delimiter| delimiter.len() <= SHORT) && written(1)
        },
    },
    Guard {
        plain: "json.marshal_with_options",
        name: "portcullis.marshal_with_options",
        arity: 2,
        mocked: "with json.marshal_with_options as",
        is_bounded: |_, _| false,
    },
    Guard {
        plain: "regex.replace",
        name: "portcullis.regex_replace",
        arity: 3,
        mocked: "with regex.replace as",
        is_bounded: |literal, _| {
            literal(2).is_some_and(|by| by.len() <= SHORT && !by.contains('$'))
        },
    },
    Guard {
        plain: "replace",
        name: "portcullis.replace",
        arity: 3,
        mocked: "with replace as",
        is_bounded: |literal, _| literal(2).is_some_and(|by| by.len() <= SHORT),
    },
    Guard {
        plain: "sprintf",
        name: "portcullis.sprintf",
        arity: 2,
        mocked: "with sprintf as",
        is_bounded: |literal, _| literal(0).is_some_and(|format| widths(format) <= WIDTH),
    },
    Guard {
        plain: "strings.replace_n",
        name: "portcullis.replace_n",
        arity: 2,
        mocked: "with strings.replace_n as",
        is_bounded: |_, _| false,
    },
    Guard {
        plain: "yaml.marshal",
        name: "portcullis.yaml_marshal",
        arity: 1,
        mocked: "with yaml.marshal as",
        is_bounded: |_, _| false,
    },
];

pub(super) const TABLE: &[Builtin] = &[
    Builtin { name: "portcullis.concat", arity: 2, run: concat },
    Builtin { name: "portcullis.marshal_with_options", arity: 2, run: marshal_with_options },
    Builtin { name: "portcullis.regex_replace", arity: 3, run: regex_replace },
    Builtin { name: "portcullis.replace", arity: 3, run: replace },
    Builtin { name: "portcullis.replace_n", arity: 2, run: replace_n },
    Builtin { name: "portcullis.sprintf", arity: 2, run: sprintf },
    Builtin { name: "portcullis.yaml_marshal", arity: 1, run: yaml_marshal },
];

/// Digits of a width or precision.
const WIDTH: usize = 3;

/// The most digits behind a `%`.
fn widths(format: &str) -> usize {
    let parts = format.split('%').skip(1);
    let digits = parts.map(|part| part.chars().take_while(|c| c.is_numeric() || *c == '.').count());
    digits.max().unwrap_or(0)
}

/// The engine's own functions, as rules over an input.
const DELEGATE: &str = "package delegate
concat := concat(input[0], input[1])
marshal_with_options := json.marshal_with_options(input[0], input[1])
regex_replace := regex.replace(input[0], input[1], input[2])
replace_n := strings.replace_n(input[0], input[1])
sprintf := sprintf(input[0], input[1])
yaml_marshal := yaml.marshal(input[0])
";

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
}

fn delegate(rule: &str, arguments: &[Value]) -> Result<Value, Fault> {
    ENGINE.with_borrow_mut(|slot| {
        // Taken out: after a panic the next call has a new one.
        let mut engine = match slot.take() {
            Some(engine) => engine,
            None => {
                let mut engine = Engine::new();
                engine.set_strict_builtin_errors(true);
                engine
                    .add_policy("delegate".to_owned(), DELEGATE.to_owned())
                    .map_err(|error| Fault::Limit(error.to_string()))?;
                engine
            }
        };
        engine.set_input(Value::from(arguments.to_vec()));
        let result = engine.eval_rule(format!("data.delegate.{rule}"));
        *slot = Some(engine);
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(Fault::Argument(error.to_string())),
        }
    })
}

fn concat(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "concat";
    let delimiter = string(function, arguments, 0)?;
    let mut out = String::new();
    for (index, part) in members(function, arguments, 1)?.into_iter().enumerate() {
        if index > 0 {
            out.push_str(delimiter);
        }
        let part = string(function, std::slice::from_ref(part), 0)?;
        within(function, out.len() + part.len() + delimiter.len(), BYTES, "bytes")?;
        out.push_str(part);
    }
    Ok(Value::from(out))
}

fn replace(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "replace";
    let text = string(function, arguments, 0)?;
    let (old, new) = (string(function, arguments, 1)?, string(function, arguments, 2)?);
    let times = if old.is_empty() { text.len() + 1 } else { text.matches(old).count() };
    within(function, text.len() + times.saturating_mul(new.len()), BYTES, "bytes")?;
    Ok(Value::from(text.replace(old, new)))
}

fn replace_n(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "strings.replace_n";
    let mut length = string(function, arguments, 1)?.len();
    for (_, new) in object(function, arguments, 0)? {
        let new = string(function, std::slice::from_ref(new), 0)?;
        length = length.saturating_add((length + 1).saturating_mul(new.len()));
        if new.len() <= 1 {
            // It cannot grow, save by an empty pattern, which doubles it.
            length = length.min(2 * string(function, arguments, 1)?.len() + 1);
        }
    }
    // What could grow beyond the limit is done by hand, a pattern at a time.
    if length <= BYTES {
        return delegate("replace_n", arguments);
    }
    let mut text = string(function, arguments, 1)?.to_owned();
    for (old, new) in object(function, arguments, 0)? {
        let old = string(function, std::slice::from_ref(old), 0)?;
        let new = string(function, std::slice::from_ref(new), 0)?;
        let times = if old.is_empty() { text.len() + 1 } else { text.matches(old).count() };
        within(function, text.len() + times.saturating_mul(new.len()), BYTES, "bytes")?;
        text = text.replace(old, new);
    }
    Ok(Value::from(text))
}

fn regex_replace(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "regex.replace";
    let text = string(function, arguments, 0)?;
    let new = string(function, arguments, 2)?;
    // `$1` stands for up to the whole text.
    let groups = new.matches('$').count();
    let each = new.len().saturating_add(groups.saturating_mul(text.len()));
    let most = (text.len() + 1).saturating_mul(each).saturating_add(text.len());
    within(function, most, 16 * BYTES, "bytes")?;
    delegate("regex_replace", arguments)
}

fn sprintf(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "sprintf";
    let format = string(function, arguments, 0)?;
    within(function, widths(format), WIDTH, "digits in a width")?;
    bounded(function, arguments)?;
    delegate("sprintf", arguments)
}

fn marshal_with_options(arguments: &[Value]) -> Result<Value, Fault> {
    let function = "json.marshal_with_options";
    for (_, option) in object(function, arguments, 1)? {
        if let Value::String(text) = option {
            within(function, text.len(), SHORT, "bytes of indent or prefix")?;
        }
    }
    bounded(function, arguments)?;
    delegate("marshal_with_options", arguments)
}

fn yaml_marshal(arguments: &[Value]) -> Result<Value, Fault> {
    bounded("yaml.marshal", arguments)?;
    delegate("yaml_marshal", arguments)
}

/// Refuses values that are small in memory and endless to write.
fn bounded(function: &str, arguments: &[Value]) -> Result<(), Fault> {
    let is_short = arguments.iter().all(|value| to_text(value, BYTES).is_some());
    let is_short = is_short.then_some(());
    is_short.ok_or_else(|| Fault::Limit(format!("`{function}` would write too much")))
}

#[cfg(test)]
mod tests {
    use regorus::Value;

    use super::super::{Fault, call};

    fn ask(name: &str, arguments: Vec<Value>) -> Result<Value, Fault> {
        call(name, &Value::from(arguments))
    }

    #[test]
    fn a_guarded_function_does_as_the_plain_one_until_its_result_is_too_large() {
        let text = |text: &str| Value::from(text);
        let list = |count: usize| Value::from(vec![Value::from("x".repeat(1_000)); count]);
        let patterns = |json: &str| Value::from_json_str(json).unwrap();
        for (name, small, want, large) in [
            (
                "portcullis.concat",
                vec![text("-"), patterns(r#"["a", "b"]"#)],
                text("a-b"),
                vec![text("-"), list(2_000)],
            ),
            (
                "portcullis.replace",
                vec![text("aXa"), text("a"), text("bb")],
                text("bbXbb"),
                vec![text(&"a".repeat(100_000)), text("a"), text("bbbbbbbbbbbbbbbb")],
            ),
            (
                "portcullis.replace_n",
                vec![patterns(r#"{"a": "bb", "X": "Y"}"#), text("aXa")],
                text("bbYbb"),
                vec![
                    patterns(r#"{"": "bbbbbbbbbbbbbbbbbbbbb", "b": "cccccccccccccccccccccc"}"#),
                    text(&"a".repeat(100_000)),
                ],
            ),
            (
                "portcullis.regex_replace",
                vec![text("aXa"), text("a(X)"), text("<$1>")],
                text("<X>a"),
                vec![text(&"a".repeat(100_000)), text("."), text(&"b".repeat(1_000))],
            ),
            (
                "portcullis.sprintf",
                vec![text("%04d|%s"), patterns(r#"[7, "x"]"#)],
                text("0007|x"),
                vec![text("%04000000000d"), patterns("[7]")],
            ),
            (
                "portcullis.marshal_with_options",
                vec![patterns(r#"{"a": 1}"#), patterns(r#"{"indent": " "}"#)],
                text("{\n \"a\": 1\n}"),
                vec![
                    patterns(r#"{"a": 1}"#),
                    Value::from_json_str(&format!("{{\"indent\": \"{}\"}}", " ".repeat(1_000)))
                        .unwrap(),
                ],
            ),
        ] {
            assert_eq!(ask(name, small), Ok(want), "{name}");
            assert!(matches!(ask(name, large), Err(Fault::Limit(_))), "{name}");
        }
    }

    #[test]
    fn bad_arguments_are_faults_of_the_arguments() {
        for (name, arguments) in [
            ("portcullis.concat", "[1, []]"),
            ("portcullis.replace", r#"["a", "b", 1]"#),
            ("portcullis.sprintf", r#"["%d", ["x", "y"]]"#),
            ("portcullis.regex_replace", r#"["a", 1, "b"]"#),
        ] {
            let arguments = Value::from_json_str(arguments).unwrap();
            let got = call(name, &arguments);
            assert!(matches!(got, Err(Fault::Argument(_))), "{name}: {got:?}");
        }
    }
}
