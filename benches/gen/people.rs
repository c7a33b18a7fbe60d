//! Who works on the cluster: teams with their namespaces, people with their groups, and the
//! service accounts of the platform.

use portcullis::api::Str;
use portcullis::model::{User, groups};

use super::rng::Rng;
use super::roles::APPS;

/// Groups of the whole company that policy mentions.
const COMPANY: [&str; 6] = [
    "oidc:platform-admins",
    "oidc:platform-sre",
    "oidc:security-auditors",
    "oidc:data-engineering",
    "oidc:all-engineers",
    "oidc:support-level-2",
];

/// Groups that a directory delivers and no policy mentions: most of what a real token carries.
const INERT: [&str; 16] = [
    "oidc:office-berlin",
    "oidc:office-singapore",
    "oidc:vpn-users",
    "oidc:wiki-editors",
    "oidc:jira-users",
    "oidc:list-announcements",
    "oidc:list-social-events",
    "oidc:bike-leasing",
    "oidc:github-enterprise-members",
    "oidc:laptop-macos",
    "oidc:badge-building-4",
    "oidc:parking",
    "CN=Everyone-Staff,OU=Lists,DC=corp,DC=example,DC=com",
    "oidc:canteen",
    "oidc:works-council",
    "CN=GG-Share-Finance-RO,OU=Shares,OU=Groups,DC=corp,DC=example,DC=com",
];

/// Service accounts of the platform that are bound in a great many namespaces.
pub(crate) const PLATFORM: [(&str, &str); 8] = [
    ("monitoring", "prometheus-k8s"),
    ("argocd", "argocd-application-controller"),
    ("velero", "velero-server"),
    ("flux-system", "kustomize-controller"),
    ("gitlab-runner", "gitlab-runner"),
    ("vault", "vault-agent-injector"),
    ("logging", "fluent-bit"),
    ("kyverno", "kyverno-background-controller"),
];

const TEAMS: [&str; 20] = [
    "payments",
    "checkout",
    "search",
    "identity",
    "logistics",
    "pricing",
    "mobile",
    "data-platform",
    "observability",
    "fulfilment",
    "marketing",
    "risk",
    "partner-api",
    "content",
    "support-tools",
    "ml-serving",
    "infra-core",
    "storefront",
    "returns",
    "treasury",
];
const STAGES: [&str; 4] = ["dev", "staging", "prod", "preview"];
const FIRST: [&str; 24] = [
    "ada",
    "bruno",
    "carla",
    "dmitri",
    "elena",
    "farid",
    "greta",
    "hiro",
    "ines",
    "jonas",
    "katarzyna",
    "luis",
    "mei",
    "nadia",
    "oluwaseun",
    "priya",
    "quentin",
    "rosa",
    "sven",
    "tomasz",
    "uma",
    "viktor",
    "wanjiru",
    "yusuf",
];
const LAST: [&str; 24] = [
    "albrecht",
    "bianchi",
    "castillo",
    "dubois",
    "eriksson",
    "fernandes",
    "garcia",
    "hoffmann",
    "ivanova",
    "jansen",
    "kowalski",
    "lindqvist",
    "mbeki",
    "nakamura",
    "okafor",
    "petrov",
    "quiroga",
    "rossi",
    "schneider",
    "tanaka",
    "ueda",
    "vandenberg",
    "wieczorek",
    "zhang",
];

/// A person and the groups that their token carries.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// The user name as an OIDC authenticator builds it.
    pub(crate) name: Str,
    /// 5 to 20 groups: those of the home team and of a neighbour, some of the company, and many
    /// that grant nothing; `system:authenticated` last.
    pub(crate) groups: Vec<Str>,
}

impl Person {
    /// As an authenticator hands them over.
    pub(crate) fn user(&self) -> User {
        User::new(self.name.as_str()).with_groups(self.groups.iter().map(Str::as_str))
    }
}

/// Namespaces, teams and people of a world.
#[derive(Debug, Clone)]
pub(crate) struct Organisation {
    /// Names like `payments-checkout-prod`.
    pub(crate) namespaces: Vec<Str>,
    /// Person `i` belongs to team `i % teams`, and so does namespace `i`.
    pub(crate) people: Vec<Person>,
    teams: usize,
}

impl Organisation {
    /// An organisation with so many namespaces and people, a team for every four namespaces.
    pub(crate) fn new(namespaces: usize, people: usize, rng: &mut Rng) -> Self {
        let teams = (namespaces / 4).max(6);
        let people = (0..people).map(|index| person(index, teams, rng)).collect();
        Self { namespaces: (0..namespaces).map(namespace_name).collect(), people, teams }
    }

    /// A group of the team that owns namespace `index`, or, one time in six, of the company.
    pub(crate) fn group(&self, index: usize, rng: &mut Rng) -> Str {
        if rng.percent(16) {
            return rng.word(&COMPANY).into();
        }
        self.team_group(index, rng)
    }

    /// A group of the team that owns namespace `index`.
    pub(crate) fn team_group(&self, index: usize, rng: &mut Rng) -> Str {
        team_group(index % self.teams, rng.below(3))
    }

    /// Somebody of the team that owns namespace `index`.
    pub(crate) fn member(&self, index: usize, rng: &mut Rng) -> Option<&Person> {
        let colleagues = (self.people.len() / self.teams).max(1);
        self.people.get(index % self.teams + self.teams * rng.below(colleagues))
    }
}

/// One of the three groups of a team: developers, operators, viewers. Every fourth team comes
/// from an old directory whose groups are distinguished names.
fn team_group(team: usize, which: usize) -> Str {
    let role = ["developers", "operators", "viewers"].get(which).copied().unwrap_or_default();
    let word = TEAMS.get(team % TEAMS.len()).copied().unwrap_or_default();
    let unit = team / TEAMS.len();
    if team % 4 == 3 {
        format!("CN=k8s-{word}-{unit}-{role},OU=Groups,DC=corp,DC=example,DC=com").into()
    } else {
        format!("oidc:{word}-{unit}-{role}").into()
    }
}

fn person(index: usize, teams: usize, rng: &mut Rng) -> Person {
    let home = index % teams;
    let mut held: Vec<Str> = vec![team_group(home, rng.below(3))];
    let mut add = |group: Str| {
        if !held.contains(&group) {
            held.push(group);
        }
    };
    for which in 0..3 {
        if rng.percent(40) {
            add(team_group(home, which));
        }
        if rng.percent(20) {
            add(team_group(rng.below(teams), which));
        }
    }
    for (group, percent) in COMPANY.into_iter().zip([1, 3, 2, 5, 60, 4]) {
        if rng.percent(percent) {
            add(group.into());
        }
    }
    let wanted = 4 + rng.below(16);
    let first = rng.below(INERT.len());
    let inert = INERT.iter().cycle().skip(first).take(INERT.len());
    for group in inert.take(wanted.saturating_sub(held.len())) {
        held.push((*group).into());
    }
    held.push(groups::AUTHENTICATED.into());
    let first = FIRST.get(index % FIRST.len()).copied().unwrap_or_default();
    let last = LAST.get(index / FIRST.len() % LAST.len()).copied().unwrap_or_default();
    let number = index / (FIRST.len() * LAST.len());
    let name = match number {
        0 => format!("oidc:{first}.{last}@example.com"),
        _ => format!("oidc:{first}.{last}{number}@example.com"),
    };
    Person { name: name.into(), groups: held }
}

/// Namespaces come by application and stage; big clusters repeat the pattern with a number.
fn namespace_name(index: usize) -> Str {
    let team = TEAMS.get(index % TEAMS.len()).copied().unwrap_or_default();
    let app = APPS.get(index / TEAMS.len() % APPS.len()).copied().unwrap_or_default();
    let stage = STAGES.get(index / 7 % STAGES.len()).copied().unwrap_or_default();
    match index / (TEAMS.len() * APPS.len()) {
        0 => format!("{team}-{app}-{stage}").into(),
        number => format!("{team}-{app}-{stage}-{number}").into(),
    }
}

/// One of the service accounts that live in a namespace, about forty.
pub(crate) fn local_account(rng: &mut Rng) -> Str {
    const SUFFIXES: [&str; 4] = ["", "-worker", "-migrations", "-controller-manager"];
    let app = APPS.get(rng.below(10) * 3).copied().unwrap_or_default();
    format!("{app}{}", rng.word(&SUFFIXES)).into()
}
