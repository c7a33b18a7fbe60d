//! The TokenReview of `authentication.k8s.io`: somebody presents a token, and here is how to read the
//! question, which tokens are none, and how the answer looks.
//!
//! ```
//! use portcullis::api::authentication::{TokenReview, TokenReviewStatus};
//! use portcullis::model::User;
//!
//! let review = TokenReview::from_json(
//!     br#"{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
//!          "spec": {"token": "pct_secret"}}"#,
//! )?;
//! assert_eq!(review.token()?, "pct_secret");
//!
//! let status = TokenReviewStatus::authenticated(&User::new("jane"), Vec::new());
//! assert_eq!(
//!     String::from_utf8(review.answer(&status))?,
//!     r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{},"#.to_owned()
//!         + r#""status":{"authenticated":true,"user":{"username":"jane"}}}"#
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Absent on purpose: proving who it is (see `authn`), HTTP (see `webhook`), and the token in the
//! answer: who asks knows it, and logs of answers must not.

mod review;
mod status;

pub use review::{GROUP, MAX_AUDIENCES, Refusal, TokenReview, TokenReviewError, Version};
pub use status::{INVALID_TOKEN, TokenReviewStatus, UserInfo};
