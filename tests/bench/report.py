#!/usr/bin/env python3
"""Measures Pickup beside its rivals in one run: a table on the screen, and target/bench/report.json.

  report.py [--only NAME …] [--media FOLDER]

A row has name, value, unit, bar, sense (min: at least the bar, max: at most), met, and baseline (what was measured beside it).
Comparisons with OpenCV and the like run in the interpreter that PICKUP_PYTHON names; where it lacks a package, the row says so
and how to get it; those with the model's reference run in that of PICKUP_TORCH_PYTHON. FOLDER holds clips/ and audio/; the default is the environment variable PICKUP_MEDIA, else tests/media."""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "tests" / "bench"
RELEASE = ROOT / "target" / "release"
BUNDLE = ROOT / "target" / "bundle" / "Pickup.ofx.bundle" / "Contents" / "Linux-x86-64"
PICKUP = RELEASE / "pickup"
NEEDS = "numpy opencv-python-headless pyloudnorm scikit-image opencolorio"
HOW = f"python3 -m venv venv && venv/bin/pip install {NEEDS}; then PICKUP_PYTHON=venv/bin/python make bench"


class Report:
    """The rows, in the order in which they were measured."""

    def __init__(self):
        self.rows = []

    def row(self, name, value, unit, bar=None, sense="max", baseline=""):
        met = None
        if value is not None and bar is not None:
            met = value <= bar if sense == "max" else value >= bar
        self.rows.append(dict(name=name, value=value, unit=unit, bar=bar, sense=sense, met=met, baseline=baseline))

    def missing(self, name, unit, bar, sense, why):
        self.rows.append(dict(name=name, value=None, unit=unit, bar=bar, sense=sense, met=None, baseline=why))

    def show(self):
        number = lambda v: "–" if v is None else (f"{v:.3g}" if isinstance(v, float) else str(v))
        cells = [["figure", "value", "unit", "bar", "met", "beside it"]]
        for r in self.rows:
            sign = {"max": "≤", "min": "≥"}[r["sense"]]
            bar = "" if r["bar"] is None else f"{sign} {number(r['bar'])}"
            met = {True: "yes", False: "NO", None: ""}[r["met"]]
            cells.append([r["name"], number(r["value"]), r["unit"], bar, met, r["baseline"]])
        widths = [max(len(c[i]) for c in cells) for i in range(5)]
        for c in cells:
            print("  ".join(x.ljust(w) for x, w in zip(c, widths)) + "  " + c[5])


def cpu_seconds(command):
    """User and system time of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([str(c) for c in command], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def comparison(program, media, command, option="--command"):
    """Runs one of the comparison programs on what `option` names; its rows, or None and why not."""
    python = os.environ.get("PICKUP_PYTHON", "python3")
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        run = subprocess.run([python, str(BENCH / program), "--media", str(media), option, command, "--json", out.name], capture_output=True, text=True)
        if run.returncode == 0:
            return json.loads(Path(out.name).read_text()), ""
    last = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
    if "ModuleNotFoundError" in last:
        return None, f"not measured: {last.split(': ')[-1]}; {HOW}"
    return None, f"not measured: {program} failed: {last[:160]}"


def mean(values):
    return statistics.fmean(values) if values else float("nan")


def inbetween(report, media):
    command = f"{PICKUP} retime --clip {{clip}} --factor {{factor}} --engine draft --sound none --format png --quiet -o {{out}}"
    rows, why = comparison("inbetween.py", media / "clips", command)
    for factor in (2, 4, 8):
        name = f"in-between, 1 of {factor} kept: PSNR over OpenCV DIS"
        if rows is None:
            report.missing(name, "dB", 0.5, "min", why)
            continue
        of = lambda method: mean([r["psnr"] for r in rows if r["factor"] == factor and r["method"] == method])
        base = ", ".join(f"{m} {of(m):.2f}" for m in ("ours", "DIS", "mci", "blend"))
        report.row(name, of("ours") - of("DIS"), "dB", 0.5, "min", f"dB: {base}")
        clips = sorted({r["clip"] for r in rows})
        at = lambda clip, method: next(r["psnr"] for r in rows if (r["clip"], r["factor"], r["method"]) == (clip, factor, method))
        worst = min((at(c, "ours") - max(at(c, "blend"), at(c, "DIS")), c) for c in clips)
        report.row(f"in-between, 1 of {factor} kept: worst clip over the better of blend and DIS", worst[0], "dB", -0.1, "min", worst[1])


def kept_at_1080p(media, folder):
    """Every eighth frame of a clip at 1080p, five of them, as PNG files: their pattern."""
    clip = next((p for p in (media / "clips" / "udacity_lane.mp4", media / "udacity_lane.mp4") if p.exists()), None) or sorted((media / "clips").iterdir())[0]
    kept = Path(folder, "kept")
    kept.mkdir()
    scale = "select='not(mod(n\\,8))',scale=1920:1080:flags=bicubic"
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(clip), "-vf", scale, "-frames:v", "5", "-fps_mode", "passthrough", "-start_number", "0", str(kept / "%06d.png")], check=True)
    return kept / "%06d.png"


def speed(report, media):
    with tempfile.TemporaryDirectory() as td:
        pattern, made = kept_at_1080p(media, td), 4 * 7
        ours = cpu_seconds([PICKUP, "retime", "--clip", pattern, "--factor", "8", "--engine", "draft", "--quiet", "-o", Path(td, "ours")])
        copy = cpu_seconds([PICKUP, "retime", "--clip", pattern, "--factor", "1", "--engine", "draft", "--quiet", "-o", Path(td, "copy")])
        mci = ["ffmpeg", "-v", "error", "-framerate", "10", "-i", pattern, "-vf", "minterpolate=fps=80:mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1:scd=none", Path(td, "mci%06d.png")]
        rival = cpu_seconds(mci)
        report.row("CPU per 1080p in-between, PNG read and write included", ours / made * 1e3, "ms", 200.0, "max", f"ffmpeg mci {rival / made * 1e3:.0f} ms; 5 frames read and written alone {copy * 1e3:.0f} ms")
        per_file = copy / 5
        report.row("CPU per 1080p in-between, without files", (ours - per_file * (made + 5)) / made * 1e3, "ms", 60.0, "max", "reading and writing measured alone and taken off")


def engine(report, media):
    """The draft alone, without the rest of Pickup and without files: its example measures itself."""
    example = RELEASE / "examples" / "retime"
    bars = (("cpu", "CPU per 1080p in-between, engine alone, 7 of 8 made", "ms", 60.0, "max"), ("scaling", "draft: speed with 2 threads over 1", "×", 1.8, "min"), ("memory", "draft: most memory held, with a PNG being read and written", "frames", 24.0, "max"))
    with tempfile.TemporaryDirectory() as td:
        pattern = kept_at_1080p(media, td)
        try:
            run = lambda threads: json.loads(subprocess.run([example, pattern, "8", Path(td, f"out{threads}")], env={**os.environ, "RAYON_NUM_THREADS": str(threads)}, capture_output=True, text=True, check=True).stdout)
            one, two = run(1), run(2)
        except (OSError, subprocess.CalledProcessError, ValueError) as e:
            for _, name, unit, bar, sense in bars:
                report.missing(name, unit, bar, sense, f"not measured: {e}; cargo build --release -p draft --example retime")
            return
    got = {
        "cpu": (one["cpu_ms"], f"{two['cpu_ms']:.0f} ms with 2 threads"),
        "scaling": (one["wall_ms"] / two["wall_ms"], f"wall {one['wall_ms']:.0f} and {two['wall_ms']:.0f} ms"),
        "memory": (max(one["frames_held"], two["frames_held"]), ""),
    }
    for key, name, unit, bar, sense in bars:
        report.row(name, got[key][0], unit, bar, sense, got[key][1])


def flow(report, media):
    """The draft's optical flow beside DIS: in scenes with a known answer, on real frames, and what it costs."""
    names = (("flow: mean error in made scenes, over DIS medium's", "made", "DIS medium"), ("flow: what warping leaves of real frames, over DIS medium's", "real", "DIS medium"), ("flow: CPU of one direction at 1080p, over DIS fast's", "cpu_ms", "DIS fast"))
    rows, why = comparison("flow.py", media / "clips", str(RELEASE / "examples" / "flow"), option="--flow")
    for name, kind, rival in names:
        if rows is None:
            report.missing(name, "×", 1.0, "max", why)
            continue
        of = lambda method: mean([r["error"] for r in rows if (r["kind"], r["method"]) == (kind, method)])
        report.row(name, of("ours") / of(rival), "×", 1.0, "max", ", ".join(f"{m} {of(m):.2f}" for m in ("ours", "DIS medium", "DIS fast")))


def sharpness(report, media):
    command = f"{PICKUP} retime --clip {{clip}} --factor {{factor}} --engine draft --sound none --format png --quiet -o {{out}}"
    rows, why = comparison("sharpness.py", media / "clips", command)
    for factor in (2, 4, 8):
        name = f"in-between, 1 of {factor} kept: clip whose sharpness differs most from the neighbours'"
        if rows is None:
            report.missing(name, "%", 10.0, "max", why)
            continue
        of = lambda method: [(100 * abs(r["ratio"] - 1), r["clip"], r["ratio"]) for r in rows if (r["factor"], r["method"]) == (factor, method)]
        worst = max(of("ours"))
        methods = ("ours", "DIS", "blend", "truth")
        report.row(name, worst[0], "%", 10.0, "max", f"{worst[1]} at {worst[2]:.2f}; means: " + ", ".join(f"{m} {mean([r[2] for r in of(m)]):.2f}" for m in methods))


def ranks(values):
    """Ranks from 0, equal values sharing the mean of theirs."""
    order = sorted(values)
    return [(order.index(v) + len(order) - 1 - order[::-1].index(v)) / 2 for v in values]


def hideability(report, media):
    command = f"{PICKUP} bridge --tail {{tail}} --head {{head}} --frames {{frames}} --engine draft --sound none --format png --json --takes-dir {{store}} -o {{out}}"
    rows, why = comparison("bridge.py", media / "clips", command)
    names = ("hideability: rank correlation of the measure with the true SSIM", "hideability: bridges called good that are under 26 dB", "hideability: joins of different clips not told to use a cutaway")
    bars = ((0.6, "", "min"), (5.0, "%", "max"), (0, "", "max"))
    if rows is None:
        for name, (bar, unit, sense) in zip(names, bars):
            report.missing(name, unit, bar, sense, why)
        return
    within = [r for r in rows if r["gap"]]
    a, b = ranks([r["measure"] for r in within]), ranks([r["ssim"] for r in within])
    words = ("good", "visible", "use a cutaway")
    said = lambda word: [r["psnr"] for r in within if r["word"] and r["word"].startswith(word)]
    # What was said against what came of it.
    told = "; ".join(f"{w}: {sum(p >= 26 for p in said(w))} at 26 dB or more, {sum(20 <= p < 26 for p in said(w))} at 20 to 26, {sum(p < 20 for p in said(w))} under 20" for w in words)
    report.row(names[0], statistics.correlation(a, b), "", bars[0][0], bars[0][2], f"{len(within)} made-up jump cuts")
    good = said("good")
    report.row(names[1], 100 * sum(p < 26 for p in good) / max(1, len(good)), "%", bars[1][0], "max", told)
    report.row(names[2], sum(r["word"] != "use a cutaway" for r in rows if not r["gap"]), "", bars[2][0], "max", f"of {sum(not r['gap'] for r in rows)}")


def host(report, _media):
    run = subprocess.run([str(RELEASE / "pickup-hostbench")], capture_output=True, text=True)
    if run.returncode:
        report.missing("render from a take", "× memcpy", 3.0, "max", f"not measured: pickup-hostbench failed: {run.stderr.strip()[-160:]}")
        return
    bars = {
        "render-ratio": ("1080p float frame from a take into the host's buffer", 3.0, "max"),
        "render-bandwidth": ("the same as a part of memcpy's bandwidth", 0.33, "min"),
        "render-fps": ("playback of 1080p float RGBA, one thread", 60.0, "min"),
        "render-4k-half-fps": ("playback of 4K half RGBA, one thread", 30.0, "min"),
        "describe-ms": ("dlopen to Describe", 20.0, "max"),
        "per-frame-describe-ms": ("Load, Describe and Create for every frame, as MLT does", 3.0, "max"),
        "instance-memory": ("memory of an instance with no take open", 1.0, "max"),
        "frames-memory": ("growth of memory over 10,000 frames", 1.0, "max"),
        "abort-ms": ("an abort of a final render answered", 100.0, "max"),
        "threads-wrong": ("frames that differ when 8 threads render 10,000", 0.0, "max"),
    }
    for line in run.stdout.splitlines():
        if not line.startswith("{"):
            continue
        f = json.loads(line)
        name, bar, sense = bars.get(f["name"], (f["name"], f.get("bar"), f.get("sense", "max")))
        report.row(name, f["value"], f["unit"], bar, sense, f.get("baseline", ""))


def bundle(report, _media):
    ofx = BUNDLE / "Pickup.ofx"
    report.row("size of Pickup.ofx", ofx.stat().st_size / 1e6, "MB", 5.0, "max")
    text = subprocess.run(["readelf", "-d", str(ofx)], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}).stdout
    needed = [line.split("[")[1].rstrip("]") for line in text.splitlines() if "(NEEDED)" in line]
    allowed = ("libc.so", "libm.so", "libgcc_s.so", "ld-linux")
    report.row("libraries beyond libc, libm, libgcc_s", len([n for n in needed if not n.startswith(allowed)]), "", 0, "max", ", ".join(needed))


def ambience(report, media):
    rows, why = comparison("ambience.py", media / "audio", f"{PICKUP} sound --before {{before}} --after {{after}} --seconds {{seconds}} --quiet -o {{out}}")
    bars = {"lsd": ("dB", None), "envelope": ("", None), "loudness": ("LU", 1.0), "repetition": ("", 0.2), "seam": ("dB", 1.5)}
    for key, (unit, bar) in bars.items():
        name = f"ambience, 6 s gap: {key}"
        if rows is None:
            report.missing(name, unit, bar, "max", why)
            continue
        of = lambda method: mean([r[key] for r in rows if r["method"] == method])
        methods = [m for m in dict.fromkeys(r["method"] for r in rows) if m != "ours"]
        limit = of("granular, best of 8") if key == "lsd" else bar if bar is not None else of("(another real stretch)")
        report.row(name, of("ours"), unit, limit, "max", ", ".join(f"{m} {of(m):.2f}" for m in methods))


def room_tone(report, media):
    rows, why = comparison("room_tone.py", media / "audio", f"{PICKUP} sound --before {{input}} --seconds {{seconds}} --quiet -o {{out}}")
    for key, unit, bar in (("lsd", "dB", 4.5), ("bias", "dB", 1.5), ("repetition", "", 0.2)):
        name = f"room tone under dialogue: {key}"
        if rows is None:
            report.missing(name, unit, bar, "max", why)
            continue
        of = lambda method: mean([r[key] for r in rows if r["method"] == method])
        value = abs(of("ours")) if key == "bias" else of("ours")
        methods = [m for m in dict.fromkeys(r["method"] for r in rows) if m != "ours"]
        report.row(name, value, unit, bar, "max", ", ".join(f"{m} {of(m):.2f}" for m in methods))


def colour(report, media):
    rows, why = comparison("colour.py", media / "clips", f"{PICKUP} match --reference {{reference}} --clip {{input}} --quiet -o {{out}}")
    if rows is None:
        report.missing("colour: a known grade undone", "ΔE2000", None, "max", why)
        return
    undo = lambda m: mean([r["mean"] for r in rows if r["method"] == m and r["grade"] != "leave"])
    leave = lambda m: [r["mean"] for r in rows if r["method"] == m and r["grade"] == "leave"]
    report.row("colour: a known grade undone, mean", undo("ours"), "ΔE2000", 0.5 * undo("MKL"), "max", f"none {undo('none'):.2f}, Reinhard {undo('Reinhard'):.2f}, MKL {undo('MKL'):.2f}")
    report.row("colour: left alone, mean", mean(leave("ours")), "ΔE2000", 0.3, "max", f"MKL {mean(leave('MKL')):.2f}")
    report.row("colour: left alone, worst clip", max(leave("ours")), "ΔE2000", 1.0, "max", f"MKL {max(leave('MKL')):.2f}")


def look_files(report, media):
    """A match as .cube and CDL, applied by OpenColorIO."""
    rows, why = comparison("look_files.py", media / "clips", f"{PICKUP} match --reference {{reference}} --clip {{input}} --lut {{lut}} --cdl {{cdl}} --quiet -o {{out}}")
    for file, bar in (("cube", 0.1), ("cdl", 3.0)):
        name = f"match as {file}, applied by OpenColorIO: mean difference"
        if rows is None:
            report.missing(name, "ΔE2000", bar, "max", why)
            continue
        of = [r for r in rows if r["file"] == file]
        beside = f"worst picture, 99.9th percentile {max(r['high'] for r in of):.2f}; the match changes {mean([r['changed'] for r in of]):.2f}"
        beside += f"; it says of itself {mean([r['said'] or 0.0 for r in of]):.2f}" if file == "cdl" else ""
        report.row(name, mean([r["mean"] for r in of]), "ΔE2000", bar, "max", beside)


def spaces(report, _media):
    """Every colour space against OpenColorIO, on other colours than the test has."""
    python = os.environ.get("PICKUP_PYTHON", "python3")
    made = subprocess.run([python, str(ROOT / "model" / "colour" / "tests" / "ocio" / "ocio.py"), "4242"], capture_output=True, text=True)
    why = f"not measured: {(made.stderr.strip().splitlines() or ['it said nothing'])[-1][:120]}; {HOW}"
    try:
        if made.returncode:
            raise OSError(why)
        told = subprocess.run([RELEASE / "examples" / "spaces"], input=made.stdout, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        report.missing("colour spaces beside OpenColorIO", "relative", 1e-4, "max", str(e))
        return
    for line in told.splitlines():
        found = json.loads(line)
        report.row(f"colour space {found['space']} beside OpenColorIO, worst of {found['rows']}", found["error"], "relative", 1e-4, "max", "codes −0.5 to 1.6, light −2 to 90")


def colour_speed(report, _media):
    bars = {"match of white balance": 30.0, "match of contrast and saturation": 10.0, "linear to LogC4": 20.0, "sRGB to PQ": 60.0, "estimate": 500.0}
    try:
        told = subprocess.run([RELEASE / "examples" / "speed"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as e:
        report.missing("colour: CPU per 1080p frame", "ms", None, "max", f"not measured: {e}; cargo build --release -p colour --example speed")
        return
    for found in map(json.loads, told.splitlines()):
        report.row(f"colour, CPU per 1080p frame: {found['name']}", found["ms"], "ms", bars.get(found["name"]), "max")


def music(report, media):
    rows, why = comparison("music.py", media / "audio", f"{PICKUP} sound --kind music --before {{input}} --seconds 0.5 --json -o {{out}}")
    steady = lambda r: r["bpm"] is not None
    for what, told, wrong, right in (("tempo", "tempo", "tempo_wrong", steady), ("key", "found", "key_wrong", lambda r: r["key"] is not None)):
        if rows is None:
            report.missing(f"music: {what} told with confidence and wrong", "", 0, "max", why)
            continue
        all_told = [r for r in rows if r[told] is not None]
        report.row(f"music: {what} told with confidence and wrong", sum(r[wrong] for r in rows), "tracks", 0, "max", f"of {len(all_told)} told on {len(rows)} tracks")
        share = mean([float(r[told] is not None and not r[wrong]) for r in rows if right(r)])
        report.row(f"music: {what} told where there is one", share, "", 0.8 if what == "tempo" else 0.3, "min", "“not sure” elsewhere")


def torch_bench(program, *rest):
    """The JSON that a program beside PyTorch prints, and why there is none."""
    python = os.environ.get("PICKUP_TORCH_PYTHON")
    if not python:
        return None, "needs torch, diffusers and safetensors: set PICKUP_TORCH_PYTHON to a python that has them"
    try:
        done = subprocess.run([python, BENCH / program, *map(str, rest)], capture_output=True, text=True)
    except OSError as error:
        return None, f"not measured: {error}"
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    if "ModuleNotFoundError" in last:
        return None, f"not measured: {last.split(': ')[-1]}; set PICKUP_TORCH_PYTHON to a python that has torch, diffusers and safetensors"
    if done.returncode:
        return None, f"not measured: {last[:160]}"
    return json.loads(done.stdout.strip().splitlines()[-1]), None


def ltx(report, _media):
    """The model: every stage against the reference, smaller weights, memory, and its speed beside PyTorch's."""
    ltx_parity(report)
    ltx_memory(report)
    ltx_speed(report)
    ltx_seams(report)


def ltx_parity(report):
    """The rows of the parity tests: on the fixtures, and on models of other dimensions where a Python with torch makes them."""
    torch = os.environ.get("PICKUP_TORCH_PYTHON")
    with tempfile.TemporaryDirectory() as folder:
        tests = ["cargo", "test", "--locked", "--release", "-p", "ltx", "--test", "parity", "--", "agree"]
        done = subprocess.run(tests, cwd=ROOT, env={**os.environ, "PICKUP_PARITY_ROWS": folder}, capture_output=True, text=True)
        made = {path.stem: json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))}
    # A bar that is missed fails the tests as well, and is among the rows; anything else is no measurement.
    missed = any(r["error"] is None or r["error"] > r["bar"] for rows in made.values() for r in rows)
    if not made or done.returncode and not missed:
        why = f"not measured: {(done.stdout + done.stderr).strip().splitlines()[-1][:160]}"
        report.missing("ltx: every stage against the reference", "relative error", None, "max", why)
        return
    forms = ("BF16", "F8_E4M3", "Q8_0", "Q6_K", "Q4_K")
    for generation in sorted({name.split("-")[0] for name in made}):
        models = {name: rows for name, rows in made.items() if name.startswith(f"{generation}-")}
        rows = [r for rows in models.values() for r in rows]
        # What is no number is written as null.
        error = lambda r: float("inf") if r["error"] is None else r["error"]
        for stage in dict.fromkeys(r["stage"] for r in rows):
            of = [r for r in rows if r["stage"] == stage]
            worst = max(of, key=lambda r: error(r) / r["bar"])
            if stage in forms:
                each = {t: max(error(r) for r in of if r["tensor"] == t) for t in dict.fromkeys(r["tensor"] for r in of)}
                beside = ", ".join(f"{tensor} {value:.1e}" for tensor, value in each.items())
                report.row(f"ltx {generation}: weights in {stage}, error over what the form allows", error(worst) / worst["bar"], "", 1.0, "max", beside)
            else:
                beside = f"{worst['tensor']}; the worst of {len(of)} tensors; models and layouts: {len(models)}"
                report.row(f"ltx {generation}: {stage}", error(worst), "relative error", worst["bar"], "max", beside)
        for form in forms:
            if not any(r["stage"] == form for r in rows):
                why = "rows of the fixtures are shorter than its blocks: needs PICKUP_TORCH_PYTHON" if not torch else "no model of this generation has rows as long as its blocks"
                report.missing(f"ltx {generation}: weights in {form}, error over what the form allows", "", 1.0, "max", why)
    if not torch:
        why = "needs torch, diffusers and transformers: set PICKUP_TORCH_PYTHON to a python that has them"
        report.missing("ltx: models of other seeds and dimensions", "relative error", None, "max", why)


def ltx_memory(report):
    """A model four times as large as the memory it is granted."""
    budget, bar = 2.0, 2.3
    names = ("ltx: most memory of a step in 2 GiB, weights of 8 GiB, 512×320×33", "ltx: time to the first step, weights of 8 GiB on disk")
    with tempfile.TemporaryDirectory() as folder:
        took, why = torch_bench("ltx_memory.py", "--step", RELEASE / "examples" / "step", "--folder", folder, "--budget", int(budget * 2**30))
    if took is None:
        report.missing(names[0], "GiB", bar, "max", why)
        report.missing(names[1], "× reading the file", 1.3, "max", why)
        return
    report.row(names[0], took["highest_memory"] / 2**30, "GiB", bar, "max", f"VmHWM, mapped pages included; file {took['file'] / 2**30:.2f} GiB")
    report.row(names[1], took["ratio"], "× reading the file", 1.3, "max", f"{took['first_step']:.1f} s; reading alone {took['reading']:.1f} s; CPU {took['cpu']:.1f} s; load of the machine {os.getloadavg()[0]:.0f}")


def ltx_speed(report):
    """The arithmetic beside PyTorch's, on the same random weights in the same run."""
    examples = RELEASE / "examples"
    step, why = torch_bench("ltx_step.py", "--step", examples / "step")
    for key, kind in (("wall", "wall time"), ("cpu", "CPU time")):
        name = f"ltx: one transformer step, 222 M parameters, 2,126 tokens, {kind}"
        if step is None:
            report.missing(name, "of PyTorch's", 1.0, "max", why)
        else:
            beside = f"{step[f'our_{key}']:.1f} and {step[f'their_{key}']:.1f} s; ours differs by {step['video_error']:.1e}"
            report.row(name, step[f"{key}_ratio"], "of PyTorch's", 1.0, "max", beside)
    decode, why = torch_bench("ltx_decode.py", "--decode", examples / "decode")
    for key, kind in (("wall_ratio", "wall time"), ("cpu_ratio", "CPU time")):
        name = f"ltx: VAE decode of 512×320×33, {kind}"
        if decode is None:
            report.missing(name, "of PyTorch's", 1.1, "max", why)
        else:
            report.row(name, decode[key], "of PyTorch's", 1.1, "max", "medians in one run")
    names = ("ltx: VAE decode, most memory as frames grow fourfold", "ltx: VAE decode of 1280×704, memory taken over what it said")
    if decode is None:
        for name in names:
            report.missing(name, "×", 1.1, "max", why)
        return
    of = {int(frames): mib for frames, mib in decode["memory"].items()}
    report.row(names[0], of[max(of)] / of[min(of)], "×", 1.1, "max", ", ".join(f"{frames} frames {size} MiB" for frames, size in of.items()))
    report.row(names[1], decode["took"] / decode["estimate"], "×", 1.1, "max", f"{decode['took'] / 2**20:.0f} of {decode['estimate'] / 2**20:.0f} MiB")


def ltx_seams(report):
    """A minute from the model: longer than it can make in one go."""
    script = [sys.executable, BENCH / "ltx_seams.py", "--pickup", PICKUP, "--checkpoint", ROOT / "model" / "ltx" / "tests" / "parity" / "fixtures" / "ltx-2.3"]
    run = subprocess.run([str(c) for c in script], capture_output=True, text=True)
    bars = (("window-seam", "ltx: step of the picture where stretches of a 60 s shot join", 1.5), ("window-seam-sound", "ltx: step of the sound's level there", 3.0))
    if run.returncode:
        why = f"not measured: {(run.stderr.strip().splitlines() or ['it said nothing'])[-1][:160]}"
        for _, name, bar in bars:
            report.missing(name, "median steps", bar, "max", why)
        return
    got = json.loads(run.stdout.splitlines()[-1])
    for key, name, bar in bars:
        report.row(name, got[key], "median steps", bar, "max", f"{got['frames']} frames of {got['asked']}, {got['frozen']:.0f} stand still")


def fill(report, media):
    """A 10-minute cut with 12 gaps: all filled to the frame, and what the whole costs beside its gaps one by one."""
    run = subprocess.run([sys.executable, str(BENCH / "fill.py"), "--pickup", str(PICKUP), "--clip", str(media / "clips" / "udacity_lane.mp4")],
                         capture_output=True, text=True)
    try:
        got = json.loads(run.stdout)
    except ValueError:
        why = (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
        report.missing("a cut of 10 minutes, 12 gaps: the whole over its gaps", "×", 1.1, "max", f"not measured: {why}")
        return
    beside = f"{got['frames']} frames, {got['whole_cpu_s']:.0f} s of CPU, {got['whole_clock_s']:.0f} s by the clock; its plan {got['plan_s']:.1f} s"
    report.row("a cut of 10 minutes, 12 gaps: the whole over its gaps", got["ratio"], "×", 1.1, "max", beside)
    report.row("the same: gaps not filled to the frame", int(not got["filled"]), "", 0)


def sheet(report, _media):
    """The page of 200 takes in headless Chromium: its size, how fast it opens, and whether keys and network are as they should be."""
    bars = (("megabytes", "sheet of 200 takes", "MB", 30.0), ("seconds", "sheet of 200 takes: open", "s", 1.0))
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        try:
            subprocess.run([sys.executable, str(BENCH / "sheet.py"), "--program", str(PICKUP), "--json", out.name], check=True, capture_output=True, text=True)
            rows = json.loads(Path(out.name).read_text())
        except (OSError, subprocess.CalledProcessError, ValueError) as e:
            why = (getattr(e, "stderr", "") or str(e)).strip().splitlines()[-1][:160]
            for _, name, unit, bar in bars:
                report.missing(name, unit, bar, "max", f"not measured: {why}; it needs chromium")
            return
    for key, name, unit, bar in bars:
        report.row(name, rows[key], unit, bar)
    report.row("sheet of 200 takes: keys that do nothing, requests, unread sounds", len(rows["wrong"]), "", 0, "max", "; ".join(rows["wrong"]))


PARTS = {f.__name__: f for f in (bundle, host, speed, engine, flow, inbetween, sharpness, hideability, ambience, room_tone, music, colour, look_files, spaces, colour_speed, ltx, fill, sheet)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", nargs="+", choices=sorted(PARTS), metavar="NAME", help=", ".join(PARTS))
    ap.add_argument("--media", type=Path, default=Path(os.environ.get("PICKUP_MEDIA", ROOT / "tests" / "media")))
    args = ap.parse_args()
    media = args.media.resolve()
    report = Report()
    for name in args.only or PARTS:
        print(f"measuring {name} …", file=sys.stderr)
        PARTS[name](report, media)
    report.show()
    out = ROOT / "target" / "bench" / "report.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".new")
    fresh.write_text(json.dumps(report.rows, indent=1, ensure_ascii=False) + "\n")
    fresh.replace(out)
    print(f"\nwritten to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
