use super::error::CompileError;
use super::guard::guard;
use super::issue::{Issue, Listing};
use super::syntax::{Expr, Translator};

/// The longest expression that is read, in characters: the limit of `cel-go`.
const MAX_LENGTH: usize = 100_000;

/// The parser's own limit, which is never reached: the guard knows better.
const PARSER_DEPTH: u16 = 1_000;

/// Reads an expression, and refuses what could overflow a stack before the parser sees it.
pub(super) fn parse(text: &str) -> Result<Expr, CompileError> {
    let length = text.chars().count();
    if length > MAX_LENGTH {
        // `cel-go` has no place for this one, and counts from one behind it.
        return Err(CompileError::Issues(format!(
            "ERROR: <input>:-1:0: expression code point size exceeds limit: size: {length}, limit {MAX_LENGTH}"
        )));
    }
    guard(text)?;
    // The parser is generated code that trusts itself. Should it panic nevertheless, the load fails
    // and not the process.
    let parsed = std::panic::catch_unwind(|| {
        // Without macros: those are recognized here, since the parser's know no two variables.
        let parser = cel::Env::default().parser().max_recursion_depth(PARSER_DEPTH);
        parser.parse_with_source_info(text)
    });
    let parsed = parsed.map_err(|_panic| {
        CompileError::Unsupported("a form that its parser fails on".to_owned())
    })?;
    match parsed {
        Ok((parsed, source)) => {
            Translator::new(&source).translate(parsed).map_err(|issues| issues_of(text, &issues))
        }
        Err(errors) => Err(issues_of(text, &syntax_issues(text, &errors))),
    }
}

pub(super) fn issues_of(text: &str, issues: &[Issue]) -> CompileError {
    CompileError::Issues(Listing { text, issues }.to_string())
}

/// What the parser says, without what only its tree walk adds to that.
fn syntax_issues(text: &str, errors: &cel::ParseErrors) -> Vec<Issue> {
    let mut issues = Vec::new();
    for error in &errors.errors {
        let is_echo = ["Incomplete ", "No `", "unexpected character, wanted"];
        if is_echo.iter().any(|start| error.msg.starts_with(start)) {
            continue;
        }
        // Where a literal is wrong it shows how it counts, which is nobody's business.
        let message = match error.msg.split_once(" literal: ") {
            Some((kind, _)) => format!("{kind} literal"),
            None => error.msg.clone(),
        };
        issues.push(Issue::new(offset(text, error.pos), message));
    }
    if issues.is_empty() {
        issues.push(Issue::new(0, "Syntax error: not an expression"));
    }
    issues
}

/// The byte at a line and column that both count from one.
fn offset(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line.saturating_sub(1)).unwrap_or(0);
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
    let mut start = 0;
    for (index, content) in text.split_inclusive('\n').enumerate() {
        if index == line {
            let place = content.char_indices().nth(column);
            return start + place.map_or(content.len(), |(at, _)| at);
        }
        start += content.len();
    }
    text.len()
}
