#!/usr/bin/env python3
"""Tempo and key of music, told only when certain: how much is told, and whether anything told is wrong.

  music.py --media DIR --command CMD [--only NAME] [--json OUT]

Tracks are made here, so that their truth is known: clicks, chords, a band with drums, a pad, in many tempi, keys, metres and
tunings, clean, over noise, under speech (espeak-ng), with rubato, with a change of key, and sounds that are no music at all (noise,
irregular knocks, speech, a drone, chords of no key; recordings of DIR that do not begin with "music"). music_brahms_hd5 of DIR is in
F# minor and freely played.

CMD gets {input} (WAV, float, 48 kHz mono, 20 s) and {out}, and tells `music before the hole: … beats per minute, … ` as JSON lines
with a "text" or "note" (pickup sound --json). Judged: a tempo within 2 % of the beat's, a key that is the key or its relative;
"not sure" is never wrong, and is the only right answer where the truth is None: free playing, no music, one slow chord a bar.

Columns: kind, tracks, tempo told / wrong, key told / wrong."""
import argparse, json, re, shlex, subprocess, tempfile
from pathlib import Path
import numpy as np
from sound_metrics import SR, load, save
SECONDS = 20
NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"]
MAJOR = {"I": (0, (0, 4, 7)), "ii": (2, (0, 3, 7)), "iii": (4, (0, 3, 7)), "IV": (5, (0, 4, 7)), "V": (7, (0, 4, 7)), "V7": (7, (0, 4, 7, 10)), "vi": (9, (0, 3, 7))}
MINOR = {"i": (0, (0, 3, 7)), "iv": (5, (0, 3, 7)), "v": (7, (0, 3, 7)), "V": (7, (0, 4, 7)), "VI": (8, (0, 4, 7)), "III": (3, (0, 4, 7)), "VII": (10, (0, 4, 7))}
PROGRESSIONS = {False: ["I IV V I", "I vi IV V", "I V vi IV", "ii V7 I vi", "I IV I V7"], True: ["i iv V i", "i VI III VII", "i iv v i", "i VII VI V", "i iv VII III"]}


def steady(bpm): return np.arange(0, SECONDS + 2, 60 / bpm)

def wandering(bpm, share, rng):
    """Beats whose tempo sways by ± share over some seconds and jitters a little."""
    t, beats, phase = 0.0, [], rng.uniform(0, 6)
    while t < SECONDS + 1: beats.append(t); t += 60 / bpm / (1 + share * np.sin(phase + 2 * np.pi * t / 7) + .02 * rng.normal())
    return np.array(beats)

def put(y, at, sound):
    i = int(at * SR)
    if i < len(y): n = min(len(sound), len(y) - i); y[i:i + n] += sound[:n]

def tone(midi, seconds, attack, decay, overtones, tuning=0.0):
    t = np.arange(int(seconds * SR)) / SR; hz = 440 * 2 ** ((midi - 69 + tuning) / 12)
    y = sum(a * np.sin(2 * np.pi * hz * h * t) for h, a in enumerate(overtones, 1) if hz * h < 16000)
    return y * np.minimum(t / attack, 1) * np.exp(-t / decay) * np.minimum((seconds - t) / .02, 1)

def burst(rng, seconds, decay, low=None):
    t = np.arange(int(seconds * SR)) / SR
    return (np.sin(2 * np.pi * low * t * np.exp(-t * 3)) if low else rng.normal(size=len(t))) * np.exp(-t / decay)

PIANO, ORGAN, STRINGS = ((1, .5, .3, .15, .08), .004, .6), ((1, .7, .4, .3), .03, 50.0), ((1, .6, .4, .3, .2, .1), .12, 50.0)

def chords(y, beats, tonic, minor, progression, voice, rng, per_chord=4, rhythm="bar", tuning=0.0):
    overtones, attack, decay = voice; table = MINOR if minor else MAJOR; names = progression.split()
    for b in range(len(beats) - 1):
        root, shape = table[names[b // per_chord % len(names)]]; bar = b % per_chord
        if rhythm == "bar" and bar: continue
        length = (beats[min(b + (per_chord if rhythm == "bar" else 1), len(beats) - 1)] - beats[b]) * .98; level = 1.0 if bar == 0 else .6
        for n in shape: put(y, beats[b], .12 * level * tone(60 + (tonic + root + n) % 12, length, attack, decay, overtones, tuning))
        put(y, beats[b], .2 * level * tone(36 + (tonic + root) % 12, length, attack, decay, overtones, tuning))
        if rhythm == "arpeggio":
            for k in range(2): put(y, beats[b] + k * (beats[b + 1] - beats[b]) / 2, .15 * tone(72 + (tonic + root + shape[(2 * b + k) % 3]) % 12, length, attack, decay, overtones, tuning))

def melody(y, beats, tonic, minor, rng, voice):
    scale = [0, 2, 3, 5, 7, 8, 10] if minor else [0, 2, 4, 5, 7, 9, 11]; at = 0; overtones, attack, decay = voice
    for b in range(len(beats) - 1):
        at = int(np.clip(at + rng.integers(-2, 3), -3, 7)); note = 72 + tonic + scale[at % 7] + 12 * (at // 7)
        put(y, beats[b], .15 * tone(note, (beats[b + 1] - beats[b]) * .9, attack, decay, overtones))

def drums(y, beats, rng, metre=4, hats=2, swing=0.0):
    for b in range(len(beats) - 1):
        period = beats[b + 1] - beats[b]
        put(y, beats[b], (.6 if b % metre == 0 else .3) * burst(rng, .2, .06, 60) if b % 2 == 0 or metre == 3 else .35 * burst(rng, .15, .05))
        for h in range(hats): put(y, beats[b] + (h / hats + (swing if h % 2 else 0)) * period, .08 * burst(rng, .05, .012))

def clicks(y, beats, rng, accent=None):
    for b, t in enumerate(beats): put(y, t, (1 if accent and b % accent == 0 else .5) * burst(rng, .03, .005))

def told(text):
    tempo, key = re.search(r"([\d.]+) beats per minute", text), re.search(r"\b([A-G][#b]?) (major|minor)\b", text)
    return (float(tempo[1]) if tempo else None), ((NAMES.index(key[1]) + (3 if key[2] == "minor" else 0)) % 12 if key else None)

def tracks(media):
    """kind, name, sound, beats a minute or None, the major key of the same notes or None."""
    blank, seed = lambda: np.zeros(SECONDS * SR), iter(range(10 ** 6)); rng = lambda: np.random.default_rng(next(seed))
    major = lambda tonic, minor: (tonic + 3 * minor) % 12; tempi = np.round(60 * (200 / 60) ** np.linspace(0, 1, 15), 1); hiss = lambda y, level: y + level * rng().normal(size=len(y))
    for bpm in tempi:
        y = blank(); clicks(y, steady(bpm) + .1, rng()); yield "clicks", f"{bpm}", hiss(y, .001), bpm, None
        y = blank(); clicks(y, steady(bpm) + .3, rng(), 4); yield "clicks, accents of 4", f"{bpm}", hiss(y, .02), bpm, None
    for i, bpm in enumerate(tempi):
        for j, (voice, rhythm) in enumerate(((PIANO, "beat"), (ORGAN, "beat"), (STRINGS, "bar"), (PIANO, "arpeggio"))):
            tonic, minor = (5 * i + 7 * j) % 12, bool((i + j) % 2); y, r = blank(), rng()
            chords(y, steady(bpm) + .2, tonic, minor, PROGRESSIONS[minor][(i + j) % 5], voice, r, rhythm=rhythm); yield f"chords, {rhythm}", f"{bpm} {NAMES[tonic]}{'m' * minor}", hiss(y, .001), bpm if rhythm != "bar" else None, major(tonic, minor)
    for i, bpm in enumerate(tempi):
        for metre, hats, swing in ((4, 2, 0), (4, 4, 0), (3, 2, 0), (2, 3, 0), (4, 2, .17)):
            tonic, minor = (7 * i + metre) % 12, bool((i + hats) % 2); y, r, b = blank(), rng(), steady(bpm) + .15
            drums(y, b, r, metre, hats, swing); chords(y, b, tonic, minor, PROGRESSIONS[minor][i % 5], PIANO, r, per_chord=metre, rhythm="bar"); melody(y, b, tonic, minor, r, ORGAN)
            yield f"band in {metre}, {hats} hats{', swung' * bool(swing)}", f"{bpm} {NAMES[tonic]}{'m' * minor}", hiss(y, .002), bpm, major(tonic, minor)
    speech = None
    with tempfile.TemporaryDirectory() as td:
        text = "We waited by the harbour until the boats came in. Nobody came. There is another way out of this town, and you know it. Put it down, please, and listen to me for once."
        subprocess.run(["espeak-ng", "-v", "en-gb", "-s", "145", "-w", f"{td}/s.wav", text], check=True); speech = np.resize(load(f"{td}/s.wav"), SECONDS * SR)
    loud = lambda x: x / np.sqrt((x ** 2).mean())
    for i, bpm in enumerate(tempi[::2]):
        tonic, minor = (7 * i + 1) % 12, bool(i % 2); y, r, b = blank(), rng(), steady(bpm) + .15; drums(y, b, r); chords(y, b, tonic, minor, PROGRESSIONS[minor][i % 5], PIANO, r)
        for db in (-6, 0, 6): yield "band under speech", f"{bpm} {db:+} dB", .05 * (loud(y) + 10 ** (db / 20) * loud(speech)), bpm, major(tonic, minor)
        yield "band in noise, 6 dB down", f"{bpm}", .05 * (loud(y) + .5 * rng().normal(size=len(y))), bpm, major(tonic, minor)
        for share in (.08, .2):
            y, r = blank(), rng(); b = wandering(bpm, share, r); chords(y, b, tonic, minor, PROGRESSIONS[minor][i % 5], PIANO, r, rhythm="beat"); yield "rubato", f"{bpm} ± {share}", hiss(y, .001), None, major(tonic, minor)
        y, r = blank(), rng(); b = np.cumsum(60 / np.linspace(bpm, bpm * 1.35, int(SECONDS * bpm / 60))); chords(y, b, tonic, minor, PROGRESSIONS[minor][i % 5], PIANO, r, rhythm="beat"); yield "accelerando", f"{bpm}", hiss(y, .001), None, major(tonic, minor)
        y, r, b = blank(), rng(), steady(bpm); half = len(b[b < SECONDS / 2]); chords(y, b[:half], tonic, minor, PROGRESSIONS[minor][0], PIANO, r, rhythm="beat"); chords(y, b[half:], (tonic + 6) % 12, minor, PROGRESSIONS[minor][0], PIANO, r, rhythm="beat"); yield "change of key", f"{bpm}", hiss(y, .001), bpm, None
        y, r = blank(), rng(); chords(y, steady(bpm), tonic, minor, PROGRESSIONS[minor][i % 5], PIANO, r, rhythm="beat", tuning=.5); yield "between two keys", f"{bpm}", hiss(y, .001), bpm, None
        y, r, b = blank(), rng(), steady(bpm)
        for t in b: [put(y, t, .1 * tone(n, .9 * 60 / bpm, .01, 1.0, PIANO[0])) for n in r.choice(np.arange(48, 84), 4, replace=False)]
        yield "chords of no key", f"{bpm}", hiss(y, .001), bpm, None
        y, r = blank(), rng(); [put(y, t, .4 * burst(r, .25, .05)) for t in np.cumsum(r.exponential(60 / bpm, 200))]; yield "irregular knocks", f"{bpm}", hiss(y, .005), None, None
        y, r = blank(), rng(); [put(y, t, .4 * burst(r, .25, .05)) for t in np.cumsum(60 / bpm * (1 + .06 * r.normal(size=200)))]; yield "footsteps", f"{bpm}", hiss(y, .005), None, None
    for i in range(6):
        r = rng(); n = r.normal(size=SECONDS * SR); colour = np.fft.irfft(np.fft.rfft(n) / np.maximum(np.fft.rfftfreq(len(n)) * 1000, 1) ** (i / 4)); yield "noise", f"{i}", .1 * loud(colour), None, None
        y = blank(); put(y, 0, .2 * tone(45 + 2 * i, SECONDS, .1, 500, STRINGS[0])); yield "a drone", f"{i}", hiss(y, .005), None, None
    for k in range(3): yield "speech", f"{k}", .1 * loud(np.roll(speech, k * SR * 3)), None, None
    for path in sorted(p for p in Path(media).iterdir() if p.suffix in (".ogg", ".wav", ".flac", ".mp3")):
        x = load(path); music = path.name.startswith("music"); key = 9 if "brahms" in path.name else None
        for start in range(0, len(x) - 8 * SR, 10 * SR) if not music or key is not None else ():
            yield ("brahms" if music else "ambience"), f"{path.stem} {start // SR} s", x[start:start + SECONDS * SR], None, key

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter); ap.add_argument("--media", required=True); ap.add_argument("--command", required=True); ap.add_argument("--only"); ap.add_argument("--json"); o = ap.parse_args(); rows = []
    with tempfile.TemporaryDirectory() as td:
        for kind, name, x, bpm, key in tracks(o.media):
            if o.only and o.only not in kind: continue
            save(f"{td}/in.wav", x); out = subprocess.run([q.format(input=f"{td}/in.wav", out=f"{td}/out.wav") for q in shlex.split(o.command)], check=True, capture_output=True, text=True).stdout
            line = re.search(r"music before the hole: [^\"\n]*", out); tempo, found = told(line[0] if line else "")
            # Free playing has no tempo to check a told one against, except that there is none to be sure of.
            rows.append(dict(kind=kind, name=name, bpm=bpm, key=key, tempo=tempo, found=found, tempo_wrong=tempo is not None and (bpm is None or abs(tempo / bpm - 1) > .02), key_wrong=found is not None and found != key))
            if rows[-1]["tempo_wrong"] or rows[-1]["key_wrong"]: print(f"wrong: {kind}, {name}: told {tempo} and {found}, is {bpm} and {key}", flush=True)
    print("| kind | tracks | tempo told | wrong | key told | wrong |\n|---|---|---|---|---|---|")
    for k in dict.fromkeys(r["kind"] for r in rows):
        of = [r for r in rows if r["kind"] == k]; n = lambda f: sum(bool(f(r)) for r in of); print(f"| {k} | {len(of)} | {n(lambda r: r['tempo'] is not None)} | {n(lambda r: r['tempo_wrong'])} | {n(lambda r: r['found'] is not None)} | {n(lambda r: r['key_wrong'])} |")
    if o.json: Path(o.json).write_text(json.dumps(rows, indent=1, default=float))
if __name__ == "__main__": main()
