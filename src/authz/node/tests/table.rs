//! §4.1 and §4.2: each row of the table, allowed and refused.

use super::*;
use crate::model::{FieldOperator, NonResourceAttributes};

fn graph() -> Graph {
    world(Gates::default())
}

fn with_certificates() -> Graph {
    world(Gates { pod_certificate_request: true, ..Gates::default() })
}

fn requirement(field: &str, operator: FieldOperator, value: &str) -> FieldRequirement {
    FieldRequirement { field: field.to_owned(), operator, value: value.to_owned() }
}

/// The selectors of S-NODE-6 that say `n1`, and those that do not.
#[track_caller]
fn check_selectors(graph: &Graph, asked: ResourceAttributes<'_>, reason: &str) {
    use FieldOperator::{Equals, NotEquals};
    let n1 = |requirements: &[FieldRequirement]| n1(graph, selecting(asked, requirements));
    let own = requirement("spec.nodeName", Equals, "n1");
    let phase = requirement("status.phase", Equals, "Running");
    assert_eq!(n1(std::slice::from_ref(&own)), Ok(()));
    assert_eq!(n1(&[phase.clone(), own]), Ok(()));
    assert_eq!(n1(&[]), no(reason));
    assert_eq!(n1(&[phase]), no(reason));
    assert_eq!(n1(&[requirement("spec.nodeName", Equals, "n2")]), no(reason));
    assert_eq!(n1(&[requirement("spec.nodeName", NotEquals, "n1")]), no(reason));
    assert_eq!(n1(&[requirement("nodeName", Equals, "n1")]), no(reason));
    assert_eq!(n1(&[requirement("spec.nodename", Equals, "n1")]), no(reason));
}

#[test]
fn a_node_needs_the_name_and_the_group() {
    let graph = graph();
    let asked = asked("update", "nodes").named("n1");
    assert_eq!(by(&graph, &kubelet("n1"), asked), Ok(()));
    let unknown = || User::new("system:node:n1");
    assert_eq!(by(&graph, &unknown(), asked), no(""));
    assert_eq!(by(&graph, &unknown().with_groups(["system:node"]), asked), no(""));
    assert_eq!(by(&graph, &User::new("n1").with_groups(["system:nodes"]), asked), no(""));
    let upper = User::new("System:node:n1").with_groups(["system:nodes"]);
    assert_eq!(by(&graph, &upper, asked), no(""));
}

#[test]
fn the_name_of_a_node_is_the_rest_of_the_user_name_whatever_it_is() {
    let graph = graph();
    for node in ["N 1", "a:b", "ünï", "system:node:n1"] {
        assert_eq!(by(&graph, &kubelet(node), asked("get", "nodes").named(node)), Ok(()));
    }
}

#[test]
fn a_node_without_a_name_may_nothing() {
    let graph = graph();
    let user = kubelet("");
    let reason = "unknown node for user \"system:node:\"";
    for asked in [asked("update", "nodes"), asked("get", "services"), asked("get", "nodes")] {
        assert_eq!(by(&graph, &user, asked), no(reason));
    }
}

#[test]
fn versions_are_not_looked_at() {
    let graph = graph();
    for version in ["v1", "v9", "*", ""] {
        let asked = ResourceAttributes { version, ..asked("get", "pods") };
        assert_eq!(n1(&graph, asked.in_namespace("ns").named("web")), Ok(()));
    }
}

#[test]
fn other_resources_are_granted_by_the_rules_of_the_role() {
    let graph = graph();
    assert_eq!(n1(&graph, asked("watch", "services")), Ok(()));
    assert_eq!(n1(&graph, asked("create", "events.k8s.io/events").in_namespace("ns")), Ok(()));
    assert_eq!(n1(&graph, asked("get", "node.k8s.io/runtimeclasses").named("any")), Ok(()));
    assert_eq!(n1(&graph, asked("delete", "services")), no(""));
    assert_eq!(n1(&graph, asked("get", "services/status")), no(""));
    assert_eq!(n1(&graph, asked("get", "apps/deployments")), no(""));
    // The same names in another group are other resources.
    assert_eq!(n1(&graph, asked("get", "x.example/secrets").named("web-secret")), no(""));
    assert_eq!(n1(&graph, asked("update", "x.example/nodes")), no(""));
}

#[test]
fn paths_are_granted_by_nothing() {
    let (graph, user) = (graph(), kubelet("n1"));
    for path in ["/healthz", "/api", ""] {
        let attributes = Attributes::NonResource(NonResourceAttributes { verb: "get", path });
        let request = Request { user: &user, attributes };
        let verdict = graph.authorize(&request);
        assert_eq!(verdict.decision, Decision::NoOpinion);
        assert_eq!(verdict.reason(), "");
    }
}

#[test]
fn secrets_and_config_maps_of_its_pods_may_be_read_one_by_one() {
    let graph = graph();
    for (resource, name) in [("secrets", "web-secret"), ("configmaps", "web-config")] {
        for verb in ["get", "list", "watch"] {
            let asked = asked(verb, resource).in_namespace("ns");
            assert_eq!(n1(&graph, asked.named(name)), Ok(()));
            assert_eq!(n1(&graph, asked), no("No Object name found"));
            assert_eq!(n1(&graph, asked.in_namespace("other").named(name)), no(UNRELATED));
            assert_eq!(n1(&graph, asked.named("other-secret")), no(UNRELATED));
            let status = asked.with_subresource("status").named(name);
            assert_eq!(n1(&graph, status), no("cannot read subresource"));
            let reason = "can only read namespaced object of this type";
            assert_eq!(n1(&graph, asked.in_namespace("").named(name)), no(reason));
        }
        for verb in ["update", "delete", "deletecollection", "*", "", "GET"] {
            // The verb comes first.
            let reason = "can only read resources of this type";
            let asked = asked(verb, resource).with_subresource("x").named(name);
            assert_eq!(n1(&graph, asked), no(reason));
        }
    }
    // A name means an object of its kind.
    let asked = asked("get", "configmaps").in_namespace("ns").named("web-secret");
    assert_eq!(n1(&graph, asked), no(UNRELATED));
}

#[test]
fn a_name_in_the_selector_is_not_read_here() {
    // The API server itself turns `metadata.name=` into the name.
    let requirements = [requirement("metadata.name", FieldOperator::Equals, "web-secret")];
    let asked = selecting(asked("list", "secrets").in_namespace("ns"), &requirements);
    assert_eq!(n1(&graph(), asked), no("No Object name found"));
}

#[test]
fn the_status_of_claims_may_be_changed_though_the_reason_says_get() {
    let graph = graph();
    for verb in ["update", "patch"] {
        let asked = asked(verb, "persistentvolumeclaims/status").in_namespace("ns");
        assert_eq!(n1(&graph, asked.named("web-claim")), Ok(()));
        assert_eq!(n1(&graph, asked.named("other-claim")), no(UNRELATED));
        assert_eq!(n1(&graph, asked), no("No Object name found"));
    }
    for verb in ["get", "list", "create"] {
        let asked = asked(verb, "persistentvolumeclaims/status").in_namespace("ns");
        let reason = "can only get/update/patch this type";
        assert_eq!(n1(&graph, asked.named("web-claim")), no(reason));
    }
}

#[test]
fn claims_volumes_attachments_and_resource_claims_may_be_got() {
    let graph = graph();
    for (resource, namespace, name) in [
        ("persistentvolumeclaims", "ns", "web-claim"),
        ("persistentvolumes", "", "disk"),
        ("storage.k8s.io/volumeattachments", "", "attachment"),
        ("resource.k8s.io/resourceclaims", "ns", "web-device"),
        ("resource.k8s.io/resourceclaims", "ns", "web-extended"),
    ] {
        let get = asked("get", resource).in_namespace(namespace);
        assert_eq!(n1(&graph, get.named(name)), Ok(()), "{resource}");
        assert!(by(&graph, &kubelet("n3"), get.named(name)).is_err());
        assert_eq!(n1(&graph, get.named("unknown")), no(UNRELATED));
        // Objects of the cluster are in no namespace, and the others in theirs.
        assert_eq!(n1(&graph, get.in_namespace("x").named(name)), no(UNRELATED));
        assert_eq!(n1(&graph, get), no("No Object name found"));
        let sub = get.with_subresource("scale").named(name);
        assert_eq!(n1(&graph, sub), no("cannot get subresource"));
        for verb in ["list", "watch", "update", "patch", "create", "delete"] {
            let asked = ResourceAttributes { verb, ..sub };
            let reason = "can only get individual resources of this type";
            assert_eq!(n1(&graph, asked), no(reason));
        }
    }
}

#[test]
fn service_accounts_of_its_pods_may_be_got_while_a_gate_is_on() {
    let asked = asked("get", "serviceaccounts").in_namespace("ns").named("web-account");
    let gated = |certificates, providers| {
        world(Gates {
            pod_certificate_request: certificates,
            service_account_token_for_credential_providers: providers,
        })
    };
    for graph in [gated(false, true), gated(true, false), gated(true, true)] {
        assert_eq!(n1(&graph, asked), Ok(()));
        assert_eq!(n1(&graph, asked.named("other-account")), no(UNRELATED));
        assert_eq!(n1(&graph, asked.named("")), no("No Object name found"));
        let reason = "can only read namespaced object of this type";
        assert_eq!(n1(&graph, asked.in_namespace("")), no(reason));
    }
    assert_eq!(n1(&gated(false, false), asked), no("not allowed to get service accounts"));
}

#[test]
fn tokens_may_be_created_for_the_service_accounts_of_its_pods() {
    let graph = graph();
    let create = asked("create", "serviceaccounts/token").in_namespace("ns");
    assert_eq!(n1(&graph, create.named("web-account")), Ok(()));
    assert_eq!(n1(&graph, create.named("other-account")), no(UNRELATED));
    let reason = "can only create tokens for individual service accounts";
    assert_eq!(n1(&graph, create), no(reason));
    for (verb, sub) in
        [("get", "token"), ("list", ""), ("update", ""), ("delete", "token"), ("get", "x")]
    {
        let asked = ResourceAttributes { verb, ..create }.with_subresource(sub);
        assert_eq!(n1(&graph, asked.named("web-account")), no(reason));
    }
    let reason = "can only create token subresource of serviceaccount";
    for sub in ["", "tokens"] {
        let asked = create.with_subresource(sub);
        assert_eq!(n1(&graph, asked.named("web-account")), no(reason));
    }
}

#[test]
fn a_node_has_the_lease_of_its_name() {
    let graph = graph();
    let lease = |verb| asked(verb, "coordination.k8s.io/leases").in_namespace("kube-node-lease");
    for verb in ["get", "create", "update", "patch", "delete"] {
        assert_eq!(n1(&graph, lease(verb).named("n1")), Ok(()));
        // The subresource is not looked at.
        assert_eq!(n1(&graph, lease(verb).with_subresource("x").named("n1")), Ok(()));
        let reason = "can only access leases in the \"kube-node-lease\" system namespace";
        for namespace in ["kube-system", ""] {
            assert_eq!(n1(&graph, lease(verb).in_namespace(namespace).named("n1")), no(reason));
        }
        let reason = "can only access node lease with the same name as the requesting node";
        for name in ["n2", ""] {
            let expected = if verb == "create" { Ok(()) } else { no(reason) };
            assert_eq!(n1(&graph, lease(verb).named(name)), expected);
        }
    }
    for verb in ["list", "watch", "deletecollection", ""] {
        let reason = "can only get, create, update, patch, or delete a node lease";
        assert_eq!(n1(&graph, lease(verb).in_namespace("x").named("n1")), no(reason));
    }
}

#[test]
fn a_node_has_the_csi_node_of_its_name() {
    let graph = graph();
    let csi_node = |verb| asked(verb, "storage.k8s.io/csinodes");
    for verb in ["get", "create", "update", "patch", "delete"] {
        assert_eq!(n1(&graph, csi_node(verb).named("n1")), Ok(()));
        let sub = csi_node(verb).with_subresource("x").named("n1");
        assert_eq!(n1(&graph, sub), no("cannot authorize CSINode subresources"));
        let reason = "can only access CSINode with the same name as the requesting node";
        for name in ["n2", ""] {
            let expected = if verb == "create" { Ok(()) } else { no(reason) };
            assert_eq!(n1(&graph, csi_node(verb).named(name)), expected);
        }
    }
    for verb in ["list", "watch", "deletecollection", ""] {
        let reason = "can only get, create, update, patch, or delete a CSINode";
        assert_eq!(n1(&graph, csi_node(verb).with_subresource("x")), no(reason));
    }
}

#[test]
fn resource_slices_of_the_node_may_be_read_and_written() {
    let graph = graph();
    let slices = |verb| asked(verb, "resource.k8s.io/resourceslices");
    assert_eq!(n1(&graph, slices("create").named("any")), Ok(()));
    for verb in ["get", "update", "patch", "delete"] {
        assert_eq!(n1(&graph, slices(verb).named("slice")), Ok(()));
        assert_eq!(n1(&graph, slices(verb).named("unknown")), no(UNRELATED));
        assert_eq!(n1(&graph, slices(verb)), no("No Object name found"));
        assert!(by(&graph, &kubelet("n2"), slices(verb).named("slice")).is_err());
    }
    let reason = "can only list/watch/deletecollection resourceslices with nodeName field selector";
    for verb in ["list", "watch", "deletecollection"] {
        check_selectors(&graph, slices(verb), reason);
        // A name does not help.
        assert_eq!(n1(&graph, slices(verb).named("slice")), no(reason));
    }
    let reason = "only the following verbs are allowed for a ResourceSlice: \
                  get, watch, list, create, update, patch, delete, deletecollection";
    assert_eq!(n1(&graph, slices("bind").named("slice")), no(reason));
    let reason = "cannot authorize ResourceSlice subresources";
    assert_eq!(n1(&graph, slices("create").with_subresource("status")), no(reason));
}

#[test]
fn any_node_may_be_written_but_only_the_own_one_read() {
    let graph = graph();
    for verb in ["create", "update", "patch"] {
        // S-NODE-7.
        assert_eq!(n1(&graph, asked(verb, "nodes").named("n2")), Ok(()));
        let expected = if verb == "create" { no("") } else { Ok(()) };
        assert_eq!(n1(&graph, asked(verb, "nodes/status").named("n2")), expected);
    }
    for verb in ["get", "list", "watch"] {
        assert_eq!(n1(&graph, asked(verb, "nodes").named("n1")), Ok(()));
        let reason = "node 'n1' cannot read all nodes, only its own Node object";
        assert_eq!(n1(&graph, asked(verb, "nodes")), no(reason));
        let reason = "node 'n1' cannot read 'n2', only its own Node object";
        assert_eq!(n1(&graph, asked(verb, "nodes").named("n2")), no(reason));
        assert_eq!(n1(&graph, asked(verb, "nodes/status").named("n1")), no(""));
    }
    for (verb, resource) in [
        ("delete", "nodes"),
        ("deletecollection", "nodes"),
        ("get", "nodes/proxy"),
        ("update", "nodes/proxy"),
    ] {
        assert_eq!(n1(&graph, asked(verb, resource).named("n1")), no(""));
    }
}

#[test]
fn its_pods_may_be_read_and_any_pod_deleted() {
    let graph = graph();
    let pods = |verb| asked(verb, "pods").in_namespace("ns");
    for verb in ["get", "list", "watch"] {
        assert_eq!(n1(&graph, pods(verb).named("web")), Ok(()));
        assert_eq!(n1(&graph, pods(verb).named("other")), no(UNRELATED));
    }
    assert_eq!(n1(&graph, pods("get")), no("No Object name found"));
    for verb in ["list", "watch"] {
        let reason = "can only list/watch pods with spec.nodeName field selector";
        check_selectors(&graph, pods(verb), reason);
        check_selectors(&graph, pods(verb).in_namespace(""), reason);
        // With a name the other reason is given.
        check_selectors(&graph, pods(verb).named("other"), UNRELATED);
    }
    for verb in ["create", "delete"] {
        // S-NODE-7.
        assert_eq!(n1(&graph, pods(verb).named("other")), Ok(()));
    }
    for verb in ["update", "patch", "deletecollection"] {
        assert_eq!(n1(&graph, pods(verb).named("web")), no(""));
    }
}

#[test]
fn the_status_of_any_pod_may_be_changed_and_any_pod_evicted() {
    let graph = graph();
    let pods = |verb, sub| asked(verb, "pods").with_subresource(sub).in_namespace("ns").named("x");
    assert_eq!(n1(&graph, pods("update", "status")), Ok(()));
    assert_eq!(n1(&graph, pods("patch", "status")), Ok(()));
    assert_eq!(n1(&graph, pods("create", "eviction")), Ok(()));
    for (verb, sub) in [
        ("get", "status"),
        ("create", "status"),
        ("update", "eviction"),
        ("get", "log"),
        ("create", "exec"),
        ("patch", "ephemeralcontainers"),
    ] {
        assert_eq!(n1(&graph, pods(verb, sub).named("web")), no(""));
    }
}

#[test]
fn pod_certificate_requests_are_nothing_until_their_gate_is_on() {
    let graph = graph();
    for verb in ["create", "get", "list", "odd"] {
        let asked = asked(verb, "certificates.k8s.io/podcertificaterequests");
        assert_eq!(n1(&graph, asked.in_namespace("ns").named("request")), no(""));
    }
}

#[test]
fn pod_certificate_requests_of_the_node_may_be_read() {
    let graph = with_certificates();
    let requests =
        |verb| asked(verb, "certificates.k8s.io/podcertificaterequests").in_namespace("ns");
    assert_eq!(n1(&graph, requests("create").named("any")), Ok(()));
    assert_eq!(n1(&graph, requests("get").named("request")), Ok(()));
    assert_eq!(n1(&graph, requests("get").named("unknown")), no(UNRELATED));
    assert_eq!(n1(&graph, requests("get")), no("No Object name found"));
    assert!(by(&graph, &kubelet("n2"), requests("get").named("request")).is_err());
    for verb in ["list", "watch"] {
        let reason = "can only list/watch podcertificaterequests with nodeName field selector";
        check_selectors(&graph, requests(verb), reason);
        assert_eq!(n1(&graph, requests(verb).named("request")), no(reason));
    }
    for verb in ["update", "delete", "deletecollection", ""] {
        let reason = format!("nodes may not {verb} podcertificaterequests");
        assert_eq!(n1(&graph, requests(verb).named("request")), no(&reason));
    }
    let reason = "nodes may not access the status subresource of PodCertificateRequests";
    for sub in ["status", "x"] {
        let asked = requests("create").with_subresource(sub);
        assert_eq!(n1(&graph, asked), no(reason));
    }
}

#[test]
fn nodes_cannot_be_listed_and_others_have_nothing() {
    let graph = graph();
    let error = "node authorizer does not support user rule resolution";
    for node in ["n1", "unknown", ""] {
        let rules = graph.rules_for(&kubelet(node), "ns");
        assert_eq!(rules, crate::authz::Rules::incomplete(error));
        assert!(!graph.passes(&kubelet(node)));
    }
    let jane = User::new("jane").with_groups(["system:nodes"]);
    assert_eq!(graph.rules_for(&jane, "ns"), crate::authz::Rules::default());
    assert!(graph.passes(&jane));
    assert!(!graph.can_deny());
}
