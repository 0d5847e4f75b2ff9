//! Classes by their names or numbers, as people give them.

use anyhow::{bail, ensure};

use crate::model_file::{Card, Class};

/// Why a model cannot be asked for a class.
pub fn unconditional(card: &Card) -> String {
    format!("{} is not class-conditional", card.name)
}

/// The number of the class that is given by its name, by its number, counted from 0, or by a part of
/// a name that no other class has.
///
/// # Errors
/// Lists the classes, or the first of many.
pub fn find<'a>(
    text: &str,
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> anyhow::Result<usize> {
    const SHOWN: usize = 30;
    let number = || text.parse().ok().filter(|&number| number < names.len());
    let part = || {
        // What has no letter may be a range of numbers.
        text.chars().find(|c| c.is_alphabetic())?;
        let mut having = names.clone().enumerate().filter(|(_, name)| name.contains(text));
        having.next().map(|(number, _)| number).filter(|_| having.next().is_none())
    };
    if let Some(found) = names.clone().position(|name| name == text).or_else(number).or_else(part) {
        return Ok(found);
    }
    let shown: Vec<&str> = names.clone().take(SHOWN).collect();
    let more = if names.len() > SHOWN { ", …" } else { "" };
    bail!("there is no class {text}; there are {} classes: {}{more}", names.len(), shown.join(", "))
}

/// The classes of a list: names or numbers separated by commas, ranges of numbers such as `0-9`, or
/// `all`.
///
/// # Errors
/// Names what is not a class of the model.
pub fn parse(text: &str, card: &Card) -> anyhow::Result<Vec<usize>> {
    ensure!(!card.classes.is_empty(), "{}: it cannot be asked for classes", unconditional(card));
    let count = card.classes.len();
    let find = |text| find(text, card.classes.iter().map(|Class { name, .. }| &name[..]));
    // A class may have this name, but a mere part of a name, such as "ball", is not asked for.
    if text == "all" && card.classes.iter().all(|class| class.name != text) {
        return Ok((0..count).collect());
    }
    let mut classes = Vec::new();
    for part in text.split(',').map(str::trim) {
        match (find(part), range(part)) {
            (Ok(class), _) => classes.push(class),
            (Err(_), Some((first, last))) if first <= last && last < count => {
                classes.extend(first..=last);
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(classes)
}

fn range(text: &str) -> Option<(usize, usize)> {
    let (first, last) = text.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_found_by_a_part_that_only_it_has() {
        let names = ["195-魚", "196-鳥", "cat-1", "cat-2"];
        let found = |text| find(text, names.iter().copied());
        assert_eq!(found("魚").expect("one"), 0);
        assert_eq!(found("196-鳥").expect("a name"), 1);
        for text in ["cat", "dog", "", "19", "1-2"] {
            found(text).expect_err("not one of them");
        }
    }

    #[test]
    fn a_class_is_found_by_name_before_number() {
        let names = ["1", "dog", "0"];
        let found = |text| find(text, names.iter().copied());
        assert_eq!(found("dog").expect("a name"), 1);
        assert_eq!(found("0").expect("a name"), 2);
        assert_eq!(found("2").expect("a number"), 2);
        let error = found("cat").expect_err("no class").to_string();
        assert!(error.contains("1, dog, 0"), "{error}");
    }
}
