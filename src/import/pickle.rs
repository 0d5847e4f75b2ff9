//! Pickles: programs for a stack machine, each of which makes one object.
//!
//! `pytorch-reader` runs them and finds the tensors. It expects a dictionary at a file's root,
//! though, and does not keep the order of a dictionary's keys; this module helps with both.

use std::collections::HashMap;

/// The pickle of `{key: object}` from that of an object: push an empty dictionary and the key, do as
/// before, set the item.
pub(super) fn keyed(pickle: &[u8], key: &str) -> Option<Vec<u8>> {
    const PROTO: u8 = 0x80;
    let (&stop, object) = pickle.split_last()?;
    let &[PROTO, protocol, ref object @ ..] = object else { return None };
    if stop != b'.' {
        return None;
    }
    let mut keyed = vec![PROTO, protocol, b'}', b'X'];
    keyed.extend((key.len() as u32).to_le_bytes());
    keyed.extend(key.as_bytes());
    keyed.extend(object);
    keyed.extend(b"s.");
    Some(keyed)
}

/// The length of the pickle that `bytes` begin with.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let (opcode, _, after) = instruction(rest)?;
        rest = after;
        if opcode == b'.' {
            return Some(bytes.len() - rest.len());
        }
    }
}

/// The tensors in a pickled object, in its order, under the reader's names: the keys and indices
/// on the way to a tensor, joined by dots. `None` if the pickle does what PyTorch's do not.
pub(super) fn tensors(pickle: &[u8]) -> Option<Vec<String>> {
    let mut machine = Machine::default();
    let mut rest = pickle;
    loop {
        let (opcode, argument, after) = instruction(rest)?;
        if opcode == b'.' {
            break;
        }
        machine.run(opcode, argument)?;
        rest = after;
    }
    let root = machine.pop()?;
    let (mut names, mut visits) = (Vec::new(), Machine::MOST_VISITS);
    machine.collect(root, &mut Vec::new(), &mut names, &mut visits)?;
    Some(names)
}

/// The first instruction: its opcode, its argument without the count of its bytes, and what follows
/// (Python's `pickletools`, protocols 0 to 5).
fn instruction(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&opcode, rest) = bytes.split_first()?;
    let counted = |width: usize| {
        let (bytes, rest) = rest.split_at_checked(width)?;
        let mut count = [0; 8];
        count[..width].copy_from_slice(bytes);
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(count)).ok()?)
    };
    let lines = |count: usize| {
        let ends = rest.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        rest.split_at_checked(ends.map(|(end, _)| end + 1).nth(count - 1)?)
    };
    let (argument, rest) = match opcode {
        b'K' | b'h' | b'q' | 0x80 | 0x82 => rest.split_at_checked(1)?,
        b'M' | 0x83 => rest.split_at_checked(2)?,
        b'J' | b'j' | b'r' | 0x84 => rest.split_at_checked(4)?,
        b'G' | 0x95 => rest.split_at_checked(8)?,
        b'F' | b'I' | b'L' | b'S' | b'V' | b'P' | b'g' | b'p' => lines(1)?,
        b'c' | b'i' => lines(2)?,
        b'U' | b'C' | 0x8a | 0x8c => counted(1)?,
        b'T' | b'X' | b'B' | 0x8b => counted(4)?,
        0x8d | 0x8e | 0x96 => counted(8)?,
        _ => rest.split_at(0),
    };
    Some((opcode, argument, rest))
}

/// A value, as far as the order of tensors depends on it. Values are numbers of items, since an
/// object can be in many places and grows after it was put there.
enum Item {
    /// Keys and values.
    Map(Vec<(String, usize)>),
    /// A list, a tuple or a set.
    List(Vec<usize>),
    /// What can be a key: a text, or the digits of an integer.
    Text(String),
    /// A class or a function.
    Global(String),
    Tensor,
    Other,
}

#[derive(Default)]
struct Machine {
    items: Vec<Item>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: HashMap<u32, usize>,
}

impl Machine {
    /// A few bytes can describe an object that is within itself any number of times.
    const MOST_VISITS: usize = 1 << 20;
    const DEEPEST: usize = 200;

    fn push(&mut self, item: Item) {
        self.stack.push(self.items.len());
        self.items.push(item);
    }

    fn pop(&mut self) -> Option<usize> {
        self.stack.pop()
    }

    fn pop_to_mark(&mut self) -> Option<Vec<usize>> {
        let mark = self.marks.pop()?;
        (mark <= self.stack.len()).then(|| self.stack.split_off(mark))
    }

    fn run(&mut self, opcode: u8, argument: &[u8]) -> Option<()> {
        match opcode {
            // The protocol, and the length of a frame.
            0x80 | 0x95 => {}
            b'(' => self.marks.push(self.stack.len()),
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => self.stack.push(*self.stack.last()?),
            b'}' => self.push(Item::Map(Vec::new())),
            b']' | b')' | 0x8f => self.push(Item::List(Vec::new())),
            b't' | b'l' | 0x91 => {
                let values = self.pop_to_mark()?;
                self.push(Item::List(values));
            }
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let values = self.stack.split_off(self.stack.len().checked_sub(count)?);
                self.push(Item::List(values));
            }
            b'd' => {
                let values = self.pop_to_mark()?;
                let map = Item::Map(self.pairs(&values));
                self.push(map);
            }
            b'a' => {
                let value = self.pop()?;
                self.append(vec![value])?;
            }
            b'e' | 0x90 => {
                let values = self.pop_to_mark()?;
                self.append(values)?;
            }
            b's' => {
                let values = self.stack.split_off(self.stack.len().checked_sub(2)?);
                self.set(&values)?;
            }
            b'u' => {
                let values = self.pop_to_mark()?;
                self.set(&values)?;
            }
            b'X' | b'T' | b'U' | b'V' | b'I' | b'L' | 0x8c | 0x8d => {
                let text = str::from_utf8(argument).ok()?.trim_end_matches('\n');
                let text = if opcode == b'L' { text.trim_end_matches('L') } else { text };
                self.push(Item::Text(text.into()));
            }
            b'K' | b'M' | b'J' | 0x8a if argument.len() <= 8 => {
                // Short ones are not negative; the others are in two's complement.
                let signed = matches!(opcode, b'J' | 0x8a);
                let negative = signed && argument.last().is_some_and(|&byte| byte >= 0x80);
                let mut bytes = [if negative { 0xff } else { 0 }; 8];
                bytes[..argument.len()].copy_from_slice(argument);
                self.push(Item::Text(i64::from_le_bytes(bytes).to_string()));
            }
            b'c' => {
                let names: Vec<&str> = str::from_utf8(argument).ok()?.lines().collect();
                self.push(Item::Global(names.join(".")));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Item::Text(name), Item::Text(module)) =
                    (self.items.get(name)?, self.items.get(module)?)
                else {
                    return None;
                };
                self.push(Item::Global(format!("{module}.{name}")));
            }
            b'N' | b'F' | b'G' | b'B' | b'C' | b'P' | 0x88..=0x8b | 0x8e | 0x96 => {
                self.push(Item::Other);
            }
            // A storage, or an object of an unknown class, from one, two or three values.
            b'Q' | 0x81 | 0x92 => {
                let count = match opcode {
                    b'Q' => 1,
                    0x81 => 2,
                    _ => 3,
                };
                self.stack.truncate(self.stack.len().checked_sub(count)?);
                self.push(Item::Other);
            }
            b'R' => self.call()?,
            b'b' => self.build()?,
            b'g' | b'h' | b'j' => {
                let value = *self.memo.get(&number(opcode == b'g', argument)?)?;
                self.stack.push(value);
            }
            b'p' | b'q' | b'r' => {
                self.memo.insert(number(opcode == b'p', argument)?, *self.stack.last()?);
            }
            0x94 => {
                self.memo.insert(self.memo.len().try_into().ok()?, *self.stack.last()?);
            }
            _ => return None,
        }
        Some(())
    }

    /// Keys that are neither texts nor integers are left out: the reader refuses them.
    fn pairs(&self, values: &[usize]) -> Vec<(String, usize)> {
        let pairs = values.as_chunks().0.iter();
        pairs.filter_map(|&[key, value]| Some((self.text(key)?.to_owned(), value))).collect()
    }

    fn text(&self, item: usize) -> Option<&str> {
        match self.items.get(item)? {
            Item::Text(text) => Some(text),
            _ => None,
        }
    }

    fn list(&self, item: usize) -> &[usize] {
        match self.items.get(item) {
            Some(Item::List(values)) => values,
            _ => &[],
        }
    }

    fn top(&mut self) -> Option<&mut Item> {
        self.items.get_mut(*self.stack.last()?)
    }

    fn append(&mut self, more: Vec<usize>) -> Option<()> {
        if let Item::List(values) = self.top()? {
            values.extend(more);
        }
        Some(())
    }

    fn set(&mut self, values: &[usize]) -> Option<()> {
        let more = self.pairs(values);
        if let Item::Map(pairs) = self.top()? {
            pairs.extend(more);
        }
        Some(())
    }

    /// Calls a function or a class.
    fn call(&mut self) -> Option<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Item::Global(name) = self.items.get(callable)? else {
            self.push(Item::Other);
            return Some(());
        };
        let first = self.list(arguments).first().copied();
        match (name.as_str(), first) {
            ("collections.OrderedDict", first) => {
                let pairs = first.map_or(&[][..], |first| self.list(first));
                let values: Vec<usize> =
                    pairs.iter().flat_map(|&pair| self.list(pair)).copied().collect();
                let map = Item::Map(self.pairs(&values));
                self.push(map);
            }
            ("builtins.set" | "__builtin__.set", Some(first))
            | (
                "torch._utils._rebuild_parameter" | "torch._utils._rebuild_parameter_with_state",
                Some(first),
            ) => self.stack.push(first),
            (name, _)
                if name.starts_with("torch._utils._rebuild_tensor")
                    || name == "torch._tensor._rebuild_from_type_v2" =>
            {
                self.push(Item::Tensor);
            }
            _ => self.push(Item::Other),
        }
        Some(())
    }

    /// Sets an object's state. A module's is read as its `state_dict`: parameters, then buffers, then
    /// those of the modules within it.
    fn build(&mut self) -> Option<()> {
        let state = self.pop()?;
        let Item::Map(attributes) = self.items.get(state)? else { return Some(()) };
        let table = |name: &str| {
            let table = attributes.iter().find(|(key, _)| key == name);
            match table.and_then(|&(_, table)| self.items.get(table)) {
                Some(Item::Map(entries)) => Some(entries.clone()),
                _ => None,
            }
        };
        let tables = ["_parameters", "_buffers", "_modules"].map(table);
        if let [Some(parameters), Some(buffers), Some(modules)] = tables {
            *self.top()? = Item::Map([parameters, buffers, modules].concat());
        }
        Some(())
    }

    fn collect(
        &self,
        item: usize,
        path: &mut Vec<String>,
        names: &mut Vec<String>,
        visits: &mut usize,
    ) -> Option<()> {
        *visits = visits.checked_sub(1)?;
        if path.len() > Self::DEEPEST {
            return None;
        }
        let mut inner = |key: String, value: usize| {
            path.push(key);
            self.collect(value, path, names, visits)?;
            path.pop();
            Some(())
        };
        match self.items.get(item)? {
            Item::Map(pairs) => {
                pairs.iter().try_for_each(|(key, value)| inner(key.clone(), *value))?;
            }
            Item::List(values) => {
                let values = values.iter().enumerate();
                values
                    .map(|(index, &value)| (index.to_string(), value))
                    .try_for_each(|(index, value)| inner(index, value))?;
            }
            Item::Tensor => names.push(path.join(".")),
            Item::Text(_) | Item::Global(_) | Item::Other => {}
        }
        Some(())
    }
}

/// The number of an item in the memo.
fn number(text: bool, argument: &[u8]) -> Option<u32> {
    if text {
        return str::from_utf8(argument).ok()?.trim().parse().ok();
    }
    let mut bytes = [0; 4];
    bytes[..argument.len()].copy_from_slice(argument);
    Some(u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python's `pickle.dumps` makes of `{"b": [T(), {7: T(), -3: T()}], "a": (T(), None, T())}`, where
    /// `T()` is pickled as a call of `torch._utils._rebuild_tensor_v2`.
    const PROTOCOLS: [&[u8]; 3] = [
        b"(dp0\nVb\np1\n(lp2\nctorch._utils\n_rebuild_tensor_v2\np3\n(Vx\np4\nI0\ntp5\nRp6\na(dp7\nI7\ng3\ng5\nRp8\nsI-3\ng3\ng5\nRp9\nsasVa\np10\n(g3\ng5\nRp11\nNg3\ng5\nRp12\ntp13\ns.",
        b"\x80\x02}q\x00(X\x01\x00\x00\x00bq\x01]q\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x03X\x01\x00\x00\x00xq\x04K\x00\x86q\x05Rq\x06}q\x07(K\x07h\x03h\x05Rq\x08J\xfd\xff\xff\xffh\x03h\x05Rq\x09ueX\x01\x00\x00\x00aq\nh\x03h\x05Rq\x0bNh\x03h\x05Rq\x0c\x87q\x0du.",
        b"\x80\x04\x95g\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01b\x94]\x94(\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94\x8c\x01x\x94K\x00\x86\x94R\x94}\x94(K\x07h\x05h\x07R\x94J\xfd\xff\xff\xffh\x05h\x07R\x94ue\x8c\x01a\x94h\x05h\x07R\x94Nh\x05h\x07R\x94\x87\x94u.",
    ];

    #[test]
    fn tensors_are_in_the_order_of_the_object_in_every_protocol() {
        for pickle in PROTOCOLS {
            let names = tensors(pickle).expect("a good pickle");
            assert_eq!(names, ["b.0", "b.1.7", "b.1.-3", "a.0", "a.2"]);
            assert_eq!(length(&[pickle, b"more"].concat()), Some(pickle.len()));
            for cut in 0..pickle.len() {
                assert_eq!((tensors(&pickle[..cut]), length(&pickle[..cut])), (None, None));
            }
        }
    }

    /// A list that holds itself, and lists of lists that each hold the one before twice.
    #[test]
    fn what_has_no_end_is_given_up() {
        assert_eq!(tensors(b"\x80\x02]q\x00h\x00a."), None);
        let mut bomb = b"\x80\x02]q\x00".to_vec();
        for level in 1..40 {
            bomb.extend([b']', b'q', level, b'(', b'h', level - 1, b'h', level - 1, b'e']);
        }
        bomb.push(b'.');
        assert_eq!(tensors(&bomb), None);
    }
}
