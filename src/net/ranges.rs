//! The ranges that the sizes in a description must be in.

use super::description_error::DescriptionError;

/// Checks that sizes are within their ranges: (name, size, least, most).
pub(crate) fn within(sizes: &[(&str, usize, usize, usize)]) -> Result<(), DescriptionError> {
    match sizes.iter().find(|(_, size, least, most)| !(least..=most).contains(&size)) {
        Some((name, size, least, most)) => Err(DescriptionError::new(format!(
            "{name} must be from {least} to {most}, but is {size}"
        ))),
        None => Ok(()),
    }
}
