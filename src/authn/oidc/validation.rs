use super::claims::Claims;
use super::error::{EvaluationFailure, OidcError};
use super::rules::{Rule, Rules};
use crate::cel::EvaluationError;
use crate::model::User;

impl Rules {
    /// What must hold for the claims, then for the user (S-OIDC-9).
    pub(super) fn check(&self, claims: Claims<'_>, user: &User) -> Result<(), OidcError> {
        self.check_required(claims)?;
        let failed = failing(&self.claim_rules, |rule| rule.text(), |rule| rule.evaluate(claims.0));
        if let Some((expression, message)) = failed.map_err(OidcError::ClaimRuleEvaluation)? {
            return Err(OidcError::ClaimRule { expression, message });
        }
        let failed = failing(&self.user_rules, |rule| rule.text(), |rule| rule.evaluate(user));
        if let Some((expression, message)) = failed.map_err(OidcError::UserRuleEvaluation)? {
            return Err(OidcError::UserRule { expression, message });
        }
        Ok(())
    }

    /// S-OIDC-17.
    fn check_required(&self, claims: Claims<'_>) -> Result<(), OidcError> {
        for (claim, wanted) in &self.required {
            let claim = claim.clone();
            if !claims.has(&claim) {
                return Err(OidcError::RequiredAbsent { claim });
            }
            let found = match claims.text(&claim) {
                Ok(found) => found,
                Err(error) => return Err(OidcError::RequiredType { claim, error }),
            };
            if found != wanted {
                let (got, want) = (found.to_owned(), wanted.clone());
                return Err(OidcError::RequiredValue { claim, got, want });
            }
        }
        Ok(())
    }
}

/// The first rule that does not hold, by its text and message. All are evaluated first, so that an
/// error in any of them counts more (S-OIDC-18).
fn failing<E>(
    rules: &[Rule<E>],
    text: impl Fn(&E) -> &str,
    evaluate: impl Fn(&E) -> Result<bool, EvaluationError>,
) -> Result<Option<(String, String)>, EvaluationFailure> {
    let mut failed = None;
    for Rule { expression, message } in rules {
        let holds = evaluate(expression).map_err(|error| EvaluationFailure {
            expression: text(expression).to_owned(),
            error,
        })?;
        if !holds && failed.is_none() {
            failed = Some((text(expression).to_owned(), message.clone()));
        }
    }
    Ok(failed)
}
