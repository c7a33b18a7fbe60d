//! The table that `kubectl api-resources` prints.

use super::DiscoveryError;
use crate::api::Str;
use crate::api::resources::ResourceInfo;

/// Reads every line; blank lines and headers are skipped.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<ResourceInfo>, DiscoveryError> {
    let mut resources = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [] => {}
            ["NAME", header @ ..] => {
                if header.contains(&"APIGROUP") {
                    let file = file.to_owned();
                    return Err(DiscoveryError::GroupColumn { file, line: number });
                }
            }
            words => resources.push(row(words).ok_or_else(|| DiscoveryError::Columns {
                file: file.to_owned(),
                line: number,
                found: line.trim().chars().take(80).collect(),
            })?),
        }
    }
    Ok(resources)
}

/// Columns are found from the word `true` or `false`, since the second may be blank and those
/// after KIND are printed by `-o wide` only.
fn row(words: &[&str]) -> Option<ResourceInfo> {
    let (name, short_names, api_version, namespaced, rest) = match words {
        [name, version, namespaced @ ("true" | "false"), rest @ ..] => {
            (*name, "", *version, *namespaced, rest)
        }
        [name, short_names, version, namespaced @ ("true" | "false"), rest @ ..] => {
            (*name, *short_names, *version, *namespaced, rest)
        }
        _ => return None,
    };
    let (kind, wide) = rest.split_first()?;
    let (group, version) = group_version(api_version)?;
    let mut lists = wide_lists(wide).into_iter();
    Some(ResourceInfo {
        group: Str::new(group),
        versions: vec![Str::new(version)],
        plural: Str::new(name),
        // The text has no singular; the server's own default is the kind in lower case.
        singular: Str::new(kind.to_lowercase()),
        kind: Str::new(kind),
        short_names: comma_list(short_names),
        namespaced: namespaced == "true",
        verbs: lists.next().unwrap_or_default(),
        categories: lists.next().unwrap_or_default(),
        ..ResourceInfo::default()
    })
}

/// `apps/v1`, or `v1` for the core group. Anything else is a short name in the wrong column.
fn group_version(api_version: &str) -> Option<(&str, &str)> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let is_core = group.is_empty() && api_version.contains('/');
    let digits = version.strip_prefix('v').unwrap_or("");
    let plausible = !group.is_empty() || digits.starts_with(|digit: char| digit.is_ascii_digit());
    (plausible && !is_core).then_some((group, version))
}

/// VERBS and CATEGORIES: `get,list`, or `[get list]` as kubectl before 1.27 prints them.
fn wide_lists(words: &[&str]) -> Vec<Vec<Str>> {
    let mut lists = Vec::new();
    let mut open: Option<Vec<Str>> = None;
    for word in words {
        let starts = word.strip_prefix('[');
        let inner = starts.unwrap_or(word);
        let ends = inner.strip_suffix(']');
        let mut items = comma_list(ends.unwrap_or(inner));
        if let Some(mut list) = open.take() {
            list.append(&mut items);
            items = list;
        } else if starts.is_none() {
            lists.push(items);
            continue;
        }
        match ends {
            Some(_) => lists.push(items),
            None => open = Some(items),
        }
    }
    lists.extend(open);
    lists
}

fn comma_list(word: &str) -> Vec<Str> {
    word.split(',').filter(|item| !item.is_empty()).map(Str::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> ResourceInfo {
        parse("f", line).unwrap().remove(0)
    }

    #[test]
    fn the_plain_table_is_read_with_and_without_short_names() {
        let text = "NAME   SHORTNAMES   APIVERSION   NAMESPACED   KIND\n\
                    bindings            v1           true         Binding\n\
                    \n\
                    deployments deploy,dep apps/v1   true         Deployment\n\
                    nodes      no       v1           false        Node\r\n";
        let rows = parse("f", text).unwrap();
        let names: Vec<_> = rows.iter().map(ResourceInfo::qualified).collect();
        assert_eq!(names, ["bindings", "deployments.apps", "nodes"]);
        assert_eq!(rows[1].short_names, ["deploy", "dep"]);
        assert_eq!(rows[1].singular, "deployment");
        assert_eq!((rows[0].namespaced, rows[2].namespaced), (true, false));
        assert!(rows[0].short_names.is_empty() && rows[0].verbs.is_empty());
    }

    #[test]
    fn the_wide_table_is_read_in_its_new_and_old_form() {
        let new = one("pods po v1 true Pod create,get all,mine");
        let old = one("pods po v1 true Pod [create get] [all mine]");
        assert_eq!(new, old);
        assert_eq!(new.verbs, ["create", "get"]);
        assert_eq!(new.categories, ["all", "mine"]);
        assert_eq!(one("pods po v1 true Pod [create get").verbs, ["create", "get"]);
        assert_eq!(one("pods po v1 true Pod [] []").verbs, Vec::<Str>::new());
    }

    #[test]
    fn a_resource_called_true_is_read() {
        assert_eq!(one("true t g.io/v1 false True").plural, "true");
    }

    #[test]
    fn lines_of_another_shape_are_refused_with_file_and_line() {
        for line in ["pods", "pods po true Pod", "pods v1 true", "a b c d e f", "x /v1 true X"] {
            let error = parse("f.txt", &format!("pods po v1 true Pod\n{line}")).unwrap_err();
            let expected =
                DiscoveryError::Columns { file: "f.txt".into(), line: 2, found: line.into() };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn the_table_of_old_kubectl_is_named_as_such() {
        let text = "NAME SHORTNAMES APIGROUP NAMESPACED KIND\npods po true Pod\n";
        let error = parse("f.txt", text).unwrap_err();
        assert_eq!(error, DiscoveryError::GroupColumn { file: "f.txt".into(), line: 1 });
    }
}
