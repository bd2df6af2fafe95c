//! "Did you mean …": the known word that is nearest to a mistyped one.

use super::ast::Field;

/// What people who come from elsewhere call our fields.
const ELSEWHERE: [(&str, &str); 14] = [
    ("label", "tag"),
    ("labels", "tag"),
    ("tags", "tag"),
    ("list", "project"),
    ("completedat", "completed"),
    ("doneat", "completed"),
    ("duedate", "due"),
    ("dueat", "due"),
    ("startdate", "start"),
    ("prio", "priority"),
    ("name", "title"),
    ("text", "title"),
    ("note", "description"),
    ("repeating", "recurring"),
];

/// The longest word that is compared: a longer one is no slip of the finger.
const LONGEST: usize = 20;

/// The field that was meant.
pub(super) fn field(word: &str) -> Option<&'static str> {
    let plain: String = word.chars().filter(|c| *c != '_').take(LONGEST + 1).collect::<String>().to_lowercase();
    ELSEWHERE
        .iter()
        .find(|(other, _)| *other == plain)
        .map(|(_, ours)| *ours)
        .or_else(|| near(&plain, Field::ALL.iter().map(|(name, _)| *name)))
}

/// The nearest of some known words: one slip in a short word, two in a longer one.
pub(super) fn near(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
    if word.len() > LONGEST {
        return None;
    }
    known
        .map(|name| (distance(&word, &name.to_lowercase().chars().collect::<Vec<_>>()), name))
        .filter(|(slips, name)| *slips <= if name.len() <= 4 { 1 } else { 2 } && *slips < word.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

/// Optimal string alignment: letters put in, left out, replaced, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, ca) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        let mut last_b = None;
        for (j, cb) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best = (get(&above, j + 1) + 1).min(get(&row, j) + 1).min(get(&above, j) + usize::from(ca != cb));
            if last_a == Some(cb) && last_b == Some(ca) {
                best = best.min(j.checked_sub(1).map_or(usize::MAX - 1, |at| get(&before, at)) + 1);
            }
            row.push(best);
            last_b = Some(cb);
        }
        before = std::mem::replace(&mut above, row);
        last_a = Some(ca);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood() {
        for (typed, meant) in [
            ("deu", "due"),
            ("Due_Date", "due"),
            ("dun", "due"),
            ("tilte", "title"),
            ("priorty", "priority"),
            ("labels", "tag"),
            ("overdeu", "overdue"),
            ("descripton", "description"),
            ("STRAT", "start"),
        ] {
            assert_eq!(field(typed), Some(meant), "{typed}");
        }
    }

    #[test]
    fn what_is_far_from_all_is_not_guessed() {
        for typed in ["x", "assignee", "", "percentage", "ü", &"due".repeat(1_000)] {
            assert_eq!(field(typed), None, "{typed}");
        }
    }

    #[test]
    fn distances_count_slips() {
        let of = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        assert_eq!(of("deu", "due"), 1);
        assert_eq!(of("", "due"), 3);
        assert_eq!(of("due", ""), 3);
        assert_eq!(of("kitten", "sitting"), 3);
        assert_eq!(of("ca", "ac"), 1);
        assert_eq!(of("due", "due"), 0);
    }
}
