//! "Did you mean": the known word nearest to a mistyped one.

/// Longer words are not compared: nobody mistypes a name of this length, and the effort grows with
/// the product of the lengths.
const LONGEST: usize = 256;

/// The first of the candidates with the smallest distance, when that is at most a third of the
/// word's length (and one letter for short words).
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    nearest_by(word, candidates.into_iter().map(|candidate| (candidate, candidate)))
}

/// The same for candidates that stand for something else: (what is compared, what it stands for).
pub(crate) fn nearest_by<'a, T>(
    word: &str,
    candidates: impl IntoIterator<Item = (&'a str, T)>,
) -> Option<T> {
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .filter(|(candidate, _)| candidate.len() <= LONGEST)
        .map(|(candidate, value)| (distance(word, candidate), value))
        .filter(|(distance, _)| *distance <= limit && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, value)| value)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
/// (Damerau-Levenshtein in its restricted form: no letter is touched twice).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let mut line = Vec::with_capacity(above.len());
        let mut left = row + 1;
        line.push(left);
        for (column, other) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let replace = at(&above, column) + usize::from(letter != *other);
            let mut best = replace.min(left + 1).min(at(&above, column + 1) + 1);
            let is_swap = column > 0
                && previous == Some(*other)
                && b.get(column - 1).is_some_and(|earlier| *earlier == letter);
            if is_swap && column > 0 {
                best = best.min(at(&before, column - 1).saturating_add(1));
            }
            line.push(best);
            left = best;
        }
        before = std::mem::replace(&mut above, line);
        previous = Some(letter);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits_and_swaps_once() {
        for (a, b, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("list", "list", 0),
            ("lst", "list", 1),
            ("gte", "get", 1),
            ("kitten", "sitting", 3),
            ("größe", "grüße", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let verbs = ["get", "list", "watch"];
        assert_eq!(nearest("lst", verbs), Some("list"));
        assert_eq!(nearest("wacth", verbs), Some("watch"));
        assert_eq!(nearest("frobnicate", verbs), None);
        assert_eq!(nearest("", verbs), None);
        assert_eq!(nearest("x", verbs), None);
    }

    #[test]
    fn of_two_equally_near_words_the_first_is_taken() {
        assert_eq!(nearest("cat", ["bat", "rat"]), Some("bat"));
    }

    #[test]
    fn a_word_of_hostile_length_is_not_compared() {
        let long = "a".repeat(100_000);
        assert_eq!(nearest(&long, [long.as_str()]), None);
    }
}
