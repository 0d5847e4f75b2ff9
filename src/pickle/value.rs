//! The values in a pickle.

/// The number of a value in a [`Pickle`](super::Pickle).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub(super) usize);

/// A value.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    /// A text, or a string of Python 2, which may be bytes.
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    /// A whole number of at most 64 bits, or a truth value.
    Number(i64),
    /// A list, a tuple or a set.
    List(Vec<Id>),
    /// Keys and values, in their order.
    Dict(Vec<(Id, Id)>),
    /// A class or function. Borrowed, since a few bytes can name a long text any number of times.
    Global {
        module: &'a str,
        name: &'a str,
    },
    Object(Box<Object>),
    /// Anything else.
    Other,
}

/// What a class or function makes.
#[derive(Debug)]
pub(crate) struct Object {
    /// The class or function.
    pub callable: Id,
    /// What it is called with, a tuple.
    pub arguments: Id,
    /// The state that the object is then given.
    pub state: Option<Id>,
    /// Keys and values that are then put into it, as into a dictionary.
    pub entries: Vec<(Id, Id)>,
}
