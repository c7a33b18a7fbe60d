use clap::Args;

use super::{Seen, Wanted};
use crate::cli::args::PolicyArgs;
use crate::cli::exit::Failure;
use crate::cli::speak::Speaker;

/// This build asks no API server.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LiveArgs {}

/// There is none.
#[derive(Debug)]
pub(crate) enum Live {}

impl LiveArgs {
    pub(crate) fn asked(self, wanted: Wanted) -> Result<Option<Live>, Failure> {
        let Wanted { pods, service_accounts } = wanted;
        let _ = (pods, service_accounts);
        Ok(None)
    }
}

impl Live {
    pub(crate) fn read(self, _: &PolicyArgs, _: bool, _: Speaker) -> Result<Seen, Failure> {
        match self {}
    }
}
