//! Reads Python's pickles: programs for a stack machine, each of which makes one object.
//!
//! Nothing in them is run. An object becomes the name of what makes it and what it is made from;
//! whoever reads a pickle knows what that means.

mod machine;
pub(crate) mod opcode;
pub(crate) mod stack;
mod value;

use std::borrow::Cow;

use machine::PickleError;
pub(crate) use value::{Id, Object, Value};

/// What is in a pickle: values that name each other by their numbers, since a value can be in many
/// places, in itself, too, and can grow after it was put there.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle of at most `most` instructions, each of which makes at most one value: this
    /// bounds the memory.
    ///
    /// # Errors
    /// [`PickleError`] says what is wrong.
    pub fn read(bytes: &'a [u8], most: usize) -> Result<Self, PickleError> {
        let (values, root) = machine::run(bytes, most)?;
        Ok(Self { values, root })
    }

    /// The value that the pickle makes.
    pub fn root(&self) -> Id {
        self.root
    }

    pub fn value(&self, id: Id) -> &Value<'a> {
        &self.values[id.0]
    }

    /// The bytes of a text or of bytes, which Python 3 writes in protocols up to 2 as a text to be
    /// encoded in Latin-1.
    pub fn bytes(&self, id: Id) -> Option<Cow<'a, [u8]>> {
        match self.value(id) {
            &(Value::Text(bytes) | Value::Bytes(bytes)) => Some(Cow::Borrowed(bytes)),
            Value::Object(object) => {
                let callable = self.value(object.callable);
                let Value::Global { module: "_codecs", name: "encode" } = callable else {
                    return None;
                };
                let [text, _encoding] = *self.list(object.arguments)? else { return None };
                let Value::Text(text) = *self.value(text) else { return None };
                let text = str::from_utf8(text).ok()?.chars();
                text.map(|character| u8::try_from(character).ok())
                    .collect::<Option<_>>()
                    .map(Cow::Owned)
            }
            _ => None,
        }
    }

    pub fn number(&self, id: Id) -> Option<i64> {
        match *self.value(id) {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The items of a list, a tuple or a set.
    pub fn list(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn object(&self, id: Id) -> Option<&Object> {
        match self.value(id) {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tuple of two, of two of these, …: as a tree it would have 2³⁰ leaves.
    #[test]
    fn memory_is_bounded_by_the_number_of_instructions() {
        let mut bomb = b"\x80\x02K\x01".to_vec();
        for _ in 0..30 {
            bomb.extend(b"q\x01h\x01\x86");
        }
        bomb.push(b'.');
        assert_eq!(Pickle::read(&bomb, 1000).expect("a pair").values.len(), 31);
        let endless = [&b"\x80\x02"[..], &b"N".repeat(1000)].concat();
        assert_eq!(Pickle::read(&endless, 1000).expect_err("too much"), PickleError::TooLong);
    }

    /// A tuple within a tuple, a million times: to read it and to forget it takes no deep
    /// recursion.
    #[test]
    fn depth_is_not_bounded() {
        let deep = [&b"\x80\x02N"[..], &b"\x85".repeat(1 << 20), b"."].concat();
        let pickle = Pickle::read(&deep, usize::MAX).expect("a tuple");
        assert_eq!(pickle.list(pickle.root()).expect("a tuple").len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let refused = |bytes: &[u8]| Pickle::read(bytes, 100).expect_err("must be refused");
        assert_eq!(refused(b"\x80\x02."), PickleError::Nothing);
        assert_eq!(refused(b"\x80\x02K"), PickleError::Damaged);
        assert_eq!(refused(b"\x80\x02\x86."), PickleError::Damaged);
        assert_eq!(refused(b"\x80\x02h\x01."), PickleError::Damaged);
        assert_eq!(refused(b"\x80\x02\xff."), PickleError::Opcode(0xff));
    }

    #[test]
    fn numbers_are_in_twos_complement() {
        for (bytes, number) in [
            (&b"K\xff."[..], Some(255)),
            (b"M\xff\xff.", Some(65_535)),
            (b"J\xfe\xff\xff\xff.", Some(-2)),
            (b"\x8a\x01\xfd.", Some(-3)),
            (b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", None),
            (b"I-4\n.", Some(-4)),
            (b"L5L\n.", Some(5)),
            (b"\x88.", Some(1)),
        ] {
            let pickle = Pickle::read(bytes, 10).expect("a number");
            assert_eq!(pickle.number(pickle.root()), number, "{bytes:?}");
        }
    }
}
