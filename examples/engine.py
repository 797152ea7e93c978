#!/usr/bin/env python3
"""An engine for Pickup in a hundred lines: Python 3 and nothing else.

It speaks the protocol of docs/engine-protocol.md and paints a gradient that drifts through the shot, so that every frame
differs from the next one and anybody sees that it is no photograph. Replace `paint` and `sound_at` by a model and it is a
real engine. Try it:  pickup doctor --engine examples/engine.py
"""

import array, json, math, os, queue, struct, sys, threading, zlib

TASKS = ["bridge", "insert", "establish", "extend", "retake"]
cancelled, jobs, out_lock = set(), queue.Queue(), threading.Lock()


def say(kind, **fields):
    """One message, one line, flushed at once. Nothing else may ever go to stdout: print to stderr instead."""
    with out_lock:
        sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
        sys.stdout.flush()


def fail(job, code, what, remedy):
    say("error", **({"job": job} if job is not None else {}), fault={"code": code, "what": what, "remedy": remedy})


def read_stdin():
    """Reads while the main thread works: a cancel must not wait for the job's end, nor must the end of stdin."""
    for line in sys.stdin:
        try:
            message = json.loads(line)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            fail(None, "argument", "a line is no message", "see docs/engine-protocol.md")
            continue
        if kind == "hello":
            say("hello", protocol=1, name="example", version="1.0", revision=1, tasks=TASKS, publishes=False, trained=False)
        elif kind == "job":
            say("queued", job=message.get("id"))
            jobs.put(message)
        elif kind == "cancel":
            cancelled.add(message.get("job"))
        elif kind == "bye":
            break
        else:
            say("log", level="warn", text="skipped a message of the unknown type %r" % kind)
    os._exit(0)  # stdin is closed: the client is gone, and nobody wants what is being made


def png(path, width, height, rows):
    """A 16-bit RGB PNG from rows of big-endian bytes."""
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def paint(path, width, height, t, seed):
    """Frame at t from 0 to 1: a diagonal gradient that drifts. Two halves of a row serve every row, shifted."""
    ramp = array.array("H")
    for x in range(width + height):
        a = 2 * math.pi * (x / (width + height) + t) + seed % 360 * math.pi / 180
        ramp.extend(int(20000 + 15000 * math.sin(a + shift)) for shift in (0.0, 0.7, 1.9))
    if sys.byteorder == "little":
        ramp.byteswap()
    ramp = ramp.tobytes()
    png(path, width, height, [ramp[6 * y:6 * (y + width)] for y in range(height)])


def wav(path, samples, channels, seed):
    """Quiet noise, 48 kHz, 24 bit. The generator is our own, so that a seed gives the same bytes everywhere."""
    state, frames = (seed * 2654435761 + 1) & 0xFFFFFFFF, bytearray()
    for _ in range(samples):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        frames += struct.pack("<i", (state >> 16) - 32768)[:3] * channels
    size, align = len(frames), 3 * channels
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + size + size % 2) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, channels, 48000, 48000 * align, align, 24) + b"data" + struct.pack("<I", size))
        file.write(bytes(frames) + b"\0" * (size % 2))


def plan(request):
    """Frames and samples to make, handles included: handles stand only where the shot does not join a neighbour."""
    task, handles = request["task"], request.get("handles", 0)
    joins = {"bridge": (1, 1), "retake": (1, 1), "extend": (1, 0) if task.get("at") == "tail" else (0, 1)}.get(task["kind"], (0, 0))
    first = request.get("start", 0) - handles * (1 - joins[0])
    count = request["frames"] + handles * (2 - sum(joins))
    num, den = ([int(n) for n in request["rate"].split("/")] + [1])[:2]
    sample = lambda frame: (2 * frame * 48000 * den + num) // (2 * num)  # round(frame * 48000 / rate): neighbours abut
    return count, sample(first + count) - sample(first)


def make(job):
    name, request, out = job["id"], job["request"], job["out"]
    if request["task"]["kind"] not in TASKS:
        return fail(name, "unsupported", "this engine cannot %s" % request["task"]["kind"], "choose another engine")
    count, samples = plan(request)
    os.makedirs(out, exist_ok=True)
    for i in range(count):
        if name in cancelled:
            return fail(name, "cancelled", "stopped before it was finished", "start it again")
        say("progress", job=name, stage="picture", done=i, of=count)
        size, seed = request["size"], request.get("seed", 0)
        paint(os.path.join(out, "%06d.png" % i), size["width"], size["height"], i / count, seed)
    made = {"frames": "%06d.png", "first": 0, "count": count, "notes": ["a gradient of the example engine, no picture"]}
    if request.get("sound", "match") != "none":
        say("progress", job=name, stage="sound", done=0, of=1)
        wav(os.path.join(out, "audio.wav"), samples, request.get("channels", 2), request.get("seed", 0))
        made["sound"] = "audio.wav"
    say("made", job=name, card=True, **made)


threading.Thread(target=read_stdin, daemon=True).start()
while True:
    job = jobs.get()
    try:
        make(job)
    except OSError as error:
        fail(job.get("id"), "output", str(error), "make room, or give a folder that can be written")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        fail(job.get("id"), "argument", "the job cannot be understood: %r" % error, "see docs/engine-protocol.md")
