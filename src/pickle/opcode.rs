//! The instructions of pickles, by their names in Python's `pickletools` (protocols 0 to 5).

pub const PROTO: u8 = 0x80;
pub const FRAME: u8 = 0x95;
pub const STOP: u8 = b'.';

pub const MARK: u8 = b'(';
pub const POP: u8 = b'0';
pub const POP_MARK: u8 = b'1';
pub const DUP: u8 = b'2';

pub const NONE: u8 = b'N';
pub const NEWTRUE: u8 = 0x88;
pub const NEWFALSE: u8 = 0x89;
pub const INT: u8 = b'I';
pub const BININT: u8 = b'J';
pub const BININT1: u8 = b'K';
pub const BININT2: u8 = b'M';
pub const LONG: u8 = b'L';
pub const LONG1: u8 = 0x8a;
pub const LONG4: u8 = 0x8b;
pub const FLOAT: u8 = b'F';
pub const BINFLOAT: u8 = b'G';

pub const STRING: u8 = b'S';
pub const BINSTRING: u8 = b'T';
pub const SHORT_BINSTRING: u8 = b'U';
pub const UNICODE: u8 = b'V';
pub const BINUNICODE: u8 = b'X';
pub const SHORT_BINUNICODE: u8 = 0x8c;
pub const BINUNICODE8: u8 = 0x8d;
pub const BINBYTES: u8 = b'B';
pub const SHORT_BINBYTES: u8 = b'C';
pub const BINBYTES8: u8 = 0x8e;
pub const BYTEARRAY8: u8 = 0x96;

pub const EMPTY_TUPLE: u8 = b')';
pub const TUPLE: u8 = b't';
pub const TUPLE1: u8 = 0x85;
pub const TUPLE3: u8 = 0x87;
pub const EMPTY_LIST: u8 = b']';
pub const LIST: u8 = b'l';
pub const APPEND: u8 = b'a';
pub const APPENDS: u8 = b'e';
pub const EMPTY_DICT: u8 = b'}';
pub const DICT: u8 = b'd';
pub const SETITEM: u8 = b's';
pub const SETITEMS: u8 = b'u';
pub const EMPTY_SET: u8 = 0x8f;
pub const ADDITEMS: u8 = 0x90;
pub const FROZENSET: u8 = 0x91;

pub const GLOBAL: u8 = b'c';
pub const STACK_GLOBAL: u8 = 0x93;
pub const INST: u8 = b'i';
pub const REDUCE: u8 = b'R';
pub const NEWOBJ: u8 = 0x81;
pub const NEWOBJ_EX: u8 = 0x92;
pub const BUILD: u8 = b'b';
pub const PERSID: u8 = b'P';
pub const BINPERSID: u8 = b'Q';
pub const EXT1: u8 = 0x82;
pub const EXT2: u8 = 0x83;
pub const EXT4: u8 = 0x84;

pub const PUT: u8 = b'p';
pub const BINPUT: u8 = b'q';
pub const LONG_BINPUT: u8 = b'r';
pub const MEMOIZE: u8 = 0x94;
pub const GET: u8 = b'g';
pub const BINGET: u8 = b'h';
pub const LONG_BINGET: u8 = b'j';

/// The first instruction: its opcode, its argument without the count of its bytes or the end of its
/// last line, and what follows. `None` if it is cut off.
pub fn split_first(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&opcode, rest) = bytes.split_first()?;
    let counted = |width: usize| {
        let (bytes, rest) = rest.split_at_checked(width)?;
        let mut count = [0; 8];
        count[..width].copy_from_slice(bytes);
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(count)).ok()?)
    };
    let lines = |count: usize| {
        let mut ends = rest.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
        let (end, _) = ends.nth(count - 1)?;
        Some((&rest[..end], &rest[end + 1..]))
    };
    let (argument, rest) = match opcode {
        PROTO | BININT1 | BINPUT | BINGET | EXT1 => rest.split_at_checked(1)?,
        BININT2 | EXT2 => rest.split_at_checked(2)?,
        BININT | LONG_BINPUT | LONG_BINGET | EXT4 => rest.split_at_checked(4)?,
        FRAME | BINFLOAT => rest.split_at_checked(8)?,
        INT | LONG | FLOAT | STRING | UNICODE | PERSID | PUT | GET => lines(1)?,
        GLOBAL | INST => lines(2)?,
        LONG1 | SHORT_BINSTRING | SHORT_BINUNICODE | SHORT_BINBYTES => counted(1)?,
        LONG4 | BINSTRING | BINUNICODE | BINBYTES => counted(4)?,
        BINUNICODE8 | BINBYTES8 | BYTEARRAY8 => counted(8)?,
        _ => rest.split_at(0),
    };
    Some((opcode, argument, rest))
}

/// The number under which an instruction remembers or fetches a value: its argument, in digits or
/// lowest byte first.
pub fn memo_key(opcode: u8, argument: &[u8]) -> Option<u32> {
    if matches!(opcode, PUT | GET) {
        return str::from_utf8(argument).ok()?.trim().parse().ok();
    }
    let mut bytes = [0; 4];
    bytes.get_mut(..argument.len())?.copy_from_slice(argument);
    Some(u32::from_le_bytes(bytes))
}

/// The length of the pickle that `bytes` begin with.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let (opcode, _, after) = split_first(rest)?;
        rest = after;
        if opcode == STOP {
            return Some(bytes.len() - rest.len());
        }
    }
}
