use std::fmt;
use std::rc::Rc;

use super::fields::Object;

/// The static type of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Something is wrong already; fits everywhere, so that it is said once.
    Error,
    /// Known only when it is evaluated.
    Dyn,
    /// The same, of a claim: whatever it is, it is no range of a macro (S-OIDC-20).
    Any,
    Null,
    Bool,
    Int,
    Uint,
    Double,
    String,
    List(Rc<Type>),
    Map(Rc<Type>, Rc<Type>),
    Optional(Rc<Type>),
    Object(Object),
    Ip,
    Cidr,
    /// A type as a value, and of what: `int` is of type `type(int)`.
    Meta(Rc<Self>),
    /// Not known yet.
    Var(usize),
}

impl Type {
    pub(super) fn list(element: Self) -> Self {
        Self::List(Rc::new(element))
    }

    pub(super) fn optional(inner: Self) -> Self {
        Self::Optional(Rc::new(inner))
    }

    pub(super) const fn is_dynamic(&self) -> bool {
        matches!(self, Self::Dyn | Self::Any)
    }

    /// Whether a request's own objects are in it, of which nobody knows when they are equal.
    pub(super) fn holds_object(&self) -> bool {
        match self {
            Self::Object(_) => true,
            Self::List(inner) | Self::Optional(inner) => inner.holds_object(),
            Self::Map(key, value) => key.holds_object() || value.holds_object(),
            _ => false,
        }
    }

    /// As `cel-go` shows the result of an expression, where the null type has another name than in
    /// its errors.
    pub(super) fn result_name(&self) -> String {
        match self {
            Self::Null => "null_type".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("!error!"),
            Self::Dyn | Self::Var(_) => f.write_str("dyn"),
            Self::Any => f.write_str("any"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("bool"),
            Self::Int => f.write_str("int"),
            Self::Uint => f.write_str("uint"),
            Self::Double => f.write_str("double"),
            Self::String => f.write_str("string"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Map(key, value) => write!(f, "map({key}, {value})"),
            Self::Optional(inner) => write!(f, "optional_type({inner})"),
            Self::Object(object) => f.write_str(object.name()),
            Self::Ip => f.write_str("net.IP"),
            Self::Cidr => f.write_str("net.CIDR"),
            Self::Meta(of) => write!(f, "type({of})"),
        }
    }
}

/// What the types that were not known have turned out to be. What was only tried is taken back.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    bound: Vec<Option<Type>>,
    /// Each change, with what was there before.
    changes: Vec<(usize, Option<Type>)>,
}

/// A state of the bindings to go back to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    variables: usize,
    changes: usize,
}

impl Bindings {
    pub(super) fn fresh(&mut self) -> Type {
        self.bound.push(None);
        Type::Var(self.bound.len() - 1)
    }

    pub(super) const fn mark(&self) -> Mark {
        Mark { variables: self.bound.len(), changes: self.changes.len() }
    }

    pub(super) fn go_back(&mut self, mark: Mark) {
        while self.changes.len() > mark.changes
            && let Some((var, before)) = self.changes.pop()
        {
            if let Some(bound) = self.bound.get_mut(var) {
                *bound = before;
            }
        }
        self.bound.truncate(mark.variables);
    }

    fn bound(&self, var: usize) -> Option<&Type> {
        self.bound.get(var).and_then(Option::as_ref)
    }

    fn bind(&mut self, var: usize, to: Type) {
        if let Some(bound) = self.bound.get_mut(var) {
            self.changes.push((var, bound.replace(to)));
        }
    }

    /// The type with everything put in that is known.
    pub(super) fn resolve(&self, of: &Type) -> Type {
        match of {
            Type::Var(var) => self.bound(*var).map_or(Type::Var(*var), |bound| self.resolve(bound)),
            Type::List(element) => Type::list(self.resolve(element)),
            Type::Map(key, value) => {
                Type::Map(Rc::new(self.resolve(key)), Rc::new(self.resolve(value)))
            }
            Type::Optional(inner) => Type::optional(self.resolve(inner)),
            Type::Meta(of) => Type::Meta(Rc::new(self.resolve(of))),
            other => other.clone(),
        }
    }

    /// Whether values of one type may stand where the other is wanted, and what follows from that.
    /// When not, nothing follows.
    pub(super) fn assign(&mut self, from: &Type, to: &Type) -> bool {
        self.assign_all(std::slice::from_ref(from), std::slice::from_ref(to))
    }

    /// All of these, or nothing.
    pub(super) fn assign_all(&mut self, from: &[Type], to: &[Type]) -> bool {
        let mark = self.mark();
        let fits =
            from.len() == to.len() && from.iter().zip(to).all(|(from, to)| self.fits(from, to));
        if !fits {
            self.go_back(mark);
        }
        fits
    }

    fn fits(&mut self, from: &Type, to: &Type) -> bool {
        if let Type::Var(var) = to {
            match self.substitutes(from, *var) {
                Substitution::Fits => return true,
                Substitution::Differs => return false,
                Substitution::Circular => {}
            }
        }
        if let Type::Var(var) = from {
            return matches!(self.substitutes(to, *var), Substitution::Fits);
        }
        match (from, to) {
            (Type::Error | Type::Dyn | Type::Any, _) | (_, Type::Error | Type::Dyn | Type::Any) => {
                true
            }
            // A type is a type, whatever it is one of.
            (Type::Meta(_), Type::Meta(_)) => true,
            (Type::Null, Type::Null | Type::Optional(_) | Type::Object(_))
            | (Type::Null, Type::Ip | Type::Cidr) => true,
            (Type::List(from), Type::List(to)) | (Type::Optional(from), Type::Optional(to)) => {
                self.fits(from, to)
            }
            (Type::Map(from_key, from_value), Type::Map(to_key, to_value)) => {
                self.fits(from_key, to_key) && self.fits(from_value, to_value)
            }
            (from, to) => from == to,
        }
    }

    fn substitutes(&mut self, of: &Type, var: usize) -> Substitution {
        if let Some(bound) = self.bound(var).cloned() {
            if *of == bound {
                return Substitution::Fits;
            }
            if !self.fits(of, &bound) {
                return Substitution::Differs;
            }
            let general = most_general(of, &bound);
            // A variable is never bound to itself, which `resolve` would follow for ever.
            if !self.mentions(&general, var) {
                self.bind(var, general);
            }
            return Substitution::Fits;
        }
        if *of == Type::Var(var) {
            return Substitution::Fits;
        }
        if self.mentions(of, var) {
            return Substitution::Circular;
        }
        self.bind(var, of.clone());
        Substitution::Fits
    }

    fn mentions(&self, within: &Type, var: usize) -> bool {
        match within {
            Type::Var(other) => {
                *other == var || self.bound(*other).is_some_and(|bound| self.mentions(bound, var))
            }
            Type::List(inner) | Type::Optional(inner) | Type::Meta(inner) => {
                self.mentions(inner, var)
            }
            Type::Map(key, value) => self.mentions(key, var) || self.mentions(value, var),
            _ => false,
        }
    }
}

enum Substitution {
    Fits,
    Differs,
    Circular,
}

/// The wider of two types that fit each other.
pub(super) fn most_general(one: &Type, other: &Type) -> Type {
    if is_wider(one, other) { one.clone() } else { other.clone() }
}

fn is_wider(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::Dyn | Type::Any | Type::Var(_), _) => true,
        (_, Type::Dyn | Type::Any | Type::Var(_)) => false,
        (Type::Meta(_), Type::Meta(_)) => true,
        (Type::List(one), Type::List(other)) | (Type::Optional(one), Type::Optional(other)) => {
            is_wider(one, other)
        }
        (Type::Map(one_key, one_value), Type::Map(other_key, other_value)) => {
            is_wider(one_key, other_key) && is_wider(one_value, other_value)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_becomes_what_it_is_first_used_as() {
        let mut bindings = Bindings::default();
        let var = bindings.fresh();
        assert!(bindings.assign(&Type::list(var.clone()), &Type::list(Type::String)));
        assert_eq!(bindings.resolve(&var), Type::String);
        assert!(!bindings.assign(&Type::Int, &var));
        assert!(bindings.assign(&Type::String, &var));
    }

    #[test]
    fn a_variable_does_not_hold_itself() {
        let mut bindings = Bindings::default();
        let var = bindings.fresh();
        assert!(!bindings.assign(&Type::list(var.clone()), &var));
        let other = bindings.fresh();
        assert!(bindings.assign(&var, &other) && bindings.assign(&other, &var));
        assert_eq!(bindings.resolve(&var), bindings.resolve(&other));
    }

    #[test]
    fn null_is_an_object_and_no_string() {
        let mut bindings = Bindings::default();
        assert!(bindings.assign(&Type::Null, &Type::Object(Object::Request)));
        assert!(!bindings.assign(&Type::Null, &Type::String));
    }
}
