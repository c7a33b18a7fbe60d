use super::Principal;
use crate::authn::{Reserved, reserved_name};
use crate::model::User;

/// Whose principals are users, and what they are called.
///
/// The defaults are the strict values: the realm as it is written, in the user name; people only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrincipalConfig {
    /// The realms whose principals are users. A realm that the key distribution centre trusts is not
    /// among them unless it is named here.
    pub realms: Vec<String>,
    /// How realms are compared.
    pub realm_case: RealmCase,
    /// What a user is called.
    pub user_name: UserNameForm,
    /// What becomes of principals of several components.
    pub instances: Instances,
    /// What every user name begins with; may be empty.
    pub prefix: String,
}

/// How the realm of a principal is compared with those that are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RealmCase {
    /// Byte for byte, as Kerberos compares: `ex.org` and `EX.ORG` are two realms.
    #[default]
    Exact,
    /// Without regard to the case of ASCII letters. User names hold the realm as it is allowed.
    Ignore,
}

/// What the user of a principal is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserNameForm {
    /// The whole principal: `jane@EX.ORG`.
    #[default]
    Full,
    /// The principal without its realm: `jane`. Only where one realm is allowed, since `jane` of
    /// another is somebody else.
    WithoutRealm,
}

/// What becomes of principals of several components: `jane/admin` and `host/n1.ex.org` are not
/// `jane`, and mostly not people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Instances {
    /// They are users of their own, whatever they are: services and hosts too.
    Any,
    /// Those of two components are, whose second is among these; such as `admin`.
    Of(Vec<String>),
    /// They are refused.
    #[default]
    Refuse,
}

/// Why rules cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalRulesError {
    /// No realm is allowed, so that nobody could log in.
    #[error("name at least one Kerberos realm, and no empty one")]
    NoRealm,
    /// Users of several realms cannot be told apart without it.
    #[error("the realm may be left out of user names only where one realm is allowed, but {0} are")]
    RealmNeeded(usize),
    /// A prefix of Kubernetes' own.
    #[error("the prefix `{0}` of user names is Kubernetes' own")]
    Prefix(String),
    /// A character that would end up in every user name, or get lost from it on the way.
    #[error("the prefix of user names holds a control character, or white space at its beginning")]
    PrefixCharacter,
    /// An instance that no principal has.
    #[error("an allowed instance is empty")]
    EmptyInstance,
}

/// Why a principal is no user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalRefused {
    /// The anonymous principal, or another that is nobody's.
    #[error("principal `{0}` is anonymous or well-known, and nobody in particular")]
    WellKnown(Principal),
    /// Of a realm that is not allowed.
    #[error("principal `{principal}` is of realm `{realm}`, which is not allowed", realm = .0.realm(), principal = .0)]
    Realm(Principal),
    /// Of several components.
    #[error("principal `{0}` has an instance (what follows the `/`) that is not allowed")]
    Instance(Principal),
    /// With a control character, or white space at an end, which gets lost on the way.
    #[error("principal `{0}` holds a control character, or white space at an end")]
    Character(Principal),
    /// It would be called what only Kubernetes calls somebody.
    #[error("principal `{principal}` would be {reserved}, and `system:` names are Kubernetes' own")]
    Reserved {
        /// Which.
        principal: Principal,
        /// What it would be called.
        reserved: Reserved,
    },
}

/// The rules from principals to users.
///
/// ```
/// use portcullis::authn::kerberos::{PrincipalConfig, PrincipalRules, UserNameForm};
///
/// let rules = PrincipalRules::compile(PrincipalConfig {
///     realms: vec!["EX.ORG".to_owned()],
///     user_name: UserNameForm::WithoutRealm,
///     ..PrincipalConfig::default()
/// })?;
/// assert_eq!(rules.user_name(&"jane@EX.ORG".parse()?)?, "jane");
/// assert!(rules.user_name(&"jane@OTHER.ORG".parse()?).is_err());
/// // Never the first component alone.
/// assert!(rules.user_name(&"jane/admin@EX.ORG".parse()?).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalRules(PrincipalConfig);

impl PrincipalRules {
    /// Checks the configuration.
    ///
    /// # Errors
    /// When nobody could log in by it, or two could be one user.
    pub fn compile(config: PrincipalConfig) -> Result<Self, PrincipalRulesError> {
        if config.realms.is_empty() || config.realms.iter().any(String::is_empty) {
            return Err(PrincipalRulesError::NoRealm);
        }
        if config.user_name == UserNameForm::WithoutRealm && config.realms.len() > 1 {
            return Err(PrincipalRulesError::RealmNeeded(config.realms.len()));
        }
        if reserved_name(&User::new(config.prefix.as_str())).is_some() {
            return Err(PrincipalRulesError::Prefix(config.prefix));
        }
        if config.prefix.chars().any(char::is_control)
            || config.prefix.trim_start() != config.prefix
        {
            return Err(PrincipalRulesError::PrefixCharacter);
        }
        if let Instances::Of(instances) = &config.instances
            && instances.iter().any(String::is_empty)
        {
            return Err(PrincipalRulesError::EmptyInstance);
        }
        Ok(Self(config))
    }

    /// The name of the user that a principal is. Two principals never have one name, save where
    /// the case of realms is ignored.
    ///
    /// # Errors
    /// When the principal is no user.
    pub fn user_name(&self, principal: &Principal) -> Result<String, PrincipalRefused> {
        let Self(config) = self;
        if principal.is_well_known() {
            return Err(PrincipalRefused::WellKnown(principal.clone()));
        }
        let realm = config.realms.iter().find(|allowed| match config.realm_case {
            RealmCase::Exact => *allowed == principal.realm(),
            RealmCase::Ignore => allowed.eq_ignore_ascii_case(principal.realm()),
        });
        let Some(realm) = realm else { return Err(PrincipalRefused::Realm(principal.clone())) };
        let is_allowed = match (principal.components(), &config.instances) {
            ([_], _) | (_, Instances::Any) => true,
            ([_, second], Instances::Of(instances)) => instances.contains(second),
            (_, Instances::Of(_) | Instances::Refuse) => false,
        };
        if !is_allowed {
            return Err(PrincipalRefused::Instance(principal.clone()));
        }
        let has_blank_end = |part: &String| part.trim() != part.as_str();
        if principal.has_control_characters() || principal.components().iter().any(has_blank_end) {
            return Err(PrincipalRefused::Character(principal.clone()));
        }
        let name = match config.user_name {
            UserNameForm::WithoutRealm => principal.name(),
            UserNameForm::Full => principal.with_realm(realm).to_string(),
        };
        let user = User::new(format!("{}{name}", config.prefix));
        match reserved_name(&user) {
            Some(reserved) => {
                Err(PrincipalRefused::Reserved { principal: principal.clone(), reserved })
            }
            None => Ok(user.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(realms: &[&str]) -> PrincipalConfig {
        let realms = realms.iter().map(|realm| (*realm).to_owned()).collect();
        PrincipalConfig { realms, ..PrincipalConfig::default() }
    }

    fn name(config: &PrincipalConfig, principal: &str) -> Result<String, String> {
        let rules = PrincipalRules::compile(config.clone()).unwrap();
        rules.user_name(&principal.parse().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_whole_principal_is_the_name_unless_told_otherwise() {
        let full = config(&["EX.ORG", "EU.EX.ORG"]);
        assert_eq!(name(&full, "jane@EX.ORG").unwrap(), "jane@EX.ORG");
        assert_eq!(name(&full, "jane@EU.EX.ORG").unwrap(), "jane@EU.EX.ORG");
        let prefixed = PrincipalConfig { prefix: "krb:".to_owned(), ..full };
        assert_eq!(name(&prefixed, "jane@EX.ORG").unwrap(), "krb:jane@EX.ORG");
        let short =
            PrincipalConfig { user_name: UserNameForm::WithoutRealm, ..config(&["EX.ORG"]) };
        assert_eq!(name(&short, "jane@EX.ORG").unwrap(), "jane");
        // An `@` of the name itself stays apart from that of the realm.
        assert_eq!(name(&short, r"jane\@OTHER.ORG@EX.ORG").unwrap(), r"jane\@OTHER.ORG");
    }

    #[test]
    fn realms_are_compared_exactly_unless_told_otherwise() {
        let exact = config(&["EX.ORG"]);
        for realm in ["ex.org", "OTHER.ORG", "EU.EX.ORG", "EX.ORG.EVIL", "EX.OR"] {
            let said = name(&exact, &format!("jane@{realm}")).unwrap_err();
            let expected =
                format!("principal `jane@{realm}` is of realm `{realm}`, which is not allowed");
            assert_eq!(said, expected);
        }
        let loose = PrincipalConfig { realm_case: RealmCase::Ignore, ..exact };
        assert_eq!(name(&loose, "jane@ex.org").unwrap(), "jane@EX.ORG");
        assert!(name(&loose, "jane@other.org").is_err());
    }

    #[test]
    fn an_instance_is_somebody_else_or_nobody() {
        let refused = "principal `jane/admin@EX.ORG` has an instance (what follows the `/`) that is not allowed";
        let people = config(&["EX.ORG"]);
        assert_eq!(name(&people, "jane/admin@EX.ORG").unwrap_err(), refused);
        assert!(name(&people, "host/n1.ex.org@EX.ORG").is_err());
        // A slash within a component makes no instance.
        assert_eq!(name(&people, r"jane\/admin@EX.ORG").unwrap(), r"jane\/admin@EX.ORG");
        let short = |instances| PrincipalConfig {
            user_name: UserNameForm::WithoutRealm,
            instances,
            ..config(&["EX.ORG"])
        };
        let admins = short(Instances::Of(vec!["admin".to_owned()]));
        assert_eq!(name(&admins, "jane/admin@EX.ORG").unwrap(), "jane/admin");
        assert_eq!(name(&admins, "jane@EX.ORG").unwrap(), "jane");
        assert!(name(&admins, "host/n1.ex.org@EX.ORG").is_err());
        assert!(name(&admins, "a/b/admin@EX.ORG").is_err());
        assert!(name(&admins, "admin/jane@EX.ORG").is_err());
        let any = short(Instances::Any);
        assert_eq!(name(&any, "host/n1.ex.org@EX.ORG").unwrap(), "host/n1.ex.org");
        assert_eq!(name(&any, "a/b/c@EX.ORG").unwrap(), "a/b/c");
    }

    #[test]
    fn reserved_anonymous_and_unprintable_names_are_nobody_s() {
        let any = PrincipalConfig {
            user_name: UserNameForm::WithoutRealm,
            instances: Instances::Any,
            ..config(&["EX.ORG"])
        };
        let said = name(&any, "system:admin@EX.ORG").unwrap_err();
        assert_eq!(
            said,
            "principal `system:admin@EX.ORG` would be user name `system:admin`, \
             and `system:` names are Kubernetes' own"
        );
        assert!(name(&any, "systems@EX.ORG").is_ok());
        let prefixed = PrincipalConfig { prefix: "krb:".to_owned(), ..any.clone() };
        assert_eq!(name(&prefixed, "system:admin@EX.ORG").unwrap(), "krb:system:admin");
        let hidden =
            PrincipalConfig { realms: vec!["WELLKNOWN:ANONYMOUS".to_owned()], ..any.clone() };
        assert!(name(&hidden, "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS").is_err());
        assert!(name(&any, "WELLKNOWN/ANONYMOUS@EX.ORG").is_err());
        for odd in
            [r"ja\nne@EX.ORG", r"jane\0@EX.ORG", "jane @EX.ORG", " jane@EX.ORG", "a\u{7f}@EX.ORG"]
        {
            let principal: Principal = odd.parse().unwrap();
            let rules = PrincipalRules::compile(any.clone()).unwrap();
            let expected = PrincipalRefused::Character(principal.clone());
            assert_eq!(rules.user_name(&principal), Err(expected), "{odd}");
        }
    }

    #[test]
    fn rules_by_which_two_would_be_one_or_nobody_anybody_are_refused() {
        let why = |config| PrincipalRules::compile(config).unwrap_err();
        assert_eq!(why(config(&[])), PrincipalRulesError::NoRealm);
        assert_eq!(why(config(&[""])), PrincipalRulesError::NoRealm);
        let two = PrincipalConfig {
            user_name: UserNameForm::WithoutRealm,
            ..config(&["EX.ORG", "OTHER.ORG"])
        };
        assert_eq!(why(two), PrincipalRulesError::RealmNeeded(2));
        for prefix in ["system:", "system:x", " system:"] {
            let config = PrincipalConfig { prefix: prefix.to_owned(), ..config(&["EX.ORG"]) };
            assert_eq!(why(config), PrincipalRulesError::Prefix(prefix.to_owned()));
        }
        for prefix in ["a\nb", " a"] {
            let config = PrincipalConfig { prefix: prefix.to_owned(), ..config(&["EX.ORG"]) };
            assert_eq!(why(config), PrincipalRulesError::PrefixCharacter);
        }
        // What prefix and name make together is looked at with each name.
        let config = PrincipalConfig {
            prefix: "sys".to_owned(),
            user_name: UserNameForm::WithoutRealm,
            ..config(&["EX.ORG"])
        };
        assert!(name(&config, "tem:masters@EX.ORG").is_err());
        assert_eq!(name(&config, "jane@EX.ORG").unwrap(), "sysjane");
    }
}
