//! Whom the API server does not ask the webhook about: the match conditions.
//!
//! The webhook refuses while it is down. Whoever is needed to bring it back, or to keep the nodes
//! alive meanwhile, must not depend on it. An exemption grants nothing: Node and RBAC decide about
//! the exempted as they did before there was a webhook. It does take the webhook's word away, so
//! each is as narrow as it can be.

/// The controllers of kube-controller-manager, each with a service account in `kube-system`. Named
/// one by one: an exempted namespace would exempt every add-on that is installed there.
const CONTROLLERS: [&str; 40] = [
    "attachdetach-controller",
    "bootstrap-signer",
    "certificate-controller",
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "route-controller",
    "selinux-warning-controller",
    "service-account-controller",
    "service-cidrs-controller",
    "service-controller",
    "statefulset-controller",
    "token-cleaner",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];

/// Groups that nobody may exempt, and why.
const NEVER: [(&str, &str); 3] = [
    (
        "system:authenticated",
        "everybody who logged in is a member, so the webhook would decide \
                              about nobody",
    ),
    ("system:masters", "its members never reach a webhook, whatever the configuration says"),
    ("system:unauthenticated", "whoever sends no token would escape the webhook"),
];

/// One match condition.
#[derive(Debug)]
pub(super) struct Exemption {
    /// Who it is, for people.
    pub(super) who: String,
    /// Why, for the comments.
    pub(super) why: &'static str,
    /// The CEL expression that is true for everybody else. In lines.
    pub(super) expression: Vec<String>,
}

/// All match conditions. `users` and `groups` are those that somebody asked for.
pub(super) fn all(users: &[String], groups: &[String]) -> Result<Vec<Exemption>, String> {
    let mut all = built_in();
    let users = names(users)?;
    let groups = names(groups)?;
    for (name, why) in NEVER {
        if groups.iter().any(|group| group == name) {
            return Err(format!("`{name}` cannot be exempted: {why}"));
        }
    }
    if !users.is_empty() {
        all.push(Exemption {
            who: format!("the users you named: {}", users.join(", ")),
            why: "Users named by --exempt-user.",
            expression: not_in("request.user in", &users),
        });
    }
    if !groups.is_empty() {
        all.push(Exemption {
            who: format!("members of the groups you named: {}", groups.join(", ")),
            why: "Groups named by --exempt-group.",
            expression: not_in("request.groups.exists(group, group in", &groups),
        });
    }
    Ok(all)
}

fn built_in() -> Vec<Exemption> {
    let line = |text: &str| vec![text.to_owned()];
    let service_account = |name: &&str| format!("system:serviceaccount:kube-system:{name}");
    let components = ["system:kube-controller-manager", "system:kube-scheduler"].map(str::to_owned);
    let proxies = ["system:kube-proxy", "system:serviceaccount:kube-system:kube-proxy"];
    let controllers: Vec<String> = CONTROLLERS.iter().map(service_account).collect();
    vec![
        Exemption {
            who: "anybody who asks for /livez, /readyz or /healthz".to_owned(),
            why: "Probes of the API server itself, most of them anonymous. Without this the kubelet \
                  would restart a healthy API server for as long as the webhook is down.",
            expression: vec![
                "!(has(request.nonResourceAttributes)".to_owned(),
                "&& request.nonResourceAttributes.verb == 'get'".to_owned(),
                "&& request.nonResourceAttributes.path in ['/livez', '/readyz', '/healthz'])"
                    .to_owned(),
            ],
        },
        Exemption {
            who: "kubelets (users system:node:… in the group system:nodes)".to_owned(),
            why: "Kubelets: they renew the leases of the nodes and start the pods, that of the \
                  webhook too. The Node authorizer keeps each to its own node. Both marks are asked \
                  for, as that authorizer does.",
            expression: line(
                "!('system:nodes' in request.groups && request.user.startsWith('system:node:'))",
            ),
        },
        Exemption {
            who: "kube-controller-manager and kube-scheduler".to_owned(),
            why: "Without them no pod is replaced and none placed, and both give up their \
                  leadership when they cannot renew it.",
            expression: not_in("request.user in", &components),
        },
        Exemption {
            who: format!(
                "the {} controllers of kube-controller-manager, each by its service account in \
                 kube-system",
                CONTROLLERS.len()
            ),
            why: "The controllers of kube-controller-manager, by name. Add-ons in kube-system are \
                  not among them. Whoever may create pods, or tokens of service accounts, in \
                  kube-system can become one of these: let your policy be strict about that.",
            expression: not_in("request.user in", &controllers),
        },
        Exemption {
            who: "kube-proxy".to_owned(),
            why: "kube-proxy: a node that starts while the webhook is down has no Services without \
                  it, maybe not the webhook's own. It reads, and writes events.",
            expression: not_in("request.user in", &proxies.map(str::to_owned)),
        },
        Exemption {
            who: "the API server's own kubelet client (user kube-apiserver-kubelet-client, only \
                  sub-resources of nodes)"
                .to_owned(),
            why: "The API server as the client of kubelets, which ask back whether it may. Without \
                  this `kubectl logs` and `exec` fail for everybody while the webhook is down, even \
                  for whoever repairs it. Restricted to what kubelets ask.",
            expression: vec![
                "!(request.user == 'kube-apiserver-kubelet-client'".to_owned(),
                "&& has(request.resourceAttributes)".to_owned(),
                "&& request.resourceAttributes.group == ''".to_owned(),
                "&& request.resourceAttributes.resource == 'nodes'".to_owned(),
                "&& request.resourceAttributes.subresource != '')".to_owned(),
            ],
        },
    ]
}

/// `!(<what> ['a', 'b'])`; what opens one more parenthesis gets it closed.
fn not_in(what: &str, names: &[String]) -> Vec<String> {
    let close = if what.contains('(') { "]))" } else { "])" };
    if let [name] = names {
        return vec![format!("!({what} [{}{close}", quoted(name))];
    }
    let mut lines = vec![format!("!({what} [")];
    for (index, name) in names.iter().enumerate() {
        let comma = if index + 1 < names.len() { "," } else { "" };
        lines.push(format!("{}{comma}", quoted(name)));
    }
    lines.push(close.to_owned());
    lines
}

/// A string of CEL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Names without repetition that fit a line of YAML.
fn names(given: &[String]) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for name in given {
        // What YAML takes for the end of a line, or drops.
        let breaks = |c: char| c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c);
        if name.trim() != name.as_str() || name.is_empty() || name.contains(breaks) {
            return Err(format!(
                "`{}` cannot be exempted: empty, or with spaces around or line breaks in it",
                name.escape_debug()
            ));
        }
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn named_users_and_groups_become_one_condition_each() {
        let all = all(&owned(&["jane", "o'hara\\x", "jane"]), &owned(&["break-glass"])).unwrap();
        let [.., users, groups] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(users.expression.join(" "), r"!(request.user in [ 'jane', 'o\'hara\\x' ])");
        assert_eq!(
            groups.expression.join(" "),
            "!(request.groups.exists(group, group in ['break-glass']))"
        );
    }

    #[test]
    fn groups_of_everybody_are_refused_and_others_are_not() {
        for group in ["system:authenticated", "system:unauthenticated", "system:masters"] {
            assert!(all(&[], &owned(&[group])).is_err(), "{group}");
        }
        assert!(all(&[], &owned(&["system:monitoring"])).is_ok());
    }

    #[test]
    fn names_that_would_break_a_line_are_refused() {
        for name in ["", " ", "a\nb", "a\u{2028}b", " a", "a\t", "\u{feff}a", "a\u{85}b"] {
            assert!(all(&owned(&[name]), &[]).is_err(), "{name:?}");
            assert!(all(&[], &owned(&[name])).is_err(), "{name:?}");
        }
        assert!(all(&owned(&["a b # c"]), &[]).is_ok());
    }

    #[test]
    fn resource_attributes_are_only_read_behind_a_look_whether_they_are_there() {
        for exemption in all(&owned(&["a"]), &owned(&["b"])).unwrap() {
            let text = exemption.expression.join(" ");
            for attributes in ["request.resourceAttributes", "request.nonResourceAttributes"] {
                if let Some(first) = text.find(attributes) {
                    assert!(text.get(..first).unwrap().ends_with("has("), "{text}");
                }
            }
        }
    }
}
