//! A key of ours and a certificate for it: what `cert issue` and `cert renew` share.

use std::path::Path;

use clap::Args;
use portcullis::api::certificates::KeyUsage;
use portcullis::crypto::authority::Authority;
use portcullis::crypto::private_key::PrivateKey;
use portcullis::crypto::request::SigningRequest;
use portcullis::crypto::subject::Subject;
use portcullis::model::User;
use portcullis::pki::issue::{IssueError, Issued, IssuingRules, Order};
use portcullis::pki::signer::Signer;
use portcullis::source::ledger::{LedgerFile, OpenMode};

use super::clock::now;
use super::permission::{Permission, PermissionArgs};
use super::place::PkiArgs;
use super::{authority, books};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::speak::{self, Speaker};

const USAGES: [KeyUsage; 2] = [KeyUsage::DigitalSignature, KeyUsage::ClientAuth];
const DAY: i32 = 86_400;

/// For how long.
#[derive(Debug, Args)]
pub(super) struct DaysArgs {
    /// For how many days the certificate is to be good; a policy may shorten it [default: 365]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..=20_000))]
    days: Option<i32>,
}

impl DaysArgs {
    fn seconds(&self) -> Option<i32> {
        self.days.map(|days| days.saturating_mul(DAY))
    }
}

/// Everything that decides and signs.
pub(super) struct Issuance {
    pub(super) authority: Authority,
    pub(super) ledger: LedgerFile,
    permission: Permission,
    seconds: Option<i32>,
}

/// Why there is no certificate.
pub(super) enum NotIssued {
    /// It is not to be.
    Refused(String),
    /// Something failed.
    Failed(Failure),
}

impl NotIssued {
    /// How a verb ends that could not issue: a refusal is a no, and says why.
    pub(super) fn exit(self) -> Result<Exit, Failure> {
        match self {
            Self::Failed(failure) => Err(failure),
            Self::Refused(why) => {
                speak::error(&format!("refused: {why}"));
                Ok(Exit::No)
            }
        }
    }
}

impl From<Failure> for NotIssued {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl Issuance {
    /// Opens the authority and its books, and reads the rules.
    pub(super) fn open(
        place: &PkiArgs,
        permission: &PermissionArgs,
        days: &DaysArgs,
        speaker: Speaker,
    ) -> Result<Self, Failure> {
        let permission = permission.read(speaker)?;
        permission.say_what_is_missing(speaker);
        Ok(Self {
            authority: authority::load(place, speaker)?,
            ledger: books::open(place, OpenMode::Write)?,
            permission,
            seconds: days.seconds(),
        })
    }

    /// A request of a key, which must pass every rule: nothing is written for one that does not.
    pub(super) fn request(
        &self,
        key: &PrivateKey,
        subject: &Subject,
        speaker: Speaker,
    ) -> Result<SigningRequest, NotIssued> {
        let request = SigningRequest::create(key, subject)
            .map_err(|error| Failure::usage(error.to_string()))?;
        self.permission.warn_of_names(speaker, &subject.common_name, &subject.organizations);
        let signer = Signer::KubeApiserverClient;
        let requester = self.permission.requester.as_ref();
        requester
            .map_or(Ok(()), |requester| self.permission.may_create(requester))
            .and_then(|()| self.permission.may_approve(&signer, ""))
            .and_then(|()| self.permission.may_sign(&signer, ""))
            .map_err(NotIssued::Refused)?;
        let order = self.order(&request, &signer);
        self.rules().check(&order).map_err(|refusal| NotIssued::Refused(refusal.to_string()))?;
        Ok(request)
    }

    /// The certificate, which is in the books when this returns.
    pub(super) fn issue(&self, request: &SigningRequest) -> Result<Issued, NotIssued> {
        let order = self.order(request, &Signer::KubeApiserverClient);
        let issued = self.rules().issue(&order, &self.authority, &self.ledger);
        issued.map_err(|error| match error {
            IssueError::Refused(refusal) => NotIssued::Refused(refusal.to_string()),
            error => NotIssued::Failed(Failure::usage(with_causes(&error))),
        })
    }

    fn rules(&self) -> IssuingRules<'_> {
        // Who signs for themselves may say how long, as far as no policy does.
        let most = IssuingRules::default().signing_duration;
        let signing_duration = self.seconds.map_or(most, |seconds| most.max(seconds.into()));
        IssuingRules { policy: self.permission.rules.as_ref(), signing_duration }
    }

    fn order<'a>(&'a self, request: &'a SigningRequest, signer: &'a Signer) -> Order<'a> {
        let approver: Option<&User> = self.permission.approver.as_ref();
        Order {
            request,
            usages: &USAGES,
            signer,
            seconds: self.seconds,
            requester: self.permission.requester.as_ref(),
            request_name: "",
            approved_by: approver.map_or("", |user| user.name.as_str()),
            now: now(),
        }
    }
}

/// What was written before something failed: it stays, and somebody must know.
#[derive(Default)]
pub(super) struct Written(Vec<String>);

impl Written {
    pub(super) fn file(&mut self, what: &str, path: &Path) {
        self.0.push(format!("the {what} in `{}`", path.display()));
    }

    pub(super) fn record(&mut self, issued: &Issued) {
        self.0.push(format!(
            "the certificate in the ledger as `{}`",
            issued.certificate.fingerprint()
        ));
    }

    /// Names it all, if something failed.
    pub(super) fn told<T>(&self, result: Result<T, NotIssued>) -> Result<T, NotIssued> {
        if result.is_err() && !self.0.is_empty() {
            let speaker = Speaker::new(false, false);
            speaker.doubt(format!("not all of it was done; written are {}", self.0.join(", ")));
        }
        result
    }
}
