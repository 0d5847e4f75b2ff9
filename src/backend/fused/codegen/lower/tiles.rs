//! How a convolution's outputs are divided among invocations and workgroups: numbers that follow
//! from its sizes and the tiling alone.

use crate::backend::fused::codegen::tiling::Tiling;
use crate::backend::fused::plan::{Conv, Term};

/// How a convolution's outputs are divided among invocations.
#[derive(Clone, Copy, Debug)]
pub struct Tiles {
    /// Neighbors of a row that one invocation computes.
    pub pixels: usize,
    /// Columns that it computes for each.
    pub columns: usize,
    /// Invocations that cover all columns.
    pub lanes: usize,
    /// Those of one workgroup.
    pub group_lanes: usize,
    /// Tiles in a row.
    pub across: usize,
    /// Tiles in an image.
    pub count: usize,
    /// Tiles of one workgroup: consecutive if direct, one below the other if staged.
    pub group_tiles: usize,
}

impl Tiles {
    /// The tiles of a convolution that keeps everything in registers.
    pub fn direct(conv: &Conv, most: Tiling) -> Self {
        let [height, width] = conv.grid;
        let pixels = largest_divisor(width, most.pixels);
        let most_columns = (most.pixels * most.columns / pixels).max(1);
        // At least four invocations share their inputs, preferably eight: software adapters run
        // that many side by side.
        let sharing = |lanes| {
            let columns = (1..=most_columns.min(12)).rev();
            { columns }.find(|columns| conv.columns.is_multiple_of(columns * lanes))
        };
        let columns = match (sharing(8), sharing(4)) {
            (Some(columns), _) if 2 * columns >= most_columns || columns >= 4 => columns,
            (_, columns) => columns.unwrap_or(1),
        };
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, most.lanes);
        let across = width / pixels;
        let count = height * across;
        let group_tiles = count.min((most.group / group_lanes).max(1));
        Self { pixels, columns, lanes, group_lanes, across, count, group_tiles }
    }
}

/// What a convolution stages in workgroup memory.
#[derive(Clone, Copy, Debug)]
pub struct Staged {
    /// The channels of the source that has the most, in quads.
    pub quads: usize,
    /// The bytes of a quad.
    pub bytes: usize,
    /// The bytes of workgroup memory.
    pub memory: usize,
}

/// The tiles of a convolution that stages its inputs in workgroup memory.
#[derive(Clone, Copy, Debug)]
pub struct StagedTiles {
    /// The tiles.
    pub tiles: Tiles,
    /// Invocations that share a tile, with a part of the input channels each.
    pub split_k: usize,
    /// Neighboring tiles of a row in one workgroup.
    pub group_across: usize,
    /// The quads that fit into memory, beside the sums of those that share a tile.
    room: usize,
}

impl StagedTiles {
    /// As many tiles in a workgroup as the tiling and the memory allow.
    pub fn new(conv: &Conv, most: Tiling, staged: Staged) -> Self {
        let [height, width] = conv.grid;
        let pixels = largest_divisor(width, most.pixels);
        // One load of weights gives four columns.
        let columns = 4;
        let lanes = conv.columns / columns;
        let group_lanes = largest_divisor(lanes, most.lanes);
        let across = width / pixels;
        // The number of positions that `rows` × `beside` tiles read.
        let area = |rows, beside| {
            let area = |term| reach(term, rows) * reach(term, pixels * beside);
            conv.terms.iter().map(area).max().unwrap_or(0)
        };
        // Each invocation that shares a tile needs a channel, and workgroup memory must hold their
        // sums.
        let mut split_k = staged.quads.min(most.split_k);
        let mut shares = 16 * most.group / split_k * (split_k - 1);
        if area(1, 1) * staged.bytes + shares > staged.memory {
            (split_k, shares) = (1, 0);
        }
        let room = (staged.memory - shares) / staged.bytes;
        let mut rows = height.min(most.group / (group_lanes * split_k)).clamp(1, most.rows);
        while rows > 1 && area(rows, 1) > room {
            rows -= 1;
        }
        // Divide the rows evenly.
        let group_tiles = height.div_ceil(height.div_ceil(rows));
        let mut group_across =
            largest_divisor(across, most.group / (group_lanes * split_k * group_tiles));
        while group_across > 1 && area(group_tiles, group_across) > room {
            group_across = largest_divisor(across, group_across - 1);
        }
        let count = height * across;
        let tiles = Tiles { pixels, columns, lanes, group_lanes, across, count, group_tiles };
        Self { tiles, split_k, group_across, room }
    }

    /// The rows and columns of a term's source that a workgroup reads, and how many of its `quads` of
    /// channels it stages at a time.
    pub fn stage(&self, term: &Term, quads: usize) -> [usize; 3] {
        let Self { tiles, split_k, group_across, room } = *self;
        let (depth, spread) =
            (reach(term, tiles.group_tiles), reach(term, tiles.pixels * group_across));
        let area = depth * spread;
        // The invocations that share a tile take equally many channels if the chunk can be divided.
        let divides = quads.is_multiple_of(split_k) && area * split_k <= room;
        let chunk = match divides {
            true => split_k * largest_divisor(quads / split_k, room / area / split_k),
            false => largest_divisor(quads, room / area),
        };
        [depth, spread, chunk]
    }
}

/// How many neighbors of a row a tile of `pixels` pixels reads; likewise for columns.
pub fn reach(term: &Term, pixels: usize) -> usize {
    (pixels - 1) * term.stride + (term.kernel - 1) * term.dilation + 1
}

fn largest_divisor(of: usize, most: usize) -> usize {
    (1..=most.min(of)).rev().find(|&d| of.is_multiple_of(d)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::fused::codegen::strategy::Strategy;
    use crate::backend::fused::plan::Target;

    /// Convolutions of many sizes.
    fn convs() -> Vec<Conv> {
        let terms = [
            vec![Term::square(0)],
            vec![Term::pointwise(0)],
            vec![Term::halving(0)],
            vec![Term::dilated(0, 4), Term::pointwise(1)],
        ];
        let grids = [[1, 1], [5, 7], [14, 14], [28, 28], [96, 40]];
        let columns = [4, 12, 48, 96, 1024];
        let conv = |grid, columns, terms: &Vec<Term>| {
            Conv::new(terms.clone(), 0, columns, grid, Target::Tensor(2))
        };
        let of_grid = |grid| {
            let sizes = columns.iter().flat_map(|&columns| terms.iter().map(move |t| (columns, t)));
            sizes.map(move |(columns, terms)| conv(grid, columns, terms))
        };
        grids.into_iter().flat_map(of_grid).collect()
    }

    fn covers_once(tiles: &Tiles, conv: &Conv) {
        assert_eq!(tiles.columns * tiles.lanes, conv.columns, "{tiles:?}");
        assert!(tiles.lanes.is_multiple_of(tiles.group_lanes), "{tiles:?}");
        assert_eq!(tiles.pixels * tiles.across, conv.grid[1], "{tiles:?}");
        assert_eq!(tiles.across * conv.grid[0], tiles.count, "{tiles:?}");
    }

    #[test]
    fn direct_tiles_cover_each_output_once_in_few_registers() {
        for most in Tiling::of(Strategy::Direct) {
            for conv in convs() {
                let tiles = Tiles::direct(&conv, *most);
                covers_once(&tiles, &conv);
                assert!(tiles.pixels * tiles.columns <= most.pixels * most.columns, "{tiles:?}");
                assert!(tiles.group_lanes * tiles.group_tiles <= 256, "{tiles:?}");
                assert!(tiles.group_tiles <= tiles.count, "{tiles:?}");
            }
        }
    }

    #[test]
    fn staged_tiles_cover_each_output_once_and_fit_into_memory() {
        for most in Tiling::of(Strategy::Staged) {
            for conv in convs() {
                for (quads, bytes) in [(1, 16), (3, 16), (12, 8), (64, 16)] {
                    let memory = most.memory;
                    let staged = StagedTiles::new(&conv, *most, Staged { quads, bytes, memory });
                    let StagedTiles { tiles, split_k, group_across, .. } = staged;
                    covers_once(&tiles, &conv);
                    assert!(tiles.across.is_multiple_of(group_across), "{staged:?}");
                    let tile_group = tiles.group_lanes * group_across * tiles.group_tiles;
                    assert!(tile_group * split_k <= most.group, "{staged:?}");
                    let shares = 16 * tile_group * (split_k - 1);
                    for term in &conv.terms {
                        let [depth, spread, chunk] = staged.stage(term, quads);
                        assert!(quads.is_multiple_of(chunk), "{staged:?}");
                        assert!(shares + bytes * depth * spread * chunk <= memory, "{staged:?}");
                    }
                }
            }
        }
    }

    /// With one invocation for each tile, few images would leave a GPU idle.
    #[test]
    fn a_tile_is_shared_by_as_many_as_have_channels() {
        let most = Tiling::of(Strategy::Staged)[0];
        let conv = &convs()[0];
        let split_k = |quads| {
            StagedTiles::new(conv, most, Staged { quads, bytes: 16, memory: 1 << 14 }).split_k
        };
        assert_eq!([1, 2, 64].map(split_k), [1, 2, most.split_k]);
        let cramped = Staged { quads: 64, bytes: 16, memory: 1 << 11 };
        assert_eq!(StagedTiles::new(conv, most, cramped).split_k, 1, "no room for their sums");
    }
}
