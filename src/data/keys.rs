//! What the names of arrays say about them: `x_train`, `y_train` (Keras), `train_images`,
//! `val_labels` (MedMNIST), `imgs`, `arr_0` (`np.savez` without names), …

/// What an array holds, as far as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// The part of the data set that it belongs to.
    pub split: Option<Split>,
    /// Whether it holds labels, or images.
    pub labels: Option<bool>,
}

/// A part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Split {
    Train,
    Validation,
    Test,
}

const SPLITS: [(Split, &[&str]); 3] = [
    (Split::Train, &["train", "training", "tr"]),
    (Split::Validation, &["val", "valid", "validation"]),
    (Split::Test, &["test", "testing", "te", "t10k", "eval"]),
];
const IMAGES: &[&str] =
    &["x", "xs", "image", "images", "img", "imgs", "data", "pictures", "samples"];
const LABELS: &[&str] = &["y", "ys", "label", "labels", "lbl", "target", "targets", "classes"];

impl Role {
    /// The role of an array with this name: its words may also be written together, as in `xtrain`.
    pub fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let mut role = Self { split: None, labels: None };
        for word in name.split(|c: char| !c.is_alphanumeric()) {
            if role.take(word) {
                continue;
            }
            for split in SPLITS.iter().flat_map(|(_, words)| *words) {
                let rest = word.strip_prefix(split).or_else(|| word.strip_suffix(split));
                if let Some(rest) = rest.filter(|rest| holds(rest).is_some()) {
                    role.take(split);
                    role.take(rest);
                    break;
                }
            }
        }
        role
    }

    /// Whether it is part of what is not trained on.
    pub fn is_held_out(self) -> bool {
        matches!(self.split, Some(Split::Validation | Split::Test))
    }

    /// Notes what a word says. Returns false if it says nothing.
    fn take(&mut self, word: &str) -> bool {
        let found = SPLITS.iter().find(|(_, words)| words.contains(&word));
        let split = found.map(|&(split, _)| split);
        self.split = self.split.or(split);
        // An array of image labels holds labels.
        self.labels = self.labels.max(holds(word));
        split.is_some() || holds(word).is_some()
    }
}

/// Whether an array of a name that says nothing holds the labels of the images in another one: so
/// `np.savez(images, labels)` calls them, and `ncsn sample`.
pub(super) fn are_saved_with(name: &str, images: &str) -> bool {
    (name, images) == ("arr_1", "arr_0")
}

/// Whether a word says labels, or images.
fn holds(word: &str) -> Option<bool> {
    if LABELS.contains(&word) {
        return Some(true);
    }
    IMAGES.contains(&word).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_held_out_and_what_is_a_label() {
        use Split::{Test, Train, Validation};
        let cases: [(&str, Option<Split>, Option<bool>); 12] = [
            ("x_train", Some(Train), Some(false)),
            ("y_test", Some(Test), Some(true)),
            ("train_images", Some(Train), Some(false)),
            ("val_labels", Some(Validation), Some(true)),
            ("Xtrain", Some(Train), Some(false)),
            ("testY", Some(Test), Some(true)),
            ("train-image-labels", Some(Train), Some(true)),
            ("train", Some(Train), None),
            ("imgs", None, Some(false)),
            ("latents_classes", None, Some(true)),
            ("arr_0", None, None),
            ("texture", None, None),
        ];
        for (name, split, labels) in cases {
            assert_eq!(Role::of(name), Role { split, labels }, "{name}");
        }
    }
}
