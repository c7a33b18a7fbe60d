//! The fuzzer's parsers over the inputs that were saved, and over copies of them with small damage:
//! none panics, whatever the bytes.

use std::fs;
use std::path::Path;

#[path = "fuzz/targets.rs"]
mod targets;

use targets::TARGETS;

/// How many damaged copies of each saved input are tried: fewer where each costs signatures, or a
/// file that is written to disk.
fn copies(target: &str) -> u64 {
    match target {
        "ledger_file" => 2,
        "certificate_path" | "kubeconfig" | "revocation_file" => 8,
        "certificate" | "client_certificates" | "private_key" | "signing_request" => 20,
        _ => 40,
    }
}

#[test]
fn no_saved_input_and_no_damaged_copy_of_one_makes_a_parser_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for (name, parse) in TARGETS {
        let folder = corpus.join(name);
        let mut inputs: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "`{name}` has no saved input");
        parse(b"");
        for input in inputs {
            let bytes = fs::read(&input).unwrap();
            // Says which input it was, should it panic.
            println!("{}", input.display());
            parse(&bytes);
            for seed in 0..copies(name) {
                parse(&damaged(&bytes, seed));
            }
        }
    }
}

#[test]
fn every_target_of_the_fuzzer_is_replayed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/fuzz_targets");
    let mut found: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    let mut listed: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

/// A copy with a few bytes changed, cut off, or repeated; the same for the same seed.
fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut random = |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let mut copy = bytes.to_vec();
    match random(4) {
        0 => copy.truncate(random(copy.len())),
        1 => {
            let from = random(copy.len());
            let piece = copy[from..].to_vec();
            let at = random(copy.len());
            copy.splice(at..at, piece);
        }
        _ => {
            for _ in 0..=random(4) {
                let at = random(copy.len());
                if let Some(byte) = copy.get_mut(at) {
                    *byte = u8::try_from(random(256)).unwrap();
                }
            }
        }
    }
    copy
}
