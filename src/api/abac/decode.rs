//! From JSON to a statement.

use super::version::{check_kind, format_of};
use super::{Format, PolicySpec, Statement, StatementError};
use crate::api::Str;
use crate::util::gojson::{Kind, Raw};

/// Reads one JSON value; `line` is what it was made from.
pub(super) fn decode(json: &str, line: &str) -> Result<Statement, StatementError> {
    let object =
        Raw::parse(json).map_err(|error| StatementError::Json { problem: error.to_string() })?;
    let format = format_of(object, line)?;
    let mut statement =
        Statement { format, spec: PolicySpec::default(), unknown_fields: Vec::new() };
    let shape = Shape::of(format);
    for (key, value) in object.members() {
        if key == shape.spec && !shape.spec.is_empty() {
            statement.read_spec(value, shape)?;
        } else if shape.spec.is_empty() && statement.read_field(&key, value, shape)? {
        } else if !is_type_meta(&key) {
            statement.unknown_fields.push(Str::from(key));
        }
    }
    check_kind(object, format)?;
    Ok(statement)
}

fn is_type_meta(key: &str) -> bool {
    key.eq_ignore_ascii_case("apiVersion") || key.eq_ignore_ascii_case("kind")
}

/// How a form names things.
#[derive(Clone, Copy)]
struct Shape {
    /// The field with the spec; empty when the object is flat.
    spec: &'static str,
    /// The Go type of the spec, for error texts.
    spec_type: &'static str,
    /// What Go's error texts say before the name of a field.
    prefix: &'static str,
    /// The names of user, group, readonly, apiGroup, resource, namespace, nonResourcePath; empty
    /// when the form has no such field.
    fields: [&'static str; 7],
}

impl Shape {
    const fn of(format: Format) -> Self {
        match format {
            Format::V1beta1 => Self {
                spec: "spec",
                spec_type: "v1beta1.PolicySpec",
                prefix: "PolicySpec.spec.",
                fields: [
                    "user",
                    "group",
                    "readonly",
                    "apiGroup",
                    "resource",
                    "namespace",
                    "nonResourcePath",
                ],
            },
            Format::V0 | Format::Unversioned => Self {
                spec: "",
                spec_type: "",
                prefix: "Policy.",
                fields: ["user", "group", "readonly", "", "resource", "namespace", ""],
            },
            Format::Internal => Self {
                spec: "Spec",
                spec_type: "abac.PolicySpec",
                prefix: "PolicySpec.Spec.",
                fields: [
                    "User",
                    "Group",
                    "Readonly",
                    "APIGroup",
                    "Resource",
                    "Namespace",
                    "NonResourcePath",
                ],
            },
        }
    }
}

impl Statement {
    /// A second `spec` adds to the first, and `null` adds nothing, as in Go.
    fn read_spec(&mut self, value: Raw<'_>, shape: Shape) -> Result<(), StatementError> {
        match value.kind() {
            Kind::Object | Kind::Null => {}
            other => {
                return Err(StatementError::FieldType {
                    field: format!("Policy.{}", shape.spec),
                    found: other.name(),
                    expected: shape.spec_type,
                });
            }
        }
        for (key, value) in value.members() {
            if !self.read_field(&key, value, shape)? {
                self.unknown_fields.push(Str::from(key));
            }
        }
        Ok(())
    }

    /// Takes over one field; `false` when the form does not know it.
    fn read_field(
        &mut self,
        key: &str,
        value: Raw<'_>,
        shape: Shape,
    ) -> Result<bool, StatementError> {
        if key.is_empty() {
            return Ok(false);
        }
        let [user, group, readonly, api_group, resource, namespace, path] = shape.fields;
        let wrong_type = |expected| StatementError::FieldType {
            field: format!("{}{key}", shape.prefix),
            found: value.kind().name(),
            expected,
        };
        let spec = &mut self.spec;
        let slot = match key {
            _ if key == readonly => {
                match value.kind() {
                    Kind::Bool(written) => spec.readonly = written,
                    Kind::Null => {}
                    _ => return Err(wrong_type("bool")),
                }
                return Ok(true);
            }
            _ if key == user => &mut spec.user,
            _ if key == group => &mut spec.group,
            _ if key == api_group => &mut spec.api_group,
            _ if key == resource => &mut spec.resource,
            _ if key == namespace => &mut spec.namespace,
            _ if key == path => &mut spec.non_resource_path,
            _ => return Ok(false),
        };
        match value.kind() {
            Kind::String => *slot = Str::from(value.string()),
            // The last of several counts, except that `null` leaves what was said before.
            Kind::Null => {}
            _ => return Err(wrong_type("string")),
        }
        Ok(true)
    }
}
