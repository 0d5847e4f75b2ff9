//! What the folders of image files mean: which images are held out, and which classes there are.

use std::collections::HashMap;

use super::spelling::in_order;

/// The meaning of the folders. File names have `/` between folders.
#[derive(Default)]
pub(super) struct Layout {
    /// The common prefix of all names.
    root: String,
    /// The folders whose images are held out: `test` or `val…` in any case, if all files are in
    /// these and in `train`.
    held_out: Vec<String>,
    /// Other files and folders beside those, because of which nothing is held out.
    pub beside: Vec<String>,
    /// The names of the classes, sorted: the names of the folders of images that are not held out,
    /// if every one is in a folder and there are several; otherwise none.
    pub classes: Vec<String>,
    /// The number of each class.
    labels: HashMap<String, u8>,
    /// An image outside all folders while others are in several, so that there are no classes.
    pub unclassed: Option<String>,
    /// If there are classes: the folders of held-out images that are none of them, or such images
    /// themselves if they are in no folder.
    pub foreign: Vec<String>,
    /// The number of folders, if they are too many for classes.
    pub too_many: Option<usize>,
}

/// The most classes: a label is a byte.
pub(super) const MOST_CLASSES: usize = 256;

const TRAIN: [&str; 2] = ["train", "training"];
const HELD_OUT: [&str; 5] = ["test", "testing", "val", "valid", "validation"];

impl Layout {
    /// The layout of files with these names.
    pub fn of<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let root = names.clone().next().map_or("", |first| common_folder(first, names.clone()));
        let mut layout = Self { root: root.to_owned(), ..Self::default() };
        // Here a file beside the folders counts as a folder of its own, with an irrelevant name.
        let folders = sorted(names.clone().map(|name| layout.parts(name).next().unwrap_or(name)));
        let is_one_of = |folder: &str, known: &[&str]| known.contains(&&folder.to_lowercase()[..]);
        let (train, rest): (Vec<&str>, _) = folders.iter().partition(|f| is_one_of(f, &TRAIN));
        let (held_out, beside): (Vec<&str>, Vec<_>) =
            rest.into_iter().partition(|folder| is_one_of(folder, &HELD_OUT));
        if !train.is_empty() && !held_out.is_empty() {
            if beside.is_empty() {
                layout.held_out = held_out.iter().map(|f| format!("{root}{f}/")).collect();
            }
            layout.beside = beside.into_iter().map(str::to_owned).collect();
        }
        let (held_out, train): (Vec<&str>, Vec<&str>) =
            names.partition(|name| layout.is_held_out(name));
        let classes = sorted(train.iter().filter_map(|name| layout.class(name)));
        let unclassed = train.iter().find(|name| layout.class(name).is_none());
        if classes.len() > 1 {
            match unclassed {
                _ if classes.len() > MOST_CLASSES => layout.too_many = Some(classes.len()),
                Some(&name) => layout.unclassed = Some(name.to_owned()),
                None => layout.classes = in_order(classes.into_iter().map(str::to_owned)),
            }
        }
        layout.labels = layout.classes.iter().cloned().zip(0..=u8::MAX).collect();
        if !layout.classes.is_empty() {
            let foreign = held_out.into_iter().filter(|name| layout.label(name).is_none());
            let foreign = sorted(foreign.map(|name| layout.class(name).unwrap_or(name)));
            layout.foreign = foreign.into_iter().map(str::to_owned).collect();
        }
        layout
    }

    /// Whether anything is held out.
    pub fn holds_out(&self) -> bool {
        !self.held_out.is_empty()
    }

    /// Whether the file with this name is held out.
    pub fn is_held_out(&self, name: &str) -> bool {
        self.held_out.iter().any(|folder| name.starts_with(folder))
    }

    /// The label of the file with this name: the number of its class.
    pub fn label(&self, name: &str) -> Option<u8> {
        self.labels.get(self.class(name)?).copied()
    }

    /// The folder that is a file's class, whether the file is held out or not.
    fn class<'a>(&self, name: &'a str) -> Option<&'a str> {
        // `train` and `test` are no classes, even if something beside them is.
        let is_split = self.holds_out() || !self.beside.is_empty();
        let mut parts = self.parts(name).skip(usize::from(is_split));
        let folder = parts.next()?;
        // The last part is the file.
        parts.next().map(|_| folder)
    }

    fn parts<'a>(&self, name: &'a str) -> std::str::Split<'a, char> {
        name[self.root.len()..].split('/')
    }
}

/// The folder, `train` or `test`, that an archive of this name stands for, if any: WebDataset's
/// shards are named `imagenet-train-000012.tar`.
pub(super) fn folder_of(archive: &str) -> Option<&'static str> {
    let name = archive.to_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphabetic());
    words.find_map(|word| match word {
        word if TRAIN.contains(&word) => Some("train"),
        word if HELD_OUT.contains(&word) => Some("test"),
        _ => None,
    })
}

/// The innermost folder containing all names, with its `/`: archives often have everything in one.
fn common_folder<'a>(first: &'a str, names: impl Iterator<Item = &'a str> + Clone) -> &'a str {
    let mut end = first.rfind('/').map_or(0, |at| at + 1);
    while !names.clone().all(|name| name.starts_with(&first[..end])) {
        end = first[..end - 1].rfind('/').map_or(0, |at| at + 1);
    }
    &first[..end]
}

fn sorted<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(names: &[&'static str]) -> Layout {
        Layout::of(names.iter().copied())
    }

    #[test]
    fn folders_say_what_is_held_out() {
        let held_out = |names: &[&'static str]| layout(names).held_out;
        assert_eq!(held_out(&["d/test/a.png", "d/train/a.png", "d/train/x/b.png"]), ["d/test/"]);
        assert_eq!(held_out(&["train/a.png", "val/a.png"]), ["val/"]);
        assert_eq!(held_out(&["Testing/cat/a.png", "Training/cat/a.png"]), ["Testing/"]);
        // Not if other folders or files are beside them, which is reported …
        let beside = |names: &[&'static str]| {
            assert!(held_out(names).is_empty());
            layout(names).beside
        };
        assert_eq!(beside(&["cats/a.png", "test/b.png", "train/b.png"]), ["cats"]);
        assert_eq!(beside(&["test/b.png", "train.png", "train/b.png"]), ["train.png"]);
        // … nor if there is only one of the two.
        assert!(beside(&["d/train/a.png", "d/train/b.png"]).is_empty());
        assert!(beside(&["train/a.png", "cats/b.png"]).is_empty());
        assert!(beside(&["test/a.png", "cats/b.png"]).is_empty());
    }

    #[test]
    fn folders_are_classes() {
        let animals = layout(&["d/dog/a.png", "d/cat/1/b.png", "d/dog/c.png"]);
        assert_eq!(animals.classes, ["cat", "dog"]);
        assert_eq!(
            (animals.label("d/dog/c.png"), animals.label("d/cat/1/b.png")),
            (Some(1), Some(0))
        );
        let split = layout(&["train/dog/a.png", "test/cat/b.png", "train/cat/c.png"]);
        assert_eq!(
            (&split.classes[..], split.label("test/cat/b.png")),
            (&["cat".into(), "dog".into()][..], Some(0))
        );
        // Not if there is only one folder, or an image is outside them.
        assert!(layout(&["d/dog/a.png", "d/dog/b.png"]).classes.is_empty());
        let loose = layout(&["dog/a.png", "cat/b.png", "c.png"]);
        assert!(loose.classes.is_empty());
        assert_eq!(loose.unclassed.as_deref(), Some("c.png"));
        let split = layout(&["train/a.png", "test/b.png"]);
        assert!(split.classes.is_empty() && split.unclassed.is_none());
        let beside = layout(&["extra/cat/a.png", "test/cat/b.png", "train/dog/c.png"]);
        assert_eq!(
            (&beside.classes[..], &beside.beside[..]),
            (&["cat", "dog"].map(str::to_owned)[..], &["extra".to_owned()][..])
        );
        assert!(layout(&[]).classes.is_empty());
        let names: Vec<String> = (0..300).map(|class| format!("{class}/a.png")).collect();
        let many = Layout::of(names.iter().map(String::as_str));
        assert_eq!((many.classes.len(), many.too_many), (0, Some(300)));
    }

    #[test]
    fn classes_that_are_numbers_are_in_their_order() {
        let of = |folders: &[&str]| {
            let names: Vec<String> = folders.iter().map(|folder| format!("{folder}/a")).collect();
            let layout = Layout::of(names.iter().map(String::as_str));
            let labels = layout.classes.iter().map(|class| layout.label(&format!("{class}/b")));
            assert!(labels.eq((0..folders.len()).map(|label| u8::try_from(label).ok())));
            layout.classes
        };
        let names = |numbers: std::ops::Range<u8>| numbers.map(|n| n.to_string());
        let shuffled: Vec<String> = names(0..12).rev().collect();
        let shuffled: Vec<&str> = shuffled.iter().map(String::as_str).collect();
        assert_eq!(of(&shuffled), names(0..12).collect::<Vec<_>>());
        assert_eq!(of(&["10", "9", "1"]), ["1", "9", "10"]);
        assert_eq!(of(&["010", "009", "001"]), ["001", "009", "010"]);
        assert_eq!(of(&["7", "100", "5", "0"]), ["0", "5", "7", "100"]);
        assert_eq!(of(&["10", "2", "02", "1"]), ["1", "02", "2", "10"]);
        // As texts if one is no number.
        assert_eq!(of(&["10", "9", "other"]), ["10", "9", "other"]);
        assert_eq!(of(&["class10", "class9"]), ["class10", "class9"]);
    }

    #[test]
    fn folders_of_held_out_images_alone_are_no_classes() {
        let tiny = layout(&["train/a/1", "train/b/2", "val/images/3"]);
        assert_eq!(
            (&tiny.classes[..], &tiny.foreign[..]),
            (&["a", "b"].map(str::to_owned)[..], &["images".to_owned()][..])
        );
        let one = layout(&["test/a/4", "test/new/5", "test/6", "train/a/1", "train/b/2"]);
        assert_eq!(
            (one.classes.len(), &one.foreign[..]),
            (2, &["new", "test/6"].map(str::to_owned)[..])
        );
        assert_eq!((one.label("test/a/4"), one.label("test/new/5")), (Some(0), None));
        let same = layout(&["test/b/3", "train/a/1", "train/b/2"]);
        assert!(same.classes.len() == 2 && same.foreign.is_empty());
        // Without classes of training images, nothing is foreign.
        let none = layout(&["test/a/3", "test/b/4", "train/1", "train/2"]);
        assert!(none.classes.is_empty() && none.unclassed.is_none() && none.foreign.is_empty());
    }
}
