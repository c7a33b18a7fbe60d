//! What cannot start says why, with status 2; and what `init` writes starts.

use std::net::TcpListener;

use super::kit::*;

#[test]
fn mistakes_of_the_configuration_are_named_with_file_line_and_field() {
    let home = Home::new("");
    let good = home.read("server.yaml");
    for (from, to, parts) in [
        ("authorizers:", "authorisers:", &["server.yaml:12: `authorisers`", "did you mean"][..]),
        ("[{type: RBAC}]", "[{type: RBCA}]", &["server.yaml:12: `authorizers[0].type`", "RBCA"]),
        ("127.0.0.1:0\n  tls", "localhost\n  tls", &["server.yaml:4: `listen.address`"]),
        ("[policy/]", "[nowhere/]", &["server.yaml:11: `policy.paths[0]`", "nowhere"]),
        ("kind: ServerConfiguration", "kind: Other", &["server.yaml:2: `kind`"]),
        ("[kube-apiserver]", "[", &["server.yaml:"]),
        ("'127.0.0.1:0'", "'0.0.0.0:0'", &["server.yaml:10: `operations.address`"]),
    ] {
        home.write("server.yaml", &good.replacen(from, to, 1));
        let said = home.cannot_start();
        for part in parts {
            assert!(said.contains(part), "{to}: {part}: {said}");
        }
    }
    std::fs::remove_file(home.path("server.yaml")).unwrap();
    assert!(home.cannot_start().contains("server.yaml: cannot be read"));
}

#[test]
fn a_policy_that_does_not_load_is_named() {
    let home = Home::new("");
    for (text, parts) in [
        ("kind: [", &["`policy.paths", "policy/rbac.yaml"][..]),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", &["no Role, ClusterRole"]),
        ("", &["nothing in it"]),
    ] {
        home.write("policy/rbac.yaml", text);
        let said = home.cannot_start();
        for part in [&["server.yaml:11"], parts].concat() {
            assert!(said.contains(part), "{text}: {part}: {said}");
        }
    }
}

#[test]
fn keys_and_certificates_that_do_not_serve_are_named_and_never_shown() {
    let home = Home::new("");
    let other = home.ca.issue("portcullis");
    let (certificate, key) = (home.read("tls.crt"), home.read("tls.key"));
    for (file, text, parts) in [
        ("tls.key", other.key.as_str(), &["listen.tls"][..]),
        ("tls.key", "no key", &["listen.tls"]),
        ("tls.key", "", &["server.yaml:7: `listen.tls.keyFile`", "tls.key", "nothing in it"]),
        ("tls.crt", &key, &["listen.tls"]),
        ("ca.crt", "no certificate", &["listen.tls"]),
    ] {
        home.write(file, text);
        let said = home.cannot_start();
        for part in parts {
            assert!(said.contains(part), "{file} {part}: {said}");
        }
        for line in key.lines().chain(other.key.lines()).filter(|line| !line.starts_with('-')) {
            assert!(!said.contains(line), "{said}");
        }
        home.write("tls.crt", &certificate);
        home.write("tls.key", &key);
        home.write("ca.crt", &home.ca.pem);
    }
    for (file, field, line) in [("tls.key", "keyFile", 7), ("ca.crt", "clientCAFile", 8)] {
        let text = home.read(file);
        std::fs::remove_file(home.path(file)).unwrap();
        let said = home.cannot_start();
        let expected = format!("`listen.tls.{field}`: `{file}`: cannot be read");
        assert!(said.contains(&expected) && said.contains("server.yaml:"), "{line} {said}");
        home.write(file, &text);
    }
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = Home::new("");
    let good = home.read("server.yaml");
    for from in ["address: 127.0.0.1:0\n", "address: '127.0.0.1:0'"] {
        let to = from.replace("127.0.0.1:0", &address);
        home.write("server.yaml", &good.replacen(from, &to, 1));
        let said = home.cannot_start();
        assert!(said.contains(&format!("cannot listen on {address}")), "{said}");
    }
}

#[tokio::test]
async fn what_init_writes_starts_and_answers_its_client() {
    let made = tempfile::tempdir().unwrap();
    let (code, _, err) = run(made.path(), &["init", "apiserver", "--out", "."]);
    assert_eq!(code, Some(0), "{err}");
    let read = |name: &str| std::fs::read_to_string(made.path().join(name)).unwrap();
    // The ports of this test are not those of an installation.
    let config = read("server/server.yaml");
    let config =
        config.replace("127.0.0.1:9443", "127.0.0.1:0").replace("127.0.0.1:9444", "127.0.0.1:0");
    std::fs::write(
        made.path().join("server/server.yaml"),
        format!("{config}log: {{format: json}}\n"),
    )
    .unwrap();
    let process = serve(&made.path().join("server/server.yaml"));
    let (reviews, _) = process.addresses();
    let client =
        Identity { certificate: read("apiserver/client.crt"), key: read("apiserver/client.key") };
    let authority = read("apiserver/ca.crt");
    let tls = client_trusting(&authority, Some(&client), &[&rustls::version::TLS13]);
    let mut client = Client::connect(reviews, &tls, Protocol::Http2).await.unwrap();
    // What every API server grants everybody who is proven, by the default roles.
    let mut review = pods("anybody", "get");
    review["spec"]["resourceAttributes"] = serde_json::Value::Null;
    review["spec"]["nonResourceAttributes"] =
        serde_json::json!({"path": "/version", "verb": "get"});
    let answered = client.post("/authorize?timeout=3s", &review).await;
    assert_eq!(answered.body["status"]["allowed"], true, "{answered:?}");
    // And the example beside them, to whom it names and to nobody else.
    for (group, is_allowed) in [("portcullis-example", true), ("system:authenticated", false)] {
        let mut review = pods("anybody", "get");
        review["spec"]["groups"] = serde_json::json!([group]);
        review["spec"]["resourceAttributes"]["namespace"] = "portcullis-example".into();
        let answered = client.post("/authorize?timeout=3s", &review).await;
        assert_eq!(answered.body["status"]["allowed"], is_allowed, "{group}: {answered:?}");
    }
}
