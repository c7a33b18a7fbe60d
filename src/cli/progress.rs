use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use portcullis::source::Progress;

/// Quicker loads show nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on standard error, once a load takes longer than a person's patience. Never in a pipe.
pub(crate) struct Bar {
    started: Instant,
    is_terminal: bool,
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), is_terminal: std::io::stderr().is_terminal(), bar: None }
    }

    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        if !self.is_terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(progress.total);
            let template = "{bar:30} {bytes}/{total_bytes} {msg}";
            bar.with_style(
                ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            )
        });
        bar.set_length(progress.total.max(progress.done));
        bar.set_position(progress.done);
        bar.set_message(format!("{} objects, {}", progress.objects, progress.source));
    }

    pub(crate) fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
