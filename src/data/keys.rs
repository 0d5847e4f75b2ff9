//! What the names of arrays say about them: `x_train`, `y_train` (Keras), `train_images`,
//! `val_labels` (MedMNIST), `imgs`, …

/// What an array holds, as far as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// Whether it is held out, or trained on.
    pub held_out: Option<bool>,
    /// Whether it holds labels, or pictures.
    pub labels: Option<bool>,
}

const TRAIN: [&str; 3] = ["train", "training", "tr"];
const HELD_OUT: [&str; 8] = ["test", "testing", "val", "valid", "validation", "eval", "t10k", "te"];
const PICTURES: [&str; 9] =
    ["x", "xs", "image", "images", "img", "imgs", "data", "pictures", "samples"];
const LABELS: [&str; 8] = ["y", "ys", "label", "labels", "lbl", "target", "targets", "classes"];

impl Role {
    /// The role of an array with this name: its words may also be written together, as in `xtrain`.
    pub fn of(name: &str) -> Self {
        let name = name.to_lowercase();
        let mut role = Self { held_out: None, labels: None };
        for word in name.split(|c: char| !c.is_alphanumeric()) {
            if !role.take(word) {
                let splits = TRAIN.iter().chain(&HELD_OUT);
                for split in splits {
                    let rest = word.strip_prefix(split).or_else(|| word.strip_suffix(split));
                    if rest
                        .is_some_and(|rest| is_one_of(rest, &PICTURES) || is_one_of(rest, &LABELS))
                    {
                        role.take(split);
                        role.take(rest.unwrap_or_default());
                        break;
                    }
                }
            }
        }
        role
    }

    /// Notes what a word says. Returns false if it says nothing.
    fn take(&mut self, word: &str) -> bool {
        let said = |no: &[&str], yes: &[&str]| {
            is_one_of(word, yes).then_some(true).or(is_one_of(word, no).then_some(false))
        };
        let (held_out, labels) = (said(&TRAIN, &HELD_OUT), said(&PICTURES, &LABELS));
        self.held_out = self.held_out.or(held_out);
        self.labels = self.labels.max(labels);
        held_out.is_some() || labels.is_some()
    }
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_held_out_and_what_is_a_label() {
        let cases: [(&str, Option<bool>, Option<bool>); 12] = [
            ("x_train", Some(false), Some(false)),
            ("y_test", Some(true), Some(true)),
            ("train_images", Some(false), Some(false)),
            ("val_labels", Some(true), Some(true)),
            ("Xtrain", Some(false), Some(false)),
            ("testY", Some(true), Some(true)),
            ("train-image-labels", Some(false), Some(true)),
            ("train", Some(false), None),
            ("imgs", None, Some(false)),
            ("latents_classes", None, Some(true)),
            ("arr_0", None, None),
            ("texture", None, None),
        ];
        for (name, held_out, labels) in cases {
            assert_eq!(Role::of(name), Role { held_out, labels }, "{name}");
        }
    }
}
