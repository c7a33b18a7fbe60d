use super::issue::Issue;
use cel::common::ast;

/// An expression as it was written, with the macros of CEL recognized, and nothing checked yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    /// The byte at which `cel-go` would say that this is.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    String(String),
    Ident(String),
    /// `operand.field`
    Select {
        operand: Box<Expr>,
        field: String,
    },
    /// `has(operand.field)`
    Has {
        operand: Box<Expr>,
        field: String,
    },
    /// `operand.?field`
    OptionalSelect {
        operand: Box<Expr>,
        field: String,
    },
    /// Functions and operators, these with the names of `cel-go`.
    Call {
        name: String,
        target: Option<Box<Expr>>,
        args: Vec<Expr>,
    },
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Fold(Box<Fold>),
    /// `target.optMap(name, body)`, and `optFlatMap`.
    OptionalMap {
        target: Box<Expr>,
        name: String,
        body: Box<Expr>,
        is_flat: bool,
    },
    /// What the API server knows and we do not.
    Unsupported(String),
}

/// A macro that goes through a list or a map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fold {
    pub(super) kind: FoldKind,
    pub(super) range: Expr,
    pub(super) name: String,
    pub(super) second_name: Option<String>,
    /// The condition, of those that have one: of `map` and `transformList` it may be absent.
    pub(super) condition: Option<Expr>,
    /// What `map` and `transformList` put into the list.
    pub(super) output: Option<Expr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FoldKind {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// Translates what the parser made.
pub(super) struct Translator<'a> {
    source: &'a ast::SourceInfo,
    issues: Vec<Issue>,
}

impl<'a> Translator<'a> {
    pub(super) const fn new(source: &'a ast::SourceInfo) -> Self {
        Self { source, issues: Vec::new() }
    }

    /// The expression, or what is wrong with its macros.
    pub(super) fn translate(mut self, parsed: ast::IdedExpr) -> Result<Expr, Vec<Issue>> {
        let expr = self.expr(parsed);
        if self.issues.is_empty() { Ok(expr) } else { Err(self.issues) }
    }

    fn at(&self, id: u64) -> usize {
        let start = self.source.offset_for(id).map_or(0, |(start, _)| start);
        usize::try_from(start).unwrap_or(usize::MAX)
    }

    fn exprs(&mut self, parsed: Vec<ast::IdedExpr>) -> Vec<Expr> {
        parsed.into_iter().map(|expr| self.expr(expr)).collect()
    }

    fn expr(&mut self, parsed: ast::IdedExpr) -> Expr {
        let at = self.at(parsed.id);
        let kind = match parsed.expr {
            ast::Expr::Literal(literal) => self.literal(literal),
            // In older API servers a name for what a macro collects.
            ast::Expr::Ident(name) if name == "__result__" => {
                Kind::Unsupported("the name `__result__`".to_owned())
            }
            ast::Expr::Ident(name) => Kind::Ident(name),
            ast::Expr::Select(select) => {
                Kind::Select { operand: Box::new(self.expr(*select.operand)), field: select.field }
            }
            ast::Expr::Call(call) => self.call(at, call),
            ast::Expr::List(list) if list.optional_indices.is_empty() => {
                Kind::List(self.exprs(list.elements))
            }
            ast::Expr::List(_) => Kind::Unsupported("optional elements of a list".to_owned()),
            ast::Expr::Map(map) => self.map(map),
            ast::Expr::Struct(object) => {
                Kind::Unsupported(format!("an object `{}`", object.type_name))
            }
            ast::Expr::Unspecified | ast::Expr::Comprehension(_) => {
                Kind::Unsupported("an expression that cannot be written".to_owned())
            }
        };
        Expr { at, kind }
    }

    fn literal(&self, literal: ast::LiteralValue) -> Kind {
        match literal {
            ast::LiteralValue::Boolean(value) => Kind::Bool(*value.inner()),
            ast::LiteralValue::Double(value) => Kind::Double(*value.inner()),
            ast::LiteralValue::Int(value) => Kind::Int(*value.inner()),
            ast::LiteralValue::Null => Kind::Null,
            ast::LiteralValue::String(value) => Kind::String(value.inner().to_owned()),
            ast::LiteralValue::UInt(value) => Kind::Uint(*value.inner()),
            ast::LiteralValue::Bytes(_) => Kind::Unsupported("bytes".to_owned()),
        }
    }

    fn map(&mut self, map: ast::MapExpr) -> Kind {
        let mut entries = Vec::with_capacity(map.entries.len());
        for entry in map.entries {
            match entry.expr {
                ast::EntryExpr::MapEntry(entry) if !entry.optional => {
                    entries.push((self.expr(entry.key), self.expr(entry.value)));
                }
                ast::EntryExpr::MapEntry(_) | ast::EntryExpr::StructField(_) => {
                    return Kind::Unsupported("optional entries of a map".to_owned());
                }
            }
        }
        Kind::Map(entries)
    }

    fn call(&mut self, at: usize, call: ast::CallExpr) -> Kind {
        let ast::CallExpr { func_name: name, target, args } = call;
        let target = target.map(|target| Box::new(self.expr(*target)));
        let args = self.exprs(args);
        match (&*name, target, args.len()) {
            ("has", None, 1) => self.has(args),
            ("_?._", None, 2) => Self::optional_select(args),
            ("all", Some(range), 2 | 3) => self.fold(at, FoldKind::All, *range, args),
            ("exists", Some(range), 2 | 3) => self.fold(at, FoldKind::Exists, *range, args),
            ("exists_one" | "existsOne", Some(range), 2 | 3) => {
                self.fold(at, FoldKind::ExistsOne, *range, args)
            }
            ("filter", Some(range), 2) => self.fold(at, FoldKind::Filter, *range, args),
            ("map", Some(range), 2 | 3) => self.map_fold(1, *range, args),
            ("transformList", Some(range), 3 | 4) => self.map_fold(2, *range, args),
            ("optMap" | "optFlatMap", Some(target), 2) => {
                self.optional_map(name == "optFlatMap", target, args)
            }
            ("transformMap" | "transformMapEntry", Some(_), 3 | 4) | ("sortBy", Some(_), 2) => {
                Kind::Unsupported(format!("`{name}`"))
            }
            (_, target, _) => Kind::Call { name, target, args },
        }
    }

    fn has(&mut self, args: Vec<Expr>) -> Kind {
        match args.into_iter().next() {
            Some(Expr { kind: Kind::Select { operand, field }, .. }) => {
                Kind::Has { operand, field }
            }
            other => {
                let at = other.map_or(0, |expr| expr.at);
                self.wrong(at, "invalid argument to has() macro")
            }
        }
    }

    fn optional_select(args: Vec<Expr>) -> Kind {
        let mut args = args.into_iter();
        match (args.next(), args.next().map(|expr| expr.kind)) {
            (Some(operand), Some(Kind::String(field))) => {
                Kind::OptionalSelect { operand: Box::new(operand), field }
            }
            _ => Kind::Unsupported("a field that is not a name".to_owned()),
        }
    }

    /// The macros of which the last argument is a condition.
    fn fold(&mut self, at: usize, kind: FoldKind, range: Expr, mut args: Vec<Expr>) -> Kind {
        let condition = args.pop();
        match self.names(at, args) {
            Ok((name, second_name)) => Kind::Fold(Box::new(Fold {
                kind,
                range,
                name,
                second_name,
                condition,
                output: None,
            })),
            Err(kind) => kind,
        }
    }

    /// The macros that make a list, with a condition in front of the output or without.
    fn map_fold(&mut self, names: usize, range: Expr, mut args: Vec<Expr>) -> Kind {
        let output = args.pop();
        let condition = if args.len() > names { args.pop() } else { None };
        match self.names(range.at, args) {
            Ok((name, second_name)) => Kind::Fold(Box::new(Fold {
                kind: FoldKind::Map,
                range,
                name,
                second_name,
                condition,
                output,
            })),
            Err(kind) => kind,
        }
    }

    fn names(&mut self, at: usize, args: Vec<Expr>) -> Result<(String, Option<String>), Kind> {
        let mut names = Vec::with_capacity(2);
        for arg in args {
            match arg.kind {
                Kind::Ident(name) if !name.starts_with('.') => {
                    if names.contains(&name) {
                        return Err(self.wrong(arg.at, format!("duplicate variable name: {name}")));
                    }
                    names.push(name);
                }
                kind @ Kind::Unsupported(_) => return Err(kind),
                _ => return Err(self.wrong(arg.at, "argument must be a simple name")),
            }
        }
        let mut names = names.into_iter();
        match names.next() {
            Some(name) => Ok((name, names.next())),
            None => Err(self.wrong(at, "argument must be a simple name")),
        }
    }

    fn optional_map(&mut self, is_flat: bool, target: Box<Expr>, args: Vec<Expr>) -> Kind {
        let mut args = args.into_iter();
        match (args.next(), args.next()) {
            (Some(Expr { kind: Kind::Ident(name), .. }), Some(body)) if !name.starts_with('.') => {
                Kind::OptionalMap { target, name, body: Box::new(body), is_flat }
            }
            (first, _) => {
                let name = if is_flat { "optFlatMap" } else { "optMap" };
                let message = format!("{name}() variable name must be a simple identifier");
                self.wrong(first.map_or(0, |expr| expr.at), message)
            }
        }
    }

    fn wrong(&mut self, at: usize, message: impl Into<String>) -> Kind {
        self.issues.push(Issue::new(at, message));
        Kind::Unsupported("a macro".to_owned())
    }
}
