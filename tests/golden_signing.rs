//! The sample signing policies against their cases.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use portcullis::crypto::certificate::{KeyDescription, KeyKind};
use portcullis::model::User;
use portcullis::pki::Requested;
use portcullis::pki::policy::Asked;
use portcullis::source::signing_policy;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    #[serde(default = "client")]
    signer: String,
    requester: String,
    #[serde(default)]
    requester_groups: Vec<String>,
    user: String,
    groups: Vec<String>,
    #[serde(default = "ecdsa")]
    key: String,
    #[serde(default)]
    dns_names: Vec<String>,
    #[serde(default)]
    ip_addresses: Vec<IpAddr>,
    rule: Option<String>,
    seconds: Option<i64>,
    refused: Option<String>,
}

fn client() -> String {
    "kubernetes.io/kube-apiserver-client".to_owned()
}

fn ecdsa() -> String {
    "ecdsa 256".to_owned()
}

#[test]
fn the_sample_policies_answer_as_their_cases_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/signing");
    let mut policies = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(stem) = name.strip_suffix(".yaml").filter(|stem| !stem.ends_with(".cases")) else {
            continue;
        };
        policies += 1;
        let policy = signing_policy::parse(&path, &fs::read(&path).unwrap()).unwrap();
        let cases = fs::read_to_string(folder.join(format!("{stem}.cases.yaml"))).unwrap();
        let (mut yes, mut no) = (0, 0);
        for line in cases.lines().filter_map(|line| line.strip_prefix("- ")) {
            let case: Case = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            let signer = case.signer.parse().unwrap();
            let requester = User::new(&case.requester).with_groups(&case.requester_groups);
            let (kind, bits) = case.key.split_once(' ').unwrap();
            let (kind, curve) = match kind {
                "rsa" => (KeyKind::Rsa, None),
                _ => (KeyKind::Ecdsa, Some("P-256")),
            };
            let key = KeyDescription { algorithm: kind, bits: bits.parse().unwrap(), curve };
            let requested = Requested {
                common_name: &case.user,
                organizations: &case.groups,
                dns_names: &case.dns_names,
                ip_addresses: &case.ip_addresses,
                key: Some(key),
                ..Requested::default()
            };
            let asked = Asked { requester: &requester, requested, signer: &signer };
            match (policy.decide(&asked), &case.rule, &case.refused) {
                (Ok(allowed), Some(rule), None) => {
                    assert_eq!((allowed.rule, allowed.max_lifetime), (rule.as_str(), case.seconds));
                    yes += 1;
                }
                (Err(refusal), None, Some(end)) => {
                    assert!(refusal.to_string().ends_with(end.as_str()), "{line}\n{refusal}");
                    no += 1;
                }
                (decided, ..) => panic!("{line}\n{decided:?}"),
            }
        }
        assert!(yes > 0 && no >= yes, "{name}");
        // No rule is without a case.
        for rule in &policy.rules {
            assert!(cases.contains(&format!("\"rule\": \"{}\"", rule.name)), "{}", rule.name);
        }
    }
    assert!(policies > 0);
}
