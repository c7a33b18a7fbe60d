use proptest::prelude::*;

use super::section::same;
use super::*;
use crate::api::kubeconfig::{Cluster, Credentials, Material};
use crate::util::secret::SecretBytes;

fn entries() -> Entries {
    let credentials = Credentials::certificate(
        Material::Embedded(b"certificate".to_vec()),
        Material::Embedded(SecretBytes::from(b"s3cret key".to_vec())),
    );
    let cluster = Cluster {
        server: "https://api.example:6443".to_owned(),
        certificate_authority: Some(Material::Embedded(b"authority".to_vec())),
        ..Cluster::default()
    };
    Entries::new("jane", credentials, "example").with_cluster(cluster)
}

fn merged(old: &str) -> Merged {
    merge("config", old.as_bytes(), &entries(), Existing::Refuse).unwrap()
}

/// What is merged, which must be what a splice makes.
#[track_caller]
fn spliced(old: &str) -> String {
    let merged = merged(old);
    assert_eq!(merged.how, How::Spliced, "{}", merged.text.expose_secret());
    merged.text.expose_secret().to_owned()
}

/// The old lines are all there, in their order, and as they were.
#[track_caller]
fn assert_undisturbed(old: &str, new: &str) {
    let old = old.replace("current-context: \"old\"", "current-context: jane@example");
    let mut lines = new.split_inclusive('\n');
    for line in old.split_inclusive('\n') {
        let has = |other: &str| {
            other == line
                || other.strip_suffix(['\n']).unwrap_or(other).trim_end_matches('\r') == line
        };
        assert!(lines.any(has), "{line:?} is gone from\n{new}");
    }
}

const USUAL: &str = "\
# mine
apiVersion: v1
clusters:
- cluster:
    server: https://old:6443   # the old one
    extensions:
    - name: x
      extension: {a: 014}
  name: old
# about contexts
contexts:
- name: 'old'
  context: {cluster: old, user: bob}

# now
current-context: \"old\"  # keep me
kind: Config
preferences: {}
users:
- name: bob
  user:
    token: |
      # not a comment
# the end
";

#[test]
fn a_usual_file_gets_three_entries_and_a_current_context() {
    let new = spliced(USUAL);
    assert_eq!(
        new,
        "\
# mine
apiVersion: v1
clusters:
- cluster:
    server: https://old:6443   # the old one
    extensions:
    - name: x
      extension: {a: 014}
  name: old
- name: example
  cluster:
    certificate-authority-data: YXV0aG9yaXR5
    server: https://api.example:6443
# about contexts
contexts:
- name: 'old'
  context: {cluster: old, user: bob}
- name: jane@example
  context:
    cluster: example
    user: jane

# now
current-context: jane@example  # keep me
kind: Config
preferences: {}
users:
- name: bob
  user:
    token: |
      # not a comment
- name: jane
  user:
    client-certificate-data: Y2VydGlmaWNhdGU=
    client-key-data: czNjcmV0IGtleQ==
# the end
"
    );
    // And once more there is nothing to do.
    assert_eq!(merged(&new).how, How::Unchanged);
    assert_eq!(merged(&new).text.expose_secret(), new);
}

#[test]
fn empty_lists_in_every_form_are_filled_and_the_rest_stays() {
    for value in ["[]", "null", "~", "[ ]", "[]  # none yet", "# none yet", "", "null # none"] {
        let old = format!(
            "kind: Config\nusers: {value}\nclusters: {value}\ncontexts: {value}\ncurrent-context: \"\"\nx: 1\n"
        );
        let new = spliced(&old);
        assert_eq!(new.matches("none").count(), old.matches("none").count(), "{new}");
        assert!(new.ends_with("current-context: jane@example\nx: 1\n"), "{new}");
    }
    for old in ["users:", "users: []", "users: ~", "current-context:", "current-context: a"] {
        let new = spliced(old);
        assert_eq!(parse("new", new.as_bytes()).unwrap().users.len(), 1, "{new}");
    }
}

#[test]
fn files_without_any_field_become_whole_ones_behind_their_comments() {
    let whole = render(&entries());
    let whole = whole.expose_secret();
    for old in ["", "\n", "# mine\n", "---\n", "# mine\n---\n"] {
        assert_eq!(spliced(old), format!("{old}{whole}"));
    }
    assert_eq!(spliced("# mine"), format!("# mine\n{whole}"));
    assert_eq!(spliced("# mine\r\n"), format!("# mine\r\n{}", whole.replace('\n', "\r\n")));
    assert_eq!(spliced("\u{feff}"), format!("\u{feff}{whole}"));
    for old in ["{}", "null\n"] {
        assert!(matches!(merged(old).how, How::Rewritten { comments_lost: false }), "{old}");
    }
}

#[test]
fn line_breaks_indentation_marks_and_other_scripts_are_kept() {
    let crlf = USUAL.replace('\n', "\r\n");
    let new = spliced(&crlf);
    assert_eq!(new, spliced(USUAL).replace('\n', "\r\n"));
    let no_end = USUAL.strip_suffix("# the end\n").unwrap().trim_end();
    assert_undisturbed(no_end, &spliced(no_end));
    let marked = format!("\u{feff}{USUAL}");
    assert_eq!(spliced(&marked), format!("\u{feff}{}", spliced(USUAL)));
    let begun = format!("---\n{USUAL}...\n");
    assert_undisturbed(&begun, &spliced(&begun));
    let umlauts = USUAL.replace("bob", "bjørn-😀").replace("mine", "größe");
    assert_undisturbed(
        &umlauts.replace("current-context: \"old\"", "current-context: jane@example"),
        &spliced(&umlauts),
    );
    let deep = "users:\n    -   name: bob\n        user: {}\n    # more\n    -\n        # who\n        name: eve\n\n\ncontexts:\n";
    let new = spliced(deep);
    assert!(new.starts_with(deep.strip_suffix("\n\ncontexts:\n").unwrap()), "{new}");
    assert!(new.contains("\n    - name: jane\n      user:\n        client"), "{new}");
    assert!(new.contains("contexts:\n    - name: jane@example\n"), "{new}");
    let within = "  kind: Config\n  users:\n  - name: bob\n";
    assert_undisturbed(within, &spliced(within));
    let tabs = "kind: Config\nusers:\n- name: \"a\\tb\"\n  user: {token: 'x\ty'}\t# tab\n";
    assert_undisturbed(tabs, &spliced(tabs));
}

#[test]
fn what_cannot_be_spliced_is_written_anew_and_lost_comments_are_told() {
    let how = |old: &str| {
        let merged = merged(old);
        let new = merged.text.expose_secret();
        let read = parse("new", new.as_bytes()).unwrap();
        assert!(read.user("bob").is_some() && read.user("jane").is_some(), "{new}");
        (merged.how, new.to_owned())
    };
    let lossless = How::Rewritten { comments_lost: false };
    let lossy = How::Rewritten { comments_lost: true };
    assert_eq!(how("users: [{name: bob, user: {token: '# x'}}]\n").0, lossless);
    assert_eq!(how("users: [{name: bob}] # x\n").0, lossy);
    assert_eq!(how("{users: [{name: bob}]}\n").0, lossless);
    assert_eq!(how("users: &u\n- name: bob\n").0, lossless);
    assert_eq!(how("users:\t# tab\n- name:\tbob\n").0, lossy);
    let (json, text) =
        how("{\n    \"users\": [{\"name\": \"bob\", \"user\": {\"b\": 1, \"a\": 2.5}}]\n}");
    assert_eq!(json, lossless);
    assert!(
        text.starts_with("{\n    \"users\": [\n        {\n            \"name\": \"bob\",\n"),
        "{text}"
    );
    assert!(
        text.contains("\"b\": 1,\n") && serde_json::from_str::<serde_json::Value>(&text).is_ok()
    );
    let (_, text) = how("{\"users\": [{\"name\": \"bob\"}]}");
    assert_eq!(text.lines().count(), 1);
    let utf16: Vec<u8> =
        "\u{feff}users:\n- name: bob\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let merged = merge("config", &utf16, &entries(), Existing::Refuse).unwrap();
    assert_eq!(merged.how, lossless);
}

#[test]
fn aliases_elsewhere_do_not_matter_and_what_they_name_survives_its_replacement() {
    let elsewhere = "x: &a {b: 1}\ny: *a\nusers:\n- name: bob\n  user: &u\n    token: t\n- name: eve\n  user: *u\n";
    let new = spliced(elsewhere);
    assert_undisturbed(elsewhere, &new);
    let named = "users:\n- name: jane\n  user: &u\n    token: t # mine\n- name: eve\n  user: *u\n";
    let merged = merge("config", named.as_bytes(), &entries(), Existing::Replace).unwrap();
    assert_eq!(merged.how, How::Rewritten { comments_lost: true });
    let read = parse("new", merged.text.expose_secret().as_bytes()).unwrap();
    assert!(matches!(&read.user("eve").unwrap().token, Some(Material::Embedded(t)) if t.is("t")));
    assert!(read.user("jane").unwrap().token.is_none());
}

#[test]
fn an_entry_of_the_same_name_is_replaced_only_when_asked_for() {
    let old = "\
users:
# jane's
- user:
    token: |
      # old
      s3cret
      # old
  # within
  name: jane

# bob's
- name: bob
clusters:
- name: example
  cluster: {server: 'https://other'}
";
    let error = merge("config", old.as_bytes(), &entries(), Existing::Refuse).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`config` has cluster `example`, user `jane` already, and not as it would be now; replace \
         with --overwrite, or use other names"
    );
    let merged = merge("config", old.as_bytes(), &entries(), Existing::Replace).unwrap();
    assert_eq!(merged.replaced, ["cluster `example`", "user `jane`"]);
    assert_eq!(merged.how, How::Spliced);
    assert_eq!(
        merged.text.expose_secret(),
        "\
users:
# jane's
- name: jane
  user:
    client-certificate-data: Y2VydGlmaWNhdGU=
    client-key-data: czNjcmV0IGtleQ==

# bob's
- name: bob
clusters:
- name: example
  cluster:
    certificate-authority-data: YXV0aG9yaXR5
    server: https://api.example:6443
contexts:
- name: jane@example
  context:
    cluster: example
    user: jane
current-context: jane@example
"
    );
}

#[test]
fn nothing_of_a_replaced_block_of_text_is_left_over() {
    let old = "users:\n- name: jane\n  user:\n    token: |-\n      s3cret\n      # s3cret\n\n# eve\n- name: eve\n";
    let merged = merge("config", old.as_bytes(), &entries(), Existing::Replace).unwrap();
    let new = merged.text.expose_secret();
    assert!(!new.contains("s3cret") && new.contains("\n\n# eve\n- name: eve\n"), "{new}");
}

#[test]
fn a_cluster_that_is_there_need_not_be_given_and_one_that_is_not_must() {
    let entries = Entries { cluster: None, make_current: false, ..entries() };
    let old =
        "clusters:\n- name: example\n  cluster: {server: 'https://other'}\ncurrent-context: x\n";
    let merged = merge("config", old.as_bytes(), &entries, Existing::Refuse).unwrap();
    let read = parse("new", merged.text.expose_secret().as_bytes()).unwrap();
    assert_eq!(read.cluster("example").unwrap().server, "https://other");
    assert_eq!(read.current_context, "x");
    let error = merge("config", b"kind: Config", &entries, Existing::Refuse).unwrap_err();
    assert!(matches!(error, KubeconfigError::NoSuchCluster { .. }), "{error}");
}

#[test]
fn what_is_no_kubeconfig_is_refused_and_no_message_shows_a_value() {
    for (old, because) in [
        ("kind: Pod", "no kubeconfig"),
        ("apiVersion: v2", "no kubeconfig"),
        ("- s3cret", "must be an object, but is a list"),
        ("s3cret", "must be an object, but is a string"),
        ("users: s3cret", "`users` must be a list, but is a string"),
        ("users: [s3cret]", "`users[0]` must be an object"),
        ("users: [{name: {s3cret: 1}}]", "`users[0].name` must be a string, but is an object"),
        ("users: [{user: s3cret}]", "`users[0].user` must be an object"),
        ("users:\n- name: a\n- name: a\n", "`config:3`: `users` has two entries called `a`"),
        ("users:\n- {}\n- null\n", "`users` has two entries called ``"),
        ("contexts: []\ncontexts: []\n", "`config:2`: `contexts` stands twice"),
        ("kind: Config\n---\nkind: Config\n", "a second document begins here"),
        ("users: [", ""),
    ] {
        let error = merge("config", old.as_bytes(), &entries(), Existing::Replace).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(because) && text.contains("config"), "{old}: {text}");
        assert!(!text.contains("s3cret") && !format!("{error:?}").contains("s3cret"), "{error:?}");
    }
    for old in [
        "users: [{name: a, user: {client-key-data: s3cret!}}]",
        "users: [{name: a, user: {token: [s3cret]}}]",
        "users: [{name: a, user: {token: {s3cret: s3cret}}}]",
    ] {
        let error = parse("config", old.as_bytes()).unwrap_err();
        assert!(!format!("{error:?}{error}").contains("s3cret"), "{error}");
    }
    let big = "{\"x\": 18446744073709551615}";
    let error = merge("config", big.as_bytes(), &entries(), Existing::Refuse).unwrap_err();
    assert!(error.to_string().contains("a number too large"), "{error}");
}

#[test]
fn what_matters_is_read_and_secrets_stay_hidden() {
    let text = "\
clusters:
- name: a
  cluster: {server: 'https://a', certificate-authority: ca.crt}
users:
- name: both
  user: {client-certificate: c, client-certificate-data: YQ==, client-key-data: \"czNj\\ncmV0\", tokenFile: f, token: s3cret}
- name: token
  user: {token: s3cret, exec: {}, as: bob}
contexts:
- name: c
  context: {cluster: a, user: both, namespace: team}
current-context: c
";
    let read = parse("config", text.as_bytes()).unwrap();
    let a = read.cluster("a").unwrap();
    assert_eq!(a.certificate_authority, Some(Material::Referenced("ca.crt".to_owned())));
    let both = read.user("both").unwrap();
    assert_eq!(both.client_certificate, Some(Material::Embedded(b"a".to_vec())));
    assert_eq!(both.client_key, Some(Material::Embedded(SecretBytes::from(b"s3cret".to_vec()))));
    assert!(matches!(&both.token, Some(Material::Referenced(path)) if path == "f"));
    assert_eq!(read.user("token").unwrap().others, ["exec", "as"]);
    assert_eq!(read.context("c").unwrap().namespace, "team");
    assert_eq!(read.current_context, "c");
    assert!(!format!("{read:?}").contains("s3cret"));
    let merged = format!("{:?}", merged(text));
    assert!(!merged.contains("s3cret") && !merged.contains("czNj"), "{merged}");
}

/// Names and values that YAML must not misread.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z@:/.=+_-]{1,8}",
        Just("yes".to_owned()),
        Just("0x1f".to_owned()),
        Just("a: b # c".to_owned()),
        Just("ö\u{2028}\u{85}\t\n\"'\\".to_owned()),
        ".{0,6}",
    ]
}

/// A text in quotes, or plain where it may be.
fn quoted(text: &str, style: u8) -> String {
    match style % 3 {
        0 if text.bytes().all(|c| c.is_ascii_lowercase()) && text.len() > 3 => text.to_owned(),
        1 if text
            .chars()
            .all(|c| !c.is_control() && c != '\u{2028}' && c != '\u{2029}' && c != '\u{feff}') =>
        {
            format!("'{}'", text.replace('\'', "''"))
        }
        _ => text::scalar(&format!("{text} "))
            .strip_suffix(" \"")
            .map_or_else(|| format!("\"{text}\""), |text| format!("{text}\"")),
    }
}

#[derive(Debug, Clone)]
struct Listed {
    names: Vec<(String, u8)>,
    value: String,
    style: u8,
}

fn listed() -> impl Strategy<Value = Listed> {
    (prop::collection::vec((word(), any::<u8>()), 0..4), word(), any::<u8>())
        .prop_map(|(names, value, style)| Listed { names, value, style })
}

/// The list as somebody might have typed it.
fn written(field: &str, inner: &str, list: &Listed) -> String {
    let Listed { names, value, style } = list;
    let mut seen = std::collections::HashSet::new();
    let names: Vec<_> = names.iter().filter(|(name, _)| seen.insert(name.clone())).collect();
    if names.is_empty() {
        let empty = ["[]", "null", "", "# nothing", "~ # nothing"][usize::from(style % 5)];
        return format!("{field}: {empty}\n");
    }
    let pad = " ".repeat(usize::from(style % 3) * 2);
    let mut text = format!("{field}:\n");
    for (name, style) in names {
        let (name, value) = (quoted(name, style / 3), quoted(value, style / 9));
        let item = match style % 5 {
            0 => format!("{pad}- {inner}:\n{pad}    server: {value}\n{pad}  name: {name}\n"),
            1 => format!(
                "{pad}-   name: {name}   # that is it\n{pad}    {inner}: {{token: {value}}}\n"
            ),
            2 => format!("{pad}-\n{pad}   # first\n{pad}   name: {name}\n\n"),
            3 => format!(
                "{pad}- name: {name}\n{pad}  {inner}:\n{pad}    token: |\n{pad}      # x\n{pad}      y\n{pad}      # z\n# about the next\n"
            ),
            _ => format!("{pad}- {{name: {name}, {inner}: {{user: {value}}}}}\n"),
        };
        text.push_str(&item);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_file_takes_entries_and_everything_else_is_as_it_was(
        lists in (listed(), listed(), listed()),
        current in prop::option::of((word(), any::<u8>())),
        order in any::<prop::sample::Index>(),
        form in any::<u8>(),
        mine in word(),
    ) {
        let mut parts = vec![
            written("clusters", "cluster", &lists.0),
            written("users", "user", &lists.1),
            written("contexts", "context", &lists.2),
            "# mine\nkind: Config\n".to_owned(),
            "preferences: {}\n".to_owned(),
        ];
        if let Some((name, style)) = &current {
            parts.push(format!("current-context: {}  # now\n", quoted(name, *style)));
        }
        let at = order.index(parts.len());
        parts.rotate_left(at);
        let mut old = parts.concat();
        if form & 1 == 1 { old = old.replace('\n', "\r\n") }
        if form & 2 == 2 { old = old.trim_end().to_owned() }
        let tree = read::tree("old", old.as_bytes()).map_err(|error| TestCaseError::fail(format!("{error}\n{old}")))?;
        let mut entries = entries();
        entries.user.name.clone_from(&mine);
        entries.context.value.user.clone_from(&mine);
        let merged = merge("old", old.as_bytes(), &entries, Existing::Replace)
            .map_err(|error| TestCaseError::fail(format!("{error}\n{old}")))?;
        let new = merged.text.expose_secret();
        prop_assert_eq!(merged.how, How::Spliced, "{}\n=>\n{}", old, new);
        let after = read::tree("new", new.as_bytes()).unwrap();
        // Every entry that is not one of ours is as it was, and every other field.
        let ours = [("clusters", "example"), ("users", &mine), ("contexts", "jane@example")];
        for (list, name) in ours {
            let rest = |root: &Node| -> Vec<Node> {
                let section = section::Section::ALL.into_iter().find(|s| s.field() == list).unwrap();
                read::items(root, section).iter().filter(|item| item.text("name") != name).cloned().collect()
            };
            let (before, after) = (rest(&tree), rest(&after));
            prop_assert!(before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| same(a, b)), "{old}\n=>\n{new}");
        }
        prop_assert!(same(after.get("preferences").unwrap(), tree.get("preferences").unwrap()));
        let read = parse("new", new.as_bytes()).unwrap();
        prop_assert_eq!(read.current_context.as_str(), "jane@example");
        prop_assert_eq!(&read.context("jane@example").unwrap().user, &mine);
        prop_assert!(read.user(&mine).unwrap().embeds_secret());
        // Comments are still there.
        for comment in ["# mine", "# now", "# nothing", "# about the next"] {
            prop_assert_eq!(old.matches(comment).count(), new.matches(comment).count(), "{}", comment);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b' '), Just(b'-'), Just(b':'), Just(b'#'), Just(b'"'), any::<u8>()], 0..80), head in 0_usize..4) {
        let head = ["", "users:\n- name: a\n", "current-context: ", "clusters:\n"][head];
        let text = [head.as_bytes(), &bytes].concat();
        if let Ok(merged) = merge("x", &text, &entries(), Existing::Replace) {
            let read = parse("new", merged.text.expose_secret().as_bytes()).unwrap();
            prop_assert_eq!(read.current_context.as_str(), "jane@example");
        }
    }
}
