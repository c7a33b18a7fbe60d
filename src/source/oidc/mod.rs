//! Who are the issuers of an AuthenticationConfiguration, and what are their keys now? The network
//! behind [`authn::oidc`](crate::authn::oidc).
//!
//! [`start`] begins, for each issuer of a configuration, to fetch its discovery document and then to
//! keep its keys fresh, and gives one authenticator each. Nothing is waited for: until discovery is
//! done an authenticator says `oidc: authenticator not initialized` (S-OIDC-5). Afterwards an outage
//! changes nothing: the keys that are known go on serving. A token that no known key verifies asks
//! for fresher ones, with a back-off, and waits a moment for them (S-OIDC-8).
//!
//! The network is that of the issuers, over https only; redirects are not followed, and answers have
//! limits of size and time. Where an issuer names no authorities of its own, those of the machine
//! vouch for it. Where [`Distributed`] claims are enabled, and only there, a verified token may name
//! an https endpoint to be asked for groups. [`Introspection`] asks an RFC 7662 endpoint about tokens
//! that only their issuer can read.
//!
//! Absent on purpose: reading the configuration (see `source::authentication_config`), egress
//! selectors, proxies, following a `jwks_uri` that changes: as in the API server, discovery is done
//! once.
//!
//! ```no_run
//! use portcullis::api::authentication_config::AuthenticationConfiguration;
//! use portcullis::source::oidc::{self, Options};
//!
//! # async fn f(config: AuthenticationConfiguration) -> Result<(), Box<dyn std::error::Error>> {
//! // Inside of a Tokio runtime.
//! let started = oidc::start(&config, &Options::default())?;
//! for issuer in &started {
//!     issuer.wait_ready().await;
//!     println!("{}: {} keys", issuer.issuer(), issuer.status().jwks.map_or(0, |jwks| jwks.keys));
//! }
//! # Ok(())
//! # }
//! ```

mod discovery;
mod distributed;
mod error;
mod introspection;
mod issuer;
mod options;
mod start;

pub use distributed::Distributed;
pub use error::{DiscoveryError, DistributedError, StartError, StartProblem};
pub use introspection::{
    Introspection, IntrospectionConfig, IntrospectionConfigError, IntrospectionFailure,
};
pub use issuer::{Issuer, IssuerStatus};
pub use options::{IssuerOptions, Options};
pub use start::{Started, start};
