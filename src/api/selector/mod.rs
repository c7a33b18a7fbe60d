//! Selectors: which objects a request or a role speaks about.
//!
//! Three shapes lead to requirements: label selectors as text ([`parse_labels`]), field selectors
//! as text ([`parse_fields`]), and label selectors as objects carry them ([`LabelMatcher`]).
//! Absent on purpose: matching fields, which no authorizer does (S-RBAC-13).

mod field;
mod label;
mod matcher;
mod syntax;

pub use field::{FieldSelectorError, parse_fields};
pub use label::{LabelSelectorError, parse_labels};
pub use matcher::{LabelMatcher, validate_label_selector};

pub(crate) use label::requirement;
pub(crate) use matcher::{Strictness, operator_of, validate_requirement, validate_values};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{FieldOperator, FieldRequirement, LabelOperator, LabelRequirement};

    fn label_text(requirement: &LabelRequirement) -> String {
        let LabelRequirement { key, operator, values } = requirement;
        let values = values.join(",");
        match operator {
            LabelOperator::Exists => key.clone(),
            LabelOperator::DoesNotExist => format!("!{key}"),
            LabelOperator::Equals => format!("{key}={values}"),
            LabelOperator::NotEquals => format!("{key}!={values}"),
            LabelOperator::GreaterThan => format!("{key}>{values}"),
            LabelOperator::LessThan => format!("{key}<{values}"),
            LabelOperator::In => format!("{key} in ({values})"),
            LabelOperator::NotIn => format!("{key} notin ({values})"),
        }
    }

    fn field_text(requirement: &FieldRequirement) -> String {
        let operator = match requirement.operator {
            FieldOperator::Equals => "=",
            FieldOperator::NotEquals => "!=",
        };
        let mut text = format!("{}{operator}", requirement.field);
        for character in requirement.value.chars() {
            if matches!(character, '\\' | ',' | '=') {
                text.push('\\');
            }
            text.push(character);
        }
        text
    }

    proptest! {
        #[test]
        fn a_label_selector_that_is_read_reads_the_same_when_written(
            text in r"[a-c/!=<>(), 0-9in\-]{0,24}|(a|!a|b=c|a!=|c>1|a in \(b,,c\)|in notin \(in\))(,(a|!a|b=c|c<2))*"
        ) {
            if let Ok(read) = parse_labels(&text) {
                let written: Vec<String> = read.iter().map(label_text).collect();
                prop_assert_eq!(parse_labels(&written.join(",")), Ok(read));
            }
        }

        #[test]
        fn a_field_selector_that_is_read_reads_the_same_when_written(
            text in r"[a-c.!=,\\]{0,16}|(a=b|a!=b|b==c|c=\\,|a=)(,(a=b|a!=b|b=\\\\))*"
        ) {
            if let Ok(read) = parse_fields(&text) {
                let written: Vec<String> = read.iter().map(field_text).collect();
                // What is sorted as text is sorted again; escapes may change the order.
                let mut again = parse_fields(&written.join(",")).unwrap();
                let mut read = read;
                let key = |r: &FieldRequirement| (r.field.clone(), r.operator, r.value.clone());
                again.sort_by_key(key);
                read.sort_by_key(key);
                prop_assert_eq!(again, read);
            }
        }

        #[test]
        fn no_text_makes_a_parser_fall(text in r"\PC{0,40}|[\x00-\x7f]{0,40}") {
            let _ = parse_labels(&text);
            let _ = parse_fields(&text);
        }
    }
}
