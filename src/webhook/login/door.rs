use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::Semaphore;

use super::answer::{Challenges, Ending};
use super::desk::{CertificateDesk, DeskError, TokenDesk};
use super::proof::{Proof, Shown, negotiation, with_certificates};
use super::session::{Proven, as_carried};
use super::wire::{
    API_VERSION, Answer, Credential, KIND, Kind, METHODS_KIND, Methods, Named, OidcIssuer, Status,
    Wish,
};
use crate::authn::basic::{PasswordChain, parse_header};
use crate::authn::chain::TokenChain;
use crate::authn::x509::X509Authenticator;
use crate::authn::{
    Attempt, Authenticated, AuthnError, ClientCertificates, GroupLookup, NegotiateAuthenticator,
    PasswordAttempt, UnixSeconds, reserved_name,
};
use crate::model::User;
use crate::webhook::reply::Reply;

/// So many clients may wait for the books at a time.
const CERTIFICATES_AT_A_TIME: usize = 32;

/// The ways to prove who one is.
#[derive(Default)]
pub(in crate::webhook) struct Ways {
    pub(in crate::webhook) passwords: Option<PasswordChain>,
    pub(in crate::webhook) negotiate: Option<Arc<dyn NegotiateAuthenticator>>,
    pub(in crate::webhook) tokens: Option<TokenChain>,
    pub(in crate::webhook) certificates: Option<X509Authenticator>,
    /// The issuers of those tokens, for clients that want one.
    pub(in crate::webhook) issuers: Vec<(String, String)>,
}

/// Who knows the groups of those who proved themselves by one method.
pub(in crate::webhook) struct Lookup {
    pub(in crate::webhook) groups: Arc<dyn GroupLookup>,
    /// Whether the proof itself says nothing of groups that counts.
    pub(in crate::webhook) at_login: bool,
}

/// Everything behind the door. What it consists of does not change; a reload makes another.
pub(in crate::webhook) struct Door {
    ways: Ways,
    lookups: HashMap<String, Lookup>,
    pub(super) tokens: Option<TokenDesk>,
    pub(super) certificates: Option<Arc<CertificateDesk>>,
    pub(super) session: i64,
    /// Turns at the books.
    pub(super) turns: Arc<Semaphore>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("methods", &self.methods())
            .field("tokens", &self.tokens)
            .field("certificates", &self.certificates)
            .finish_non_exhaustive()
    }
}

/// How it ended, and what the log is told.
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) method: Arc<str>,
    /// Who it was, once that was proved.
    pub(super) user: Option<String>,
    /// Why not.
    pub(super) reason: String,
    /// The token of mutual authentication, base64.
    pub(super) negotiated: Option<String>,
}

impl Ended {
    pub(super) fn no(ending: Ending, method: &str, reason: impl fmt::Display) -> Self {
        let (method, reason) = (method.into(), reason.to_string());
        Self { ending, method, user: None, reason, negotiated: None }
    }

    pub(super) fn unauthorized(method: &str, reason: impl fmt::Display) -> Self {
        Self::no(Ending::Unauthorized, method, reason)
    }

    pub(super) fn of_error(method: &str, error: &AuthnError) -> Self {
        let ending =
            if error.is_unavailable() { Ending::Unavailable } else { Ending::Unauthorized };
        Self::no(ending, method, error)
    }
}

impl Door {
    pub(in crate::webhook) fn new(
        ways: Ways,
        lookups: HashMap<String, Lookup>,
        tokens: Option<TokenDesk>,
        certificates: Option<CertificateDesk>,
        session: i64,
    ) -> Self {
        Self {
            ways,
            lookups,
            tokens,
            certificates: certificates.map(Arc::new),
            session,
            turns: Arc::new(Semaphore::new(CERTIFICATES_AT_A_TIME)),
        }
    }

    /// Somebody shows a proof and wishes for a credential.
    pub(super) async fn log_in(&self, shown: Shown<'_>, body: &[u8]) -> Ended {
        let (proven, negotiated) = match self.prove(shown).await {
            Ok(proven) => proven,
            Err(ended) => return *ended,
        };
        let mut ended = self.serve(proven, body, &[], shown.now).await;
        ended.negotiated = negotiated;
        ended
    }

    /// Who shows this?
    async fn prove(&self, shown: Shown<'_>) -> Result<(Proven, Option<String>), Box<Ended>> {
        let (authenticated, method, negotiated) = self.authenticate(shown).await?;
        let Authenticated { mut user, expires, .. } = authenticated;
        user = as_carried(user);
        let lookup = self.lookups.get(&*method);
        if let Some(Lookup { groups, at_login: true }) = lookup {
            user.groups = live_groups(&**groups, &user, &method).await?;
        }
        if let Some(reserved) = reserved_name(&user) {
            let reason = format!("nobody logs in with the reserved {reserved}");
            return Err(Box::new(Ended::unauthorized(&method, reason)));
        }
        let until = || shown.now.saturating_add(self.session);
        let proven = Proven {
            user,
            since: shown.now,
            refreshable_until: lookup.map(|_| until()),
            ends: expires,
            method,
        };
        Ok((proven, negotiated))
    }

    async fn authenticate(
        &self,
        shown: Shown<'_>,
    ) -> Result<(Authenticated, Arc<str>, Option<String>), Box<Ended>> {
        let no = |ended| Err(Box::new(ended));
        let nobody = |method| no(Ended::unauthorized(method, "nobody takes a proof of this kind"));
        match shown.proof {
            Proof::Basic(header) => {
                let Some(passwords) = &self.ways.passwords else { return nobody("basic") };
                let credentials = match parse_header(header) {
                    Ok(Some(credentials)) => credentials,
                    Ok(None) => return nobody("basic"),
                    Err(error) => return no(Ended::unauthorized("basic", error)),
                };
                let attempt = PasswordAttempt {
                    name: &credentials.name,
                    password: credentials.password.expose_secret(),
                    source: shown.source,
                    now: shown.now,
                };
                match passwords.find(attempt).await {
                    Ok(proof) => Ok((proof.authenticated, proof.authenticator, None)),
                    Err(refusal) => {
                        let ending = match refusal.retry_after() {
                            Some(seconds) => Ending::Later(seconds.into()),
                            None if refusal.is_unavailable() => Ending::Unavailable,
                            None => Ending::Unauthorized,
                        };
                        no(Ended::no(ending, "basic", refusal))
                    }
                }
            }
            Proof::Negotiate(text) => {
                let Some(way) = &self.ways.negotiate else { return nobody("negotiate") };
                let Some(token) = negotiation(text) else {
                    return no(Ended::unauthorized(way.name(), "the token is no base64"));
                };
                let negotiated = way.negotiate(&token, None, shown.now).await;
                let reply = negotiated.reply.map(|token| STANDARD.encode(token));
                match negotiated.outcome {
                    Ok(Some(found)) => Ok((found, way.name().into(), reply)),
                    Ok(None) => no(Ended::unauthorized(way.name(), "it is no Kerberos ticket")),
                    Err(error) => no(Ended::of_error(way.name(), &error)),
                }
            }
            Proof::Bearer(token) => {
                let Some(tokens) = &self.ways.tokens else { return nobody("bearer") };
                let attempt = Attempt { token, audiences: &[], now: shown.now };
                match tokens.find(attempt).await {
                    Ok(Some(proof)) => Ok((proof.authenticated.clone(), OIDC.into(), None)),
                    Ok(None) => no(Ended::unauthorized(OIDC, "no issuer knows the token")),
                    Err(error) => no(Ended::of_error(OIDC, &error)),
                }
            }
            Proof::Certificates(chain) => {
                let Some(way) = &self.ways.certificates else { return nobody("certificate") };
                let look = |presented: &ClientCertificates<'_>| way.authenticate(presented);
                match with_certificates(chain, shown.now, look) {
                    Some(Ok(Some(found))) => {
                        // It would begin another session, and that one the next, without an end.
                        if !self.of_books(chain).await?.is_empty() {
                            let why =
                                "the certificate was handed out here; it is renewed, no proof";
                            return no(Ended::unauthorized(X509Authenticator::NAME, why));
                        }
                        Ok((found, X509Authenticator::NAME.into(), None))
                    }
                    Some(Ok(None)) | None => {
                        no(Ended::unauthorized(X509Authenticator::NAME, "it names nobody"))
                    }
                    Some(Err(error)) => no(Ended::unauthorized(X509Authenticator::NAME, error)),
                }
            }
            Proof::None => no(Ended::unauthorized("none", "nothing was shown that is a proof")),
        }
    }

    /// The user as they are now, for a renewal.
    pub(super) async fn look_up_again(
        &self,
        mut user: User,
        method: &str,
    ) -> Result<User, Box<Ended>> {
        let Some(lookup) = self.lookups.get(method) else {
            let why = "credentials of this kind of login are not renewed; log in again";
            let ending = Ending::Forbidden(why.to_owned());
            return Err(Box::new(Ended::no(ending, method, "nobody can be asked for the user")));
        };
        user = as_carried(user);
        user.groups = live_groups(&*lookup.groups, &user, method).await?;
        match reserved_name(&user) {
            None => Ok(user),
            Some(reserved) => {
                let reason = format!("nobody logs in with the reserved {reserved}");
                Err(Box::new(Ended::unauthorized(method, reason)))
            }
        }
    }

    /// Hands out what is wished for. `within`: the audiences that a token may be for; none: all.
    pub(super) async fn serve(
        &self,
        proven: Proven,
        body: &[u8],
        within: &[String],
        now: UnixSeconds,
    ) -> Ended {
        let (user, method) = (Some(proven.user.name.clone()), Arc::clone(&proven.method));
        let handed_out = self.hand_out(proven, body, within, now).await;
        let (ending, reason) = match handed_out {
            Ok(answer) => (Ending::Yes(Reply::answer(&answer)), String::new()),
            Err((ending, reason)) => (ending, reason),
        };
        Ended { ending, method, user, reason, negotiated: None }
    }

    async fn hand_out(
        &self,
        proven: Proven,
        body: &[u8],
        within: &[String],
        now: UnixSeconds,
    ) -> Result<Answer, (Ending, String)> {
        let malformed = |text: String| (Ending::Malformed(text.clone()), text);
        let wish = Wish::read(body).map_err(|error| malformed(error.to_string()))?;
        let none = |what: &str| {
            let text = format!("no {what} is to be had here; ask `GET /login` what is");
            (Ending::Forbidden(text.clone()), text)
        };
        let (mut token, mut certificate) = (None, None);
        let proven = Arc::new(proven);
        let expires = match wish.credential {
            Credential::Token => {
                let desk = self.tokens.as_ref().ok_or_else(|| none("token"))?;
                let audiences = if wish.audiences.is_empty() { within } else { &wish.audiences };
                if !within.is_empty() && audiences.iter().any(|one| !within.contains(one)) {
                    let text = "a renewed token is for no other audiences; log in again".to_owned();
                    return Err((Ending::Forbidden(text.clone()), text));
                }
                let made = desk.hand_out(&proven, audiences, wish.seconds, now).map_err(failed)?;
                token = Some(made.credential.expose_secret().to_owned());
                made.expires
            }
            Credential::Certificate(request) => {
                let desk = self.certificates.as_ref().ok_or_else(|| none("certificate"))?;
                // A certificate is good for everybody. A token that is not could be shown here by
                // whomever else it is for.
                let mut all = self.tokens.iter().flat_map(|desk| &desk.audiences);
                if !within.is_empty() && !all.all(|one| within.contains(one)) {
                    let text = "a token that is not for every audience is not renewed by a \
                                certificate; log in again";
                    return Err((Ending::Forbidden(text.to_owned()), text.to_owned()));
                }
                let (desk, of) = (Arc::clone(desk), Arc::clone(&proven));
                let sign = move || desk.hand_out(&of, &request, wish.seconds, now);
                let made = self.at_the_books(sign).await?.map_err(failed)?;
                certificate = Some(STANDARD.encode(made.credential));
                made.expires
            }
        };
        let Proven { user, refreshable_until, .. } = &*proven;
        Ok(Answer {
            api_version: API_VERSION,
            kind: KIND,
            status: Status {
                user: Named {
                    username: user.name.clone(),
                    uid: user.uid.clone(),
                    groups: user.groups.clone(),
                },
                token,
                certificate,
                expiration_timestamp: timestamp(expires),
                refreshable_until: refreshable_until.map(timestamp),
            },
        })
    }

    /// How one may log in.
    pub(super) fn challenges(&self) -> Challenges {
        Challenges {
            basic: self.ways.passwords.is_some(),
            negotiate: self.ways.negotiate.is_some(),
            bearer: self.ways.tokens.is_some(),
        }
    }

    /// What `GET /login` answers.
    pub(super) fn described(&self) -> Reply {
        let kinds = [
            (self.tokens.is_some(), Kind::Token),
            (self.certificates.is_some(), Kind::Certificate),
        ];
        let credentials = kinds.into_iter().filter_map(|(is, kind)| is.then_some(kind)).collect();
        let issuers = self.ways.issuers.iter().map(|(issuer, client_id)| OidcIssuer {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
        });
        Reply::answer(&Methods {
            api_version: API_VERSION,
            kind: METHODS_KIND,
            methods: self.methods(),
            credentials,
            refresh: !self.lookups.is_empty(),
            oidc: issuers.collect(),
        })
    }

    fn methods(&self) -> Vec<&'static str> {
        let ways = [
            (self.ways.passwords.is_some(), "Basic"),
            (self.ways.negotiate.is_some(), "Negotiate"),
            (self.ways.tokens.is_some(), "OIDC"),
            (self.ways.certificates.is_some(), "Certificate"),
        ];
        ways.into_iter().filter_map(|(is, name)| is.then_some(name)).collect()
    }
}

/// The name of the method by which the tokens of issuers are taken.
pub(in crate::webhook) const OIDC: &str = "oidc";

async fn live_groups(
    lookup: &dyn GroupLookup,
    user: &User,
    method: &str,
) -> Result<Vec<String>, Box<Ended>> {
    match lookup.groups_of(user).await {
        Ok(Some(groups)) => Ok(groups),
        Ok(None) => {
            let reason = format!("`{}` knows no such user", lookup.name());
            Err(Box::new(Ended::unauthorized(method, reason)))
        }
        Err(error) => Err(Box::new(Ended::no(Ending::Unavailable, method, error))),
    }
}

/// What a client may know is in the ending, the rest in the log.
fn failed(error: DeskError) -> (Ending, String) {
    let reason = error.to_string();
    match error {
        DeskError::Refused(why) => (Ending::Forbidden(why), reason),
        _ => (Ending::Failed, reason),
    }
}

fn timestamp(seconds: UnixSeconds) -> String {
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX).to_string()
}
