//! What a network is conditioned on besides σ: a class, and a scale of guidance.

/// A class, and how far to go beyond it.
///
/// What is added to σ's embedding is `r + w (r_c − r)`, where r_c is the row of class c and r that of
/// no class: r for w = 0, r_c for w = 1. A network with a
/// [`guidance_max`](super::UNetDescription::guidance_max) was trained for w above 1, too: there its
/// score is that of classifier-free guidance with the scale w, which otherwise takes two evaluations
/// (Meng et al., *On Distillation of Guided Diffusion Models*, 2023, section 3.1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassInput {
    /// c; `None` for no class in particular.
    pub class: Option<usize>,
    /// w.
    pub guidance: f32,
}

impl From<Option<usize>> for ClassInput {
    /// A class without guidance.
    fn from(class: Option<usize>) -> Self {
        Self { class, guidance: 1.0 }
    }
}

impl ClassInput {
    /// The rows to add and their weights, of a table whose last row, number `none`, is that of no
    /// class. Classes beyond it count as none.
    pub fn rows(self, none: usize) -> [(usize, f32); 2] {
        match self.class {
            Some(class) if class < none => [(class, self.guidance), (none, 1.0 - self.guidance)],
            _ => [(none, 1.0), (none, 0.0)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_lead_from_no_class_through_the_class_and_beyond() {
        let at = |class, guidance| ClassInput { class, guidance }.rows(3);
        assert_eq!(at(Some(1), 1.0), [(1, 1.0), (3, 0.0)]);
        assert_eq!(at(Some(1), 2.5), [(1, 2.5), (3, -1.5)]);
        assert_eq!(at(Some(1), 0.0), [(1, 0.0), (3, 1.0)]);
        for class in [None, Some(3), Some(usize::MAX)] {
            assert_eq!(at(class, 2.5), [(3, 1.0), (3, 0.0)]);
        }
    }
}
