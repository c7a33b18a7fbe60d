//! Who is in which group: a file that an operator keeps, since groups are not among a cluster's
//! objects.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Who is in which group, as an operator says.
///
/// ```
/// use portcullis::query::Groups;
///
/// let groups = Groups::parse("groups.yaml", "dev: [jane, joe]\n'oidc:ops':\n- jane\n")?;
/// assert_eq!(groups.members("dev"), ["jane", "joe"]);
/// assert_eq!(groups.groups_of("jane").collect::<Vec<_>>(), ["dev", "oidc:ops"]);
///
/// let error = Groups::parse("groups.yaml", "dev: jane\n").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "groups.yaml:1: group `dev` must have a list of users, such as `dev: [jane]`",
/// );
/// # Ok::<(), portcullis::query::GroupsError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Groups {
    members: BTreeMap<String, Vec<String>>,
}

/// Why a file of groups cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}:{line}: {problem}")]
pub struct GroupsError {
    /// The file, as it was named.
    pub name: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

impl Groups {
    /// Reads a map from group to list of users, in YAML or JSON; user names are those that
    /// requests carry.
    ///
    /// # Errors
    /// When the text is neither, or something else than such a map.
    pub fn parse(name: &str, text: &str) -> Result<Self, GroupsError> {
        let mut reader = Reader::default();
        // For the parser it ends the text.
        if let Some((before, _)) = text.split_once('\0') {
            return Err(GroupsError {
                name: name.to_owned(),
                line: 1 + before.matches('\n').count(),
                problem: "a NUL character, which YAML does not allow; remove it".to_owned(),
            });
        }
        for item in Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text)) {
            let taken = match item {
                Ok((event, span)) => {
                    reader.take(event).map_err(|problem| (span.start.line(), problem))
                }
                Err(error) => Err((error.marker().line(), error.info().to_owned())),
            };
            taken.map_err(|(line, problem)| GroupsError {
                name: name.to_owned(),
                line,
                problem,
            })?;
        }
        Ok(Self { members: reader.members })
    }

    /// The members of a group, as listed.
    #[must_use]
    pub fn members(&self, group: &str) -> &[String] {
        self.members.get(group).map_or(&[], Vec::as_slice)
    }

    /// The groups of a user, by name.
    pub fn groups_of<'a>(&'a self, user: &'a str) -> impl Iterator<Item = &'a str> {
        let is_in = move |members: &[String]| members.iter().any(|member| member == user);
        let of = self.members.iter().filter(move |(_, members)| is_in(members));
        of.map(|(group, _)| group.as_str())
    }
}

#[derive(Default)]
struct Reader {
    members: BTreeMap<String, Vec<String>>,
    documents: usize,
    at: Place,
}

/// What stands around the next event.
#[derive(Default)]
enum Place {
    #[default]
    Root,
    Group,
    Members(String),
    Member(String),
}

impl Reader {
    fn take(&mut self, event: Event<'_>) -> Result<(), String> {
        let at = std::mem::take(&mut self.at);
        self.at = match (at, event) {
            (at, Event::StreamStart | Event::StreamEnd | Event::Nothing) => at,
            (_, Event::DocumentStart(_)) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err("a file of groups is one document; put all groups into it".into());
                }
                Place::Root
            }
            (_, Event::DocumentEnd) => Place::Root,
            (_, Event::Alias(_)) => return Err("write the users out; aliases are not read".into()),
            (Place::Root, Event::MappingStart(..)) => Place::Group,
            // An empty file: no groups.
            (Place::Root, Event::Scalar(text, style, ..)) if is_null(&text, style) => Place::Root,
            (Place::Root, _) => {
                return Err(
                    "must be a map from group to list of users, such as `dev: [jane]`".into()
                );
            }
            (Place::Group, Event::MappingEnd) => Place::Root,
            (Place::Group, Event::Scalar(group, ..)) => {
                if self.members.contains_key(&*group) {
                    return Err(format!("group `{group}` stands twice; put its users together"));
                }
                Place::Members(group.into_owned())
            }
            (Place::Group, _) => return Err("a group must be a name".into()),
            (Place::Members(group), Event::SequenceStart(..)) => {
                self.members.insert(group.clone(), Vec::new());
                Place::Member(group)
            }
            (Place::Members(group), Event::Scalar(text, style, ..)) if is_null(&text, style) => {
                self.members.insert(group, Vec::new());
                Place::Group
            }
            (Place::Members(group), _) => {
                return Err(format!(
                    "group `{group}` must have a list of users, such as `{group}: [jane]`"
                ));
            }
            (Place::Member(_), Event::SequenceEnd) => Place::Group,
            (Place::Member(group), Event::Scalar(user, style, ..)) if !is_null(&user, style) => {
                if let Some(members) = self.members.get_mut(&group)
                    && !members.iter().any(|known| **known == *user)
                {
                    members.push(user.into_owned());
                }
                Place::Member(group)
            }
            (Place::Member(group), _) => {
                return Err(format!("a member of group `{group}` must be the name of a user"));
            }
        };
        Ok(())
    }
}

fn is_null(text: &str, style: ScalarStyle) -> bool {
    style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_say_the_same_and_a_missing_list_is_empty() {
        let yaml = "# who is who\n'oidc:dev':\n  - jane@example.com\n  - 1001\nempty:\n";
        let json = r#"{"oidc:dev": ["jane@example.com", "1001"], "empty": []}"#;
        let groups = Groups::parse("g.yaml", yaml).unwrap();
        assert_eq!(groups, Groups::parse("g.json", json).unwrap());
        assert_eq!(groups.members("oidc:dev"), ["jane@example.com", "1001"]);
        assert!(groups.members("empty").is_empty());
        assert!(groups.members("other").is_empty());
        assert_eq!(groups.groups_of("1001").count(), 1);
        assert_eq!(groups.groups_of("joe").count(), 0);
    }

    #[test]
    fn an_empty_file_has_no_groups() {
        for text in ["", "---\n", "# nothing\n", "{}", "null\n"] {
            assert_eq!(Groups::parse("g", text), Ok(Groups::default()), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_map_of_lists_is_refused_with_its_line() {
        for (text, line) in [
            ("- a\n", 1),
            ("jane\n", 1),
            ("a: [x]\nb: jane\n", 2),
            ("a: [x]\nb:\n  c: d\n", 3),
            ("a: [x]\nb:\n- [y]\n", 3),
            ("a: [x]\nb:\n- ~\n", 3),
            ("a: [x]\na: [y]\n", 2),
            ("a: [x]\n---\nb: [y]\n", 2),
            ("a: &x [y]\nb: *x\n", 2),
            ("? [a]\n: [b]\n", 1),
            ("a: [x\n", 2),
        ] {
            let error = Groups::parse("g.yaml", text).unwrap_err();
            assert_eq!((error.name.as_str(), error.line), ("g.yaml", line), "{text:?}: {error}");
        }
    }
}
