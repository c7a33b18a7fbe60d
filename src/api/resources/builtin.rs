//! The embedded table of what Kubernetes 1.36 serves by default, and of what only rules know.

use super::ResourceInfo;
use crate::api::Str;

const TABLE: &str = include_str!("builtin.tsv");

/// The verbs of a resource that is stored, as `all` stands for in the table.
const STORED: &str = "create,delete,deletecollection,get,list,patch,update,watch";

/// Every row of the embedded table, in the order in which a server lists the groups.
pub(super) fn rows() -> impl Iterator<Item = ResourceInfo> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(row)
}

/// Reads one row; a test shows that none is lost.
fn row(line: &str) -> Option<ResourceInfo> {
    let columns: Vec<&str> = line.split('\t').collect();
    let &[
        group,
        versions,
        plural,
        singular,
        kind,
        short_names,
        scope,
        verbs,
        subresources,
        categories,
    ] = columns.as_slice()
    else {
        return None;
    };
    let (namespaced, is_virtual) = match scope {
        "namespaced" => (true, false),
        "cluster" => (false, false),
        "virtual" => (false, true),
        "virtual-namespaced" => (true, true),
        _ => return None,
    };
    let mut subresources = list(&subresources.replace('~', ""));
    subresources.sort_unstable();
    Some(ResourceInfo {
        group: Str::new(if group == "core" { "" } else { group }),
        versions: list(versions),
        plural: Str::new(plural),
        singular: word(singular),
        kind: word(kind),
        short_names: list(short_names),
        namespaced,
        verbs: list(if verbs == "all" { STORED } else { verbs }),
        subresources,
        categories: list(categories),
        is_virtual,
    })
}

fn word(column: &str) -> Str {
    Str::new(if column == "-" { "" } else { column })
}

fn list(column: &str) -> Vec<Str> {
    column.split(',').filter(|item| *item != "-" && !item.is_empty()).map(Str::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_lost_and_none_stands_twice() {
        let rows: Vec<_> = rows().collect();
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows.len(), lines);
        let mut names: Vec<_> = rows.iter().map(|row| (&row.group, &row.plural)).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), lines);
    }

    #[test]
    fn served_rows_have_a_version_and_a_kind_and_virtual_rows_have_neither() {
        for row in rows() {
            assert_eq!(row.versions.is_empty(), row.is_virtual, "{}", row.qualified());
            assert_eq!(row.kind.is_empty(), row.is_virtual, "{}", row.qualified());
            assert!(!row.verbs.is_empty(), "{}", row.qualified());
        }
    }

    #[test]
    fn a_row_with_a_column_too_few_is_refused() {
        assert!(row("core\tv1\tpods\tpod\tPod\tpo\tnamespaced\tall\t-\tall").is_some());
        assert!(row("core\tv1\tpods\tpod\tPod\tpo\tnamespaced\tall\t-").is_none());
        assert!(row("core\tv1\tpods\tpod\tPod\tpo\tsomewhere\tall\t-\tall").is_none());
    }
}
