//! A number that tells weights apart.

use super::array::Weights;

/// The CRC-32C of weights: of the names and values of all tensors, in the order of their names.
pub fn checksum(weights: &Weights) -> u32 {
    weights.iter().fold(0, |sum, (name, array)| {
        let sum = crc32c::crc32c_append(sum, name.as_bytes());
        crc32c::crc32c_append(sum, bytemuck::cast_slice(&array.values))
    })
}
