//! The rules of the signers, row by row, and who may approve.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use super::Requested;
use super::approval::{AutoApproval, auto_approval, may_approve, may_sign};
use super::signer::Signer;
use crate::api::certificates::KeyUsage::{
    self, Any, ClientAuth, DigitalSignature, KeyEncipherment, ServerAuth, Signing,
};
use crate::model::{Attributes, Request, User, Verdict};

struct Case {
    name: &'static str,
    groups: Vec<String>,
    dns: Vec<String>,
    ip: Vec<IpAddr>,
    email: Vec<String>,
    uris: Vec<String>,
    usages: Vec<KeyUsage>,
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn node(usages: &[KeyUsage]) -> Case {
    Case {
        name: "system:node:a",
        groups: strings(&["system:nodes"]),
        dns: Vec::new(),
        ip: Vec::new(),
        email: Vec::new(),
        uris: Vec::new(),
        usages: usages.to_vec(),
    }
}

/// What the signer says to a case; empty when it signs.
fn says(signer: &Signer, mut case: Case, change: impl FnOnce(&mut Case)) -> String {
    change(&mut case);
    let requested = Requested {
        common_name: case.name,
        earlier_common_names: &[],
        organizations: &case.groups,
        uid: None,
        dns_names: &case.dns,
        ip_addresses: &case.ip,
        email_addresses: &case.email,
        uris: &case.uris,
        key: None,
    };
    signer
        .check(&requested, &case.usages)
        .map_or_else(|refusal| refusal.to_string(), |()| String::new())
}

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Breaks everything that a kubelet's request can have wrong. The name has its prefix no more.
fn all_wrong(case: &mut Case) {
    case.name = "node";
    case.groups = strings(&["nodes"]);
    case.email = strings(&["a@b"]);
    case.uris = strings(&["a:b"]);
    case.usages = vec![Any];
}

#[test]
fn the_signer_for_users_takes_any_subject_and_alternative_names_and_three_usages() {
    let signer = Signer::KubeApiserverClient;
    let says = |change: fn(&mut Case)| says(&signer, node(&[ClientAuth]), change);
    let all_good: [fn(&mut Case); 6] = [
        |_| (),
        |case| case.name = "",
        |case| case.groups = strings(&["a", "a", ""]),
        |case| (case.dns, case.ip) = (strings(&["a"]), vec![LOCALHOST]),
        |case| case.usages = vec![KeyEncipherment, DigitalSignature, ClientAuth],
        |case| case.groups = strings(&["system:master", "system:masters "]),
    ];
    for good in all_good {
        assert_eq!(says(good), "");
    }
    // S-CSR-12
    assert_eq!(
        says(|case| case.groups = strings(&["a", "system:masters"])),
        "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"
    );
    assert_eq!(
        says(|case| case.usages = vec![ClientAuth, ServerAuth, Any]),
        "invalid usage for client certificate: server auth"
    );
    assert_eq!(
        says(|case| case.usages = vec![ClientAuth, Signing]),
        "invalid usage for client certificate: signing"
    );
    let missing = "missing required usage for client certificate: client auth";
    assert_eq!(says(|case| case.usages = vec![DigitalSignature]), missing);
    assert_eq!(says(|case| case.usages = Vec::new()), missing);
}

#[test]
fn the_signer_for_kubelets_says_the_first_of_seven_objections() {
    let signer = Signer::KubeApiserverClientKubelet;
    let good = || node(&[ClientAuth, DigitalSignature]);
    assert_eq!(says(&signer, good(), |_| ()), "");
    assert_eq!(says(&signer, good(), |case| case.usages.push(KeyEncipherment)), "");
    // S-CSR-14
    assert_eq!(says(&signer, good(), |case| case.name = "system:node:"), "");
    let usages = "usages did not match [client auth digital signature key encipherment]";
    type Mend = fn(&mut Case);
    let steps: [(&str, Mend); 7] = [
        ("subject organization is not system:nodes", |case| {
            case.groups = strings(&["system:nodes"])
        }),
        ("DNS subjectAltNames are not allowed", |case| case.dns.clear()),
        ("Email subjectAltNames are not allowed", |case| case.email.clear()),
        ("IP subjectAltNames are not allowed", |case| case.ip.clear()),
        ("URI subjectAltNames are not allowed", |case| case.uris.clear()),
        ("subject common name does not begin with system:node:", |case| {
            case.name = "system:node:b"
        }),
        (usages, |case| case.usages = vec![DigitalSignature, ClientAuth]),
    ];
    for mended in 0..=steps.len() {
        let text = says(&signer, good(), |case| {
            all_wrong(case);
            (case.dns, case.ip) = (strings(&["a"]), vec![LOCALHOST]);
            steps[..mended].iter().for_each(|(_, mend)| mend(case));
        });
        assert_eq!(text, steps.get(mended).map_or("", |(text, _)| *text));
    }
    for groups in [&[][..], &["system:nodes", "system:nodes"], &["system:nodes", "a"], &["a"]] {
        let text = says(&signer, good(), |case| case.groups = strings(groups));
        assert_eq!(text, "subject organization is not system:nodes", "{groups:?}");
    }
    for wrong in [
        vec![],
        vec![ClientAuth],
        vec![DigitalSignature],
        vec![ClientAuth, KeyEncipherment],
        vec![ClientAuth, DigitalSignature, ServerAuth],
        vec![ServerAuth, DigitalSignature],
        // The same bit of a certificate, but another word.
        vec![ClientAuth, Signing],
    ] {
        assert_eq!(says(&signer, good(), |case| case.usages = wrong.clone()), usages, "{wrong:?}");
    }
}

#[test]
fn the_signer_of_kubelets_servers_says_the_first_of_six_objections() {
    let signer = Signer::KubeletServing;
    let good = || Case { dns: strings(&["a"]), ..node(&[ServerAuth, DigitalSignature]) };
    assert_eq!(says(&signer, good(), |_| ()), "");
    assert_eq!(says(&signer, good(), |case| case.usages.push(KeyEncipherment)), "");
    assert_eq!(
        says(&signer, good(), |case| (case.dns, case.ip) = (Vec::new(), vec![LOCALHOST])),
        ""
    );
    type Mend = fn(&mut Case);
    let steps: [(&str, Mend); 6] = [
        ("subject organization is not system:nodes", |case| {
            case.groups = strings(&["system:nodes"])
        }),
        ("DNS or IP subjectAltName is required", |case| case.ip = vec![LOCALHOST]),
        ("Email subjectAltNames are not allowed", |case| case.email.clear()),
        ("URI subjectAltNames are not allowed", |case| case.uris.clear()),
        ("usages did not match [digital signature key encipherment server auth]", |case| {
            case.usages = vec![ServerAuth, DigitalSignature]
        }),
        ("subject common name does not begin with system:node:", |case| {
            case.name = "system:node:b"
        }),
    ];
    for mended in 0..=steps.len() {
        let text = says(&signer, good(), |case| {
            all_wrong(case);
            case.dns.clear();
            steps[..mended].iter().for_each(|(_, mend)| mend(case));
        });
        assert_eq!(text, steps.get(mended).map_or("", |(text, _)| *text));
    }
}

#[test]
fn other_signers_have_no_rules_and_say_so() {
    for (name, has_rules, is_nobody) in [
        ("kubernetes.io/kube-apiserver-client", true, false),
        ("kubernetes.io/kube-apiserver-client-kubelet", true, false),
        ("kubernetes.io/kubelet-serving", true, false),
        ("kubernetes.io/legacy-unknown", false, false),
        ("kubernetes.io/mine", false, true),
        ("example.com/mine", false, false),
        ("my.kubernetes.io/mine", false, false),
    ] {
        let signer: Signer = name.parse().unwrap();
        assert_eq!(signer.as_str(), name);
        assert_eq!((signer.has_rules(), signer.is_nobody()), (has_rules, is_nobody), "{name}");
        if !has_rules {
            assert_eq!(says(&signer, node(&[Any]), all_wrong), "");
        }
    }
    assert!("kubernetes.io".parse::<Signer>().is_err());
    assert!("kubernetes.io/Mine".parse::<Signer>().is_err());
}

/// An authorizer that allows what is listed, as `verb name`, and notes what it is asked.
fn allowing<'a>(
    allowed: &'a [&str],
    asked: &'a RefCell<Vec<String>>,
) -> impl Fn(&Request<'_>) -> Verdict<'static> + 'a {
    |request| {
        let Attributes::Resource(asks) = request.attributes else { panic!() };
        assert_eq!((asks.group, asks.version, asks.namespace), ("certificates.k8s.io", "*", ""));
        let text = match asks.subresource {
            "" => format!("{} {} {}", asks.verb, asks.resource, asks.name),
            subresource => format!("{} {}/{subresource}", asks.verb, asks.resource),
        };
        let yes = allowed.contains(&text.as_str());
        asked.borrow_mut().push(text);
        if yes { Verdict::allow("") } else { Verdict::no_opinion("") }
    }
}

#[test]
fn a_signer_is_asked_about_by_name_and_then_by_domain() {
    let jane = User::new("jane");
    let signer = Signer::KubeletServing;
    for (allowed, may) in [
        (&["approve signers kubernetes.io/kubelet-serving"][..], true),
        (&["approve signers kubernetes.io/*"], true),
        (&["approve signers kubernetes.io/kube-apiserver-client"], false),
        (&["sign signers kubernetes.io/*"], false),
        (&[], false),
    ] {
        let asked = RefCell::default();
        assert_eq!(may_approve(&allowing(allowed, &asked), &jane, &signer).is_ok(), may);
        let first = "approve signers kubernetes.io/kubelet-serving";
        assert_eq!(asked.borrow().first().map(String::as_str), Some(first));
    }
    let asked = RefCell::default();
    let refusal = may_sign(&allowing(&[], &asked), &jane, &signer).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "user not permitted to sign requests with signerName \"kubernetes.io/kubelet-serving\""
    );
    assert_eq!(
        asked.into_inner(),
        ["sign signers kubernetes.io/kubelet-serving", "sign signers kubernetes.io/*"]
    );
}

#[test]
fn an_error_beside_a_yes_is_a_no() {
    let jane = User::new("jane");
    let signer = Signer::KubeletServing;
    assert!(may_sign(&|_| Verdict::allow(""), &jane, &signer).is_ok());
    let refusal = may_sign(&|_| Verdict::allow("").with_error("down"), &jane, &signer).unwrap_err();
    assert_eq!(refusal.errors, ["down", "down"]);
    assert!(may_sign(&|_| Verdict::deny(""), &jane, &signer).is_err());
}

#[test]
fn kubelets_are_approved_when_their_requester_may_create_them() {
    let approve = |requester: &str, signer: &Signer, usages: &[KeyUsage], allowed: &[&str]| {
        let (groups, asked) = (strings(&["system:nodes"]), RefCell::default());
        let requested = Requested {
            common_name: "system:node:a",
            organizations: &groups,
            ..Requested::default()
        };
        let user = User::new(requester);
        auto_approval(&allowing(allowed, &asked), &user, signer, &requested, usages)
    };
    let kubelet = Signer::KubeApiserverClientKubelet;
    let usages = [ClientAuth, DigitalSignature];
    let own = &["create certificatesigningrequests/selfnodeclient"][..];
    let any = &["create certificatesigningrequests/nodeclient"][..];
    let approved = approve("system:node:a", &kubelet, &usages, own).unwrap();
    assert_eq!(approved, AutoApproval::SelfNodeClient);
    assert_eq!(
        approved.message(),
        "Auto approving self kubelet client certificate after SubjectAccessReview."
    );
    let joined = approve("bootstrap", &kubelet, &usages, any).unwrap();
    assert_eq!(
        joined.message(),
        "Auto approving kubelet client certificate after SubjectAccessReview."
    );
    assert_eq!(approve("system:node:a", &kubelet, &usages, any), Some(AutoApproval::NodeClient));
    // Not one's own name, nothing allowed, another signer, against the rules.
    assert_eq!(approve("system:node:b", &kubelet, &usages, own), None);
    assert_eq!(approve("system:node:a", &kubelet, &usages, &[]), None);
    let both = [own, any].concat();
    for signer in [Signer::KubeApiserverClient, Signer::KubeletServing] {
        assert_eq!(approve("system:node:a", &signer, &usages, &both), None);
    }
    assert_eq!(approve("system:node:a", &kubelet, &[ClientAuth], &both), None);
}
