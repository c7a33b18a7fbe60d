//! The nouns of the field: who asks, what is asked, what is answered, who said so.
//!
//! Nothing here knows a file, a wire format or an engine; every other module speaks in these types.
//! Absent on purpose: parsing (see `api`) and evaluation (see `authz`). Nobody here looks at a clock.

mod clock;
mod credential;
mod decision;
mod hex;
mod origin;
mod request;
mod revocation;
mod selector;
mod stopwatch;
mod user;
pub(crate) mod utc;

pub use clock::{Clock, Moment, MomentError};
pub use credential::{CREDENTIAL_ID, Fingerprint, FingerprintError, X509_CREDENTIAL_PREFIX};
pub use decision::{Decision, Explain, Reason, Verdict};
pub use origin::{Origin, Step};
pub use request::{Attributes, NonResourceAttributes, Request, ResourceAttributes};
pub use revocation::{
    PresentedCertificate, Revocation, RevocationEntry, Revocations, Revoked, RevokedBy,
    SharedRevocations,
};
pub use selector::{FieldOperator, FieldRequirement, LabelOperator, LabelRequirement, Selector};
pub use stopwatch::Stopwatch;
pub use user::{ServiceAccountName, ServiceAccountNameError, User, groups, names};
