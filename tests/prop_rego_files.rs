//! Random and damaged bundles, data and modules are refused or read, and nothing panics or hangs.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use portcullis::authz::rego::{Options, Policy, RegoVersion};
use portcullis::source::rego::{self, File, RegoLoadLimits, RegoLoadOptions};
use proptest::prelude::*;

const LIMITS: RegoLoadLimits = RegoLoadLimits { bytes: 1 << 20, files: 50, depth: 16 };

/// What modules are made of: words that are Rego, in an order that mostly is not.
const WORDS: [&str; 44] = [
    "package portcullis.authz\n",
    "package a.b\n",
    "import rego.v1\n",
    "import data.x\n",
    "allow",
    "deny",
    "reason",
    "default",
    " := ",
    " = ",
    " == ",
    " if ",
    " contains ",
    " else ",
    "every ",
    "some ",
    " in ",
    "not ",
    "with ",
    " as ",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    "|",
    ";",
    "\n",
    "\"",
    "`",
    "#",
    "input.user",
    "data.x[_]",
    "count",
    "sprintf(x, [y])",
    "net.cidr_expand(c, z)",
    "io.jwt.decode(t, [_, p, _])",
    "1",
    "-0.5e9",
    "true",
    "x",
    "é",
];

fn module() -> impl Strategy<Value = String> {
    let words = prop::collection::vec(prop::sample::select(&WORDS[..]), 0..40);
    (any::<bool>(), words).prop_map(|(has_package, words)| {
        let package = if has_package { WORDS[0] } else { "" };
        format!("{package}{}", words.concat())
    })
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        ".manifest",
        "data.json",
        "a/data.yaml",
        "main.rego",
        "a/b/main.rego",
        "x_test.rego",
        "patch.json",
        "../up.rego",
        "/abs.rego",
        "policy.wasm",
        "notes.txt",
        "a//b.rego",
        "b.tar.gz",
        "",
    ];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        "",
        "{}",
        "[]",
        "null",
        "{\"a\": {\"b\": 1}}",
        "{\"a\": 1}",
        "a: &x [*x]\n",
        "a: 1\na: 2\n",
        "{\"roots\": [\"a\"], \"revision\": \"1\"}",
        "{\"roots\": [\"\", \"a\"]}",
        "{\"rego_version\": 9}",
        "{\"rego_version\": 0, \"file_rego_versions\": {\"**\": 1}}",
    ];
    prop_oneof![
        prop::sample::select(texts.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        module().prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..64),
    ]
}

fn bundle(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(u64::try_from(content.len()).unwrap());
        header.set_cksum();
        builder.append(&header, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn damage(bytes: &mut Vec<u8>, places: &[(u16, u8)], end: Option<u16>) {
    for (place, by) in places {
        let length = bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(usize::from(*place) % length) {
            *byte ^= by;
        }
    }
    if let Some(end) = end {
        bytes.truncate(usize::from(end) % (bytes.len() + 1));
    }
}

/// Loads, and compiles what could be loaded.
fn run(files: Vec<File>, version: RegoVersion) {
    let options = RegoLoadOptions { version, limits: LIMITS };
    if let Ok(loaded) = rego::parse(files, &options)
        && let Err(error) = Policy::compile(loaded.sources, Options::default())
    {
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn random_files_are_read_or_refused(
        files in prop::collection::vec((name(), content()), 0..6), is_v0 in any::<bool>(),
    ) {
        let version = if is_v0 { RegoVersion::V0 } else { RegoVersion::V1 };
        run(files.into_iter().map(|(name, content)| File::new(name, content)).collect(), version);
    }

    #[test]
    fn damaged_bundles_are_read_or_refused(
        files in prop::collection::vec((name(), content()), 0..6),
        inside in prop::collection::vec(any::<(u16, u8)>(), 0..3),
        outside in prop::collection::vec(any::<(u16, u8)>(), 0..2),
        end in prop::option::weighted(0.2, any::<u16>()),
    ) {
        let mut archive = bundle(&files);
        damage(&mut archive, &inside, None);
        let mut bytes = zipped(&archive);
        damage(&mut bytes, &outside, end);
        run(vec![File::new("b.tar.gz", bytes)], RegoVersion::V1);
    }

    #[test]
    fn random_modules_compile_or_are_refused(text in module(), is_v0 in any::<bool>()) {
        let version = if is_v0 { RegoVersion::V0 } else { RegoVersion::V1 };
        run(vec![File::new("m.rego", text)], version);
    }
}
