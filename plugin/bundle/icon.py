#!/usr/bin/env python3
"""Draws the effect's icon: a strip of film whose missing middle frame is being made. Needs nothing but Python.

    python3 icon.py org.pickup.Pickup.png
"""
import math
import struct
import sys
import zlib

SIDE = 256
INK, FILM, AMBER = (0.09, 0.10, 0.12), (0.80, 0.83, 0.86), (0.98, 0.66, 0.16)


def box(x, y, cx, cy, w, h, r):
    """Signed distance to a box with round corners, in pixels; below zero inside."""
    dx, dy = abs(x - cx) - w / 2 + r, abs(y - cy) - h / 2 + r
    return math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - r


def over(below, colour, distance, strength=1.0):
    """A shape over what is there, its edge one pixel soft."""
    a = min(max(0.5 - distance, 0), 1) * strength
    alpha = a + below[3] * (1 - a)
    if alpha == 0:
        return below
    return tuple((c * a + b * below[3] * (1 - a)) / alpha for c, b in zip(colour, below)) + (alpha,)


def pixel(x, y):
    p = over((0, 0, 0, 0), INK, box(x, y, 128, 128, 248, 248, 44))
    for i in range(7):
        hole = 128 + (i - 3) * 34
        for row in (52, 204):
            p = over(p, FILM, box(x, y, hole, row, 16, 16, 4), 0.55)
    p = over(p, FILM, box(x, y, 44, 128, 52, 96, 8))
    p = over(p, FILM, box(x, y, 212, 128, 52, 96, 8))
    # The missing frame: an amber outline, with a plus sign, which is what the effect does.
    p = over(p, AMBER, abs(box(x, y, 128, 128, 88, 96, 10)) - 3.5)
    p = over(p, AMBER, box(x, y, 128, 128, 44, 10, 4))
    return over(p, AMBER, box(x, y, 128, 128, 10, 44, 4))


def main(path):
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)
        for x in range(SIDE):
            rows += bytes(int(v * 255 + 0.5) for v in pixel(x + 0.5, y + 0.5))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


main(sys.argv[1])
