//! Where the groups of now come from. What was looked up outlives a reload that does not change it.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::material::{Material, with_causes};
use super::organisation::Organisation;
use crate::authz::live_groups::{GroupResolver, LiveGroups};
use crate::source::group_file;
use crate::source::ldap::BlockingGroups;
use crate::webhook::config::{LiveGroupsConfig, LiveGroupsFrom, NamedDirectory, Problem};

/// Groups of now, and what they were loaded from.
#[derive(Debug, Clone)]
pub(super) struct LoadedLiveGroups {
    config: LiveGroupsConfig,
    /// Of a file, its bytes; of a directory, whose users they are.
    bytes: Vec<u8>,
    users: Option<usize>,
    resolver: GroupResolver,
}

impl LoadedLiveGroups {
    pub(super) const fn resolver(&self) -> &GroupResolver {
        &self.resolver
    }
}

/// `None` when something was noted.
pub(super) fn load(
    config: &LiveGroupsConfig,
    material: &Material,
    organisation: &Organisation,
    serving: Option<&LoadedLiveGroups>,
    problems: &mut Vec<Problem>,
) -> Option<LoadedLiveGroups> {
    let (bytes, users) = match &config.from {
        LiveGroupsFrom::File(file) => (material.file(file)?.to_vec(), None),
        LiveGroupsFrom::Directory(named) => {
            let users = organisation.directory(&named.name);
            (Vec::new(), users.map(|users| Arc::as_ptr(&users).addr()))
        }
    };
    let same = |known: &&LoadedLiveGroups| {
        known.config == *config && known.bytes == bytes && known.users == users
    };
    if let Some(known) = serving.filter(same) {
        return Some(known.clone());
    }
    let source: Arc<dyn LiveGroups> = match &config.from {
        LiveGroupsFrom::File(file) => {
            let name = file.path.display().to_string();
            match group_file::parse(&name, bytes.clone()) {
                Ok(read) => Arc::new(read),
                Err(error) => {
                    let message = with_causes(&error);
                    problems.push(Problem::new(file.origin.clone(), &file.field, message));
                    return None;
                }
            }
        }
        LiveGroupsFrom::Directory(NamedDirectory { name, origin }) => {
            let problem = |message| Problem::new(origin.clone(), "liveGroups.directory", message);
            let Some(loaded) = organisation.loaded(name) else {
                if !organisation.is_named(name) {
                    let message = format!("there is no directory `{name}` among `directories`");
                    problems.push(problem(message));
                }
                return None;
            };
            match BlockingGroups::new(Arc::clone(&loaded.users), Handle::try_current().ok()) {
                Ok(groups) => Arc::new(groups),
                Err(error) => {
                    problems.push(problem(with_causes(&error)));
                    return None;
                }
            }
        }
    };
    let resolver = GroupResolver::new(source, config.options.clone());
    Some(LoadedLiveGroups { config: config.clone(), bytes, users, resolver })
}
