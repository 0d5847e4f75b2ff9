"""Makes the fixtures beside it: one small data set, compressed by the programs that people use.

    python make.py                        # needs xz, bzip2 and zstd

Eight 4 × 4 PNGs in the folders train/{cat,dog} and test/{cat,dog}, each of one color.
"""

import io
import struct
import subprocess
import tarfile
import zipfile
import zlib
from pathlib import Path

HERE = Path(__file__).parent


def png(red, green, blue):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + bytes([red, green, blue]) * 4) * 4
    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def images():
    for index in range(8):
        split = "train" if index < 6 else "test"
        kind = "cat" if index % 2 == 0 else "dog"
        yield f"set/{split}/{kind}/{index}.png", png(30 * index, 255 - 30 * index, 7)


def archive():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in images():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(path, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in images():
            # Without the time.
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, data)


def compressed(*command, data):
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


zipped(HERE / "set-bzip2.zip", zipfile.ZIP_BZIP2)
zipped(HERE / "set-lzma.zip", zipfile.ZIP_LZMA)
data = archive()
half = len(data) // 2
(HERE / "set.tar.xz").write_bytes(compressed("xz", "-9", "-c", data=data))
(HERE / "set.tar.bz2").write_bytes(compressed("bzip2", "-9", "-c", data=data))
# As pzstd writes them: several frames, each behind one that is to be skipped.
frames = [compressed("zstd", "-19", "--check", "-c", data=part) for part in (data[:half], data[half:])]
skip = [struct.pack("<III", 0x184D2A50, 4, len(frame)) for frame in frames]
(HERE / "set.tar.zst").write_bytes(b"".join(a + b for a, b in zip(skip, frames)))
