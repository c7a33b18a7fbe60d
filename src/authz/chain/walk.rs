use super::{Chain, Member, SUPER_USER, SUPER_USER_STEP, joined};
use crate::authz::{Asker, Authorizer, LIVE_GROUPS};
use crate::model::{Decision, Request, User, Verdict};

/// How a link answered.
#[derive(Debug, Clone)]
pub struct LinkAnswer<'a> {
    /// The name of the link; `system:masters` for the built-in step.
    pub name: &'a str,
    /// Its own answer.
    pub verdict: Verdict<'a>,
}

/// A request on its way through a chain.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    /// Who was asked, in order: the last one decided, if anybody did.
    pub answers: Vec<LinkAnswer<'a>>,
    /// The names of those who were not asked any more.
    pub unasked: Vec<&'a str>,
    /// What it came to, as [`Chain::authorize`](Authorizer::authorize) answers.
    pub verdict: Verdict<'a>,
}

impl Chain {
    /// Answers one request and keeps what every link said on the way. Each is asked once.
    ///
    /// ```
    /// use portcullis::authz::{AlwaysAllow, AlwaysDeny, Chain};
    /// use portcullis::model::{Request, User};
    ///
    /// let chain = Chain::new().with("AlwaysDeny", AlwaysDeny).with("AlwaysAllow", AlwaysAllow);
    /// let jane = User::new("jane");
    /// let request = Request::non_resource(&jane, "get", "/");
    /// let walk = chain.walk(&request);
    /// assert_eq!(walk.answers[1].verdict.reason(), "Everything is forbidden.");
    /// assert_eq!(walk.verdict.link(), Some("AlwaysAllow"));
    /// ```
    #[must_use]
    pub fn walk<'a>(&'a self, request: &'a Request<'a>) -> Walk<'a> {
        let (mut answers, mut unasked) = (Vec::new(), Vec::new());
        let mut decided: Option<Verdict<'a>> = None;
        let (mut errors, mut asker) = (Vec::new(), Asker::Presented(request.user));
        let members = self.members.iter().map(Turn::Of);
        let steps = [
            self.groups_from().map(|_| Turn::Groups),
            (!self.no_super_user).then_some(Turn::SuperUser),
        ];
        let turns = self.gates.iter().map(Turn::Of).chain(steps.into_iter().flatten());
        for turn in turns.chain(members) {
            let name = turn.name();
            if decided.is_some() {
                unasked.push(name);
                continue;
            }
            let verdict = match (&turn, &asker) {
                (Turn::Groups, _) => match self.asker(request.user) {
                    Ok(found) => {
                        let verdict = Verdict::no_opinion(self.told(request.user, &found));
                        asker = found;
                        answers.push(LinkAnswer { name, verdict });
                        continue;
                    }
                    Err(error) => Verdict::deny("").with_error(error.to_string()),
                },
                (turn, Asker::Presented(_)) => self.ask_in_turn(turn, request),
                (turn, Asker::Replaced(user)) => {
                    let replaced = Request { user, attributes: request.attributes };
                    let verdict = self.ask_in_turn(turn, &replaced).by_link(name);
                    self.kept(verdict, request.user, &request.attributes, user)
                }
            };
            let ends_walk = matches!(&turn, Turn::Of(member) if self.ends_walk(member));
            decided = match verdict.decision {
                Decision::Allow | Decision::Deny => Some(verdict.clone().by_link(name)),
                Decision::NoOpinion if ends_walk && !verdict.errors.is_empty() => {
                    Some(Verdict::deny("").with_errors(verdict.errors.clone()).by_link(name))
                }
                Decision::NoOpinion => {
                    errors.extend(verdict.errors.iter().cloned());
                    None
                }
            };
            answers.push(LinkAnswer { name, verdict });
        }
        let verdict = decided.unwrap_or_else(|| {
            let opinions = answers.iter().filter(|answer| answer.name != LIVE_GROUPS);
            let reasons = opinions.map(|answer| answer.verdict.reason().into_owned());
            Verdict::no_opinion(joined(reasons)).with_errors(errors)
        });
        Walk { answers, unasked, verdict }
    }

    fn ask_in_turn<'a>(&'a self, turn: &Turn<'a>, request: &'a Request<'a>) -> Verdict<'a> {
        match turn {
            Turn::Of(member) => self.ask(member, || member.authorizer.authorize(request)),
            Turn::Groups | Turn::SuperUser => SUPER_USER_STEP.authorize(request),
        }
    }

    /// What became of the groups of a user, in one line.
    fn told(&self, user: &User, asker: &Asker<'_>) -> String {
        let Asker::Replaced(replaced) = asker else {
            return "groups as presented: those of this user are not replaced".to_owned();
        };
        let list = |groups: &[String]| match groups {
            [] => "none".to_owned(),
            groups => groups.join(", "),
        };
        let gone: Vec<String> =
            user.groups.iter().filter(|group| !replaced.is_member(group)).cloned().collect();
        let gone = match gone.is_empty() {
            true => String::new(),
            false => format!("; gone: {}", list(&gone)),
        };
        let from = self.groups_from().unwrap_or_default();
        format!("groups replaced by those of `{from}`: {}{gone}", list(&replaced.groups))
    }
}

/// Who is asked next, in a walk.
enum Turn<'a> {
    Of(&'a Member),
    Groups,
    SuperUser,
}

impl<'a> Turn<'a> {
    fn name(&self) -> &'a str {
        match self {
            Self::Of(member) => &member.name,
            Self::Groups => LIVE_GROUPS,
            Self::SuperUser => SUPER_USER,
        }
    }
}
