use super::{Evaluated, Evaluation};
use crate::cel::budget::Failure;
use crate::cel::program::Fold;
use crate::cel::syntax::FoldKind;
use crate::cel::value::{List, Map, Value};

impl<'a> Evaluation<'a> {
    /// A macro over a list or map. Errors of one element do not end it: a later element may decide
    /// the answer all the same.
    pub(super) fn fold(&mut self, fold: &'a Fold) -> Evaluated<'a> {
        let range = self.value(&fold.range)?;
        let outer = self.locals.len();
        let result = match &range {
            Value::List(list) => self.over_list(fold, list),
            Value::Map(map) => self.over_map(fold, map),
            _ => Err(Failure::text("got a range that is neither list nor map")),
        };
        self.locals.truncate(outer);
        result
    }

    fn over_list(&mut self, fold: &'a Fold, list: &List<'a>) -> Evaluated<'a> {
        let mut state = State::new(fold.kind);
        for (index, element) in list.iter().enumerate() {
            let second = fold.is_double.then(|| element.clone());
            let first = match fold.is_double {
                true => Value::Int(i64::try_from(index).unwrap_or(i64::MAX)),
                false => element,
            };
            if !self.step(fold, &mut state, first, second)? {
                break;
            }
        }
        self.finish(state)
    }

    fn over_map(&mut self, fold: &'a Fold, map: &Map<'a>) -> Evaluated<'a> {
        let mut state = State::new(fold.kind);
        self.budget.reserve(map.len() * 2 * size_of::<Value<'_>>())?;
        for (key, value) in map.entries() {
            if !self.step(fold, &mut state, key, fold.is_double.then_some(value))? {
                break;
            }
        }
        self.finish(state)
    }

    /// One element; whether to go on.
    fn step(
        &mut self,
        fold: &'a Fold,
        state: &mut State<'a>,
        first: Value<'a>,
        second: Option<Value<'a>>,
    ) -> Result<bool, Failure> {
        // What `cel-go` pays to look whether the loop goes on, and to look up what it has so far.
        self.budget.spend(match fold.kind {
            FoldKind::All => 3,
            FoldKind::Exists => 4,
            FoldKind::ExistsOne | FoldKind::Filter | FoldKind::Map => 1,
        })?;
        let outer = self.locals.len();
        self.locals.push(first.clone());
        self.locals.extend(second);
        let outcome = self.element(fold, state, first);
        self.locals.truncate(outer);
        outcome
    }

    fn element(
        &mut self,
        fold: &'a Fold,
        state: &mut State<'a>,
        first: Value<'a>,
    ) -> Result<bool, Failure> {
        let condition = match &fold.condition {
            None => true,
            Some(condition) => match self.condition(condition) {
                Ok(value) => value,
                Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                Err(failure) => {
                    // Of a conjunction the first error stays; a choice has that of its condition.
                    let is_junction = matches!(fold.kind, FoldKind::All | FoldKind::Exists);
                    if !is_junction || state.failure.is_none() {
                        state.failure = Some(failure);
                    }
                    return Ok(true);
                }
            },
        };
        match fold.kind {
            FoldKind::All if !condition => state.decided = Some(false),
            FoldKind::Exists if condition => state.decided = Some(true),
            FoldKind::ExistsOne if condition => {
                self.budget.spend(1)?;
                state.count += 1;
            }
            FoldKind::Filter if condition => self.collect(state, first)?,
            FoldKind::Map if condition => {
                let output = match &fold.output {
                    Some(output) => self.value(output),
                    None => Err(Failure::text("no such overload")),
                };
                match output {
                    Ok(value) => self.collect(state, value)?,
                    Err(Failure::Cancelled) => return Err(Failure::Cancelled),
                    Err(failure) => state.failure = state.failure.take().or(Some(failure)),
                }
            }
            _ => {}
        }
        Ok(state.decided.is_none())
    }

    /// Puts one more element into the result: a list of it, and a sum of two lists.
    fn collect(&mut self, state: &mut State<'a>, value: Value<'a>) -> Result<(), Failure> {
        self.budget.spend(11)?;
        self.budget.reserve(size_of::<Value<'_>>())?;
        state.values.push(value);
        Ok(())
    }

    fn finish(&mut self, state: State<'a>) -> Evaluated<'a> {
        self.budget.spend(1)?;
        match state {
            State { decided: Some(decided), .. } => Ok(Value::Bool(decided)),
            State { failure: Some(failure), .. } => Err(failure),
            State { kind, count, values, .. } => Ok(match kind {
                FoldKind::All => Value::Bool(true),
                FoldKind::Exists => Value::Bool(false),
                FoldKind::ExistsOne => Value::Bool(count == 1),
                FoldKind::Filter | FoldKind::Map => Value::list(values),
            }),
        }
    }
}

/// What a macro has so far.
struct State<'a> {
    kind: FoldKind,
    decided: Option<bool>,
    failure: Option<Failure>,
    count: usize,
    values: Vec<Value<'a>>,
}

impl State<'_> {
    const fn new(kind: FoldKind) -> Self {
        Self { kind, decided: None, failure: None, count: 0, values: Vec::new() }
    }
}
