//! Classes by their names or numbers, as people give them.

use anyhow::{bail, ensure};

use crate::data::whole;
use crate::model_file::{Card, Class};
use crate::words::first_few;

/// Why a model cannot be asked for a class.
pub fn unconditional(card: &Card) -> String {
    format!("{} is not class-conditional", card.name)
}

/// How many names an error lists.
const SHOWN: usize = 30;

/// The number of the class that is given by its name, by its number, counted from 0, or by a part of
/// a name that no other class has. Where all names are whole numbers, a number means the name, in any
/// spelling: `7` is the class `007`, wherever that is. (The npm package and `examples/sample_onnx.py`
/// find the same: `tests/class_names.json` lists what all must find.)
///
/// # Errors
/// Lists the classes, or the first of many.
pub fn find<'a>(
    text: &str,
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> anyhow::Result<usize> {
    let number = || match values(names.clone()) {
        Some(values) => {
            let value = whole(text)?;
            values.iter().position(|&known| known == value)
        }
        None => text.parse().ok().filter(|&number| number < names.len()),
    };
    let part = || {
        // What has no letter may be a range of numbers.
        text.chars().find(|c| c.is_alphabetic())?;
        let mut having = names.clone().enumerate().filter(|(_, name)| name.contains(text));
        having.next().map(|(number, _)| number).filter(|_| having.next().is_none())
    };
    if let Some(found) = names.clone().position(|name| name == text).or_else(number).or_else(part) {
        return Ok(found);
    }
    let count = names.len();
    bail!("there is no class {text}; there are {count} classes: {}", first_few(names, SHOWN))
}

/// The names of classes as numbers; `None` unless all are whole numbers.
fn values<'a>(names: impl Iterator<Item = &'a str>) -> Option<Vec<u64>> {
    names.map(whole).collect::<Option<Vec<u64>>>().filter(|values| !values.is_empty())
}

/// The classes of a list: names or numbers separated by commas, ranges of numbers such as `0-9`, or
/// `all`. Ranges and `all` leave out classes without images.
///
/// # Errors
/// Names what is not a class of the model.
pub fn parse(text: &str, card: &Card) -> anyhow::Result<Vec<usize>> {
    ensure!(!card.classes.is_empty(), "{}: it cannot be asked for classes", unconditional(card));
    let names = || card.classes.iter().map(|Class { name, .. }| &name[..]);
    let mut classes = Vec::new();
    // A class may have this name, but a mere part of a name, such as "ball", is not asked for.
    if text == "all" && names().all(|name| name != text) {
        classes.extend(trained(card).map(|(class, _)| class));
        return Ok(classes);
    }
    for part in text.split(',').map(str::trim) {
        match find(part, names()) {
            Ok(class) => classes.push(class),
            Err(error) => {
                let Some(range) = range(part, names())? else { return Err(error) };
                let is_trained =
                    |class: &usize| trained(card).any(|(trained, _)| trained == *class);
                let before = classes.len();
                classes.extend(range.into_iter().filter(is_trained));
                ensure!(classes.len() > before, "no image of the classes {part} was trained on");
            }
        }
    }
    Ok(classes)
}

/// The classes from one number to another, such as `2-4`: where all names are whole numbers, those
/// between two of them, and otherwise that of each number. `None` if this is no range.
///
/// # Errors
/// If an end, or another number where not all names are numbers, is no class.
fn range<'a>(
    text: &str,
    names: impl ExactSizeIterator<Item = &'a str> + Clone,
) -> anyhow::Result<Option<Vec<usize>>> {
    let ends = || {
        let (first, last) = text.split_once('-')?;
        let (first, last) = (first.trim(), last.trim());
        (whole(first)? <= whole(last)?).then_some([first, last])
    };
    let Some(ends) = ends() else { return Ok(None) };
    let Some(values) = values(names.clone()) else {
        let [first, last] = ends.map(|end| whole(end).unwrap_or_default());
        let class = |number: u64| find(&number.to_string(), names.clone());
        return (first..=last).map(class).collect::<anyhow::Result<_>>().map(Some);
    };
    let [first, last] = ends;
    let within = values[find(first, names.clone())?]..=values[find(last, names)?];
    let mut classes: Vec<usize> = (0..values.len()).collect();
    classes.retain(|&class| within.contains(&values[class]));
    classes.sort_by_key(|&class| values[class]);
    Ok(Some(classes))
}

/// The classes of which a model has seen images, with their numbers: all if none is counted.
pub fn trained(card: &Card) -> impl Iterator<Item = (usize, &Class)> + Clone {
    let are_counted = card.classes.iter().any(|class| class.images > 0);
    let classes = card.classes.iter().enumerate();
    classes.filter(move |(_, class)| class.images > 0 || !are_counted)
}

/// Checks that a model has seen images of the classes that it is asked for: of others, it has the
/// weights that it began with.
///
/// # Errors
/// Names the class, and those that it can be asked for.
pub fn ensure_trained(card: &Card, asked: &[usize]) -> anyhow::Result<()> {
    let known: Vec<(usize, &Class)> = trained(card).collect();
    let is_known = |asked: usize| known.iter().any(|&(class, _)| class == asked);
    let Some(&missing) = asked.iter().find(|&&class| !is_known(class)) else { return Ok(()) };
    // Numbers beyond the last are refused elsewhere.
    let Some(Class { name, .. }) = card.classes.get(missing) else { return Ok(()) };
    let names = known.iter().map(|(_, class)| &class.name[..]);
    bail!(
        "no image of class {name} was trained on; there were images of {}",
        first_few(names, SHOWN)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cli::train::test_model::model;

    /// The card of a model of classes with these names and numbers of images.
    fn card(classes: &[(&str, u32)]) -> Card {
        let class = |&(name, images): &(&str, u32)| Class { name: name.into(), images };
        Card { classes: classes.iter().map(class).collect(), ..model(false).card }
    }

    /// The npm package (`tests/e2e/tests/names.rs`) and Python (`tests/publishing.rs`) find the same.
    #[test]
    fn classes_are_found_or_refused_as_elsewhere() {
        #[derive(serde::Deserialize)]
        struct Case {
            names: Vec<String>,
            images: Option<Vec<u32>>,
            found: BTreeMap<String, usize>,
            refused: Vec<String>,
        }
        let cases = std::fs::read_to_string("tests/class_names.json").expect("a list of cases");
        let cases: Vec<Case> = serde_json::from_str(&cases).expect("JSON");
        for Case { names, images, found, refused } in cases {
            let images = images.unwrap_or_else(|| vec![1; names.len()]);
            let classes: Vec<_> = names.iter().map(|name| &name[..]).zip(images).collect();
            let card = card(&classes);
            let asked = |text: &str| -> anyhow::Result<usize> {
                let class = find(text, names.iter().map(|name| &name[..]))?;
                ensure_trained(&card, &[class]).map(|()| class)
            };
            for (text, class) in found {
                assert_eq!(asked(&text).expect("a class"), class, "{text:?} of {names:?}");
            }
            for text in refused {
                asked(&text).expect_err(&format!("{text:?} of {names:?}"));
            }
        }
        let error = find("cat", ["1", "dog", "0"].into_iter()).expect_err("no class").to_string();
        assert!(error.contains("1, dog, 0"), "{error}");
    }

    /// A range is the list of its numbers, whatever the classes are called and in whichever order
    /// they are.
    #[test]
    fn a_range_is_a_list() {
        let numbers = |numbers: std::ops::Range<u32>| -> Vec<String> {
            numbers.map(|number| number.to_string()).collect()
        };
        let mut as_texts = numbers(0..12);
        as_texts.sort_unstable();
        let padded = (1..13).map(|number| format!("{number:03}")).collect();
        let words = (0..12).map(|number| format!("w{number}")).collect();
        for (names, lists) in [
            (numbers(0..12), &["2,3,4", "0,1", "9,10,11", "5"][..]),
            (as_texts, &["2,3,4", "0,1", "9,10,11"]),
            (padded, &["2,3,4", "1,2", "9,10,11,12", "002,3"]),
            (numbers(1..11), &["2,3,4", "1,2", "9,10"]),
            (words, &["2,3,4", "0,1", "9,10,11"]),
            (["1", "dog", "0"].map(String::from).to_vec(), &["0,1", "0,1,2"]),
        ] {
            let classes: Vec<_> = names.iter().map(|name| (&name[..], 1)).collect();
            let card = card(&classes);
            for list in lists {
                let of_list = parse(list, &card).expect("a list");
                let ends = [list.split(',').next(), list.split(',').next_back()];
                let range = ends.map(|end| end.expect("not empty")).join("-");
                assert_eq!(parse(&range, &card).expect("a range"), of_list, "{range} of {names:?}");
            }
        }
    }

    #[test]
    fn numbers_are_names_where_all_names_are_numbers() {
        let of = |names: &[&str], text: &str| {
            let classes: Vec<_> = names.iter().map(|&name| (name, 1)).collect();
            parse(text, &card(&classes)).map_err(|error| error.to_string())
        };
        let gaps = ["0", "1", "5", "7"];
        assert_eq!(of(&gaps, "5"), Ok(vec![2]));
        assert_eq!(of(&gaps, "1-7"), Ok(vec![1, 2, 3]));
        assert_eq!(of(&["001", "002", "003"], "2"), Ok(vec![1]));
        assert_eq!(of(&["1", "2", "3"], "1"), Ok(vec![0]));
        for (names, text, missing) in [
            (&gaps[..], "2", "no class 2;"),
            (&gaps, "0-8", "no class 8;"),
            (&["1", "2", "3"], "0", "no class 0;"),
            (&["1", "2", "3"], "3-1", "no class 3-1;"),
            (&["a", "b"], "0-2", "no class 2;"),
        ] {
            let said = of(names, text).expect_err("no class");
            assert!(said.contains(missing) && said.contains(&names.join(", ")), "{said}");
        }
    }

    #[test]
    fn classes_without_images_are_not_asked_for() {
        let gaps = [("0", 3), ("1", 2), ("2", 0), ("3", 0), ("4", 1)];
        let card = card(&gaps);
        assert_eq!(parse("all", &card).expect("some"), [0, 1, 4]);
        assert_eq!(parse("1-4", &card).expect("some"), [1, 4]);
        let said = parse("2-3", &card).expect_err("none").to_string();
        assert!(said.contains("classes 2-3"), "{said}");
        let asked = parse("1,2", &card).expect("named");
        let said = ensure_trained(&card, &asked).expect_err("never seen").to_string();
        assert_eq!(said, "no image of class 2 was trained on; there were images of 0, 1, 4");
        ensure_trained(&card, &[0, 1, 4]).expect("seen");
        // Not every card counts its images.
        let uncounted = self::card(&[("a", 0), ("b", 0)]);
        ensure_trained(&uncounted, &parse("all", &uncounted).expect("all")).expect("unknown");
    }
}
