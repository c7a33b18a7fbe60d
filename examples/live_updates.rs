//! How does a policy change while readers decide? `cargo run --example live_updates`

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
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

    let (seen, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let (yes, no) = thread::scope(|scope| -> Result<_, Box<dyn Error>> {
        // Readers take the newest snapshot without a lock, and keep it as long as they like.
        let reader = scope.spawn(|| {
            let joe = User::new("joe");
            let asked = ResourceAttributes::new("list", "pods").in_namespace("shop");
            let (mut yes, mut no) = (0_u64, 0_u64);
            while !done.load(Ordering::Acquire) {
                match live.snapshot().authorize(&Request::resource(&joe, asked)).is_allowed() {
                    true => yes += 1,
                    false => no += 1,
                }
                seen.store(yes > 0, Ordering::Release);
            }
            (yes, no)
        });
        let applied = live.apply(binding, &Origin::named("watch"));
        while applied.is_ok() && !seen.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let deleted = live.delete(&key);
        done.store(true, Ordering::Release);
        applied?;
        deleted?;
        Ok(reader.join().unwrap_or_default())
    })?;
    let generation = live.snapshot().generation();
    writeln!(std::io::stdout(), "generation {generation}: {yes} times yes, {no} times no")?;
    Ok(())
}
