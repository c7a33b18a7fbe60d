//! Is the text of a module small and flat enough to be parsed? A parser that recurses ends the process
//! when the stack ends, and nobody can catch that: so what it recurses into is counted first.

use std::borrow::Cow;

use super::{CompileError, Limits, Module, RegoVersion};

/// Most operators, dots and index brackets that may bind into one another in one expression, over all the
/// brackets around it: each is a level of the tree that the expression becomes.
const LONGEST_CHAIN: usize = 256;

/// Checks a module, and leaves out of it what the engine would complain of on standard error.
pub(super) fn check<'a>(module: &'a Module, limits: &Limits) -> Result<Cow<'a, str>, CompileError> {
    let refuse = |reason: String| CompileError::new(&module.name, reason);
    if module.text.len() > limits.module_bytes {
        let (is, most) = (module.text.len(), limits.module_bytes);
        return Err(refuse(format!("the module has {is} bytes, more than {most}")));
    }
    for (number, line) in (1..).zip(module.text.lines()) {
        if line.len() > limits.line_bytes {
            let (is, most) = (line.len(), limits.line_bytes);
            return Err(refuse(format!("the line has {is} bytes, more than {most}")).at(number, 0));
        }
    }
    let mut tokens = Vec::new();
    let mut nesting = Nesting::default();
    let mut scanner = Scanner::new(&module.text);
    while let Some(token) = scanner.next_token() {
        if !nesting.take(&token, limits.nesting) {
            let reason = "the expression is nested too deep; split it into rules of its own";
            return Err(refuse(reason.to_owned()).at(token.line, token.column));
        }
        if matches!(token.kind, Kind::Word | Kind::Symbol) {
            tokens.push(token);
        }
    }
    if module.version == RegoVersion::V0
        && let Some((token, word)) = unimported_keyword(&tokens)
    {
        let reason = format!("`{word}` in a v0 module needs `import rego.v1`");
        return Err(refuse(reason).at(token.line, token.column));
    }
    Ok(without_redundant_imports(&module.text, &tokens))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A name or keyword.
    Word,
    /// One character that is neither space nor part of a name, number or string.
    Symbol,
    /// A number, or a string of either form.
    Literal,
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    start: usize,
    line: u32,
    column: u32,
    /// Whether it is the first of its line.
    is_first: bool,
}

/// Splits a text into tokens; comments and spaces are none.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
    is_first: bool,
}

impl<'a> Scanner<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1, line_start: 0, is_first: true }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn next_token(&mut self) -> Option<Token<'a>> {
        self.skip();
        let rest = self.rest();
        let first = rest.chars().next()?;
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let (kind, length) = match first {
            '"' => (Kind::Literal, string_length(rest)),
            '`' => {
                let length = rest.get(1..).and_then(|inner| inner.find('`'));
                (Kind::Literal, length.map_or(rest.len(), |length| length + 2))
            }
            c if is_name(c) => {
                let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                (if c.is_numeric() { Kind::Literal } else { Kind::Word }, length)
            }
            c => (Kind::Symbol, c.len_utf8()),
        };
        let text = rest.get(..length).unwrap_or(rest);
        let column =
            self.text.get(self.line_start..self.at).map_or(0, |before| before.chars().count());
        let token = Token {
            kind,
            text,
            start: self.at,
            line: self.line,
            column: u32::try_from(column + 1).unwrap_or(u32::MAX),
            is_first: self.is_first,
        };
        self.is_first = false;
        let start = self.at;
        self.at += text.len();
        for (offset, _) in text.match_indices('\n') {
            self.line += 1;
            self.line_start = start + offset + 1;
        }
        Some(token)
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else { return };
            if first == '\n' {
                self.at += 1;
                self.line += 1;
                self.line_start = self.at;
                self.is_first = true;
            } else if first.is_whitespace() {
                self.at += first.len_utf8();
            } else if first == '#' {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }
}

/// The length of the string that begins a text, quotes included.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (offset, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return offset + 1,
            '\n' => return offset,
            _ => {}
        }
    }
    text.len()
}

/// How deep the tree of an expression may become.
#[derive(Default)]
struct Nesting {
    /// Of each open bracket: what was bound together before it.
    open: Vec<usize>,
    /// What is bound together in the innermost bracket.
    chain: usize,
    /// The sum of both.
    depth: usize,
    was_operator: bool,
}

impl Nesting {
    /// Whether the tree is still flat enough.
    fn take(&mut self, token: &Token<'_>, deepest: usize) -> bool {
        let is_operator = match token.kind {
            Kind::Symbol => matches!(
                token.text,
                "." | "+" | "-" | "*" | "/" | "%" | "&" | "|" | "=" | "!" | "<" | ">" | ":"
            ),
            Kind::Word => matches!(token.text, "in" | "not"),
            Kind::Literal => false,
        };
        let is_new_line = token.is_first && !is_operator && !self.was_operator;
        let is_separator = match token.kind {
            Kind::Symbol => matches!(token.text, "," | ";"),
            // Branches stand side by side.
            Kind::Word => token.text == "else",
            Kind::Literal => false,
        };
        if is_new_line || is_separator {
            self.reset();
        }
        let is_bracket = token.kind == Kind::Symbol;
        match token.text {
            "(" | "[" | "{" if is_bracket => {
                self.bind();
                self.open.push(self.chain);
                self.chain = 0;
            }
            ")" | "]" | "}" if is_bracket => {
                self.reset();
                self.chain = self.open.pop().unwrap_or(0);
            }
            _ if is_operator => self.bind(),
            _ => {}
        }
        self.was_operator = is_operator;
        self.open.len() <= deepest && self.depth <= LONGEST_CHAIN
    }

    fn bind(&mut self) {
        self.chain += 1;
        self.depth += 1;
    }

    fn reset(&mut self) {
        self.depth = self.depth.saturating_sub(self.chain);
        self.chain = 0;
    }
}

/// The first word that is a keyword in v1 and none in a v0 module that does not import it. The engine
/// reads it as a name and says so on standard error; nobody means that.
fn unimported_keyword<'a>(tokens: &[Token<'a>]) -> Option<(Token<'a>, &'a str)> {
    let is_imported = tokens.windows(4).any(|window| match window {
        [import, package, dot, part] => {
            import.text == "import"
                && dot.text == "."
                && matches!((package.text, part.text), ("rego", "v1") | ("future", "keywords"))
        }
        _ => false,
    });
    if is_imported {
        return None;
    }
    let mut followed = tokens.iter().zip(tokens.iter().skip(1));
    followed.find_map(|(token, next)| {
        let is_keyword = match token.text {
            "if" | "every" | "in" => true,
            // `contains(a, b)` is a function.
            "contains" => next.text != "(",
            _ => false,
        };
        (token.kind == Kind::Word && is_keyword).then_some((*token, token.text))
    })
}

/// The text with every bare `import input` blanked out: it says nothing, and the engine complains of it.
fn without_redundant_imports<'a>(text: &'a str, tokens: &[Token<'_>]) -> Cow<'a, str> {
    let mut result = Cow::Borrowed(text);
    for (index, import) in tokens.iter().enumerate() {
        let Some(input) = tokens.get(index + 1) else { break };
        let next = tokens.get(index + 2).map_or("", |next| next.text);
        if import.text == "import"
            && import.is_first
            && input.text == "input"
            && !matches!(next, "." | "[" | "as")
        {
            let range = import.start..input.start + input.text.len();
            let blank = " ".repeat(range.len());
            result.to_mut().replace_range(range, &blank);
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<String, String> {
        let module = Module::new("m.rego", text);
        let text = check(&module, &Limits::default());
        text.map(Cow::into_owned).map_err(|error| error.to_string())
    }

    #[test]
    fn brackets_within_the_limit_pass_and_one_more_is_refused_where_it_stands() {
        let nested = |depth| format!("package a\nx := {}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(checked(&nested(32)).is_ok());
        assert_eq!(
            checked(&nested(33)).unwrap_err(),
            "m.rego:2:38: the expression is nested too deep; split it into rules of its own"
        );
        let strings =
            format!("package a\nx := \"{}\"\ny := `{}`\n# {0}", "[".repeat(99), "[\n".repeat(99));
        assert!(checked(&strings).is_ok(), "text and comments are no brackets");
    }

    #[test]
    fn operators_that_bind_into_one_another_are_counted_over_lines_and_brackets() {
        let chain = |count: usize, sep: &str| {
            format!("package a\nx := 1{}", format!("{sep}1").repeat(count))
        };
        assert!(checked(&chain(200, " + ")).is_ok());
        assert!(checked(&chain(300, " + ")).is_err());
        assert!(checked(&chain(300, " +\n")).is_err(), "the operator ends the line");
        assert!(checked(&chain(300, "\n + ")).is_err(), "the operator begins the line");
        let both = format!("package a\nx := {}(2{})", "1 + ".repeat(150), " * 2".repeat(150));
        assert!(checked(&both).is_err(), "inside brackets it goes on");
        let list = format!("package a\nx := [{}]", "1 + 1,\n".repeat(1000));
        assert!(checked(&list).is_ok(), "elements stand side by side");
        let rules = format!("package a\n{}", "x := a.b.c == d.e\n".repeat(1000));
        assert!(checked(&rules).is_ok(), "statements stand side by side");
    }

    #[test]
    fn long_lines_and_long_modules_are_refused() {
        let error = checked(&format!("package a\n# {}", "x".repeat(5000))).unwrap_err();
        assert_eq!(error, "m.rego:2: the line has 5002 bytes, more than 4096");
        let error = checked(&"package a\n".repeat(200_000)).unwrap_err();
        assert_eq!(error, "m.rego: the module has 2000000 bytes, more than 1048576");
    }

    #[test]
    fn keywords_of_v1_need_an_import_in_v0_and_functions_of_their_name_do_not() {
        let v0 = |text: &str| {
            let module = Module::new("m.rego", text).with_version(RegoVersion::V0);
            check(&module, &Limits::default()).map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(
            v0("package a\nallow if { true }").unwrap_err(),
            "m.rego:2:7: `if` in a v0 module needs `import rego.v1`"
        );
        assert!(v0("package a\nimport rego.v1\nallow if { true }").is_ok());
        assert!(v0("package a\nimport future.keywords.in\nallow { 1 in [1] }").is_ok());
        assert!(v0("package a\nallow { contains(input.user, \"x\") }").is_ok());
        assert!(v0("package a\nx contains 1 { true }").is_err());
    }

    #[test]
    fn a_bare_import_of_input_is_blanked_and_one_with_a_path_stays() {
        let text = "package a\nimport input\nimport input.user\nimport input as i\nx := `\nimport input\n`";
        let expected = text.replacen("import input\n", "            \n", 1);
        assert_eq!(checked(text).unwrap(), expected);
    }
}
