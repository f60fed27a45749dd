//! Which classes of dangerous goods do not stand beside each other, by a table that is data.

use std::collections::BTreeSet;

/// A line for each class with those it is kept from.
const TABLE: &str = include_str!("../data/segregation.txt");

fn lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(':'))
}

/// Whether it is a class, such as `5.1`.
pub fn is_known(class: &str) -> bool {
    lines().any(|(known, _)| known == class)
}

/// Whether two classes are kept from each other.
pub fn are_apart(one: &str, other: &str) -> bool {
    let says = |a: &str, b: &str| lines().any(|(class, from)| class == a && from.split_whitespace().any(|c| c == b));
    says(one, other) || says(other, one)
}

/// What speaks against setting down `hazards` where `standing` stands and `refused` is refused, in words.
pub fn conflicts<'a>(
    hazards: &BTreeSet<String>,
    refused: &BTreeSet<String>,
    standing: impl IntoIterator<Item = (&'a str, &'a BTreeSet<String>)>,
) -> BTreeSet<String> {
    let mut found: BTreeSet<String> =
        hazards.intersection(refused).map(|class| format!("class {class} is refused there")).collect();
    for (container, theirs) in standing {
        for class in hazards {
            let against = theirs.iter().filter(|other| are_apart(class, other));
            found.extend(against.map(|other| format!("class {class} beside class {other} of {container}")));
        }
    }
    found
}

/// Classes that may not travel in one container.
pub fn within(hazards: &BTreeSet<String>) -> Option<(&str, &str)> {
    let pairs = hazards.iter().flat_map(|one| hazards.iter().map(move |other| (one, other)));
    let mut apart = pairs.filter(|(one, other)| one < other && are_apart(one, other));
    apart.next().map(|(one, other)| (one.as_str(), other.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(classes: &[&str]) -> BTreeSet<String> {
        classes.iter().map(|class| (*class).to_owned()).collect()
    }

    #[test]
    fn the_table_is_whole_and_says_each_pair_once() {
        let known: Vec<&str> = lines().map(|(class, _)| class).collect();
        assert_eq!(known, ["1", "2.1", "2.2", "2.3", "3", "4.1", "4.2", "4.3", "5.1", "5.2", "6.1", "7", "8", "9"]);
        for (class, from) in lines() {
            for other in from.split_whitespace() {
                assert!(known.contains(&other), "{class}: {other}");
                let is_repeated =
                    lines().any(|(a, b)| a == other && a != class && b.split_whitespace().any(|c| c == class));
                assert!(!is_repeated, "{class} and {other}");
            }
        }
    }

    #[test]
    fn what_reacts_is_kept_apart() {
        assert!(are_apart("3", "5.1") && are_apart("5.1", "3") && are_apart("1", "1"));
        assert!(!are_apart("3", "3") && !are_apart("9", "1") && !are_apart("3", "9"));
        let fuel = set(&["3"]);
        let (oxidiser, acid) = (set(&["5.1"]), set(&["9"]));
        let found = conflicts(&set(&["5.1", "8"]), &set(&["8"]), [("MSKU1", &fuel), ("MSKU2", &acid)]);
        assert_eq!(found, set(&["class 5.1 beside class 3 of MSKU1", "class 8 is refused there"]));
        assert_eq!(conflicts(&set(&[]), &set(&["8"]), [("MSKU1", &oxidiser)]), set(&[]));
        assert_eq!(within(&set(&["3", "5.1"])), Some(("3", "5.1")));
        assert_eq!(within(&set(&["3", "9"])), None);
    }
}
