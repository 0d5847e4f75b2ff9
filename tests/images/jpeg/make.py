"""Makes the JPEG files here and, for those that must be decoded, PNGs of the pixels that libjpeg decodes.

Needs numpy, Pillow, and cjpeg and djpeg of libjpeg-turbo 2 (arithmetic coding is not in every build).
"""
import io
import os
import subprocess

import numpy as np
from PIL import Image

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def waves(width, height, channels=3):
    y, x = np.mgrid[0:height, 0:width]
    wave = lambda i: 127 + 120 * np.sin(x / (3 + i) + y / (7 - i) + i)
    return np.stack([wave(i) for i in range(channels)], -1).clip(0, 255).astype(np.uint8)


def cjpeg(*options, scans=None, size=(19, 17), gray=False):
    picture = io.BytesIO()
    Image.fromarray(waves(*size)).save(picture, "PPM")
    if scans:
        with open("scans", "w") as file:
            file.write(scans)
        options += ("-scans", "scans")
    options += ("-grayscale",) if gray else ()
    command = ["cjpeg", "-quality", "85", *options]
    jpeg = subprocess.run(command, input=picture.getvalue(), capture_output=True, check=True).stdout
    if scans:
        os.remove("scans")
    return jpeg


def write(name, jpeg, decoded=True):
    with open(f"{name}.jpg", "wb") as file:
        file.write(jpeg)
    if decoded:
        ppm = subprocess.run(["djpeg", "-strict"], input=jpeg, capture_output=True, check=True).stdout
        Image.open(io.BytesIO(ppm)).save(f"{name}.png", optimize=True)


def without(jpeg, marker):
    """Without the segment of a marker, which must be the first one with it."""
    at = jpeg.index(bytes([0xFF, marker]))
    return jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2:at + 4], "big"):]


def adobe(jpeg, transform):
    return jpeg[:2] + b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0" + bytes([transform]) + jpeg[2:]


ALONE = "0;\n1;\n2;\n"
write("one-scan-each", cjpeg("-sample", "2x2", scans=ALONE))
write("two-scans", cjpeg("-sample", "2x1", scans="0,1;\n2;\n"))
write("finer-color", cjpeg("-sample", "1x1,2x2,1x1"))
write("restarts", cjpeg("-sample", "4x1", "-restart", "1B"))
write("progressive-restarts", cjpeg("-sample", "1x2", "-progressive", "-restart", "2B"))
write("gray", cjpeg("-sample", "2x2", "-restart", "2B", gray=True))
# Red, green and blue, which only Adobe's marker says.
write("rgb", adobe(without(cjpeg("-sample", "1x1"), 0xE0), 0))
cmyk = io.BytesIO()
Image.fromarray(waves(19, 17, 4), "CMYK").save(cmyk, "JPEG", quality=85)
write("cmyk", cmyk.getvalue())
write("ycck", adobe(without(cmyk.getvalue(), 0xEE), 2))
# Fillers before the last marker, and something behind it.
write("trailer", cjpeg("-sample", "2x2")[:-2] + b"\xff\xff\xff\xd9" + b"trailer \xff\xd8\xff")

write("refused-arithmetic", cjpeg("-arithmetic"), False)
twelve = bytearray(cjpeg())
twelve[twelve.index(b"\xff\xc0") + 1] = 0xC1
twelve[twelve.index(b"\xff\xc1") + 4] = 12
write("refused-twelve-bits", twelve, False)
write("refused-sampling", cjpeg("-sample", "4x1,2x1,1x1", scans=ALONE, size=(33, 9)), False)
write("refused-coarse", cjpeg(scans="0,1,2: 0-0, 0, 0;\n0: 1-63, 0, 0;\n"), False)
