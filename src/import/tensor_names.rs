//! The order of the tensors in a pickled object.
//!
//! `pytorch-reader` finds the tensors of a checkpoint, but does not keep the order of a
//! dictionary's keys. A list of weights without names can only be understood by that order.

use crate::pickle::{Id, Object, Pickle, Value};

/// The tensors in a pickled object, in its order, under the reader's names: the keys and indices
/// on the way to a tensor, joined by dots. `None` if the pickle does what PyTorch's do not.
pub(super) fn tensor_names(pickle: &[u8]) -> Option<Vec<String>> {
    // An instruction has at least one byte. `footprint` has already refused pickles that take the
    // reader too much memory, and this takes less.
    let pickle = Pickle::read(pickle, pickle.len()).ok()?;
    let mut walk = Walk {
        pickle: &pickle,
        path: Vec::new(),
        names: Vec::new(),
        visits: 0,
        left: Walk::MEMORY,
    };
    walk.visit(pickle.root(), 0)?;
    Some(walk.names)
}

/// A walk through all values in an object.
struct Walk<'a> {
    pickle: &'a Pickle<'a>,
    /// The keys and indices on the way to the value.
    path: Vec<String>,
    names: Vec<String>,
    visits: usize,
    /// The bytes that may still be copied.
    left: usize,
}

impl<'a> Walk<'a> {
    /// A few bytes can describe an object that is within itself any number of times.
    const MOST_VISITS: usize = 1 << 20;
    const DEEPEST: usize = 200;
    /// The bytes that may be copied, for the same reason: those of names, and of lists of entries.
    const MEMORY: usize = 1 << 24;

    fn visit(&mut self, value: Id, depth: usize) -> Option<()> {
        self.visits += 1;
        if self.visits > Self::MOST_VISITS || depth > Self::DEEPEST {
            return None;
        }
        match self.pickle.value(value) {
            Value::List(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(index, &item)| self.visit_at(index.to_string(), item, depth)),
            Value::Dict(entries) => self.visit_entries(entries, depth),
            Value::Object(object) => self.visit_object(object, depth),
            _ => Some(()),
        }
    }

    fn visit_at(&mut self, key: String, value: Id, depth: usize) -> Option<()> {
        self.path.push(key);
        self.visit(value, depth + 1)?;
        self.path.pop();
        Some(())
    }

    /// Keys that are neither texts nor integers are left out: the reader refuses them.
    fn visit_entries(&mut self, entries: &[(Id, Id)], depth: usize) -> Option<()> {
        self.left = self.left.checked_sub(size_of_val(entries))?;
        entries.iter().try_for_each(|&(key, value)| match self.key(key) {
            Some(key) => self.visit_at(key, value, depth),
            None => Some(()),
        })
    }

    fn visit_object(&mut self, object: &Object, depth: usize) -> Option<()> {
        if let Some(entries) = self.state_dict(object) {
            return self.visit_entries(&entries, depth);
        }
        if let Some(entries) = self.ordered_dict(object) {
            return self.visit_entries(&entries, depth);
        }
        let Value::Global { module, name } = *self.pickle.value(object.callable) else {
            return Some(());
        };
        let arguments = self.pickle.list(object.arguments).unwrap_or_default();
        match (module, name, arguments) {
            ("builtins" | "__builtin__", "set", &[first, ..]) => self.visit(first, depth + 1)?,
            (
                "torch._utils",
                "_rebuild_parameter" | "_rebuild_parameter_with_state",
                &[first, ..],
            ) => self.visit(first, depth + 1)?,
            ("torch._utils", name, _) if name.starts_with("_rebuild_tensor") => self.name()?,
            ("torch._tensor", "_rebuild_from_type_v2", _) => self.name()?,
            _ => {}
        }
        Some(())
    }

    /// Notes a tensor.
    fn name(&mut self) -> Option<()> {
        let name = self.path.join(".");
        // Also for its place in the list.
        self.left = self.left.checked_sub(name.len() + size_of::<String>())?;
        self.names.push(name);
        Some(())
    }

    /// The entries of a module's `state_dict`: parameters, then buffers, then those of the modules
    /// within it. `None` if the object is no module.
    fn state_dict(&self, object: &Object) -> Option<Vec<(Id, Id)>> {
        let attributes = self.dict(object.state?)?;
        let table = |name: &str| {
            let mut tables = attributes.iter();
            let &(_, table) = tables.find(|&&(key, _)| self.key(key).as_deref() == Some(name))?;
            self.dict(table)
        };
        Some([table("_parameters")?, table("_buffers")?, table("_modules")?].concat())
    }

    /// The entries of a dictionary of either kind.
    fn dict(&self, value: Id) -> Option<Vec<(Id, Id)>> {
        match self.pickle.value(value) {
            Value::Dict(entries) => Some(entries.clone()),
            Value::Object(object) => self.ordered_dict(object),
            _ => None,
        }
    }

    fn ordered_dict(&self, object: &Object) -> Option<Vec<(Id, Id)>> {
        match self.pickle.value(object.callable) {
            Value::Global { module: "collections", name: "OrderedDict" } => {}
            _ => return None,
        }
        let first = self.pickle.list(object.arguments).and_then(|arguments| arguments.first());
        let pairs = first.and_then(|&first| self.pickle.list(first)).unwrap_or_default();
        let pair = |&pair| match *self.pickle.list(pair)? {
            [key, value] => Some((key, value)),
            _ => None,
        };
        Some(pairs.iter().filter_map(pair).chain(object.entries.iter().copied()).collect())
    }

    fn key(&self, key: Id) -> Option<String> {
        match *self.pickle.value(key) {
            Value::Text(text) => Some(str::from_utf8(text).ok()?.to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::opcode::length;

    /// What Python's `pickle.dumps` makes, in protocols 0, 2 and 4, of
    /// `{"b": [T(), {7: T(), -3: T()}], "a": (T(), None, T())}`, where `T()` is pickled as a call of
    /// `torch._utils._rebuild_tensor_v2`.
    const PROTOCOLS: [&[u8]; 3] = [
        b"(dp0\nVb\np1\n(lp2\nctorch._utils\n_rebuild_tensor_v2\np3\n(Vx\np4\nI0\ntp5\nRp6\na(dp7\nI7\ng3\ng5\nRp8\nsI-3\ng3\ng5\nRp9\nsasVa\np10\n(g3\ng5\nRp11\nNg3\ng5\nRp12\ntp13\ns.",
        b"\x80\x02}q\x00(X\x01\x00\x00\x00bq\x01]q\x02(ctorch._utils\n_rebuild_tensor_v2\nq\x03X\x01\x00\x00\x00xq\x04K\x00\x86q\x05Rq\x06}q\x07(K\x07h\x03h\x05Rq\x08J\xfd\xff\xff\xffh\x03h\x05Rq\x09ueX\x01\x00\x00\x00aq\nh\x03h\x05Rq\x0bNh\x03h\x05Rq\x0c\x87q\x0du.",
        b"\x80\x04\x95g\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01b\x94]\x94(\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94\x8c\x01x\x94K\x00\x86\x94R\x94}\x94(K\x07h\x05h\x07R\x94J\xfd\xff\xff\xffh\x05h\x07R\x94ue\x8c\x01a\x94h\x05h\x07R\x94Nh\x05h\x07R\x94\x87\x94u.",
    ];

    #[test]
    fn tensors_are_in_the_order_of_the_object_in_every_protocol() {
        for pickle in PROTOCOLS {
            let names = tensor_names(pickle).expect("a good pickle");
            assert_eq!(names, ["b.0", "b.1.7", "b.1.-3", "a.0", "a.2"]);
            assert_eq!(length(&[pickle, b"more"].concat()), Some(pickle.len()));
            for cut in 0..pickle.len() {
                assert_eq!((tensor_names(&pickle[..cut]), length(&pickle[..cut])), (None, None));
            }
        }
    }

    /// A module with a parameter `w`, a buffer `b` and a module `m` within it that has a parameter
    /// `v`, as Python pickles it.
    #[test]
    fn a_modules_tensors_are_those_of_its_state_dict() {
        let tensor = b"ctorch._utils\n_rebuild_tensor_v2\n)R";
        let ordered = |name: &[u8], value: &[u8]| {
            [b"ccollections\nOrderedDict\n)R(U\x01", name, value, b"u"].concat()
        };
        let module = |parameters: Vec<u8>, buffers: Vec<u8>, modules: Vec<u8>| {
            let parts: [&[u8]; 9] = [
                b"c__main__\nNet\n)\x81}(U\x08_modules",
                &modules,
                b"U\x08trainingU\x01xU\x08_buffers",
                &buffers,
                b"U\x0b_parameters",
                &parameters,
                b"U\x05other",
                tensor,
                b"ub",
            ];
            parts.concat()
        };
        let inner = module(ordered(b"v", tensor), b"}".to_vec(), b"}".to_vec());
        let outer = module(ordered(b"w", tensor), ordered(b"b", tensor), ordered(b"m", &inner));
        let pickle = [b"\x80\x02", &outer[..], b"."].concat();
        let names = ["w", "b", "m.v"].map(str::to_owned).to_vec();
        assert_eq!(tensor_names(&pickle), Some(names));
    }

    /// A list that holds itself, lists of lists that each hold the one before twice, and a set
    /// whose first item is the set.
    #[test]
    fn what_has_no_end_is_given_up() {
        assert_eq!(tensor_names(b"\x80\x02]q\x00h\x00a."), None);
        let mut bomb = b"\x80\x02]q\x00".to_vec();
        for level in 1..40 {
            bomb.extend([b']', b'q', level, b'(', b'h', level - 1, b'h', level - 1, b'e']);
        }
        bomb.push(b'.');
        assert_eq!(tensor_names(&bomb), None);
        assert_eq!(tensor_names(b"\x80\x02cbuiltins\nset\n]q\x00Rq\x010h\x00h\x01a0h\x01."), None);
    }

    /// A key of a megabyte, and within it a list that has one tensor many times.
    #[test]
    fn names_that_would_fill_the_memory_are_given_up() {
        let names = |tensors: usize| {
            let key = [&b"X\0\0\x10\0"[..], &[b'k'; 1 << 20]].concat();
            let tensor = b"ctorch._utils\n_rebuild_tensor_v2\n)Rq\0";
            let more = b"h\0".repeat(tensors - 1);
            tensor_names(&[b"\x80\x02}", &key[..], b"](", tensor, &more, b"es."].concat())
        };
        assert_eq!(names(10).expect("ten megabytes").len(), 10);
        assert_eq!(names(20), None);
    }
}
