use hashbrown::HashMap;

use crate::api::rbac::PolicyRule;

/// A set of rules: bit `i` stands for rule `i`.
pub(super) type Bits = Vec<u64>;

/// Which rules hold a value: few as numbers, many as bits, so that the index is never larger than
/// the rules it indexes.
enum Holders {
    Few(Vec<usize>),
    Many(Bits),
}

/// Which rules hold which value in one of their lists.
pub(super) struct Index<'a> {
    /// Rules that hold `*`.
    wildcard: Bits,
    holders: HashMap<&'a str, Holders>,
}

impl<'a> Index<'a> {
    /// Indexes one list of every rule.
    pub(super) fn new<V, I>(rules: &'a [PolicyRule], values: V) -> Self
    where
        V: Fn(&'a PolicyRule) -> I,
        I: IntoIterator<Item = &'a str>,
    {
        let words = rules.len().div_ceil(64);
        let mut lists: HashMap<&str, Vec<usize>> = HashMap::new();
        for (rule, policy) in rules.iter().enumerate() {
            for value in values(policy) {
                lists.entry(value).or_default().push(rule);
            }
        }
        let wildcard = bits(words, lists.get("*").map_or(&[], Vec::as_slice));
        let holders = lists
            .into_iter()
            .map(|(value, list)| {
                let many = list.len() >= words && words > 1;
                (value, if many { Holders::Many(bits(words, &list)) } else { Holders::Few(list) })
            })
            .collect();
        Self { wildcard, holders }
    }

    /// `into` becomes the rules of `from` that hold `*`.
    pub(super) fn select_wildcard(&self, from: &Bits, into: &mut Bits) {
        into.clear();
        into.extend(from.iter().zip(&self.wildcard).map(|(from, wildcard)| from & wildcard));
    }

    /// Adds to `into` the rules of `from` that hold exactly `value`.
    pub(super) fn select_exact(&self, value: &str, from: &Bits, into: &mut Bits) {
        match self.holders.get(value) {
            None => {}
            Some(Holders::Few(rules)) => {
                for rule in rules.iter().filter(|rule| contains(from, **rule)) {
                    insert(into, *rule);
                }
            }
            Some(Holders::Many(rules)) => {
                for ((into, from), rules) in into.iter_mut().zip(from).zip(rules) {
                    *into |= from & rules;
                }
            }
        }
    }

    /// Whether a rule of `from` holds exactly `value`.
    pub(super) fn any_exact(&self, value: &str, from: &Bits) -> bool {
        match self.holders.get(value) {
            None => false,
            Some(Holders::Few(rules)) => rules.iter().any(|rule| contains(from, *rule)),
            Some(Holders::Many(rules)) => intersects(from, rules),
        }
    }

    /// Every value that is held, in no order.
    pub(super) fn values(&self) -> impl Iterator<Item = &'a str> {
        self.holders.keys().copied()
    }
}

/// The set of these rules.
fn bits(words: usize, rules: &[usize]) -> Bits {
    let mut bits = vec![0; words];
    for rule in rules {
        insert(&mut bits, *rule);
    }
    bits
}

/// The set of the rules that fulfil `condition`.
pub(super) fn bits_where(rules: &[PolicyRule], condition: impl Fn(&PolicyRule) -> bool) -> Bits {
    let mut bits = vec![0; rules.len().div_ceil(64)];
    for (rule, _) in rules.iter().enumerate().filter(|(_, policy)| condition(policy)) {
        insert(&mut bits, rule);
    }
    bits
}

fn insert(bits: &mut Bits, rule: usize) {
    if let Some(word) = bits.get_mut(rule / 64) {
        *word |= 1 << (rule % 64);
    }
}

fn contains(bits: &Bits, rule: usize) -> bool {
    bits.get(rule / 64).is_some_and(|word| word & (1 << (rule % 64)) != 0)
}

/// Whether two sets have a rule in common.
pub(super) fn intersects(one: &Bits, other: &Bits) -> bool {
    one.iter().zip(other).any(|(one, other)| one & other != 0)
}
