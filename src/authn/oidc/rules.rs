use super::mapping::{Extra, Groups, Uid, Username};
use super::verify::Verifier;
use crate::api::authentication_config::{
    ClaimOrExpression, JwtAuthenticator, PrefixedClaimOrExpression,
};
use crate::cel::CompileError;
use crate::cel::claims::{ClaimRule, Mapping, UserRule};
use crate::crypto::Algorithm;

/// All that are accepted where nothing is said of algorithms, in the order in which the API server
/// lists them (S-OIDC-3).
const ALL: [Algorithm; 9] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::Es512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
];

/// One entry of `jwt` in an AuthenticationConfiguration, compiled: whose tokens, what must hold for
/// them, and who they prove.
#[derive(Debug, Clone)]
pub struct Rules {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) username: Username,
    pub(super) groups: Option<Groups>,
    pub(super) uid: Option<Uid>,
    pub(super) extra: Vec<Extra>,
    /// Claims and the one value that each must have.
    pub(super) required: Vec<(String, String)>,
    pub(super) claim_rules: Vec<Rule<ClaimRule>>,
    pub(super) user_rules: Vec<Rule<UserRule>>,
}

/// A rule, and what is said when it does not hold.
#[derive(Debug, Clone)]
pub(super) struct Rule<E> {
    pub(super) expression: E,
    pub(super) message: String,
}

/// Why an entry has no meaning. The validation of the file finds all of this, and in the words of the
/// API server (S-ACONF-3 to S-ACONF-11); these are for whoever builds an entry by hand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub struct RulesError {
    /// The field, from the entry on, such as `claimMappings.username.expression`.
    pub field: String,
    /// What is wrong.
    pub problem: RulesProblem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RulesProblem {
    /// It is empty.
    #[error("must be set")]
    Missing,
    /// A claim and an expression.
    #[error("must have a claim or an expression, not both")]
    Both,
    /// No algorithm that tokens of an issuer may have; HMAC and `none` are none (S-OIDC-3).
    #[error("names `{0}`, which is none of RS256 to RS512, ES256 to ES512 and PS256 to PS512")]
    Algorithm(String),
    /// Its expression does not compile.
    #[error("does not compile: {0}")]
    Expression(CompileError),
}

impl Rules {
    /// Compiles an entry.
    ///
    /// # Errors
    /// When it has no issuer, no audience or no user name, or an expression does not compile.
    pub fn compile(config: &JwtAuthenticator) -> Result<Self, RulesError> {
        let JwtAuthenticator {
            issuer,
            claim_validation_rules,
            claim_mappings,
            user_validation_rules,
            signing_algorithms,
        } = config;
        if issuer.url.is_empty() {
            return Err(missing("issuer.url"));
        }
        // Without one a token for anybody would do.
        if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
            return Err(missing("issuer.audiences"));
        }
        let mut required = Vec::new();
        let mut claim_rules = Vec::new();
        for (index, rule) in claim_validation_rules.iter().enumerate() {
            let field = format!("claimValidationRules[{index}]");
            match (rule.claim.as_str(), rule.expression.as_str()) {
                ("", "") => return Err(missing(&field)),
                (claim, "") => required.push((claim.to_owned(), rule.required_value.clone())),
                ("", text) => claim_rules.push(Rule {
                    expression: ClaimRule::compile(text)
                        .map_err(in_expression(format!("{field}.expression")))?,
                    message: rule.message.clone(),
                }),
                _ => return Err(RulesError { field, problem: RulesProblem::Both }),
            }
        }
        let mut user_rules = Vec::new();
        for (index, rule) in user_validation_rules.iter().enumerate() {
            let field = format!("userValidationRules[{index}].expression");
            let expression = UserRule::compile(&rule.expression).map_err(in_expression(field))?;
            user_rules.push(Rule { expression, message: rule.message.clone() });
        }
        let username = match prefixed("claimMappings.username", &claim_mappings.username)? {
            Some(Prefixed::Claim(claim, prefix)) => Username::Claim { claim, prefix },
            Some(Prefixed::Expression(mapping)) => Username::Expression(mapping),
            None => return Err(missing("claimMappings.username")),
        };
        let groups = prefixed("claimMappings.groups", &claim_mappings.groups)?;
        Ok(Self {
            issuer: issuer.url.clone(),
            audiences: issuer.audiences.clone(),
            algorithms: algorithms(signing_algorithms)?,
            username,
            groups: groups.map(|groups| match groups {
                Prefixed::Claim(claim, prefix) => Groups::Claim { claim, prefix },
                Prefixed::Expression(mapping) => Groups::Expression(mapping),
            }),
            uid: uid(&claim_mappings.uid)?,
            extra: claim_mappings
                .extra
                .iter()
                .enumerate()
                .map(|(index, extra)| {
                    let field = format!("claimMappings.extra[{index}].valueExpression");
                    let value = Mapping::compile(&extra.value_expression);
                    let value = value.map_err(in_expression(field))?;
                    Ok(Extra { key: extra.key.clone(), value })
                })
                .collect::<Result<_, RulesError>>()?,
            required,
            claim_rules,
            user_rules,
        })
    }

    /// Whose tokens: the issuer as it is configured.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// For whom the tokens must be.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    pub(super) fn verifier(&self) -> Verifier<'_> {
        Verifier { issuer: &self.issuer, audiences: &self.audiences, algorithms: &self.algorithms }
    }
}

fn missing(field: &str) -> RulesError {
    RulesError { field: field.to_owned(), problem: RulesProblem::Missing }
}

fn in_expression(field: String) -> impl FnOnce(CompileError) -> RulesError {
    move |error| RulesError { field, problem: RulesProblem::Expression(error) }
}

fn algorithms(names: &[String]) -> Result<Vec<Algorithm>, RulesError> {
    if names.is_empty() {
        return Ok(ALL.to_vec());
    }
    let known = |name: &String| {
        let algorithm = Algorithm::from_name(name).filter(|algorithm| ALL.contains(algorithm));
        algorithm.ok_or_else(|| RulesError {
            field: "signing algorithms".to_owned(),
            problem: RulesProblem::Algorithm(name.clone()),
        })
    };
    names.iter().map(known).collect()
}

enum Prefixed {
    Claim(String, String),
    Expression(Mapping),
}

/// `None` when neither is set.
fn prefixed(field: &str, from: &PrefixedClaimOrExpression) -> Result<Option<Prefixed>, RulesError> {
    match (from.claim.as_str(), from.expression.as_str()) {
        ("", "") => Ok(None),
        (claim, "") => {
            let prefix = from.prefix.clone().unwrap_or_default();
            Ok(Some(Prefixed::Claim(claim.to_owned(), prefix)))
        }
        ("", text) => {
            let mapping = Mapping::compile(text);
            let mapping = mapping.map_err(in_expression(format!("{field}.expression")))?;
            Ok(Some(Prefixed::Expression(mapping)))
        }
        _ => Err(RulesError { field: field.to_owned(), problem: RulesProblem::Both }),
    }
}

fn uid(from: &ClaimOrExpression) -> Result<Option<Uid>, RulesError> {
    match (from.claim.as_str(), from.expression.as_str()) {
        ("", "") => Ok(None),
        (claim, "") => Ok(Some(Uid::Claim(claim.to_owned()))),
        ("", text) => {
            let field = "claimMappings.uid.expression".to_owned();
            Mapping::compile(text).map(Uid::Expression).map(Some).map_err(in_expression(field))
        }
        _ => {
            let field = "claimMappings.uid".to_owned();
            Err(RulesError { field, problem: RulesProblem::Both })
        }
    }
}
