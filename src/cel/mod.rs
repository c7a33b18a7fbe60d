//! Is a request one that a webhook is asked about? CEL expressions over an access review, as the
//! `matchConditions` of an AuthorizationConfiguration have them (S-ACFG-11 to S-ACFG-17).
//!
//! An expression is compiled once, with the types of the API server checked, and evaluated about
//! each request without an allocation in the usual case. What it answers, the API server answers;
//! where that could not be made certain, the expression is refused when it is compiled and the
//! refusal names what it uses. A wrong answer would send a request past the webhook that should
//! have stopped it.
//!
//! ```
//! use portcullis::cel::Expression;
//! use portcullis::model::{Request, ResourceAttributes, User};
//!
//! let expression = Expression::compile(
//!     "has(request.resourceAttributes) && request.resourceAttributes.namespace != 'kube-system'",
//! )?;
//! let jane = User::new("jane");
//! let pods = ResourceAttributes::new("get", "pods").in_namespace("prod");
//! assert!(expression.evaluate(&Request::resource(&jane, pods))?);
//! assert!(!expression.evaluate(&Request::non_resource(&jane, "get", "/healthz"))?);
//!
//! let error = Expression::compile("request.name == 'jane'").unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "compilation failed: ERROR: <input>:1:8: undefined field 'name'\n \
//!      | request.name == 'jane'\n | .......^"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`claims`] has the expressions of an AuthenticationConfiguration, over the claims of a token and
//! over a user.
//!
//! # Variables
//!
//! One: `request`.
//!
//! | field | type |
//! |-------|------|
//! | `user`, `uid` | string |
//! | `groups` | list of strings |
//! | `extra` | map of string to list of strings |
//! | `resourceAttributes` | `namespace`, `verb`, `group`, `version`, `resource`, `subresource`, `name` (strings), `fieldSelector`, `labelSelector`; absent for paths |
//! | `nonResourceAttributes` | `path`, `verb` (strings); absent for resources |
//! | `fieldSelector`, `labelSelector` | `requirements`: list of `key`, `operator` (`In`, `NotIn`, `Exists`, `DoesNotExist`), `values`; absent without requirements. `rawSelector` is never there |
//!
//! Strings are present even when they are empty: `has` is about selectors, the two kinds of
//! attributes, and keys of `extra`.
//!
//! # Functions
//!
//! | library | evaluated | refused |
//! |---------|-----------|---------|
//! | operators | `&&` `\|\|` `!` `?:` `==` `!=` `<` `<=` `>` `>=` `+` `-` `*` `/` `%` `in` `[]` `.`, `has` | comparing an integer with a double; `==` on two objects of the request |
//! | literals | numbers, strings, `null`, lists, maps with distinct constant keys | bytes, optional elements, objects |
//! | conversions | `int`, `uint`, `bool`, `string`, `size` | those from and to doubles, `bytes`, `duration`, `timestamp`, `type`, `dyn` |
//! | macros | `all`, `exists`, `exists_one`, `existsOne`, `filter`, `map`, with two variables too; `transformList` | `transformMap`, `transformMapEntry`, `sortBy` |
//! | optionals | `.?` `[?]` `optional.of`, `optional.ofNonZeroValue`, `optional.none`, `hasValue`, `value`, `or`, `orValue`, `optMap`, `optFlatMap` | `first`, `last`, `unwrapOpt` |
//! | strings | `contains`, `startsWith`, `endsWith`, `charAt`, `indexOf`, `lastIndexOf`, `join`, `lowerAscii`, `upperAscii`, `replace`, `split`, `substring`, `trim` | `format`, `strings.quote`; `indexOf` and `lastIndexOf` with an offset |
//! | patterns | `matches`, `find`, `findAll`, with a constant pattern | patterns with `\p`, `\B`, `\C`, octal numbers or named groups; patterns made at evaluation |
//! | lists | `isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf`, `sort`, `distinct`, `flatten`, `slice`, `lists.range` | those of doubles; `flatten` with a depth, `reverse` |
//! | sets | `sets.contains`, `sets.equivalent`, `sets.intersects` | |
//! | addresses | `ip`, `isIP`, `ip.isCanonical`, `family`, `isUnspecified`, `isLoopback`, `isLinkLocalMulticast`, `isLinkLocalUnicast`, `isGlobalUnicast`, `cidr`, `isCIDR`, `containsIP`, `prefixLength`, `masked` | `containsCIDR` |
//! | others | | URLs, quantities, semantic versions, named formats, images |
//!
//! Refused as well are operations on values whose type is not known before the evaluation, except
//! over claims, where nothing else is. What
//! the API server lacks (`math.*`, `base64.*`, `cel.bind`, `authorizer`) is an undeclared reference
//! here as there (S-ACFG-14).
//!
//! # Limits
//!
//! An evaluation costs what it costs in the API server, and ends at 1,000,000 units with its error
//! (S-ACFG-15). So it does after 4,000,000 steps or 16 MiB of memory, which the API server does not
//! count: some of its steps are free. An expression may be 100,000 characters long, as there, and
//! nest 64 brackets and 200 operators; the API server takes 250 of each.
//!
//! # Why an evaluator of its own
//!
//! The `cel` crate reads the text: its grammar is that of `cel-go`, and so are its complaints. Its
//! interpreter is not used. It checks no types, so that a misspelt field is an error of each
//! request instead of the load; it has no budget, and three macros in each other over 300 groups
//! run for ten seconds; and it wants a request as maps of its own, which take longer to build than
//! the answer may take. With the types checked, an evaluator over the same tree is small.
//!
//! Absent on purpose: variables of others, and functions of users.

mod budget;
mod check;
pub mod claims;
mod condition;
mod error;
mod escape;
mod evaluate;
mod fields;
mod function;
mod guard;
mod issue;
mod library;
mod parse;
mod pattern;
mod program;
mod syntax;
mod types;
mod value;

use std::sync::Arc;

use check::{About, Wanted};
use evaluate::{Evaluation, Root};
use program::Node;

pub use condition::{MatchConditions, Matched};
pub use error::{CompileError, EvaluationError};

use crate::model::Request;

/// A compiled expression over an access review.
#[derive(Debug, Clone)]
pub struct Expression {
    text: Arc<str>,
    node: Arc<Node>,
}

impl Expression {
    /// Reads and checks an expression.
    ///
    /// # Errors
    ///
    /// [`CompileError`], whose text is what the API server says after `Invalid value: "…": `.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        let parsed = parse::parse(text)?;
        let node = check::check(text, &parsed, About::Request, Wanted::Condition)?;
        Ok(Self { text: text.into(), node: Arc::new(node) })
    }

    /// What was compiled.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer for one request.
    ///
    /// # Errors
    ///
    /// [`EvaluationError`] where the API server has an error instead of an answer.
    pub fn evaluate(&self, request: &Request<'_>) -> Result<bool, EvaluationError> {
        Ok(Evaluation::new(Root::Request(request)).condition(&self.node)?)
    }
}

#[cfg(test)]
mod tests;
