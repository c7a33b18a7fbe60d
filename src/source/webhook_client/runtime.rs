use std::io;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

/// Where the connections of a client live.
pub(super) enum Network {
    /// On a runtime that others use, too.
    Shared(Handle),
    /// On one of its own, with one thread.
    Own(Option<Runtime>),
}

impl Network {
    /// On a given runtime, if its threads are several: one that waits on its only thread waits for
    /// ever.
    pub(super) fn new(handle: Option<Handle>) -> io::Result<Self> {
        match handle {
            Some(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Ok(Self::Shared(handle))
            }
            Some(_) | None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("webhook-client")
                    .enable_all()
                    .build()?;
                Ok(Self::Own(Some(runtime)))
            }
        }
    }

    pub(super) fn handle(&self) -> Option<&Handle> {
        match self {
            Self::Shared(handle) => Some(handle),
            Self::Own(runtime) => runtime.as_ref().map(Runtime::handle),
        }
    }
}

impl Drop for Network {
    /// Without waiting, which is not allowed everywhere.
    fn drop(&mut self) {
        if let Self::Own(runtime) = self
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}
