//! How does a policy change while readers decide? `cargo run --example live_updates`

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use portcullis::api::rbac::{Object, RoleBinding, RoleRef, Subject};
use portcullis::model::{Origin, Request, ResourceAttributes, User};
use portcullis::snapshot::{Config, Live, Mode};
use portcullis::source::{Input, LoadOptions, load};

fn main() -> Result<(), Box<dyn Error>> {
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/rbac/sample-cluster.yaml");
    let loaded = load(&[Input::from(policy)], &LoadOptions::default(), &mut |_| {})?;
    let live = Live::new(&loaded.inventory, Config::new([Mode::Rbac]))?;

    let mut binding = RoleBinding {
        subjects: vec![Subject::user("joe")],
        role_ref: RoleRef::cluster_role("team-viewer"),
        ..RoleBinding::default()
    };
    binding.metadata.name = "joe".into();
    binding.metadata.namespace = "shop".into();
    let key = Object::from(binding.clone()).key();

    let (yes, no, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let wait_for = |count: &AtomicU64| {
        while count.load(Ordering::Acquire) == 0 {
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        // Readers take the newest snapshot without a lock, and keep it as long as they like.
        scope.spawn(|| {
            let joe = User::new("joe");
            let asked = ResourceAttributes::new("list", "pods").in_namespace("shop");
            while !done.load(Ordering::Acquire) {
                let snapshot = live.snapshot();
                let is_allowed = snapshot.authorize(&Request::resource(&joe, asked)).is_allowed();
                (if is_allowed { &yes } else { &no }).fetch_add(1, Ordering::Release);
            }
        });
        wait_for(&no);
        let changed = live.apply(binding, &Origin::named("watch")).and_then(|()| {
            wait_for(&yes);
            live.delete(&key)
        });
        done.store(true, Ordering::Release);
        changed
    })?;
    let (generation, yes, no) = (live.snapshot().generation(), yes.into_inner(), no.into_inner());
    writeln!(std::io::stdout(), "generation {generation}: {yes} times yes, {no} times no")?;
    Ok(())
}
