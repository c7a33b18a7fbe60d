//! What goes wrong with a Secret is said without a word of it, at every level of the log.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::source::watch::{Cluster, Watched};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::harness::{PATIENCE, connect, eventually, tuning};
use crate::support::apiserver::{ApiServer, Fault};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// `hunter2hunter2hunter2`, and what it becomes in base64.
const VALUES: [&str; 2] = ["hunter2hunter2", "aHVudGVyMmh1bnRlcjJodW50ZXIy"];

fn secret(name: &str, data: Value) -> Value {
    json!({
        "kind": "Secret", "apiVersion": "v1", "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": name, "namespace": "kube-system", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": format!("{{\"data\":\"{}\"}}", VALUES[1]),
        }},
        "data": data,
    })
}

#[test]
fn no_value_of_a_secret_is_in_the_log_or_the_status() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let dispatch = tracing::Dispatch::new(subscriber);
    let to_all = dispatch.clone();
    // Not the whole process, in which other tests run; but every thread of this runtime.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&to_all)))
        .build()
        .unwrap();
    tracing::dispatcher::with_default(&dispatch, || runtime.block_on(go_wrong(&log)));
}

async fn go_wrong(log: &Log) {
    let server = ApiServer::start();
    let good = json!({
        "token-id": "YWJjZGVm", "token-secret": VALUES[1],
        "usage-bootstrap-authentication": "dHJ1ZQ==",
    });
    server.put(secret("bootstrap-token-abcdef", good.clone()));
    server.put(secret("list", json!(["hunter2hunter2hunter2", VALUES[1]])));
    server.put(secret("number", json!({"token-secret": 7, "hunter2hunter2": VALUES[1]})));
    server.put(secret("base64", json!({"token-secret": "%hunter2hunter2hunter2%"})));
    let connection = connect(&server).await;
    let watched = vec![Watched::BootstrapSecrets, Watched::SecretMetadata];
    let cluster = Cluster::start(&connection, watched, None, tuning());
    tokio::time::timeout(PATIENCE, cluster.ready()).await.unwrap();
    let status = || cluster.status().into_iter().next().unwrap();
    assert_eq!(cluster.loaded().inventory.core.secrets.len(), 1);
    assert_eq!(status().undecodable_count, 3);

    // The watches: of bootstrap tokens, and of metadata.
    eventually("two watches", || server.watches("secrets") == 2).await;
    server.put(secret("bootstrap-token-abcdef", json!("hunter2hunter2hunter2")));
    eventually("the fourth", || status().undecodable_count == 4).await;
    server.put(secret("bootstrap-token-abcdef", good));
    eventually("its return", || status().undecodable_count == 3).await;
    let garbage = format!("{{\"type\":\"ADDED\",\"object\":{{\"data\":{{\"a\":\"{}\"\n", VALUES[1]);
    server.disturb("secrets", Fault::Bytes(garbage.clone().into_bytes()));
    eventually("the list", || status().lists >= 2).await;
    server.inject("list", "secrets", 2, Fault::Bytes(garbage.into_bytes()));
    server.inject("watch", "secrets", 4, Fault::gone());
    server.disturb("secrets", Fault::CutInNextEvent(700));
    server.put(secret("bootstrap-token-abcdef", json!({"token-secret": VALUES[1]})));
    eventually("the faults", || server.pending_faults() == 0).await;
    server.put(secret("bootstrap-token-fedcba", json!({"token-secret": VALUES[1]})));
    let count = || cluster.loaded().inventory.core.secrets.len();
    eventually("another", || count() == 2).await;
    tokio::time::sleep(Duration::from_millis(20)).await;

    let said = format!("{:?}{:?}{:?}", cluster.status(), cluster.loaded(), cluster);
    let log = log.text();
    assert!(log.len() > 1000, "nothing was logged: {log}");
    for value in VALUES {
        assert!(!said.contains(value), "{said}");
        let line = log.lines().find(|line| line.contains(value));
        assert_eq!(line, None);
    }
    assert!(!log.contains(&server.token()), "the token of the connection");
}
