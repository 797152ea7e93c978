"""Small test footage without any library: EXR sequences with a pattern that moves, and PCM sound."""

import math
import os
import random
import struct
import wave


def exr(path, width, height, row):
    """Writes an uncompressed half-float EXR whose rows are all alike; `row` holds (r, g, b) of each column.
    The form is that of the OpenEXR file layout document: magic, version, attributes, offset table, scan lines."""
    def attribute(name, kind, value):
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    channels = b"".join(c + b"\0" + struct.pack("<iB3xii", 1, 0, 1, 1) for c in (b"B", b"G", b"R")) + b"\0"
    box = struct.pack("<4i", 0, 0, width - 1, height - 1)
    head = b"\x76\x2f\x31\x01" + struct.pack("<i", 2)
    head += attribute("channels", "chlist", channels) + attribute("compression", "compression", b"\0")
    head += attribute("dataWindow", "box2i", box) + attribute("displayWindow", "box2i", box) + attribute("lineOrder", "lineOrder", b"\0")
    head += attribute("pixelAspectRatio", "float", struct.pack("<f", 1)) + attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
    head += attribute("screenWindowWidth", "float", struct.pack("<f", 1)) + b"\0"
    line = b"".join(struct.pack("<%de" % width, *[p[c] for p in row]) for c in (2, 1, 0))
    first = len(head) + 8 * height
    with open(path, "wb") as file:
        file.write(head)
        file.write(struct.pack("<%dQ" % height, *[first + y * (8 + len(line)) for y in range(height)]))
        for y in range(height):
            file.write(struct.pack("<ii", y, len(line)) + line)


def sequence(folder, name, frames, size, hue=0.0):
    """A sequence NAME.NNNNNN.exr, numbered from 0, whose pattern moves two columns a frame."""
    os.makedirs(folder)
    for index in range(frames):
        waves = [0.5 + 0.2 * math.sin((x + 2 * index) / 7.0) + 0.1 * math.sin((x + 2 * index) / 2.3) for x in range(size[0])]
        row = [(w, w * (1 - hue), w * (0.6 + hue / 2)) for w in waves]
        exr(os.path.join(folder, "%s.%06d.exr" % (name, index)), size[0], size[1], row)
    return os.path.join(folder, name + ".%06d.exr")


def sound(path, seconds, seed=1):
    """Quiet noise, stereo, 48 kHz, 24 bit: always the same."""
    noise = random.Random(seed)
    block = b"".join(struct.pack("<i", noise.randint(-60000, 60000))[:3] * 2 for _ in range(9600))
    count = int(round(seconds * 48000)) * 6
    with wave.open(path, "wb") as file:
        file.setparams((2, 3, 48000, 0, "NONE", ""))
        file.writeframes((block * (count // len(block) + 1))[:count])
    return path
