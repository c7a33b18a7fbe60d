//! Whose JWT is this, by the issuers of the organisation?
