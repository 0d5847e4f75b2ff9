//! The memory that `pytorch-reader` takes for a pickle, found out before it reads it.
//!
//! It keeps values as trees, so what a pickle puts into its memo or fetches from it is copied with
//! everything in it: a few bytes can make gigabytes. This runs a pickle as the reader does, with
//! sizes in place of values.

use std::collections::HashMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::pickle::opcode;

/// The most bytes of a value in a list or dictionary, while that grows.
const VALUE: u64 = 200;
/// The same of a place on the stack.
const SLOT: u64 = 264;
/// The same of a place in the memo.
const MEMO: u64 = 340;
/// Each tensor has a name of the keys and indices that lead to it, and some copies of it.
const NAMES: u64 = 4;
/// The most bytes of an index in such a name, with a dot.
const INDEX: u64 = 8;

/// A value with everything in it.
#[derive(Clone, Copy, Default)]
struct Tree {
    values: u64,
    /// Of texts.
    bytes: u64,
    /// The most tensors that it can have.
    tensors: u64,
}

impl Add for Tree {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            bytes: self.bytes + other.bytes,
            tensors: self.tensors + other.tensors,
        }
    }
}

impl AddAssign for Tree {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Tree {
    fn sum<I: Iterator<Item = Self>>(trees: I) -> Self {
        trees.fold(Self::default(), Add::add)
    }
}

/// What is on the stack or in the memo.
#[derive(Clone, Copy)]
struct Entry {
    tree: Tree,
    /// Its number in the memo, if it is there.
    memo: Option<u32>,
    /// Whether it is a function that makes a tensor.
    makes_tensor: bool,
}

/// The bytes of memory that reading a pickle takes at most, or some number above `most`.
pub(super) fn footprint(pickle: &[u8], most: u64) -> u64 {
    let mut machine = Machine::default();
    let mut rest = pickle;
    // What is damaged is refused by the reader, at the same place.
    while let Some((opcode, argument, after)) = opcode::split_first(rest)
        && opcode != opcode::STOP
        && machine.step(opcode, argument).is_some()
        && machine.taken <= most
    {
        rest = after;
    }
    machine.taken
}

#[derive(Default)]
struct Machine {
    stack: Vec<Entry>,
    marks: Vec<usize>,
    memo: HashMap<u32, Entry>,
    /// The most entries that were on the stack.
    highest: usize,
    /// The bytes of memory. What is given back is not subtracted.
    taken: u64,
}

impl Machine {
    /// Runs one instruction; `None` if something is missing.
    fn step(&mut self, opcode: u8, argument: &[u8]) -> Option<()> {
        use opcode::*;
        match opcode {
            PROTO | FRAME => {}
            MARK => self.marks.push(self.stack.len()),
            POP if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            POP => drop(self.stack.pop()?),
            POP_MARK => drop(self.pop_to_mark()?),
            DUP => {
                let top = *self.stack.last()?;
                self.fetch(top);
            }

            TUPLE | LIST | FROZENSET => {
                let items = self.pop_to_mark()?;
                self.push(sum(&items));
            }
            TUPLE1..=TUPLE3 => {
                let items = self.pop_many(usize::from(opcode - TUPLE1) + 1)?;
                self.push(sum(&items));
            }
            APPEND => {
                let items = self.pop_many(1)?;
                self.extend(&items)?;
            }
            APPENDS | ADDITEMS => {
                let items = self.pop_to_mark()?;
                self.extend(&items)?;
            }
            DICT => {
                let items = self.pop_to_mark()?;
                self.name(&items);
                self.push(sum(&items));
            }
            SETITEM => {
                let items = self.pop_many(2)?;
                self.name(&items);
                self.extend(&items)?;
            }
            SETITEMS => {
                let items = self.pop_to_mark()?;
                self.name(&items);
                self.extend(&items)?;
            }

            BINPERSID => {
                // A storage, of which the reader keeps the key.
                let bytes = sum(&self.pop_many(1)?).bytes;
                self.push(Tree { bytes, ..Tree::default() });
            }
            STACK_GLOBAL => {
                let names = self.pop_many(2)?;
                self.push(sum(&names));
            }
            REDUCE | NEWOBJ | NEWOBJ_EX => {
                let parts = self.pop_many(if opcode == NEWOBJ_EX { 3 } else { 2 })?;
                let Tree { values, bytes, tensors } = sum(&parts);
                self.push(match opcode == REDUCE && parts[0].makes_tensor {
                    // It has at most so many sizes and strides.
                    true => Tree { values: 1, bytes: bytes + 8 * values, tensors: 1 },
                    false => Tree { values, bytes, tensors: tensors + 1 },
                });
            }
            BUILD => {
                let parts = self.pop_many(2)?;
                let tree = sum(&parts);
                // The memo has the object as it is from then on.
                if let memo @ Some(number) = parts[0].memo {
                    self.copy(tree);
                    self.memo.insert(number, Entry { tree, memo, makes_tensor: false });
                }
                self.push(tree);
            }

            PUT | BINPUT | LONG_BINPUT | MEMOIZE => {
                let number: u32 = match opcode {
                    MEMOIZE => self.memo.len().try_into().ok()?,
                    _ => memo_key(opcode, argument)?,
                };
                let top = self.stack.last_mut()?;
                top.memo = Some(number);
                let entry = *top;
                self.taken += MEMO;
                self.copy(entry.tree);
                self.memo.insert(number, entry);
            }
            GET | BINGET | LONG_BINGET => {
                let entry = *self.memo.get(&memo_key(opcode, argument)?)?;
                self.fetch(entry);
            }

            _ => {
                let bytes = argument.len() as u64;
                // Buffers may be up to twice as large.
                self.taken += 2 * bytes;
                self.push(Tree { bytes, ..Tree::default() });
                self.stack.last_mut()?.makes_tensor =
                    opcode == GLOBAL && argument.starts_with(b"torch._utils\n_rebuild_tensor");
            }
        }
        Some(())
    }

    /// Pushes a new value that has these in it.
    fn push(&mut self, inside: Tree) {
        self.taken += VALUE + NAMES * INDEX * inside.tensors;
        let tree = Tree { values: inside.values + 1, ..inside };
        self.put(Entry { tree, memo: None, makes_tensor: false });
    }

    fn put(&mut self, entry: Entry) {
        self.stack.push(entry);
        if self.stack.len() > self.highest {
            self.highest = self.stack.len();
            self.taken += SLOT;
        }
    }

    /// Pushes a copy.
    fn fetch(&mut self, entry: Entry) {
        self.copy(entry.tree);
        self.put(entry);
    }

    fn copy(&mut self, tree: Tree) {
        self.taken += VALUE * tree.values + tree.bytes;
    }

    fn pop_many(&mut self, count: usize) -> Option<Vec<Entry>> {
        Some(self.stack.split_off(self.stack.len().checked_sub(count)?))
    }

    fn pop_to_mark(&mut self) -> Option<Vec<Entry>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    /// Adds items to the value on top.
    fn extend(&mut self, items: &[Entry]) -> Option<()> {
        self.stack.last_mut()?.tree += sum(items);
        Some(())
    }

    /// Keys become parts of the names of the tensors that they lead to.
    fn name(&mut self, items: &[Entry]) {
        for [key, value] in items.as_chunks::<2>().0 {
            let bytes = (key.tree.bytes + INDEX).saturating_mul(value.tree.tensors);
            self.taken = self.taken.saturating_add(bytes.saturating_mul(NAMES));
        }
    }
}

fn sum(entries: &[Entry]) -> Tree {
    entries.iter().map(|entry| entry.tree).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 30;

    fn taken(parts: &[&[u8]]) -> u64 {
        footprint(&parts.concat(), MOST)
    }

    #[test]
    fn what_is_copied_counts_as_often() {
        let letters = [b'a'; 1000];
        // As a text, the name of a class, and the key of a dictionary.
        let text = [&b"X\xe8\x03\0\0"[..], &letters].concat();
        let class = [&b"c"[..], &letters, b"\nb\n"].concat();
        let key = [&b"}"[..], &text, b"Ns"].concat();
        for large in [&text, &class, &key] {
            let once = taken(&[b"\x80\x02", large, b"q\0."]);
            assert!((2000..10_000).contains(&once), "{once}");
            for again in [&b"h\0"[..], b"2", b"q\x01", b"\x94"] {
                let more = taken(&[b"\x80\x02", large, b"q\0", &again.repeat(100), b"."]) - once;
                assert!((100_000..200_000).contains(&more), "{more} for {again:?}");
            }
        }
    }

    #[test]
    fn trees_that_double_are_found_at_once() {
        let pair = b"h\0h\0\x86q\0";
        assert!(taken(&[b"\x80\x02K\x01q\0", &pair.repeat(60), b"."]) > MOST);
        // An object in the memo gets the state that the object is given.
        let states = b"0h\0h\0b";
        assert!(taken(&[b"\x80\x02cm\nn\n)\x81q\0", &states.repeat(60), b"."]) > MOST);
    }

    #[test]
    fn names_of_tensors_are_long_where_their_keys_are() {
        let key = [&b"X\x10\x27\0\0"[..], &[b'k'; 10_000]].concat();
        let tensors = b"cm\nn\n)R".repeat(1000);
        let short = taken(&[&b"\x80\x02}U\x01k]("[..], &tensors, b"es."]);
        let long = taken(&[b"\x80\x02}", &key, b"](", &tensors, b"es."]);
        assert!(long - short > 1000 * 10_000, "{short} and {long}");
    }

    /// A tensor is one value, whatever it was described with.
    #[test]
    fn checkpoints_take_little() {
        for name in ["ncsn.pth", "ncsnv2.pth"] {
            let path = std::path::Path::new("tests/fixtures").join(name);
            let bytes = std::fs::read(path).expect("a fixture");
            let start = bytes.windows(3).position(|part| part == b"\x80\x02]");
            let object = &bytes[start.expect("a list")..];
            let taken = footprint(object, MOST);
            assert!((1 << 20..6 << 20).contains(&taken), "{name}: {taken}");
        }
    }

    #[test]
    fn what_is_damaged_takes_what_was_read() {
        let whole = b"\x80\x02](NNNe.";
        let all = footprint(whole, MOST);
        for cut in 0..whole.len() {
            assert!(footprint(&whole[..cut], MOST) <= all, "{cut}");
        }
        for odd in [&b"\x80\x02e."[..], b"h\x09.", b"t", b"(0\x86", b"b", b"s"] {
            assert!(footprint(odd, MOST) < 1000, "{odd:?}");
        }
        assert_eq!(footprint(&b"N".repeat(1 << 20), 1000) / 1000, 1);
    }
}
