use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::authenticator::signed_by;
use super::keys::ProviderKeys;
use super::mapping::Groups;
use super::rules::Rules;
use super::verify::{Verifier, VerifyTokenError};
use crate::authn::{AuthnError, UnixSeconds, unverified_issuer};
use crate::util::goquote::Quoted;

/// The text of an endpoint that may need waiting for.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<String, AuthnError>> + Send + 'a>>;

/// The keys of an issuer that may need waiting for.
pub type KeysOfIssuer<'a> =
    Pin<Box<dyn Future<Output = Result<Arc<dyn ProviderKeys>, AuthnError>> + Send + 'a>>;

/// What fetches claims that an issuer keeps elsewhere (OpenID Connect Core §5.6.2). Where it goes is
/// what a verified token says: whoever implements this decides where it may.
pub trait DistributedClaims: Send + Sync {
    /// The JWT at an endpoint, shown the access token if there is one.
    fn fetch<'a>(&'a self, endpoint: &'a str, access_token: Option<&'a str>) -> Fetching<'a>;

    /// The keys of whoever issued that JWT, as its `iss` says, which nobody has proven yet.
    fn keys<'a>(&'a self, issuer: &'a str) -> KeysOfIssuer<'a>;
}

/// Why groups that are kept elsewhere could not be had (S-OIDC-22).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DistributedClaimsError {
    /// They are not followed here.
    #[error(
        "the claim {} is kept elsewhere, and distributed claims are not enabled for this issuer",
        Quoted(.0)
    )]
    Disabled(String),
    /// There are names of distributed claims, and no sources.
    #[error("oidc: no claim sources")]
    NoSources,
    /// The name of the claim's source is none of a source.
    #[error("id token _claim_names contained a source {0} missing in _claims_sources")]
    UnknownSource(String),
    /// The endpoint gave no answer of use.
    #[error("while getting distributed claim {}: {error}", Quoted(.claim))]
    Fetch {
        /// The claim.
        claim: String,
        /// Why.
        error: AuthnError,
    },
    /// What the endpoint answered is no JWT with an issuer.
    #[error(
        "getting untrusted issuer from endpoint {endpoint} failed for claim {}: no JWT with an \
         issuer",
        Quoted(.claim)
    )]
    NoIssuer {
        /// The endpoint.
        endpoint: String,
        /// The claim.
        claim: String,
    },
    /// The keys of its issuer cannot be had.
    #[error("verifying untrusted issuer {issuer} failed: {error}")]
    Issuer {
        /// What it says.
        issuer: String,
        /// Why.
        error: AuthnError,
    },
    /// It is not in order.
    #[error("verify distributed claim token: {0}")]
    Verify(VerifyTokenError),
    /// It is in order, and lacks the claim.
    #[error(
        "jwt returned by distributed claim endpoint {} did not contain claim: {claim}",
        Quoted(.endpoint)
    )]
    Absent {
        /// The endpoint.
        endpoint: String,
        /// The claim.
        claim: String,
    },
}

/// Where a claim is kept.
struct Source<'a> {
    endpoint: &'a str,
    access_token: Option<&'a str>,
}

/// The source of a claim that the token itself does not have; `None` when it has it, or when no
/// endpoint is named: then the claim is missing (S-OIDC-22). The types were looked at before.
fn source<'a>(
    claims: &'a Map<String, Value>,
    claim: &str,
) -> Result<Option<Source<'a>>, DistributedClaimsError> {
    if claims.contains_key(claim) {
        return Ok(None);
    }
    let member = |name: &str| claims.get(name).and_then(Value::as_object);
    let Some(names) = member("_claim_names") else { return Ok(None) };
    let sources = member("_claim_sources").ok_or(DistributedClaimsError::NoSources)?;
    let Some(name) = names.get(claim).and_then(Value::as_str) else { return Ok(None) };
    let source =
        sources.get(name).ok_or_else(|| DistributedClaimsError::UnknownSource(name.to_owned()))?;
    let text =
        |name: &str| source.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // Without an endpoint it is an aggregated claim, which the API server does not read either.
    Ok(text("endpoint").map(|endpoint| Source { endpoint, access_token: text("access_token") }))
}

/// Puts groups that are kept elsewhere among the claims. Gives the end of the token that they came
/// in, if there was one.
pub(super) async fn expand(
    rules: &Rules,
    by: Option<&dyn DistributedClaims>,
    claims: &mut Map<String, Value>,
    now: UnixSeconds,
) -> Result<Option<UnixSeconds>, DistributedClaimsError> {
    let Some(Groups::Claim { claim, .. }) = &rules.groups else { return Ok(None) };
    let Some(Source { endpoint, access_token }) = source(claims, claim)? else { return Ok(None) };
    let by = by.ok_or_else(|| DistributedClaimsError::Disabled(claim.clone()))?;
    let fetched = by.fetch(endpoint, access_token).await;
    let text =
        fetched.map_err(|error| DistributedClaimsError::Fetch { claim: claim.clone(), error })?;
    let text = text.trim();
    let issuer = unverified_issuer(text).ok_or_else(|| DistributedClaimsError::NoIssuer {
        endpoint: endpoint.to_owned(),
        claim: claim.clone(),
    })?;
    let verifier = Verifier { issuer: &issuer, ..rules.verifier() };
    // Before its issuer is asked for anything.
    let mut read = verifier.read(text, now).map_err(DistributedClaimsError::Verify)?;
    let keys = by.keys(&issuer).await;
    let keys =
        keys.map_err(|error| DistributedClaimsError::Issuer { issuer: issuer.clone(), error })?;
    signed_by(&verifier, &read, &*keys).await.map_err(DistributedClaimsError::Verify)?;
    verifier.check_audiences(&read).map_err(DistributedClaimsError::Verify)?;
    let value = read.claims.remove(claim).ok_or_else(|| DistributedClaimsError::Absent {
        endpoint: endpoint.to_owned(),
        claim: claim.clone(),
    })?;
    claims.insert(claim.clone(), value);
    Ok(Some(read.expires))
}
