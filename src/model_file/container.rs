//! Reads the safetensors format: the length of a header, the header in JSON, and the bytes of all
//! tensors, one after the other.
//!
//! The crate of that name does the writing, and tests check that the two agree. It reads whole
//! files only, but the page needs the card while the tensors are still being downloaded; it names
//! no tensor whose size is wrong; and its JSON parser would add 17 kB to the page (see
//! [`super::json`]).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, Visitor};

use super::container_error::ContainerError;
use super::error::ModelError;
use super::json;
use super::size::{MAX_BYTES, MAX_HEADER};

/// What a file holds.
pub(crate) struct Container<'a> {
    header: Header,
    data: &'a [u8],
}

#[derive(Default)]
struct Header {
    cards: Cards,
    tensors: Vec<(String, Info)>,
}

/// The metadata that this project writes: each file has one of these.
#[derive(Default, serde::Deserialize)]
pub(crate) struct Cards {
    /// A model's.
    pub card: Option<String>,
    /// A classifier's, which the page does not read.
    #[cfg(all(feature = "cli", not(target_family = "wasm")))]
    pub classifier: Option<String>,
}

/// A kind of card.
pub(crate) trait CardKind {
    /// Its key in the metadata.
    const KEY: &'static str;
    /// The version that this code reads and writes.
    const FORMAT: u32;
    /// What a file with such a card holds, for people.
    const WHAT: &'static str;

    /// The text of the card of this kind, if a file has one.
    fn of(cards: &Cards) -> Option<&str>;
}

#[derive(serde::Deserialize)]
struct Info {
    dtype: String,
    shape: Vec<usize>,
    /// Where its bytes begin and end.
    data_offsets: Vec<usize>,
}

/// A tensor as stored in the file.
pub(super) struct Tensor<'a> {
    pub name: &'a str,
    pub dtype: &'a str,
    pub shape: &'a [usize],
    pub bytes: &'a [u8],
}

impl<'a> Container<'a> {
    /// Reads the header, and checks that its tensors are exactly what follows.
    ///
    /// # Errors
    /// [`ModelError::TooLarge`], or [`ModelError::Container`] with what is wrong.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ModelError> {
        if bytes.len() > MAX_BYTES {
            return Err(ModelError::TooLarge(bytes.len()));
        }
        let container = Self::without_tensors(bytes)?;
        container.header.check(container.data.len())?;
        Ok(container)
    }

    /// Reads the header of a file of which not all may be there.
    ///
    /// # Errors
    /// As [`Self::read`], but nothing is known of what follows the header.
    pub fn without_tensors(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(ContainerError::NoHeader)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok();
        let parts = length.and_then(|length| rest.split_at_checked(length));
        let parts = parts.filter(|(header, _)| header.len() <= MAX_HEADER);
        let (header, data) = parts.ok_or(match rest.first() {
            Some(b'{') if length.is_none_or(|length| length > MAX_HEADER) => {
                ContainerError::TooLong
            }
            // Where the header should begin.
            None | Some(b'{') => ContainerError::HeaderLength,
            Some(_) => ContainerError::Foreign,
        })?;
        let header = std::str::from_utf8(header).map_err(|_| ContainerError::HeaderText)?;
        let header: Header = json::parse(header).map_err(ContainerError::Header)?;
        Ok(Self { header, data })
    }

    /// The text of the card of a kind.
    ///
    /// # Errors
    /// [`ModelError::NoCard`] if there is none.
    pub fn text<C: CardKind>(&self) -> Result<&str, ModelError> {
        C::of(&self.header.cards).ok_or(ModelError::NoCard(C::KEY))
    }

    /// The card of a kind, if it is of the version that this code reads.
    ///
    /// # Errors
    /// [`ModelError`] names what is wrong.
    pub fn card<C: CardKind + DeserializeOwned>(&self) -> Result<C, ModelError> {
        #[derive(serde::Deserialize)]
        struct Version {
            format: u32,
        }
        let unreadable = |error| ModelError::Card { what: C::WHAT, error };
        let text = self.text::<C>()?;
        // The version first: a card of another version need not have this version's fields.
        let version: Version = json::parse(text).map_err(unreadable)?;
        if version.format != C::FORMAT {
            let (found, expected) = (version.format, C::FORMAT);
            return Err(ModelError::Format { what: C::WHAT, found, expected });
        }
        json::parse(text).map_err(unreadable)
    }

    pub(super) fn tensors(&self) -> impl Iterator<Item = Tensor<'_>> {
        self.header.tensors.iter().map(|(name, info)| {
            // Checked before: there are two, and they are in bounds.
            let bytes = match info.data_offsets[..] {
                [start, end] => self.data.get(start..end).unwrap_or_default(),
                _ => &[],
            };
            Tensor { name, dtype: &info.dtype, shape: &info.shape, bytes }
        })
    }
}

impl Header {
    /// Checks that the tensors lie one after the other and fill exactly the bytes `found`.
    fn check(&self, found: usize) -> Result<(), ContainerError> {
        let ranges = self.tensors.iter().map(|(name, info)| Reverse((&info.data_offsets, name)));
        // Takes them in order, with a tenth of the code of a sort.
        let mut ranges: BinaryHeap<_> = ranges.collect();
        let mut expected = 0;
        while let Some(Reverse((range, name))) = ranges.pop() {
            match range[..] {
                [start, end] if start == expected && start <= end => expected = end,
                _ => return Err(ContainerError::Offsets(name.clone())),
            }
        }
        match found.cmp(&expected) {
            Ordering::Less => Err(ContainerError::Short { found, expected }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(ContainerError::Long { found, expected }),
        }
    }
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        header.cards = map.next_value::<Option<_>>()?.unwrap_or_default();
                    } else {
                        header.tensors.push((name, map.next_value()?));
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
