//! The memory that `pytorch-reader` takes for a pickle, found out before it reads it.
//!
//! It keeps values as trees, so what a pickle puts into its memo or fetches from it is copied with
//! everything in it: a few bytes can make gigabytes. This runs a pickle as the reader does, with
//! sizes in place of values.

use std::collections::HashMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::pickle::opcode;
use crate::pickle::stack::Stack;

/// The most bytes of a value in a list or dictionary, while that grows.
const VALUE: u64 = 200;
/// The most bytes of a place on the stack, while that grows.
const SLOT: u64 = 264;
/// The most bytes of a place in the memo, while that grows.
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
    /// Those of the longest text that may be a key.
    longest: u64,
    /// The most tensors that it can have.
    tensors: u64,
}

impl Add for Tree {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            bytes: self.bytes + other.bytes,
            longest: self.longest.max(other.longest),
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

/// What the reader makes of a call.
#[derive(Clone, Copy)]
enum Makes {
    /// The name of what is called, and nothing of what it is called with.
    Name,
    Tensor,
    /// A tensor, or anything that it is called with, also as the entries of a dictionary.
    Any,
}

/// What is on the stack or in the memo.
#[derive(Clone, Copy)]
struct Entry {
    tree: Tree,
    /// Its number in the memo, if it is there.
    memo: Option<u32>,
    makes: Makes,
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
    stack: Stack<Entry>,
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
            MARK => self.stack.mark(),
            POP => self.stack.discard()?,
            POP_MARK => drop(self.stack.pop_to_mark()?),
            DUP => {
                let top = *self.stack.top()?;
                self.fetch(top);
            }

            TUPLE | LIST | FROZENSET => {
                let items = self.stack.pop_to_mark()?;
                self.push(sum(&items));
            }
            TUPLE1..=TUPLE3 => {
                let items = self.stack.pop_many(usize::from(opcode - TUPLE1) + 1)?;
                self.push(sum(&items));
            }
            APPEND => {
                let items = self.stack.pop_many(1)?;
                self.extend(&items)?;
            }
            APPENDS | ADDITEMS => {
                let items = self.stack.pop_to_mark()?;
                self.extend(&items)?;
            }
            DICT => {
                let items = self.stack.pop_to_mark()?;
                self.name_by_keys(&items);
                self.push(sum(&items));
            }
            SETITEM => {
                let items = self.stack.pop_many(2)?;
                self.name_by_keys(&items);
                self.extend(&items)?;
            }
            SETITEMS => {
                let items = self.stack.pop_to_mark()?;
                self.name_by_keys(&items);
                self.extend(&items)?;
            }

            BINPERSID => {
                // A storage, of which the reader keeps the key.
                let bytes = sum(&self.stack.pop_many(1)?).bytes;
                self.push(Tree { bytes, ..Tree::default() });
            }
            STACK_GLOBAL => {
                let names = self.stack.pop_many(2)?;
                // Texts can be spelled in several ways, so this does not tell what it is.
                self.push_callable(sum(&names), Makes::Any);
            }
            REDUCE | NEWOBJ | NEWOBJ_EX => {
                let parts = self.stack.pop_many(if opcode == NEWOBJ_EX { 3 } else { 2 })?;
                let all = sum(&parts);
                match parts[0].makes {
                    Makes::Tensor if opcode == REDUCE => {
                        // Its sizes and strides take 8 bytes each, and are among these values.
                        let bytes = all.bytes + 8 * all.values;
                        self.push(Tree { values: 1, bytes, longest: 0, tensors: 1 });
                    }
                    Makes::Any if opcode == REDUCE => {
                        self.name(parts[1].tree.longest, all.tensors);
                        self.push_callable(Tree { tensors: all.tensors + 1, ..all }, Makes::Any);
                    }
                    _ => self.push(Tree { bytes: parts[0].tree.bytes, ..Tree::default() }),
                }
            }
            BUILD => {
                let parts = self.stack.pop_many(2)?;
                let tree = sum(&parts);
                // The memo has the object as it is from then on.
                if let memo @ Some(number) = parts[0].memo {
                    self.copy(tree);
                    self.memo.insert(number, Entry { tree, memo, makes: Makes::Name });
                }
                self.push(tree);
            }

            PUT | BINPUT | LONG_BINPUT | MEMOIZE => {
                let number: u32 = match opcode {
                    MEMOIZE => self.memo.len().try_into().ok()?,
                    _ => memo_key(opcode, argument)?,
                };
                let top = self.stack.top_mut()?;
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
                let makes = if opcode == GLOBAL { made_by(argument) } else { Makes::Name };
                self.push_callable(Tree { bytes, longest: bytes, ..Tree::default() }, makes);
            }
        }
        Some(())
    }

    /// Pushes a new value that has these in it.
    fn push(&mut self, inside: Tree) {
        self.push_callable(inside, Makes::Name);
    }

    /// The same of one that can be called.
    fn push_callable(&mut self, inside: Tree, makes: Makes) {
        self.taken += VALUE;
        self.name(INDEX, inside.tensors);
        let tree = Tree { values: inside.values + 1, ..inside };
        self.put(Entry { tree, memo: None, makes });
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

    /// Adds items to the value on top.
    fn extend(&mut self, items: &[Entry]) -> Option<()> {
        let more = sum(items);
        self.stack.top_mut()?.tree += more;
        self.name(INDEX, more.tensors);
        Some(())
    }

    /// Adds keys to the names of the tensors that they lead to.
    fn name_by_keys(&mut self, items: &[Entry]) {
        for [key, value] in items.as_chunks::<2>().0 {
            self.name(key.tree.bytes, value.tree.tensors);
        }
    }

    /// Adds so many bytes to the name of each of these tensors.
    fn name(&mut self, bytes: u64, tensors: u64) {
        let bytes = bytes.saturating_mul(tensors).saturating_mul(NAMES);
        self.taken = self.taken.saturating_add(bytes);
    }
}

/// What a class or function makes, by the lines of its module and its name.
fn made_by(global: &[u8]) -> Makes {
    match global {
        // The reader leaves this out at the end of a line.
        _ if global.contains(&b'\r') => Makes::Any,
        _ if global.starts_with(b"torch._utils\n_rebuild_tensor") => Makes::Tensor,
        _ if global.starts_with(b"torch._utils\n_rebuild_parameter") => Makes::Any,
        b"collections\nOrderedDict" | b"torch._tensor\n_rebuild_from_type_v2" => Makes::Any,
        b"builtins\nset" | b"builtins\nfrozenset" => Makes::Any,
        b"__builtin__\nset" | b"__builtin__\nfrozenset" => Makes::Any,
        _ => Makes::Name,
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

    const TENSOR: &[u8] = b"ctorch._utils\n_rebuild_tensor_v2\n)R";

    /// Keys are set one by one, or come with a dictionary or with a call that makes one.
    #[test]
    fn names_of_tensors_are_long_where_their_keys_are() {
        let key = [&b"X\x10\x27\0\0"[..], &[b'k'; 10_000]].concat();
        let tensors = TENSOR.repeat(1000);
        let ways: [[&[u8]; 2]; 4] = [
            [b"}", b"es."],
            [b"(", b"ed."],
            [b"ccollections\nOrderedDict\n]", b"e\x86a\x85R."],
            [b"ccollections\r\nOrderedDict\n]", b"e\x86a\x85R."],
        ];
        for [before, after] in ways {
            let short = taken(&[b"\x80\x02", before, b"U\x01k](", &tensors, after]);
            let long = taken(&[b"\x80\x02", before, &key, b"](", &tensors, after]);
            assert!(long - short > 3 * 1000 * 10_000, "{short} and {long}");
        }
    }

    /// Lists that are put into others only when they are full.
    #[test]
    fn names_of_tensors_have_an_index_for_each_list() {
        let nested = |lists: usize| {
            let (open, close) = (b"]".repeat(lists), b"a".repeat(lists - 1));
            taken(&[b"\x80\x02", &open, b"(", &TENSOR.repeat(1000), b"e", &close, b"."])
        };
        let (few, many) = (nested(10), nested(110));
        assert!(many - few > 100 * 1000 * 2, "{few} and {many}");
    }

    /// The reader keeps the name of a scalar's type, and not its value.
    #[test]
    fn what_is_called_with_texts_does_not_keep_them() {
        let text = [&b"X\xe8\x03\0\0"[..], &[b'a'; 1000]].concat();
        for call in [b"R", b"\x81"] {
            let object = [&b"cm\nn\n"[..], &text, b"\x85", call, b"q\0"].concat();
            let once = taken(&[b"\x80\x02", &object, b"."]);
            let more = taken(&[b"\x80\x02", &object, &b"h\0".repeat(100), b"."]) - once;
            assert!(more < 100 * 1000, "{more}");
        }
        // The losses of ten thousand steps.
        let scalars = b"h\0h\x01U\x04aaaa\x86Rq\x02".repeat(10_000);
        let start = b"\x80\x02](cnumpy.core.multiarray\nscalar\nq\0U\x01fq\x01";
        let scalars = taken(&[start, &scalars, b"e."]);
        assert!(scalars < 24 << 20, "{scalars}");
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
