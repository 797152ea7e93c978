#!/usr/bin/env python3
"""A farm of a few machines, simulated: `openjd run` executes the template's tasks, some of which are killed outright at random, and what
a farm's queue does is done here: a task that failed is run again. Then every take is checked.

    installers/farm/tests/simulate.py --program target/release/pickup [--takes 1000] [--machines 2] [--share 0.05]

Ends with 0 when there are as many valid takes as seeds and no two are alike. Prints one line a hundred takes, and the figures.
"""

import argparse
import collections
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "installers", "common"))

from pickup_host import footage

# A session of the farm: so many tasks run in one, as render nodes do.
SESSION = 25


def shot(folder):
    """A small shot with a hole of 8 frames: handles and sound on both sides."""
    for name in ("tail", "head"):
        footage.sequence(os.path.join(folder, name), name, 16, (64, 36))
        footage.sound(os.path.join(folder, name + ".wav"), 1)
    sides = {n: {"frames": "%s/%s.%%06d.exr" % (n, n), "sound": n + ".wav"} for n in ("tail", "head")}
    path = os.path.join(folder, "context.json")
    with open(path, "w") as file:
        json.dump(dict({"version": 1, "rate": "25", "timecode": "01:00:10:00", "colour": "rec709"}, **sides), file)
    return path


class Farm(object):
    """Machines that take sessions of tasks from one queue. `lock` guards the counters."""

    def __init__(self, given, folder):
        self.given, self.folder = given, folder
        self.store = os.path.join(folder, "store")
        self.context = shot(folder)
        self.queue = collections.deque(range(given.takes))
        self.lock = threading.Lock()
        self.done, self.failed, self.sessions = 0, collections.Counter(), 0
        self.told = []
        self.began = time.monotonic()
        self.error = None

    def machine(self):
        """Works until the queue is empty."""
        while self.error is None:
            with self.lock:
                seeds = [self.queue.popleft() for _ in range(min(SESSION, len(self.queue)))]
            if not seeds:
                return
            self.session(seeds)

    def session(self, seeds):
        """One session. The first task that fails ends it, as on a farm; what it did not finish goes back to the queue."""
        environment = dict(
            os.environ, MORTAL_PROGRAM=os.path.abspath(self.given.program), MORTAL_SHARE=str(self.given.share),
            MORTAL_FOLDER=self.folder)
        parameters = {
            "Context": self.context, "TakesFolder": self.store, "Frames": 8, "LastSeed": self.given.takes - 1, "Engine": "draft",
            "Quality": "draft", "Program": os.path.join(HERE, "mortal.py"),
        }
        command = [
            self.given.openjd, "run", os.path.join(ROOT, "installers", "farm", "takes.yaml"), "--step", "Generate", "--no-run-dependencies",
            "--job-param", json.dumps({k: str(v) for k, v in parameters.items()}), "--tasks", json.dumps([{"Seed": str(s)} for s in seeds]),
        ]
        ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = ran.stdout.decode("utf-8", "replace")
        # A task's output event comes after its take was published and delivered.
        finished = {int(s) for s in re.findall(r'"event":"output","path":"[^"]*seed-(\d+)"', said)}
        with self.lock:
            self.sessions += 1
            left = [s for s in seeds if s not in finished]
            if ran.returncode == 0 and left:
                self.error = "openjd ended well, but tasks %s gave no result:\n%s" % (left[:5], said[-3000:])
            if left:
                self.failed[left[0]] += 1
                if self.failed[left[0]] > 3:
                    self.error = "task %d fails again and again:\n%s" % (left[0], said[-3000:])
                self.queue.extend(left)
            self.done += len(finished)
            if self.done // 100 > len(self.told):
                self.tell()

    def tell(self):
        """One line of figures."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.told.append((self.done, usage.ru_utime + usage.ru_stime, time.monotonic() - self.began))
        print("%5d takes  %7.1f s of processor  %7.1f s by the clock  %d killed" % (self.told[-1] + (sum(self.failed.values()),)), flush=True)

    def run(self):
        """All machines to their end."""
        machines = [threading.Thread(target=self.machine) for _ in range(self.given.machines)]
        for machine in machines:
            machine.start()
        for machine in machines:
            machine.join()
        self.tell()
        if self.error:
            sys.exit(self.error)

    def check(self):
        """What is in the store: every seed once, every file as it was made. Gives what is wrong."""
        wrong = []
        listed = subprocess.run([self.given.program, "takes", "list", "--json", "--takes-dir", self.store], stdout=subprocess.PIPE, check=True)
        takes = [json.loads(line) for line in listed.stdout.decode().splitlines()]
        seeds = collections.Counter(t.get("seed") for t in takes)
        if set(seeds) != set(range(self.given.takes)):
            wrong.append("the seeds are not 0 to %d" % (self.given.takes - 1))
        wrong += ["seed %s has %d takes" % (s, n) for s, n in seeds.items() if n != 1]
        for take in takes:
            # show hashes every file of the take against its manifest
            shown = subprocess.run([self.given.program, "takes", "show", take.get("id", "damaged"), "--takes-dir", self.store], stdout=subprocess.DEVNULL)
            if shown.returncode:
                wrong.append("take %s does not hold" % take.get("id"))
        for kind in ("tmp", "claims"):
            left = [f for f in os.listdir(os.path.join(self.store, kind)) if not f.startswith(".")]
            if kind == "tmp" and len(left) > sum(self.failed.values()):
                wrong.append("%d things are left in %s" % (len(left), kind))
        return wrong


def main():
    """Runs the simulation; 0 when all is well."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", default=os.path.join(ROOT, "target", "release", "pickup"))
    options.add_argument("--openjd", default=os.path.join(ROOT, "target", "openjd", "bin", "openjd"))
    options.add_argument("--takes", type=int, default=1000)
    options.add_argument("--machines", type=int, default=2)
    options.add_argument("--share", type=float, default=0.05, help="how many tasks are killed, 0 to 1")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        farm = Farm(given, folder)
        farm.run()
        wrong = farm.check()
        cost = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in zip([(0, 0.0, 0.0)] + farm.told, farm.told) if b[0] - a[0] >= 50]
        killed = sum(farm.failed.values())
        print("%d takes, %d killed, %d sessions, %d wrong" % (farm.done, killed, farm.sessions, len(wrong)))
        if len(cost) > 1:
            half = len(cost) // 2
            halves = (sum(cost[:half]) / half, sum(cost[half:]) / (len(cost) - half))
            print("processor a take: first half %.3f s, second half %.3f s, ratio %.2f" % (halves + (halves[1] / halves[0],)))
        for words in wrong[:20]:
            print(words)
        if given.share > 0 and not killed:
            wrong.append("no task was killed, so nothing was shown: give another --share")
            print(wrong[-1])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
