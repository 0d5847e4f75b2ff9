//! What of chains under way is looked at.

/// Which pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The noisy pictures x̃, as they stand.
    Noisy,
    /// What the network believes in, D(x̃, σ).
    Denoised,
}
