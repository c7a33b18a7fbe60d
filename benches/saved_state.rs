//! The saved state of a cluster with 100,000 RoleBindings of 300 bytes. `watch/saved/…`:
//!
//! - `read`: from the file to objects, checked. Must be well under 0.5 s: a server starts by it.
//! - `write`: to the disk, for good.

use std::error::Error;
use std::time::{Duration, SystemTime};

use criterion::{Criterion, Throughput};
use portcullis::source::watch::saved::{Saved, SavedFile, SavedKind};
use portcullis::source::watch::{Key, Watched};

const SERVER: &str = "https://10.0.0.1:6443";
const OBJECTS: u32 = 100_000;

fn state() -> Saved {
    let binding = |at: u32| {
        let (namespace, name) = (format!("namespace-{}", at % 5_000), format!("binding-{at}"));
        let mut object = format!(
            r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}","resourceVersion":"{at}"}},"roleRef":{{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"}},"subjects":[{{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"user-{at}"}}]}}"#
        );
        object.push_str(&" ".repeat(300_usize.saturating_sub(object.len())));
        let key = Key { namespace: namespace.into(), name: name.into() };
        (key, object.into_bytes().into_boxed_slice())
    };
    let kind = SavedKind {
        watched: Watched::RoleBindings,
        resource_version: OBJECTS.to_string(),
        objects: (0..OBJECTS).map(binding).collect(),
    };
    Saved { server: SERVER.to_owned(), at: SystemTime::now(), kinds: vec![kind] }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .sample_size(10)
        .configure_from_args();
    let folder = tempfile::tempdir()?;
    let file = SavedFile { path: folder.path().join("cluster.state"), max_age: None };
    let saved = state();
    file.write(&saved)?;
    if file.read(SERVER, SystemTime::now())?.as_ref() != Some(&saved) {
        return Err("what was read is not what was written".into());
    }
    let mut group = criterion.benchmark_group("watch/saved");
    group.throughput(Throughput::Elements(OBJECTS.into()));
    group.bench_function("read", |bencher| {
        bencher.iter(|| file.read(SERVER, SystemTime::now()));
    });
    group.bench_function("write", |bencher| bencher.iter(|| file.write(&saved)));
    group.finish();
    criterion.final_summary();
    Ok(())
}
