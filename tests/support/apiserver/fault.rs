//! What can be made to go wrong.

use std::time::Duration;

use serde_json::Value;

use super::status::Status;

/// Something that goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This answer instead of the one that would be given.
    Answer(Status),
    /// The request is taken, and nothing is ever said.
    NoAnswer,
    /// The connection breaks after so many bytes of the body, anywhere.
    CutAfter(usize),
    /// The body comes in pieces of so many bytes with a pause between them.
    Slow(usize, Duration),
    /// These bytes come first, whatever they are. Of a list they take the place of the body.
    Bytes(Vec<u8>),

    // Those below concern watches only.
    /// An event of type `ERROR` with this Status, and the end.
    ErrorEvent(Status),
    /// The watch ends without an error, now.
    End,
    /// The connection breaks, now.
    Cut,
    /// The next event breaks off after so many bytes, with the connection.
    CutInNextEvent(usize),
    /// The next event is about this object instead.
    ReplaceNext(Value),
    /// Nothing comes any more, with the connection still open.
    Mute,
    /// No bookmarks.
    NoBookmarks,
}

impl Fault {
    /// HTTP 410: the version is too old.
    pub(crate) fn gone() -> Self {
        Self::Answer(Status::too_old(1, 2))
    }

    /// HTTP 410: the continue token is.
    pub(crate) fn expired_continue() -> Self {
        Self::Answer(Status::expired_continue("not-a-token"))
    }

    /// HTTP 504: the version is yet to come.
    pub(crate) fn too_large() -> Self {
        Self::Answer(Status::too_large(2, 1))
    }

    pub(crate) fn too_many_requests(seconds: u64) -> Self {
        Self::Answer(Status::too_many_requests(seconds))
    }

    pub(crate) fn internal() -> Self {
        Self::Answer(Status::internal())
    }

    /// An `ERROR` event that says that something went wrong within the API server.
    pub(crate) fn internal_event() -> Self {
        Self::ErrorEvent(Status::internal())
    }

    /// A line that is no JSON.
    pub(crate) fn garbage() -> Self {
        Self::Bytes(b"{\"type\":\"ADDED\",\"object\":{\"kind\":\n".to_vec())
    }

    /// An `ERROR` event that says that the version is too old.
    pub(crate) fn gone_event() -> Self {
        Self::ErrorEvent(Status::too_old(1, 2))
    }
}

/// What waits for requests to hit.
#[derive(Debug)]
pub(super) struct Injected {
    /// `list`, `watch`, `get`, `create`, `update`, `patch`, `delete`, or `*`.
    pub(super) verb: String,
    /// Or `*`.
    pub(super) resource: String,
    /// Whether only lists with `continue` are meant.
    pub(super) continued: bool,
    pub(super) times: usize,
    pub(super) fault: Fault,
}

impl Injected {
    fn is_for(&self, verb: &str, resource: &str, continued: bool) -> bool {
        (self.verb == "*" || self.verb == verb)
            && (self.resource == "*" || self.resource == resource)
            && (continued || !self.continued)
    }
}

/// The fault that this request meets: the first that was injected and is not used up.
pub(super) fn take(
    faults: &mut Vec<Injected>,
    verb: &str,
    resource: &str,
    continued: bool,
) -> Option<Fault> {
    let at = faults.iter().position(|injected| injected.is_for(verb, resource, continued))?;
    let injected = &mut faults[at];
    let fault = injected.fault.clone();
    injected.times -= 1;
    if injected.times == 0 {
        faults.remove(at);
    }
    Some(fault)
}
