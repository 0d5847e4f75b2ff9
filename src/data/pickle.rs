//! Reads the values of a Python pickle, and runs nothing in it: objects become what they are made
//! from. Enough for CIFAR's batches, whose array is an object of NumPy.

use std::collections::HashMap;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Bytes or text.
    Bytes(&'a [u8]),
    /// A whole number or truth value.
    Number(i64),
    /// A list or tuple.
    List(Vec<Value<'a>>),
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// What an object is made from.
    Object(Vec<Value<'a>>),
    /// Anything else.
    Other,
}

impl<'a> Value<'a> {
    /// The bytes of an array of unsigned bytes with so many columns, in C's order.
    pub fn bytes_of_rows(&self, columns: usize) -> Option<&'a [u8]> {
        let Self::Object(parts) = self else { return None };
        parts.iter().find_map(|part| {
            let Self::List(parts) = part else { return None };
            let (bytes, shape, kind) = match &parts[..] {
                // The state of an array: version, shape, type, whether in Fortran's order, bytes.
                [_, shape, kind, Self::Number(0), Self::Bytes(bytes)] => (bytes, shape, kind),
                // From pickles of version 5.
                [Self::Bytes(bytes), kind, shape, Self::Bytes(b"C")] => (bytes, shape, kind),
                _ => return None,
            };
            let Self::Object(kind) = kind else { return None };
            let Self::List(kind) = kind.first()? else { return None };
            let Self::List(shape) = shape else { return None };
            let [Self::Number(rows), Self::Number(found)] = shape[..] else { return None };
            let is_whole = usize::try_from(rows).ok()?.checked_mul(columns)? == bytes.len();
            let is_bytes = kind.first() == Some(&Self::Bytes(b"u1"));
            (is_bytes && is_whole && found == columns as i64).then_some(*bytes)
        })
    }
}

/// The most steps that a pickle may have, which bounds the memory for its values. CIFAR-100's has a
/// quarter of this.
const STEPS: usize = 1 << 20;
/// The most times that values may be put into others, which bounds how deep they can be. CIFAR-100
/// needs some hundreds.
const NESTED: usize = 1 << 12;

/// Reads a pickle.
///
/// # Errors
/// Says what is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Value<'_>, String> {
    let mut machine = Machine { rest: bytes, ..Machine::default() };
    for _ in 0..STEPS {
        let [code] = machine.array().ok_or(TRUNCATED)?;
        if code == b'.' {
            return machine.stack.pop().ok_or_else(|| "a pickle of nothing".into());
        }
        machine.step(code)?;
    }
    Err("a pickle of too many values".into())
}

const TRUNCATED: &str = "a truncated or damaged pickle";

#[derive(Default)]
struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Where on the stack the unfinished lists, tuples and dictionaries begin.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    /// How often values were put into others.
    nested: usize,
}

impl<'a> Machine<'a> {
    fn step(&mut self, code: u8) -> Result<(), String> {
        self.nested += usize::from(matches!(
            code,
            b't' | 0x85..=0x87 | b'a' | b'e' | b's' | b'u' | b'R' | 0x81 | b'b'
        ));
        if self.nested > NESTED {
            return Err("a pickle of too many values in others".into());
        }
        self.run(code).unwrap_or_else(|| Err(TRUNCATED.into()))
    }

    /// Runs one step; `None` if something is missing.
    fn run(&mut self, code: u8) -> Option<Result<(), String>> {
        match code {
            // PROTO, FRAME
            0x80 => drop(self.array::<1>()?),
            0x95 => drop(self.array::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.stack.push(Value::Other),
            b')' | b']' => self.stack.push(Value::List(vec![])),
            b'}' => self.stack.push(Value::Dict(vec![])),
            // NEWTRUE, NEWFALSE, BININT1, BININT2, BININT
            0x88 => self.stack.push(Value::Number(1)),
            0x89 => self.stack.push(Value::Number(0)),
            b'K' => {
                let [byte] = self.array()?;
                self.stack.push(Value::Number(byte.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.stack.push(Value::Number(number.into()));
            }
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Number(number.into()));
            }
            // LONG1, BINFLOAT
            0x8a => {
                let [length] = self.array()?;
                self.take(length.into())?;
                self.stack.push(Value::Other);
            }
            b'G' => {
                self.array::<8>()?;
                self.stack.push(Value::Other);
            }
            // SHORT_BINSTRING, SHORT_BINBYTES, SHORT_BINUNICODE
            b'U' | b'C' | 0x8c => {
                let [length] = self.array()?;
                self.bytes(length.into())?;
            }
            // BINSTRING, BINBYTES, BINUNICODE
            b'T' | b'B' | b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.bytes(length.into())?;
            }
            // BINUNICODE8, BINBYTES8, BYTEARRAY8
            0x8d | 0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.array()?);
                self.bytes(length)?;
            }
            // TUPLE, TUPLE1, TUPLE2, TUPLE3
            b't' => {
                let items = self.marked()?;
                self.stack.push(Value::List(items));
            }
            0x85..=0x87 => {
                let start = self.stack.len().checked_sub(usize::from(code - 0x84))?;
                let items = self.stack.split_off(start);
                self.stack.push(Value::List(items));
            }
            // APPEND, APPENDS, SETITEM, SETITEMS
            b'a' | b'e' => {
                let items = if code == b'a' { vec![self.stack.pop()?] } else { self.marked()? };
                let Some(Value::List(list)) = self.stack.last_mut() else { return None };
                list.extend(items);
            }
            b's' | b'u' => {
                let items = if code == b's' {
                    self.stack.split_off(self.stack.len().checked_sub(2)?)
                } else {
                    self.marked()?
                };
                let Some(Value::Dict(dict)) = self.stack.last_mut() else { return None };
                let mut items = items.into_iter();
                while let (Some(key), Some(value)) = (items.next(), items.next()) {
                    dict.push((key, value));
                }
            }
            // GLOBAL, STACK_GLOBAL: the name of a function or class
            b'c' => {
                self.line()?;
                self.line()?;
                self.stack.push(Value::Other);
            }
            0x93 => {
                self.stack.truncate(self.stack.len().checked_sub(2)?);
                self.stack.push(Value::Other);
            }
            // REDUCE, NEWOBJ: a call
            b'R' | 0x81 => {
                let arguments = self.stack.pop()?;
                *self.stack.last_mut()? = Value::Object(vec![arguments]);
            }
            // BUILD: the state of an object
            b'b' => {
                let state = self.stack.pop()?;
                let Some(Value::Object(parts)) = self.stack.last_mut() else { return None };
                parts.push(state);
            }
            // BINPUT, LONG_BINPUT, MEMOIZE
            b'q' => {
                let [key] = self.array()?;
                self.remember(key.into())?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.remember(key)?;
            }
            0x94 => self.remember(u32::try_from(self.memo.len()).ok()?)?,
            // BINGET, LONG_BINGET
            b'h' => {
                let [key] = self.array()?;
                self.stack.push(self.memo.get(&key.into())?.clone());
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.stack.push(self.memo.get(&key)?.clone());
            }
            _ => return Some(Err(format!("a pickle of an unknown kind (it has {code:#04x})"))),
        }
        Some(Ok(()))
    }

    /// Keeps the last value. What is made from others is not kept: copies of copies of it could
    /// fill the memory.
    fn remember(&mut self, key: u32) -> Option<()> {
        let value = match self.stack.last()? {
            value @ (Value::Bytes(_) | Value::Number(_)) => value.clone(),
            _ => Value::Other,
        };
        self.memo.insert(key, value);
        Some(())
    }

    fn marked(&mut self) -> Option<Vec<Value<'a>>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len())?;
        Some(self.stack.split_off(mark))
    }

    fn bytes(&mut self, length: u64) -> Option<()> {
        let bytes = self.take(length)?;
        self.stack.push(Value::Bytes(bytes));
        Some(())
    }

    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        self.rest.split_off(..usize::try_from(length).ok()?)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N as u64)?.try_into().ok()
    }

    fn line(&mut self) -> Option<()> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        self.take(end as u64 + 1).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{'data': numpy.array([[1, 2, 3], [4, 5, 6]], numpy.uint8), 'labels': [7, 300]}`, written by
    /// Python 2 (`cPickle`, protocol 2, as CIFAR's) and by Python 3 (protocol 5).
    #[test]
    fn dictionaries_of_arrays_and_lists_are_read() {
        let old: &[u8] =
            b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03\
            cnumpy\nndarray\nq\x04K\0\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06\
            U\x02u1q\x07K\0K\x01\x87Rq\x08(K\x03U\x01|q\x09NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0\
            tb\x89U\x06\x01\x02\x03\x04\x05\x06tbU\x06labelsq\x0a]q\x0b(K\x07M\x2c\x01eu.";
        let new: &[u8] = b"\x80\x05\x95\x8f\0\0\0\0\0\0\0}\x94(\x8c\x04data\x94\x8c\x12\
            numpy.core.numeric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x06\0\0\0\0\0\0\0\
            \x01\x02\x03\x04\x05\x06\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\
            \x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t\x94b\
            K\x02K\x03\x86\x94\x8c\x01C\x94t\x94R\x94\x8c\x06labels\x94]\x94(K\x07M,\x01eu.";
        for pickle in [old, new] {
            let Value::Dict(items) = parse(pickle).expect("a good pickle") else {
                panic!("no dictionary")
            };
            let [(data, array), (labels, list)] = &items[..] else { panic!("{items:?}") };
            assert_eq!((data, labels), (&Value::Bytes(b"data"), &Value::Bytes(b"labels")));
            assert_eq!(array.bytes_of_rows(3), Some(&[1, 2, 3, 4, 5, 6][..]));
            assert_eq!(array.bytes_of_rows(2), None);
            assert_eq!(*list, Value::List(vec![Value::Number(7), Value::Number(300)]));
        }
        for end in 0..old.len() {
            parse(&old[..end]).expect_err("truncated");
        }
        // In Fortran's order.
        let mut fortran = old.to_vec();
        let at = fortran.iter().rposition(|&byte| byte == 0x89).expect("there");
        fortran[at] = 0x88;
        let Ok(Value::Dict(items)) = parse(&fortran) else { panic!("as before") };
        assert_eq!(items[0].1.bytes_of_rows(3), None);
    }

    /// A list of two, of two of these, …: as a tree it would have 2³⁰ leaves.
    #[test]
    fn pickles_cannot_multiply() {
        let mut pickle = b"\x80\x02K\x01".to_vec();
        for _ in 0..30 {
            pickle.extend(b"q\x01h\x01\x86");
        }
        pickle.push(b'.');
        let pair = Value::List(vec![Value::Other, Value::Other]);
        let Ok(Value::List(items)) = parse(&pickle) else { panic!("a pair") };
        assert_ne!(items[0], pair);
        let endless = [&b"\x80\x02"[..], &b"N".repeat(STEPS)].concat();
        assert!(parse(&endless).expect_err("too much").contains("too many values"));
        let deep = [&b"\x80\x02N"[..], &b"\x85".repeat(STEPS / 2), b"."].concat();
        assert!(parse(&deep).expect_err("too deep").contains("in others"));
    }
}
