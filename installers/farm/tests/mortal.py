#!/usr/bin/env python3
"""pickup on a machine that dies at times: starts the real program (MORTAL_PROGRAM) and kills it outright, children and all, at a moment
that the seed decides: so many events after its start, and a little later, so that it is in the middle of something. Each seed dies at
most once, so a farm that runs it again gets its take. MORTAL_SHARE is how many die, MORTAL_FOLDER remembers who did."""

import hashlib
import os
import signal
import subprocess
import sys
import time

# Events that a short bridge tells before its take is delivered; who is to live longer than that is killed at the last one.
EVENTS = 12

arguments = sys.argv[1:]
seed = arguments[arguments.index("--seed") + 1]
lot = hashlib.sha256(("mortal %s" % seed).encode()).digest()
doomed = int.from_bytes(lot[:4], "big") / 2.0 ** 32 < float(os.environ["MORTAL_SHARE"])
tombstone = os.path.join(os.environ["MORTAL_FOLDER"], seed)
program = os.environ["MORTAL_PROGRAM"]
if not doomed or os.path.exists(tombstone):
    os.execv(program, [program] + arguments)
job = subprocess.Popen([program] + arguments, start_new_session=True, stdout=subprocess.PIPE)
told, last = 0, lot[4] % EVENTS
for line in job.stdout:
    sys.stdout.write(line.decode("utf-8", "replace"))
    sys.stdout.flush()
    told += 1
    if told > last or b'"event":"take"' in line:
        time.sleep(lot[5] / 255.0 * 0.05)
        break
# Whether it was just about to end or not: this machine is gone, and nobody hears of its result.
try:
    os.killpg(job.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
job.wait()
with open(tombstone, "w") as file:
    file.write("killed")
sys.exit(137)
