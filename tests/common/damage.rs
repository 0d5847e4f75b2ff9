//! Files damaged at random.

use ncsn::random::pcg4d;

/// Random words of one mutation.
struct Dice {
    seed: u32,
    count: u32,
}

impl Dice {
    fn word(&mut self) -> u32 {
        self.count += 1;
        pcg4d([self.count, self.seed, 7, 11])[0]
    }

    fn below(&mut self, end: usize) -> usize {
        self.word() as usize % end.max(1)
    }
}

/// A file with one to four changes: bits flip, numbers become extreme, pieces are cut, repeated or
/// exchanged. Always the same for a seed.
pub fn damaged(bytes: &[u8], seed: u32) -> Vec<u8> {
    let mut dice = Dice { seed, count: 0 };
    let mut out = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        if out.is_empty() {
            break;
        }
        // Headers are where it matters.
        let within = if dice.below(2) == 0 { out.len().min(64) } else { out.len() };
        let at = dice.below(within);
        match dice.below(7) {
            0 => out[at] ^= 1 << dice.below(8),
            1 => out[at] = [0, 1, 0x7f, 0x80, 0xff][dice.below(5)],
            2 => {
                let number = [0u32, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 20];
                let number = number[dice.below(6)];
                let ends = [number.to_le_bytes(), number.to_be_bytes()];
                let end = (at + 4).min(out.len());
                out[at..end].copy_from_slice(&ends[dice.below(2)][..end - at]);
            }
            3 => out.truncate(at),
            4 => {
                let end = (at + 1 + dice.below(64)).min(out.len());
                let piece = out[at..end].to_vec();
                let to = dice.below(out.len());
                out.splice(to..to, piece);
            }
            5 => {
                let end = (at + 1 + dice.below(64)).min(out.len());
                out.drain(at..end);
            }
            _ => {
                let end = (at + 1 + dice.below(16)).min(out.len());
                out[at..end].fill(0);
            }
        }
    }
    out
}
