use std::io::Write;
use std::path::PathBuf;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::{File, Loaded, RegoLoadError, RegoLoadLimits, RegoLoadOptions, load, parse};
use crate::authz::rego::RegoVersion;

/// A bundle of these files.
fn bundle(files: &[(&str, &str)]) -> Vec<u8> {
    let entries = files.iter().map(|(path, text)| (*path, EntryType::Regular, *text));
    archive(&entries.collect::<Vec<_>>())
}

fn archive(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, kind, text) in entries {
        let mut header = Header::new_gnu();
        // As hostile archives do: the builder would refuse such names.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(u64::try_from(text.len()).unwrap());
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_size(0);
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let content = if header.size().unwrap() == 0 { "" } else { text };
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn read(files: Vec<(&str, Vec<u8>)>) -> Result<Loaded, RegoLoadError> {
    let files = files.into_iter().map(|(name, bytes)| File::new(name, bytes)).collect();
    parse(files, &RegoLoadOptions::default())
}

fn refused(files: Vec<(&str, Vec<u8>)>) -> String {
    read(files).unwrap_err().to_string()
}

fn data(loaded: &Loaded) -> String {
    loaded.sources.data.to_json_str().unwrap().replace([' ', '\n'], "")
}

const MODULE: &str = "package portcullis.authz\nallow if false\n";

#[test]
fn files_of_a_directory_lie_where_their_directories_say() {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("z.rego", MODULE),
        ("a/b/data.json", r#"{"x": 1}"#),
        ("a/limits.yaml", "y: [2]\n"),
        ("a/z_test.rego", "not Rego"),
        ("top.yml", "# nothing\n"),
        ("README.md", "words"),
        ("..data/z.rego", MODULE),
        (".git/config.json", "[]"),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.path(), root.path().join("a/loop")).unwrap();
    let loaded = load(&[root.path().to_owned()], &RegoLoadOptions::default()).unwrap();
    assert_eq!(data(&loaded), r#"{"a":{"b":{"x":1},"y":[2]}}"#);
    assert_eq!(loaded.sources.modules.len(), 1);
    assert!(loaded.sources.modules[0].name.ends_with("z.rego"));
    assert_eq!(loaded.tests, 1);
    assert_eq!(loaded.bundles, []);
}

#[test]
fn a_directory_with_a_manifest_is_a_bundle() {
    let root = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| std::fs::write(root.path().join(path), text).unwrap();
    write(".manifest", r#"{"revision": "r1", "roots": ["portcullis", "limits"]}"#);
    write("main.rego", MODULE);
    write("data.json", r#"{"limits": {"x": 1}}"#);
    write("other.json", "this is not read");
    let load = || load(&[root.path().to_owned()], &RegoLoadOptions::default());
    let loaded = load().unwrap();
    assert_eq!(data(&loaded), r#"{"limits":{"x":1}}"#);
    assert_eq!(loaded.bundles[0].revision, "r1");

    write("data.json", r#"{"limits": {"x": 1}, "extra": 1}"#);
    let error = load().unwrap_err().to_string();
    assert!(error.contains("`data.extra` is below no root of its bundle"), "{error}");
}

#[test]
fn a_bundle_is_read_and_what_is_named_itself_becomes_data() {
    let bytes = bundle(&[
        ("/.manifest", r#"{"revision": "7", "roots": ["portcullis/authz", "team"]}"#),
        ("/authz/main.rego", MODULE),
        ("/authz/main_test.rego", "package x"),
        ("/team/a/data.yaml", "members: [jane]\n"),
        ("/team/notes.json", "not read"),
    ]);
    let loaded = read(vec![("b.tar.gz", bytes), ("more.json", b"{\"z\": 1}".to_vec())]).unwrap();
    assert_eq!(data(&loaded), r#"{"team":{"a":{"members":["jane"]}},"z":1}"#);
    assert_eq!(loaded.sources.modules[0].name, "b.tar.gz:/authz/main.rego");
    assert_eq!((loaded.tests, loaded.bundles[0].revision.as_str()), (1, "7"));
}

#[test]
fn entries_that_leave_the_bundle_or_are_no_files_refuse_it() {
    for (entry, kind, what) in [
        ("a/../../x.rego", EntryType::Regular, "leaves the bundle by `..`"),
        ("//x.rego", EntryType::Regular, "has an absolute path"),
        ("C:\\x.rego", EntryType::Regular, "has an absolute path"),
        ("x.rego", EntryType::Symlink, "is a link"),
        ("x.rego", EntryType::Link, "is a link"),
        ("x.rego", EntryType::Fifo, "is neither a file nor a directory"),
        ("x.rego", EntryType::Char, "is neither a file nor a directory"),
    ] {
        let error = refused(vec![("b.tar.gz", archive(&[(entry, kind, MODULE)]))]);
        assert_eq!(
            error,
            format!("`b.tar.gz`: `{entry}` {what}; build the bundle anew, from plain files")
        );
    }
    let twice = bundle(&[("x.rego", MODULE), ("./x.rego", MODULE)]);
    assert!(refused(vec![("b.tar.gz", twice)]).contains("is there twice"));
    let folders =
        archive(&[("a/", EntryType::Directory, ""), ("a/x.rego", EntryType::Regular, MODULE)]);
    assert_eq!(read(vec![("b.tar.gz", folders)]).unwrap().sources.modules.len(), 1);
}

#[test]
fn a_bundle_that_expands_too_far_is_refused_and_one_that_just_fits_is_not() {
    let limits = RegoLoadLimits { bytes: 200_000, files: 3, depth: 4 };
    let options = RegoLoadOptions { limits, ..RegoLoadOptions::default() };
    let read = |files: &[(&str, &str)]| {
        parse(vec![File::new("b.tar.gz", bundle(files))], &options).map_err(|e| e.to_string())
    };
    let long = format!("{MODULE}# {}\n", "x".repeat(100_000));
    assert!(read(&[("a.rego", &long)]).is_ok());
    let error = read(&[("a.rego", &long), ("b.rego", &long)]).unwrap_err();
    assert!(error.contains("more than 200000 bytes"), "{error}");
    let error = read(&[("a.rego", MODULE), ("b.rego", MODULE), ("c.rego", ""), ("d.rego", "")])
        .unwrap_err();
    assert!(error.contains("more than 3 files"), "{error}");
    let error = read(&[("a/b/c/d/e.rego", MODULE)]).unwrap_err();
    assert!(error.contains("more than 4 directories"), "{error}");
    let deep = format!("{{\"a\": {}1{}}}", "[".repeat(60), "]".repeat(60));
    let error = read(&[("data.json", &deep)]).unwrap_err();
    assert!(error.contains("more than 4 values inside one another"), "{error}");

    // A thousand times its size.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 200_000);
    assert!(parse(vec![File::new("b.tar.gz", bomb)], &options).unwrap().sources.modules.is_empty());
}

#[test]
fn bundles_that_share_a_root_are_refused_and_neighbours_are_not() {
    let owning = |roots: &str| {
        let manifest = format!("{{\"roots\": [{roots}]}}");
        bundle(&[("/.manifest", &manifest)])
    };
    let pair = |one: &str, other: &str| {
        read(vec![("one.tar.gz", owning(one)), ("two.tar.gz", owning(other))])
            .map_err(|error| error.to_string())
    };
    assert!(pair(r#""a/b""#, r#""a/bc""#).is_ok());
    for (one, other, root) in [
        (r#""a/b""#, r#""a""#, "data.a.b"),
        (r#""a""#, r#""a""#, "data.a"),
        (r#""""#, r#""x""#, "data.x"),
    ] {
        assert_eq!(
            pair(one, other).unwrap_err(),
            format!(
                "bundles `two.tar.gz` and `one.tar.gz` both own `{root}`; name distinct roots in \
                 their manifests"
            )
        );
    }
    // A bundle without a manifest owns everything.
    let plain = || bundle(&[("x.rego", MODULE)]);
    assert!(read(vec![("one.tar.gz", plain())]).is_ok());
    assert!(
        refused(vec![("one.tar.gz", plain()), ("two.tar.gz", plain())]).contains("both own `data`")
    );
}

#[test]
fn modules_of_a_bundle_are_below_its_roots() {
    let bundle = |module: &str| {
        bundle(&[("/.manifest", r#"{"roots": ["portcullis"]}"#), ("/x.rego", module)])
    };
    assert!(read(vec![("b.tar.gz", bundle(MODULE))]).is_ok());
    let error = refused(vec![("b.tar.gz", bundle("package other\n"))]);
    assert!(error.contains("`data.other` is below no root"), "{error}");
    let error = refused(vec![("b.tar.gz", bundle("x := 1\n"))]);
    assert!(error.contains("does not begin with `package`"), "{error}");
}

#[test]
fn versions_come_from_the_options_the_manifest_or_the_import() {
    let version = |manifest: &str, path: &str, module: &str, version| {
        let bytes = bundle(&[("/.manifest", manifest), (path, module)]);
        let options = RegoLoadOptions { version, ..RegoLoadOptions::default() };
        let loaded = parse(vec![File::new("b.tar.gz", bytes)], &options).unwrap();
        loaded.sources.modules[0].version
    };
    use RegoVersion::{V0, V1};
    let both =
        r#"{"rego_version": 0, "file_rego_versions": {"/new/*.rego": 1, "/new/old.rego": 0}}"#;
    for (manifest, path, module, given, want) in [
        ("{}", "x.rego", MODULE, V1, V1),
        ("{}", "x.rego", MODULE, V0, V0),
        (r#"{"rego_version": 0}"#, "x.rego", MODULE, V1, V0),
        (r#"{"rego_version": 1}"#, "x.rego", MODULE, V0, V1),
        (both, "new/x.rego", MODULE, V1, V1),
        (both, "new/old.rego", MODULE, V1, V0),
        (both, "x.rego", MODULE, V1, V0),
        ("{}", "x.rego", "package a\n\nimport rego.v1\n", V0, V1),
        ("{}", "x.rego", "package a\nimport future.keywords\n", V0, V0),
    ] {
        assert_eq!(version(manifest, path, module, given), want, "{manifest} {path} {module}");
    }
}

#[test]
fn errors_name_the_place_and_what_to_do() {
    for (name, text, want) in [
        (
            "a.json",
            "{\n  \"x\": }",
            "a.json:2:8: not JSON: expected value; correct the file or leave it out",
        ),
        ("a.yaml", "a: [1\nb: 2\n", "a.yaml:2:2: not YAML: did not find expected ',' or ']'"),
        ("a.json", "[1]", "`a.json`: holds a list instead of an object"),
        ("a.yaml", "text", "`a.yaml`: holds a string instead of an object"),
        ("a.txt", "x", "`a.txt`: not known by its name; modules end in .rego"),
        ("a.rego", "package a\n# \u{0}", ""),
        ("b.tar.gz", "no archive", "`b.tar.gz`: not a whole bundle"),
    ] {
        match read(vec![(name, text.as_bytes().to_vec())]) {
            Ok(_) => assert_eq!(want, "", "{name}"),
            Err(error) => {
                assert!(error.to_string().starts_with(want) && !want.is_empty(), "{error}")
            }
        }
    }
    assert_eq!(
        refused(vec![("a.rego", b"package a\n\xff".to_vec())]),
        "a.rego:2: no valid UTF-8; save the file as UTF-8"
    );
    for (entry, text, want) in [
        (".manifest", "{", "EOF while parsing an object at line 1 column 1; correct the manifest"),
        (".manifest", r#"{"rego_version": 2}"#, "`rego_version` is 2; write 0 or 1"),
        (
            ".manifest",
            r#"{"roots": ["a", "a/b"]}"#,
            "its roots `data.a.b` and `data.a` overlap; keep the shorter",
        ),
        ("patch.json", "{}", "a delta bundle (`patch.json`); take the whole bundle"),
        ("policy.wasm", "\0asm", "compiled to WebAssembly; take a bundle of the target `rego`"),
    ] {
        let error = refused(vec![("b.tar.gz", bundle(&[(entry, text)]))]);
        assert!(error.ends_with(want), "{error}");
    }
    let missing = load(&[PathBuf::from("/nowhere/x.rego")], &RegoLoadOptions::default());
    assert_eq!(
        missing.unwrap_err().to_string(),
        "`/nowhere/x.rego`: cannot be read; check the path and your permission to read it"
    );
    let empty = tempfile::tempdir().unwrap();
    let error = load(&[empty.path().to_owned()], &RegoLoadOptions::default()).unwrap_err();
    assert!(error.to_string().contains("no Rego module there"), "{error}");
}

#[test]
fn data_adds_up_and_two_values_for_one_place_are_refused() {
    let pair =
        |one: &str, other: &str| read(vec![("one.json", one.into()), ("two.json", other.into())]);
    let loaded = pair(r#"{"a": {"x": 1}}"#, r#"{"a": {"y": 2}}"#).unwrap();
    assert_eq!(data(&loaded), r#"{"a":{"x":1,"y":2}}"#);
    for (one, other) in [
        (r#"{"a": {"x": 1}}"#, r#"{"a": {"x": 2}}"#),
        (r#"{"a": {"x": 1}}"#, r#"{"a": {"x": {"y": 2}}}"#),
        (r#"{"a": {"x": {"y": 2}}}"#, r#"{"a": {"x": 1}}"#),
    ] {
        assert_eq!(
            pair(one, other).unwrap_err().to_string(),
            "`two.json`: `data.a.x` is given by `one.json` already; leave it out of one of them"
        );
    }
}
