#!/usr/bin/env python3
"""Writes values.csv, the reference that tests/ocio.rs holds the crate to: python3 ocio.py > values.csv

ocio.py SEED takes other random colours, for the bench.

Needs: pip install opencolorio numpy (made with 2.6.0). Every colour is taken by OpenColorIO, optimization none, from each space
to ACES2065-1, and from ACES2065-1 to each space, in the built-in studio configuration; then a few pairs directly.

Columns: from, to, three values in, three values out. The spaces are named as on Pickup's command line, and `aces2065-1` stands for
the hub, which Pickup does not offer: the test reaches it through ACEScg with the matrix of AMPAS S-2014-004."""
import itertools
import sys
import numpy as np
import PyOpenColorIO as ocio

CONFIG = "studio-config-v4.0.0_aces-v2.0_ocio-v2.5"
SPACES = {
    "srgb": "sRGB - Display",
    "rec709": "Rec.1886 Rec.709 - Display",
    "linear-rec709": "Linear Rec.709 (sRGB)",
    "aces-cg": "ACEScg",
    "aces-cct": "ACEScct",
    "davinci-intermediate": "DaVinci Intermediate WideGamut",
    "log-c3": "ARRI LogC3 (EI800)",
    "log-c4": "ARRI LogC4",
    "s-log3": "S-Log3 S-Gamut3",
    "s-log3-cine": "S-Log3 S-Gamut3.Cine",
    "canon-log3": "CanonLog3 CinemaGamut D55",
    "log3-g10": "Log3G10 REDWideGamutRGB",
    "pq": "Rec.2100-PQ - Display",
    "hlg": "Rec.2100-HLG - Display",
}
# OpenColorIO has Canon Log 3 as a table over codes 0 to 1, and cannot go outside.
CODES = {"canon-log3": (0.0, 1.0), "pq": (-1.0, 1.2), "hlg": (-1.0, 1.5)}


def convert(config, one, two, colours):
    out = np.array(colours, np.float32)
    config.getProcessor(one, two).getOptimizedCPUProcessor(ocio.OPTIMIZATION_NONE).applyRGB(out)
    return out


def show(one, two, colours, out):
    for a, b in zip(colours, out):
        if np.isfinite(b).all() and np.abs(b).max() < 1e12:
            print(one, two, *(f"{v:.7g}" for v in (*np.float32(a), *b)), sep=",")


def main():
    config = ocio.Config.CreateFromBuiltinConfig(CONFIG)
    random = np.random.default_rng(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
    light = [[x] * 3 for x in (-2, -0.3, -0.01, 0.001, 0.005, 0.02, 0.18, 0.5, 1, 4, 20, 90)]
    light += [list(v) for v in np.exp(random.uniform(np.log(0.002), np.log(12), (14, 3)))]
    light += [[0.9, 0.02, 0.05], [0.03, 0.8, 0.1], [0.02, 0.05, 1.1], [-0.05, 0.3, 0.2], [0.4, -0.02, 0.6]]
    print("# made by ocio.py from", CONFIG, "with OpenColorIO", ocio.__version__)
    for name, theirs in SPACES.items():
        low, high = CODES.get(name, (-0.5, 1.6))
        codes = [[x] * 3 for x in np.linspace(low, high, 18)] + [[0.01] * 3, [0.04] * 3, [0.1] * 3, [0.16] * 3]
        codes += [list(v) for v in random.uniform(max(low, 0.0), min(high, 1.0), (12, 3))]
        show(name, "aces2065-1", codes, convert(config, theirs, "ACES2065-1", codes))
        colours = light
        if name == "canon-log3":
            inside = convert(config, "ACES2065-1", theirs, light)
            colours = [c for c, v in zip(light, inside) if (v > 0).all() and (v < 1).all()]
        show("aces2065-1", name, colours, convert(config, "ACES2065-1", theirs, colours))
    spread = [list(v) for v in random.uniform(0.05, 0.95, (4, 3))]
    for (one, a), (two, b) in itertools.permutations(SPACES.items(), 2):
        out = convert(config, a, b, spread)
        if two != "canon-log3" or ((out > 0) & (out < 1)).all():
            show(one, two, spread, out)


if __name__ == "__main__":
    main()
