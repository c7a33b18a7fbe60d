//! A policy begins to serve.

use std::io;
use std::sync::Arc;

use crate::webhook::app::App;
use crate::webhook::reload::{Generations, Serving};
use crate::webhook::sample::Rate;

/// From here on, reviews are decided by this, and no answer about a token is older. An error means
/// that the revocation list stands still, for want of a thread.
pub(super) fn take_over(
    app: &Arc<App>,
    generations: &Generations,
    serving: &Serving,
) -> io::Result<()> {
    let loaded = &serving.loaded;
    for fetched in &loaded.fetched {
        // The keys live in the tokens' side of what they would keep alive.
        let app = Arc::downgrade(app);
        fetched.on_change(move || {
            if let Some(app) = app.upgrade() {
                app.tokens().flush();
            }
        });
    }
    for issuer in loaded.organisation.all_issuers() {
        let app = Arc::downgrade(app);
        issuer.on_change(move || {
            if let Some(app) = app.upgrade() {
                app.tokens().flush();
            }
        });
    }
    match (&loaded.followed, &loaded.plan) {
        // What served goes on until the new one is built; then tokens are looked up anew, too.
        (Some(followed), Some(plan)) => followed.serve(plan, app, generations),
        (followed, _) => {
            if let Some(followed) = followed {
                followed.stop();
            }
            app.publish(Arc::clone(&loaded.policy.snapshot), serving.generation);
        }
    }
    app.tokens().replace(loaded.counted_tokens(app.metrics()));
    loaded.count(app.metrics());
    if let Some(shadow) = app.shadow() {
        match &loaded.shadow {
            Some(candidate) => {
                let sample = loaded.config.shadow.as_ref().map(|shadow| shadow.sample);
                shadow.set_sample(
                    sample.and_then(|sample| Rate::new(sample).ok()).unwrap_or_default(),
                );
                let revision = loaded.revision.to_string();
                shadow.set_candidate(Arc::clone(&candidate.snapshot), revision);
            }
            None => shadow.clear_candidate(),
        }
    }
    match &loaded.revocations {
        Some(revocations) => revocations.start(app.metrics()),
        None => {
            app.metrics().revocations(0, 0);
            Ok(())
        }
    }
}
