//! Convolutions whose result is a gradient: the weights of another, transposed.
//!
//! The gradient with respect to a convolution's input is a convolution of the gradient with respect
//! to its output, with inputs and outputs exchanged. Taps are mirrored; halving the resolution
//! becomes doubling it, and the other way round.

use super::placement::Place;
use crate::backend::fused::plan::{Conv, Id, Parameters, Plan, Target, Term};

/// The launch for the gradient with respect to the source of one term of `conv`, added to `others`.
/// Its weights become a new slice of the parameters.
pub fn transposed(
    plan: &mut Plan,
    places: &mut Vec<Vec<Place>>,
    conv: &Conv,
    term: usize,
    gradient: Id,
    others: Vec<Id>,
    to: Id,
) -> Conv {
    let Term { source, kernel, stride, dilation } = conv.terms[term];
    let channels = |id: Id| plan.tensors[id].shape.channels();
    let taps = |term: &Term| term.kernel * term.kernel;
    let first: usize =
        conv.terms[..term].iter().map(|t| taps(t) * channels(t.source) * conv.columns).sum();
    let (inputs, columns, taps) = (channels(source), conv.columns, kernel * kernel);
    let weight = {
        let places = &places[conv.parameters];
        move |tap, input, column| places[first + (tap * inputs + input) * columns + column]
    };
    let shape = &plan.tensors[source].shape;
    let size = [shape.height, shape.width];
    // The places in the order of the new launch's taps, inputs and columns.
    let (term, fold, slice): (Term, usize, Vec<Place>) = match (stride, conv.fold) {
        (1, 1) => {
            let of = |tap: usize, o| (0..inputs).map(move |i| weight(taps - 1 - tap, i, o));
            let slice = (0..taps).flat_map(|tap| (0..columns).flat_map(move |o| of(tap, o)));
            (Term { source: gradient, kernel, stride, dilation }, 1, slice.collect())
        }
        (2, 1) => {
            let of = |o| (0..taps).flat_map(move |t| (0..inputs).map(move |i| weight(t, i, o)));
            (Term::pointwise(gradient), 2, (0..columns).flat_map(of).collect())
        }
        _ => {
            // The columns are in the order (tap, channel) already.
            let of = |column| (0..inputs).map(move |i| weight(0, i, column));
            (Term::halving(gradient), 1, (0..columns).flat_map(of).collect())
        }
    };
    places.push(slice);
    let exact = plan.parameters[conv.parameters].exact;
    plan.parameters.push(Parameters { values: Vec::new(), exact });
    let (slice, columns) = (plan.parameters.len() - 1, inputs * fold * fold);
    let (grid, to) = (size.map(|side| side / fold), Target::Tensor(to));
    Conv { residuals: others, fold, ..Conv::new(vec![term], slice, columns, grid, to) }
}
