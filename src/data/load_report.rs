//! What was found at a path.

use std::collections::BTreeMap;

use crate::words::{count, first_few, list};

/// What was found at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// The kind of data, for people.
    pub kind: String,
    /// The number of images dropped because another has the same pixels. Only for image files:
    /// published arrays are taken as they are.
    pub duplicates: usize,
    /// The number of images of another size, which were cropped and resized.
    pub resized: usize,
    /// The files that could not be read, and why.
    pub unreadable: Vec<(String, String)>,
    /// The number of other files, by the extension of their names.
    pub ignored: BTreeMap<String, usize>,
    /// What is beside the folders for training and testing, because of which these are ignored.
    pub beside: Vec<String>,
    /// An image outside all folders while others are inside, so that folders are not classes.
    pub unclassed: Option<String>,
    /// What else may need attention, in sentences.
    pub notes: Vec<String>,
}

impl LoadReport {
    /// How many names a sentence lists.
    pub(super) const SHOWN: usize = 5;

    /// Says which files cannot be read and why; of many, only the first few.
    pub fn cannot_read(&self) -> String {
        let files = self.unreadable.iter().map(|(name, problem)| format!("{name} ({problem})"));
        let number = self.unreadable.len();
        format!("cannot read {}: {}", count(number, "file"), first_few(files, Self::SHOWN))
    }

    /// Says what is not read, and why; `None` if all is.
    pub fn left_out(&self) -> Option<String> {
        let unreadable = (!self.unreadable.is_empty()).then(|| self.cannot_read());
        let parts: Vec<String> = [unreadable, self.others()].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// Says which files of other kinds are not read; `None` if there are none.
    pub fn others(&self) -> Option<String> {
        const DATA: [&str; 8] = ["npy", "npz", "tar", "tbz2", "tgz", "txz", "tzst", "zip"];
        let kinds = self.ignored.iter().map(|(end, count)| format!("{count} .{end}"));
        let data = self.ignored.keys().filter(|end| DATA.contains(&end.as_str()));
        let data: Vec<_> = data.map(|end| format!(".{end}")).collect();
        let advice = match &data[..] {
            [] => String::new(),
            ends => format!("; to read a {}, give --data one of them", list(ends, "or")),
        };
        (!self.ignored.is_empty()).then(|| {
            format!(
                "ignored files other than PNG, JPEG, GIF, WebP and BMP: {}{advice}",
                kinds.collect::<Vec<_>>().join(", ")
            )
        })
    }

    /// Says why folders for training and testing were ignored, naming only the first few reasons;
    /// `None` if they were not, or there are none.
    pub fn split_ignored(&self) -> Option<String> {
        let beside = first_few(self.beside.iter(), Self::SHOWN);
        (!self.beside.is_empty()).then(|| {
            format!(
                "{beside} beside train and test, so these do not say what is held out; move it \
                 elsewhere if they should"
            )
        })
    }
}
