use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};

use crate::authn::ldap::LdapUsers;
use crate::authz::live_groups::{LiveGroups, LiveGroupsError};
use crate::model::User;

/// How much longer is waited than the look-up's own budget: by then it has ended itself.
const GRACE: Duration = Duration::from_secs(1);

/// The groups of a directory for whoever can wait but not await: the resolver of live groups.
pub struct BlockingGroups {
    name: String,
    users: Arc<LdapUsers>,
    network: Network,
    longest: Duration,
}

/// Where look-ups run.
enum Network {
    /// On a runtime that others use, too.
    Shared(Handle),
    /// On one of its own, with one thread.
    Own(Option<Runtime>),
}

impl BlockingGroups {
    /// Looks up on `handle`, if its threads are several: one that waits on its only thread waits for
    /// ever. On a thread of its own otherwise.
    ///
    /// Connections live where they were made: `users` must not outlive the runtime of `handle`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn new(users: Arc<LdapUsers>, handle: Option<Handle>) -> io::Result<Self> {
        let network = match handle {
            Some(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => {
                Network::Shared(handle)
            }
            Some(_) | None => {
                let runtime = Builder::new_multi_thread()
                    .worker_threads(1)
                    .thread_name("ldap-groups")
                    .enable_all()
                    .build()?;
                Network::Own(Some(runtime))
            }
        };
        let longest = users.budget().saturating_add(GRACE);
        Ok(Self { name: users.label().to_owned(), users, network, longest })
    }
}

impl LiveGroups for BlockingGroups {
    fn name(&self) -> &str {
        &self.name
    }

    fn groups(&self, user: &User) -> Result<Option<Vec<String>>, LiveGroupsError> {
        let handle = match &self.network {
            Network::Shared(handle) => handle,
            Network::Own(Some(runtime)) => runtime.handle(),
            Network::Own(None) => return Err(LiveGroupsError::Abandoned),
        };
        let (users, user) = (Arc::clone(&self.users), user.clone());
        let (answer, heard) = sync_channel(1);
        let task = handle.spawn(async move {
            // Nobody listens any more if it took too long.
            let _ = answer.send(users.look_up(&user).await);
        });
        match heard.recv_timeout(self.longest) {
            Ok(Ok(groups)) => Ok(groups),
            Ok(Err(error)) => Err(LiveGroupsError::Source(error.to_string())),
            Err(_) => {
                task.abort();
                Err(LiveGroupsError::Abandoned)
            }
        }
    }
}

impl fmt::Debug for BlockingGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingGroups").field("users", &self.users).finish_non_exhaustive()
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
