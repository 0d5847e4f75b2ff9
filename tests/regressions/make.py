"""Makes the files beside it: small ones that once made a reader hang, take too much memory, or give
up on a whole archive. Each folder is named after the reader that `../mutations.rs` hands its files.

    python make.py
"""

import bz2
import gzip
import lzma
import struct
import zlib
from pathlib import Path

HERE = Path(__file__).parent
BLOCK = 512


def write(name, content):
    assert len(content) < 4000, f"{name} has {len(content)} bytes"
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def png(gray):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 0)
    rows = (b"\0" + bytes([gray]) * 4) * 4
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def zip_of(contents, entries, packed=True):
    """A zip archive of these contents, packed or not, and entries with a name and the number of a
    content."""
    out, places = b"", []
    for number, content in enumerate(contents):
        name = next(name for name, content in entries if content == number).encode()
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        stored = deflate.compress(content) + deflate.flush() if packed else content
        sizes = len(stored), len(content)
        method = 8 if packed else 0
        fields = struct.pack("<HHHHHIII", 20, 0, method, 0, 0x21, zlib.crc32(content), *sizes)
        places.append((len(out), fields))
        out += b"PK\3\4" + fields + struct.pack("<HH", len(name), 0) + name + stored
    start = len(out)
    for name, content in entries:
        at, fields = places[content]
        fields += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, at)
        out += b"PK\1\2" + struct.pack("<H", 20) + fields + name.encode()
    end = struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(out) - start, start, 0)
    return out + b"PK\5\6" + end


def tar_header(name, size, kind, more=b""):
    """A header in GNU's format; `more` is what it says of a sparse file."""
    header = struct.pack(
        "100s8s8s8s12s12s8s1s100s8s", name.encode(), b"0000644\0", b"0000000\0", b"0000000\0",
        b"%011o\0" % size, b"00000000000\0", b" " * 8, kind, b"", b"ustar  \0",
    )
    header = (header.ljust(386, b"\0") + more).ljust(BLOCK, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def padded(content):
    return content + bytes(-len(content) % BLOCK)


def bits(text):
    """Bits as the entropy-coded data of a JPEG."""
    text += "1" * (-len(text) % 8)
    data = bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))
    return data.replace(b"\xff", b"\xff\0")


def segment(marker, body):
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg(scans):
    """An even gray progressive JPEG of 8,000 pixels a side."""
    blocks = 1000 * 1000
    # Tables of one code, `0`: no difference for DC, and for AC a run of blocks at their end, whose
    # length has fourteen bits more.
    tables = segment(0xC4, b"\x00\x01" + bytes(15) + b"\x00")
    tables += segment(0xC4, b"\x10\x01" + bytes(15) + b"\xe0")
    frame = segment(0xC2, struct.pack(">BHHBBBB", 8, 8000, 8000, 1, 1, 0x11, 0))
    runs, left = "", blocks
    while left >= 1 << 14:
        run = min(left, (1 << 15) - 1)
        runs += "0" + format(run - (1 << 14), "014b")
        left -= run
    first = segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + bits("0" * blocks)
    further = segment(0xDA, bytes([1, 1, 0, 1, 63, 0])) + bits(runs)
    return b"\xff\xd8" + tables + frame + first + further * (scans - 1) + b"\xff\xd9"


# Each scan, of seventy bytes, was a pass over all pixels.
write("archive/jpeg-of-501-scans.zip", zip_of([jpeg(501)], [("large.jpg", 0)]))

# Each of these files was decompressed, from the same bytes.
names = [(f"{number}.png", 0) for number in range(30)]
write("archive/zip-of-overlapping-files.zip", zip_of([bytes(1 << 20)], names))

# How many bytes a file may unpack to depends on its packed bytes, which may be fewer than it says.
lying = bytearray(zip_of([png(10), png(20)], [("10.png", 0), ("20.png", 1)]))
at = lying.rindex(b"PK\1\2") + 20
lying[at : at + 4] = struct.pack("<I", 0x7FFF_FFFF)
write("archive/zip-with-a-packed-size-beyond-its-end.zip", bytes(lying))

# The size in the pax header was ignored, and the next header looked for in the middle of the file.
image = png(30)
record = b"11 size=%d\n" % len(image)
assert len(record) == 11
tar = tar_header("pax", len(record), b"x") + padded(record)
tar += tar_header("30.png", 0, b"0") + padded(image) + bytes(2 * BLOCK)
write("archive/tar-with-a-size-in-a-pax-header.tar", tar)

# So was the rest of a sparse file's map, in a block of its own.
pieces = b"%011o\0%011o\0" % (0, len(image)) + 4 * (b"%011o\0%011o\0" % (len(image), 0))
tar = tar_header("30.png", len(image), b"S", pieces[:96] + b"\1" + b"%011o\0" % len(image))
tar += padded(pieces[96:]) + padded(image) + bytes(2 * BLOCK)
write("archive/tar-with-a-long-map-of-a-sparse-file.tar", tar)

# Each of ninety links lengthened the names of the files behind it.
tar = tar_header("a.png", len(image), b"0") + padded(image)
for level in range(90):
    name = b"%d/" % level + 3900 * b"l"
    tar += tar_header("long", len(name), b"L") + padded(name)
    target = b"../%d" % (level + 1)
    link = bytearray(tar_header("link", 0, b"2"))
    link[157 : 157 + len(target)] = target
    link[148:156] = b" " * 8
    link[148:156] = b"%06o\0 " % sum(link)
    tar += link
tar += b"".join(tar_header(f"90/{number}", 0, b"0") for number in range(1000)) + bytes(2 * BLOCK)
write("archive/tar-of-links-that-lengthen-names.tar.xz", lzma.compress(tar, preset=9))

# To list an archive, all of it was unpacked, whatever its size.
packed = bz2.BZ2Compressor(9)
start = tar_header("a.png", len(image), b"0") + padded(image) + tar_header("zeros", 1 << 32, b"0")
tar = packed.compress(start)
for _ in range(1 << 8):
    tar += packed.compress(bytes(1 << 24))
write("archive/tar-of-four-gigabytes.tar.bz2", tar + packed.flush())

# Each instruction made a new text of 200 kB from one that was there.
text = b"a" * 100_000
names = b"X" + struct.pack("<I", len(text)) + text + b"q\x000" + 1000 * b"h\0h\0\x930"
pickle = gzip.compress(b"\x80\x04}" + names + b".", 9, mtime=0)
write("array/batch-of-a-thousand-long-globals.gz", pickle)


def checkpoint(pickle, packed=False):
    """A checkpoint of PyTorch's with a storage of one value."""
    names = [("archive/data.pkl", 0), ("archive/data/0", 1), ("archive/version", 2)]
    return zip_of([b"\x80\2" + pickle + b".", bytes(8), b"3\n"], names, packed)


def tensor(kind, count, shape):
    """A tensor of these sizes that repeats the first value of the storage."""
    storage = b"(U\7storagectorch\n%sStorage\nU\x010U\3cpuK%ctQ" % (kind, count)
    sizes = b"".join(b"J" + struct.pack("<i", size) for size in shape)
    strides = len(shape) * b"K\0"
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = storage + b"K\0(" + sizes + b"t(" + strides + b"t\x89" + hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


# Values of one byte each took ninety, and packed they were a thousandth of that in the file.
many = b"](" + (3 << 20) * b"N" + b"e"
write("pytorch/three-million-values-in-three-kilobytes.pth", checkpoint(many, packed=True))

# Each copy of a dictionary has its own copy of the keys.
key = b"X" + struct.pack("<I", 2000) + 2000 * b"k"
copies = b"}" + key + b"Nsq\0" + 16 * b"h\0h\0\x86q\0"
write("pytorch/thousands-of-copies-of-a-long-key.pth", checkpoint(copies))

# The reader checks that a tensor's elements are in the storage, where they can be the same.
weights = b"U\x18module.begin_conv.weight" + tensor(b"Float", 2, [1, 1, 1, 1])
counter = b"U\nn_averaged" + tensor(b"Float", 2, [1 << 28])
write("pytorch/counter-of-a-gigabyte.pth", checkpoint(b"}(" + weights + counter + b"u"))
weights = b"U\x11begin_conv.weight" + tensor(b"Float", 2, [1 << 13, 1 << 13, 1, 1])
write("pytorch/weights-of-one-value.pth", checkpoint(b"}(" + weights + b"u"))

# Each tensor's name has all keys and indices that lead to it. These were not counted where they
# came by a call, or when a list grew. The 65,536 tensors are pairs of pairs of … one.
tensors = tensor(b"Float", 2, [1]) + b"q\0" + 16 * b"h\0\x86q\0"
key = b"X" + struct.pack("<I", 2500) + 2500 * b"k"
items = b"ccollections\nOrderedDict\n]" + key + tensors + b"\x86a\x85R"
write("pytorch/names-of-a-long-key-in-a-call.pth", checkpoint(b"}U\1m" + items + b"s"))
lists = 970 * b"]" + tensors + 970 * b"a"
write("pytorch/names-of-a-thousand-indices.pth", checkpoint(b"}U\1m" + lists + b"s"))


def varint(number):
    more = number >= 128
    return bytes([number % 128 + 128 * more]) + (varint(number // 128) if more else b"")


def field(number, value):
    """A field of a message in the format of protocol buffers: a number, or bytes."""
    if isinstance(value, bytes):
        return varint(8 * number + 2) + varint(len(value)) + value
    return varint(8 * number) + varint(value)


def value(name, kind, sizes):
    """The type of a value of an ONNX file: 1 is float32, 9 is bool."""
    shape = b"".join(field(1, field(1, size)) for size in sizes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))


def node(kind, inputs, outputs, more=b""):
    names = [field(1, name) for name in inputs] + [field(2, name) for name in outputs]
    return field(1, b"".join(names) + field(4, kind) + more)


def numbers(name, kind, size, content):
    """A constant: 7 is int64, 9 is bool."""
    sizes = b"".join(field(1, size) for size in size)
    return field(5, sizes + field(2, kind) + field(8, name) + field(9, content))


def onnx(graph):
    images = field(11, value(b"x", 1, [1, 3, 8, 8]))
    output = field(12, field(1, b"y"))
    return field(1, 8) + field(7, graph + images + output) + field(8, field(2, 17))


# Nothing in a network should be able to run for ever, or to panic.
body = node(b"Identity", [b"go"], [b"on"]) + node(b"Identity", [b"s"], [b"t"])
body += field(11, value(b"i", 7, [])) + field(11, value(b"go", 9, [])) + field(11, value(b"s", 1, []))
body += field(12, value(b"on", 9, [])) + field(12, value(b"t", 1, []))
attribute = field(5, field(1, b"body") + field(6, body) + field(20, 5))
loop = node(b"Loop", [b"m", b"go", b"x"], [b"y"], attribute)
loop += numbers(b"m", 7, [], struct.pack("<q", 1 << 62)) + numbers(b"go", 9, [], b"\1")
write("feature_network/loop.onnx", onnx(loop))
pads = struct.pack("<8q", 0, 0, 1 << 30, 1 << 30, 0, 0, 1 << 30, 1 << 30)
pad = node(b"Pad", [b"x", b"p"], [b"y"]) + numbers(b"p", 7, [8], pads)
write("feature_network/padded-to-exabytes.onnx", onnx(pad))
