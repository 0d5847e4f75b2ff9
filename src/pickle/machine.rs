//! The stack machine.

use std::collections::HashMap;

use thiserror::Error;

use super::opcode;
use super::stack::Stack;
use super::value::{Id, Object, Value};

/// Why a pickle cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum PickleError {
    /// It ends early, or an instruction does not find what it needs.
    #[error("a truncated or damaged pickle")]
    Damaged,
    /// It makes nothing.
    #[error("a pickle of nothing")]
    Nothing,
    /// It has more instructions than its reader allows.
    #[error("a pickle of too many values")]
    TooLong,
    /// It has an instruction that is not supported.
    #[error("a pickle of an unknown kind (it has {0:#04x})")]
    Opcode(u8),
}

/// Runs a pickle of at most `most` instructions. Returns all values, and which of them it makes.
///
/// # Errors
/// [`PickleError`] says what is wrong.
pub(super) fn run(bytes: &[u8], most: usize) -> Result<(Vec<Value<'_>>, Id), PickleError> {
    let mut machine = Machine::default();
    let mut rest = bytes;
    for _ in 0..most {
        let (opcode, argument, after) = opcode::split_first(rest).ok_or(PickleError::Damaged)?;
        if opcode == opcode::STOP {
            let root = machine.stack.pop().ok_or(PickleError::Nothing)?;
            return Ok((machine.values, root));
        }
        if !machine.step(opcode, argument).ok_or(PickleError::Damaged)? {
            return Err(PickleError::Opcode(opcode));
        }
        rest = after;
    }
    Err(PickleError::TooLong)
}

#[derive(Default)]
struct Machine<'a> {
    values: Vec<Value<'a>>,
    stack: Stack<Id>,
    memo: HashMap<u32, Id>,
}

impl<'a> Machine<'a> {
    /// Runs one instruction, and returns whether it is a known one; `None` if something is missing.
    fn step(&mut self, opcode: u8, argument: &'a [u8]) -> Option<bool> {
        use opcode::*;
        match opcode {
            PROTO | FRAME => {}
            MARK => self.stack.mark(),
            POP => self.stack.discard()?,
            POP_MARK => drop(self.stack.pop_to_mark()?),
            DUP => self.stack.push(*self.stack.top()?),

            NONE | FLOAT | BINFLOAT | PERSID => self.push(Value::Other),
            NEWTRUE => self.push(Value::Number(1)),
            NEWFALSE => self.push(Value::Number(0)),
            INT | LONG => {
                let digits = str::from_utf8(argument).ok()?.trim_end_matches('L');
                self.push(digits.parse().map_or(Value::Other, Value::Number));
            }
            BININT1 | BININT2 => self.push(integer(argument, false)),
            BININT | LONG1 | LONG4 => self.push(integer(argument, true)),
            BINSTRING | SHORT_BINSTRING | UNICODE | BINUNICODE | SHORT_BINUNICODE | BINUNICODE8 => {
                self.push(Value::Text(argument));
            }
            BINBYTES | SHORT_BINBYTES | BINBYTES8 | BYTEARRAY8 => self.push(Value::Bytes(argument)),

            EMPTY_TUPLE | EMPTY_LIST | EMPTY_SET => self.push(Value::List(Vec::new())),
            TUPLE | LIST | FROZENSET => {
                let items = self.stack.pop_to_mark()?;
                self.push(Value::List(items));
            }
            TUPLE1..=TUPLE3 => {
                let items = self.stack.pop_many(usize::from(opcode - TUPLE1) + 1)?;
                self.push(Value::List(items));
            }
            APPEND => {
                let item = self.stack.pop()?;
                self.append(vec![item])?;
            }
            APPENDS | ADDITEMS => {
                let items = self.stack.pop_to_mark()?;
                self.append(items)?;
            }
            EMPTY_DICT => self.push(Value::Dict(Vec::new())),
            DICT => {
                let items = self.stack.pop_to_mark()?;
                self.push(Value::Dict(pairs(&items)));
            }
            SETITEM => {
                let items = self.stack.pop_many(2)?;
                self.set(&items)?;
            }
            SETITEMS => {
                let items = self.stack.pop_to_mark()?;
                self.set(&items)?;
            }

            GLOBAL => {
                let (module, name) = str::from_utf8(argument).ok()?.split_once('\n')?;
                self.push(Value::Global { module, name });
            }
            STACK_GLOBAL => {
                let [module, name] = self.stack.pop_many(2)?[..] else { return None };
                let text = |id: Id| match self.values[id.0] {
                    Value::Text(text) => str::from_utf8(text).ok(),
                    _ => None,
                };
                let global = Value::Global { module: text(module)?, name: text(name)? };
                self.push(global);
            }
            REDUCE | NEWOBJ => {
                let [callable, arguments] = self.stack.pop_many(2)?[..] else { return None };
                self.make(callable, arguments);
            }
            NEWOBJ_EX => {
                let [callable, arguments, _keywords] = self.stack.pop_many(3)?[..] else {
                    return None;
                };
                self.make(callable, arguments);
            }
            BUILD => {
                let state = self.stack.pop()?;
                if let Value::Object(object) = self.top()? {
                    object.state = Some(state);
                }
            }
            BINPERSID => {
                self.stack.pop()?;
                self.push(Value::Other);
            }

            PUT | BINPUT | LONG_BINPUT => {
                self.memo.insert(memo_key(opcode, argument)?, *self.stack.top()?);
            }
            MEMOIZE => {
                self.memo.insert(self.memo.len().try_into().ok()?, *self.stack.top()?);
            }
            GET | BINGET | LONG_BINGET => {
                let id = *self.memo.get(&memo_key(opcode, argument)?)?;
                self.stack.push(id);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(Id(self.values.len()));
        self.values.push(value);
    }

    fn make(&mut self, callable: Id, arguments: Id) {
        let object = Object { callable, arguments, state: None, entries: Vec::new() };
        self.push(Value::Object(Box::new(object)));
    }

    fn top(&mut self) -> Option<&mut Value<'a>> {
        let Id(number) = *self.stack.top()?;
        self.values.get_mut(number)
    }

    /// Appends to a list. What other objects hold as lists is not kept.
    fn append(&mut self, more: Vec<Id>) -> Option<()> {
        if let Value::List(items) = self.top()? {
            items.extend(more);
        }
        Some(())
    }

    fn set(&mut self, items: &[Id]) -> Option<()> {
        match self.top()? {
            Value::Dict(entries) => entries.extend(pairs(items)),
            Value::Object(object) => object.entries.extend(pairs(items)),
            _ => {}
        }
        Some(())
    }
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.as_chunks().0.iter().map(|&[key, value]| (key, value)).collect()
}

/// A number in two's complement, lowest byte first.
fn integer<'a>(bytes: &[u8], signed: bool) -> Value<'a> {
    let negative = signed && bytes.last().is_some_and(|&byte| byte >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    match all.get_mut(..bytes.len()) {
        Some(low) => low.copy_from_slice(bytes),
        None => return Value::Other,
    }
    Value::Number(i64::from_le_bytes(all))
}
