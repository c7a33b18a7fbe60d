//! Each field that makes an edge, beside a similar one that makes none; each in both readings.

use serde_json::{Value, json};

use crate::api::Str;
use crate::api::graph::{Object, OnNode, PersistentVolume, Pod};
use crate::source::{LoadOptions, Loaded, parse};

fn load(name: &str, text: &str) -> Loaded {
    parse(name, text.as_bytes(), &LoadOptions::default()).unwrap()
}

/// Reads an object quickly, exactly, and as an item of a list in YAML; all must agree.
fn read_all(object: &Value) -> Loaded {
    let quick = load("a.json", &object.to_string());
    // A field that stands twice is the exact reading's business.
    let twice = object.to_string().replacen('{', "{\"spec\": null, ", 1);
    let exact = load("a.json", &twice);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [object]});
    let yaml = load("a.yaml", &format!("# YAML\n{list}"));
    let values = |loaded: &Loaded| -> Vec<Object> {
        loaded.inventory.graph.iter().map(|object| object.value.clone()).collect()
    };
    assert_eq!(values(&quick), values(&exact), "{object}");
    assert_eq!(values(&quick), values(&yaml), "{object}");
    assert_eq!(quick.inventory.pods, exact.inventory.pods, "{object}");
    assert_eq!(quick.inventory.pods, yaml.inventory.pods, "{object}");
    quick
}

fn only(object: &Value) -> Object {
    let mut loaded = read_all(object);
    assert_eq!(loaded.report.notices, [], "{object}");
    assert_eq!(loaded.inventory.graph.len(), 1, "{object}");
    loaded.inventory.graph.remove(0).value
}

fn pod_of(spec: Value, status: Value) -> Pod {
    let metadata = json!({"name": "web-0", "namespace": "shop", "uid": "u"});
    let object = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status,
    });
    let Object::Pod(pod) = only(&object) else { panic!("{object}") };
    pod
}

/// What a pod refers to, each with a letter for its kind.
fn references(pod: &Pod) -> Vec<String> {
    let lists = [
        ("secret", &pod.secrets),
        ("configmap", &pod.config_maps),
        ("claim", &pod.claims),
        ("resourceclaim", &pod.resource_claims),
    ];
    let named = |kind: &str, name: &str| format!("{kind} {name}");
    let mut all: Vec<String> = lists
        .into_iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| named(kind, name)))
        .collect();
    for (kind, name) in
        [("account", &pod.service_account), ("extended", &pod.extended_resource_claim)]
    {
        all.extend((!name.is_empty()).then(|| named(kind, name)));
    }
    all
}

/// A `spec` with one volume.
fn volume(source: Value) -> Value {
    let mut volume = source;
    volume["name"] = "data".into();
    json!({"volumes": [volume]})
}

/// S-NODE-9, S-NODE-11: a `spec` that makes an edge, the edge, and one that makes none.
fn fields_of_specs() -> Vec<(Value, &'static str, Value)> {
    let container = |list: &str, fields: Value| json!({list: [{"name": "c"}, fields]});
    let mut cases = vec![
        (
            json!({"serviceAccountName": "x"}),
            "account x",
            json!({"automountServiceAccountToken": true, "hostname": "x"}),
        ),
        (json!({"serviceAccount": "x"}), "account x", json!({"serviceaccount": "x"})),
        (
            json!({"imagePullSecrets": [{"name": "x"}]}),
            "secret x",
            json!({"imagePullSecrets": [{"name": ""}, {"secretName": "x"}, null]}),
        ),
    ];
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        cases.extend([
            (
                container(list, json!({"env": [{"name": "e", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k"}}}]})),
                "secret x",
                container(list, json!({"env": [{"name": "x", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]})),
            ),
            (
                container(list, json!({"env": [{"name": "e", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "k"}}}]})),
                "configmap x",
                container(list, json!({"env": [{"name": "e", "valueFrom": {"fileKeyRef": {"volumeName": "x", "key": "k"}}}]})),
            ),
            (
                container(list, json!({"envFrom": [{"secretRef": {"name": "x"}}]})),
                "secret x",
                container(list, json!({"envFrom": [{"prefix": "x"}]})),
            ),
            (
                container(list, json!({"envFrom": [{"configMapRef": {"name": "x", "optional": true}}]})),
                "configmap x",
                container(list, json!({"envFrom": [{"configMapRef": {"name": null}}]})),
            ),
        ]);
    }
    for (source, edge, twin) in [
        (
            json!({"azureFile": {"secretName": "x"}}),
            "secret x",
            json!({"azureFile": {"shareName": "x"}}),
        ),
        (
            json!({"azureFile": {"secretName": "x"}}),
            "secret x",
            json!({"azureDisk": {"secretName": "x"}}),
        ),
        (
            json!({"cephfs": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"cephfs": {"secretFile": "x"}}),
        ),
        (
            json!({"cinder": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"cinder": {"volumeID": "x"}}),
        ),
        (
            json!({"flexVolume": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"flexVolume": {"driver": "x"}}),
        ),
        (
            json!({"projected": {"sources": [{"secret": {"name": "x"}}]}}),
            "secret x",
            json!({"projected": {"sources": [{"secret": {"secretName": "x"}}]}}),
        ),
        (
            json!({"projected": {"sources": [{}, {"configMap": {"name": "x"}}]}}),
            "configmap x",
            json!({"projected": {"sources": [{"clusterTrustBundle": {"name": "x"}}, {"serviceAccountToken": {"path": "x"}}, {"podCertificate": {"signerName": "x"}}]}}),
        ),
        (
            json!({"rbd": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"rbd": {"user": "x", "secretRef": null}}),
        ),
        (json!({"secret": {"secretName": "x"}}), "secret x", json!({"secret": {"name": "x"}})),
        (
            json!({"scaleIO": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"scaleio": {"secretRef": {"name": "x"}}}),
        ),
        (
            json!({"iscsi": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"iscsi": {"initiatorName": "x"}}),
        ),
        (
            json!({"storageos": {"secretRef": {"name": "x"}}}),
            "secret x",
            json!({"storageos": {"volumeName": "x"}}),
        ),
        (
            json!({"csi": {"nodePublishSecretRef": {"name": "x"}}}),
            "secret x",
            json!({"csi": {"nodeStageSecretRef": {"name": "x"}, "driver": "x"}}),
        ),
        (
            json!({"configMap": {"name": "x"}}),
            "configmap x",
            json!({"configMap": {"configMapName": "x"}}),
        ),
        (
            json!({"persistentVolumeClaim": {"claimName": "x"}}),
            "claim x",
            json!({"persistentVolumeClaim": {"name": "x"}}),
        ),
        (
            json!({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}),
            "claim web-0-data",
            json!({"ephemeral": null}),
        ),
        (json!({"ephemeral": {}}), "claim web-0-data", json!({"emptyDir": {}})),
        (
            json!({"hostPath": null, "secret": {"secretName": "x"}}),
            "secret x",
            json!({"glusterfs": {"endpoints": "x"}, "nfs": {"server": "x"}}),
        ),
    ] {
        cases.push((volume(source), edge, volume(twin)));
    }
    cases.push((
        json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "x"}]}),
        "resourceclaim x",
        // The spelling of Kubernetes 1.26 to 1.30, which no longer is one.
        json!({"resourceClaims": [{"name": "x", "source": {"resourceClaimName": "x"}}]}),
    ));
    cases
}

#[test]
fn each_field_of_a_pod_makes_its_edge_and_its_twin_makes_none() {
    let cases = fields_of_specs();
    assert_eq!(cases.len(), 34);
    for (spec, edge, twin) in cases {
        assert_eq!(references(&pod_of(spec.clone(), Value::Null)), [edge], "{spec}");
        assert_eq!(references(&pod_of(twin.clone(), Value::Null)), [""; 0], "{twin}");
    }
}

#[test]
fn of_two_names_of_the_service_account_the_new_one_counts() {
    let both = json!({"serviceAccountName": "new", "serviceAccount": "old"});
    assert_eq!(references(&pod_of(both, Value::Null)), ["account new"]);
}

/// No API server stores such a volume; Kubernetes would look at the first only.
#[test]
fn of_two_sources_in_one_volume_the_first_counts() {
    let two = volume(json!({
        "secret": {"secretName": "x"}, "cephfs": {"user": "u"}, "csi": {"nodePublishSecretRef": {"name": "y"}},
    }));
    assert_eq!(references(&pod_of(two, Value::Null)), [""; 0]);
    let two = volume(json!({"persistentVolumeClaim": {"claimName": "x"}, "ephemeral": {}}));
    assert_eq!(references(&pod_of(two, Value::Null)), ["claim x"]);
}

#[test]
fn a_claim_of_a_template_is_the_one_that_the_status_names() {
    let spec = json!({"resourceClaims": [
        {"name": "gpu", "resourceClaimTemplateName": "t"},
        {"name": "nic", "resourceClaimTemplateName": "t"},
    ]});
    let statuses = |list: Value| json!({"resourceClaimStatuses": list});
    let claims = |spec: &Value, list: Value| references(&pod_of(spec.clone(), statuses(list)));
    let made = json!([{"name": "gpu", "resourceClaimName": "x"}]);
    assert_eq!(claims(&spec, made.clone()), ["resourceclaim x"]);
    // No claim was needed, none is made yet, or the entry is of another kind.
    for list in
        [json!([{"name": "gpu"}]), json!([]), json!([{"name": "other", "resourceClaimName": "x"}])]
    {
        assert_eq!(claims(&spec, list.clone()), [""; 0], "{list}");
    }
    for entry in [json!({"name": "gpu"}), json!({"name": "gpu", "resourceClaimName": null})] {
        let spec = json!({"resourceClaims": [entry]});
        assert_eq!(claims(&spec, made.clone()), [""; 0], "{spec}");
    }
    let named = json!({"resourceClaims": [{"name": "gpu", "resourceClaimName": "y"}]});
    assert_eq!(claims(&named, made.clone()), ["resourceclaim y"]);
    // The first of a name, even if it has no claim.
    let twice = json!([{"name": "gpu"}, {"name": "gpu", "resourceClaimName": "x"}]);
    assert_eq!(claims(&spec, twice), [""; 0]);

    let pod =
        pod_of(spec, statuses(json!([{"name": "gpu", "resourceClaimName": "x"}, {"name": "n"}])));
    let statuses: [(Str, Option<Str>); 2] = [("gpu".into(), Some("x".into())), ("n".into(), None)];
    assert_eq!(*pod.resource_claim_statuses, statuses);
}

#[test]
fn an_extended_resource_claim_is_in_the_status() {
    let pod = pod_of(
        Value::Null,
        json!({"extendedResourceClaimStatus": {"resourceClaimName": "x", "requestMappings": []}}),
    );
    assert_eq!(references(&pod), ["extended x"]);
    let twin = json!({"extendedResourceClaimStatus": null, "nominatedNodeName": "x"});
    assert_eq!(references(&pod_of(json!({"nodeSelector": {"x": "x"}}), twin)), [""; 0]);
}

#[test]
fn a_pod_says_where_it_runs_and_whether_a_kubelet_made_it() {
    let object = |annotations: Value, spec: Value| {
        let metadata = json!({"name": "p", "uid": "u", "annotations": annotations});
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    };
    let read = |object: &Value| match only(object) {
        Object::Pod(pod) => pod,
        other => panic!("{other:?}"),
    };
    let spec = json!({"nodeName": "n1", "ephemeralContainers": [{"name": "a"}, {"name": "b"}]});
    let pod = read(&object(json!({"kubernetes.io/config.mirror": ""}), spec.clone()));
    assert!(pod.is_mirror);
    assert_eq!((pod.node_name.as_str(), pod.ephemeral_containers), ("n1", 2));
    assert_eq!((pod.namespace.as_str(), pod.uid.to_string().as_str()), ("default", "u"));
    let twin = read(&object(
        json!({"kubernetes.io/config.source": "file"}),
        json!({"nominatedNodeName": "n1"}),
    ));
    assert!(!twin.is_mirror);
    assert_eq!((twin.node_name.as_str(), twin.ephemeral_containers), ("", 0));
    // It is among the pods, too, with the account that an API server would give it.
    let loaded = read_all(&object(Value::Null, spec));
    assert_eq!(loaded.inventory.pods.len(), 1);
    assert_eq!(loaded.inventory.pods[0].service_account, "default");
    assert_eq!(loaded.inventory.pods[0].namespace, "default");
}

fn volume_of(spec: Value) -> PersistentVolume {
    let metadata = json!({"name": "v", "namespace": "ignored"});
    let object =
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec});
    let Object::PersistentVolume(volume) = only(&object) else { panic!("{object}") };
    volume
}

fn secrets_of(source: &Value) -> Vec<String> {
    let mut spec = source.clone();
    spec["claimRef"] = json!({"namespace": "shop", "name": "data"});
    let volume = volume_of(spec);
    assert_eq!(volume.claim, Some(("shop".into(), "data".into())));
    volume.secrets.iter().map(|(namespace, name)| format!("{namespace}/{name}")).collect()
}

/// S-NODE-12: a source, the secrets it needs, and one that needs none.
#[test]
fn each_source_of_a_persistent_volume_makes_its_edge_and_its_twin_makes_none() {
    let at = json!({"namespace": "vault", "name": "x"});
    let bare = json!({"name": "x"});
    let mut cases = vec![
        (
            json!({"azureFile": {"secretName": "x", "secretNamespace": "vault"}}),
            "vault/x",
            json!({"azureFile": {"shareName": "x", "secretNamespace": "vault"}}),
        ),
        (
            json!({"azureFile": {"secretName": "x", "secretNamespace": null}}),
            "shop/x",
            json!({"azureDisk": {"secretName": "x"}}),
        ),
        (
            json!({"azureFile": {"secretName": "x", "secretNamespace": ""}}),
            "shop/x",
            json!({"azureFile": null}),
        ),
        // These must name a namespace; one that an API server would refuse reaches no secret.
        (json!({"cinder": {"secretRef": bare}}), "/x", json!({"cinder": {"volumeID": "x"}})),
        (
            json!({"storageos": {"secretRef": bare}}),
            "/x",
            json!({"storageos": {"volumeName": "x"}}),
        ),
        (
            json!({"csi": {"nodeStageSecretRef": at}}),
            "vault/x",
            json!({"csi": {"controllerPublishSecretRef": at}}),
        ),
        (
            json!({"csi": {"nodePublishSecretRef": at}}),
            "vault/x",
            json!({"csi": {"controllerExpandSecretRef": at}}),
        ),
        (
            json!({"csi": {"nodeExpandSecretRef": at}}),
            "vault/x",
            json!({"csi": {"nodeSecretRef": at}}),
        ),
        (json!({"csi": {"nodeExpandSecretRef": bare}}), "/x", json!({"csi": {"driver": "x"}})),
    ];
    for source in ["cephfs", "flexVolume", "rbd", "scaleIO", "iscsi"] {
        cases.push((
            json!({source: {"secretRef": at}}),
            "vault/x",
            json!({source: {"secretRef": {"namespace": "vault"}}}),
        ));
        cases.push((
            json!({source: {"secretRef": bare}}),
            "shop/x",
            json!({source: {"secretFile": "x"}}),
        ));
    }
    for source in ["cinder", "storageos"] {
        cases.push((
            json!({source: {"secretRef": at}}),
            "vault/x",
            json!({source: {"secretRef": null}}),
        ));
    }
    for (source, secret, twin) in cases {
        assert_eq!(secrets_of(&source), [secret], "{source}");
        assert_eq!(secrets_of(&twin), [""; 0], "{twin}");
        // Without a claim nothing leads anywhere.
        let unbound = volume_of(source);
        assert_eq!((unbound.claim, unbound.secrets.len()), (None, 0));
    }
    let three = json!({"csi": {
        "nodePublishSecretRef": {"namespace": "a", "name": "p"}, "nodeStageSecretRef": {"namespace": "a", "name": "s"},
        "nodeExpandSecretRef": {"namespace": "a", "name": "e"}, "controllerPublishSecretRef": {"namespace": "a", "name": "c"},
    }});
    assert_eq!(secrets_of(&three), ["a/p", "a/s", "a/e"]);
}

/// S-NODE-13, in every version that is or was served.
#[test]
fn what_belongs_to_a_node_says_to_which() {
    let cases: [(&str, &[&str], &str); 3] = [
        ("storage.k8s.io", &["v1", "v1beta1", "v1alpha1"], "VolumeAttachment"),
        ("resource.k8s.io", &["v1", "v1beta2", "v1beta1", "v1alpha3"], "ResourceSlice"),
        ("certificates.k8s.io", &["v1", "v1beta1", "v1alpha1"], "PodCertificateRequest"),
    ];
    for (group, versions, kind) in cases {
        for version in versions {
            // A namespace means nothing where objects have none.
            let is_namespaced = kind == "PodCertificateRequest";
            let namespace = if is_namespaced { "default" } else { "" };
            let metadata = match is_namespaced {
                true => json!({"name": "o"}),
                false => json!({"name": "o", "namespace": "ignored"}),
            };
            let object = |spec: Value| {
                json!({"apiVersion": format!("{group}/{version}"), "kind": kind,
                    "metadata": metadata, "spec": spec})
            };
            let it = |node: &str| OnNode {
                namespace: namespace.into(),
                name: "o".into(),
                node_name: node.into(),
            };
            let expected = |node| match kind {
                "VolumeAttachment" => Object::VolumeAttachment(it(node)),
                "ResourceSlice" => Object::ResourceSlice(it(node)),
                _ => Object::PodCertificateRequest(it(node)),
            };
            assert_eq!(only(&object(json!({"nodeName": "n1"}))), expected("n1"));
            let twin = json!({"nodeName": null, "allNodes": true, "node": "n1"});
            assert_eq!(only(&object(twin)), expected(""));
        }
    }
    // A kind of the same name elsewhere is none of these.
    let other =
        json!({"apiVersion": "example.com/v1", "kind": "ResourceSlice", "spec": {"nodeName": "n"}});
    let loaded = read_all(&other);
    assert!(loaded.inventory.graph.is_empty());
    assert_eq!(loaded.report.other_kinds["ResourceSlice.example.com"], 1);
}

/// What an API server would refuse is as if it was not there; nothing of it half applies.
#[test]
fn an_object_with_a_field_of_another_type_is_left_out_whole_and_told() {
    let object = |kind: &str, spec: Value, status: Value| {
        let group = match kind {
            "VolumeAttachment" => "storage.k8s.io/v1",
            "ResourceSlice" => "resource.k8s.io/v1",
            "PodCertificateRequest" => "certificates.k8s.io/v1beta1",
            _ => "v1",
        };
        json!({"apiVersion": group, "kind": kind, "metadata": {"name": "p"}, "spec": spec, "status": status})
    };
    let cases = [
        ("Pod", json!({"nodeName": 1}), json!(null), "`spec.nodeName` must be a string"),
        ("Pod", json!({"volumes": {"name": "v"}}), json!({}), "`spec.volumes` must be a list"),
        ("Pod", json!({"volumes": [["v"]]}), json!({}), "`spec.volumes[0]` must be an object"),
        (
            "Pod",
            json!({"volumes": [{"secret": "x"}]}),
            json!({}),
            "`spec.volumes[0].secret` must be an object",
        ),
        (
            "Pod",
            json!({"volumes": [{"secret": ["x"]}]}),
            json!({}),
            "`spec.volumes[0].secret` must be an object",
        ),
        (
            "Pod",
            json!({"volumes": [{"ephemeral": true}]}),
            json!({}),
            "`spec.volumes[0].ephemeral` must be an object",
        ),
        (
            "Pod",
            json!({"containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": true}}}]}]}),
            json!({}),
            "`spec.containers[0].env[0].valueFrom.secretKeyRef.name` must be a string",
        ),
        (
            "Pod",
            json!({"resourceClaims": [{"resourceClaimTemplateName": 1}]}),
            json!({}),
            "`spec.resourceClaims[0].resourceClaimTemplateName` must be a string",
        ),
        (
            "Pod",
            json!({}),
            json!({"resourceClaimStatuses": [{"name": 1}]}),
            "`status.resourceClaimStatuses[0].name` must be a string",
        ),
        ("Pod", json!([]), json!({}), "`spec` must be an object"),
        (
            "PersistentVolume",
            json!({"claimRef": "shop/data"}),
            json!({}),
            "`spec.claimRef` must be an object",
        ),
        (
            "PersistentVolume",
            json!({"csi": {"controllerExpandSecretRef": "x"}}),
            json!({}),
            "`spec.csi.controllerExpandSecretRef` must be an object",
        ),
        (
            "VolumeAttachment",
            json!({"nodeName": ["n"]}),
            json!({}),
            "`spec.nodeName` must be a string",
        ),
        ("ResourceSlice", json!({"nodeName": {}}), json!({}), "`spec.nodeName` must be a string"),
        (
            "PodCertificateRequest",
            json!({"nodeName": false}),
            json!({}),
            "`spec.nodeName` must be a string",
        ),
    ];
    for (kind, spec, status, said) in cases {
        let broken = object(kind, spec, status);
        let loaded = read_all(&broken);
        assert!(loaded.inventory.graph.is_empty() && loaded.inventory.pods.is_empty(), "{broken}");
        let notices = &loaded.report.notices;
        assert_eq!(notices.len(), 1, "{broken}");
        let told = notices[0].to_string();
        assert!(told.contains(&format!("this {kind} was left out: {said}")), "{told}");
    }
}

#[test]
fn of_two_objects_with_one_key_the_later_counts_and_is_told() {
    let pod = |name: &str, node: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: {name}}}, spec: {{nodeName: {node}}}}}\n"
        )
    };
    let text = [pod("a", "n1"), pod("b", "n1"), pod("a", "n2"), pod("a", "n3")].concat();
    let loaded = load("pods.yaml", &text);
    let found: Vec<(&str, &str)> = loaded
        .inventory
        .graph
        .iter()
        .map(|object| (object.value.name(), object.value.node_name()))
        .collect();
    assert_eq!(found, [("b", "n1"), ("a", "n3")]);
    let told: Vec<String> = loaded.report.notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "pods.yaml:6 (document 3): Pod `default/a` replaces the one at pods.yaml:2",
            "pods.yaml:8 (document 4): Pod `default/a` replaces the one at pods.yaml:6 (document 3)",
        ]
    );
    // One of another namespace, or of another kind, is another.
    let other = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}\n---\n\
                 {apiVersion: v1, kind: PersistentVolume, metadata: {name: a}}\n---\n\
                 {apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, metadata: {name: a}}\n";
    let loaded = load("pods.yaml", &format!("{other}{}", pod("a", "n1")));
    assert_eq!(loaded.report.notices, []);
    assert_eq!(loaded.inventory.graph.len(), 4);
}
