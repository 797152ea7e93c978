"""One shot to be made: a folder with what the host rendered, the context file, and the record that makes the next take."""

import json
import os
import re
import tempfile

from . import Failure, clock, program

RECORD = "job.json"


def new_folder(root):
    """An empty folder for one job."""
    try:
        os.makedirs(root, exist_ok=True)
        return tempfile.mkdtemp(prefix="job-", dir=root)
    except OSError as why:
        raise Failure("no folder can be made in %s: %s" % (root, why), "set 'jobs' in the settings to a folder you can write to")


def sequence(folder, name, count):
    """Takes over the `count` frames that a host wrote into a folder, under names of our own: hosts number as they please. Gives the
    pattern for the context file, relative to the folder above."""
    found = [f for f in os.listdir(folder) if f.lower().endswith(".exr")]
    found.sort(key=lambda f: [int(n) for n in re.findall(r"\d+", f)][-1:] or [0])
    if len(found) != count:
        raise Failure(
            "the host rendered %d frames of the %s where %d were asked for" % (len(found), name, count),
            "look into %s, and whether the render settings limit the range" % folder,
        )
    for index, old in enumerate(found):
        # The host's names never collide with ours: ours have a dot before the number and are new.
        os.rename(os.path.join(folder, old), os.path.join(folder, "%s.%06d.exr.new" % (name, index)))
    for index in range(count):
        path = os.path.join(folder, "%s.%06d.exr" % (name, index))
        os.rename(path + ".new", path)
    return "%s/%s.%%06d.exr" % (os.path.basename(folder), name)


class Job(object):
    """Everything that `pickup` is told. `sides` maps tail and head to {'frames': pattern, 'sound': file}, relative to the folder."""

    def __init__(self, folder, task, span, rate, drop):
        self.folder = folder
        self.task = task
        self.span = span
        self.rate = rate
        self.drop = drop
        self.sides = {}
        self.size = None
        self.colour = "rec709"
        self.stage = "graded"
        self.prompt = ""
        self.beats = []
        self.sound = "match"
        self.sources = []

    @property
    def frames(self):
        """Length of the shot, without handles."""
        return self.span[1] - self.span[0]

    def write_context(self):
        """Writes context.json by the published schema, docs/context.schema.json, and gives its path."""
        context = {
            "version": 1,
            "rate": clock.words(self.rate),
            "timecode": clock.timecode(self.span[0], self.rate, self.drop),
            "colour": self.colour,
            "stage": self.stage,
            "sources": self.sources,
        }
        if self.size:
            context["size"] = {"width": self.size[0], "height": self.size[1]}
        if self.task == "insert":
            # A cut on both sides: the neighbours are how it should look, never its first or last frame.
            context["like"] = [s["frames"] for s in self.sides.values() if s.get("frames")]
            sides = {name: {"sound": s["sound"]} for name, s in self.sides.items() if s.get("sound")}
        else:
            sides = {name: dict(s) for name, s in self.sides.items() if s}
        context.update(sides)
        path = os.path.join(self.folder, "context.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(context, file, indent=2, ensure_ascii=False)
            file.write("\n")
        return path

    def arguments(self, settings, seed, takes):
        """The command line."""
        words = [self.task, "--context", self.write_context(), "--frames", self.frames, "--seed", seed, "--takes", takes]
        words += ["--prompt", self.prompt, "--sound", self.sound, "--format", "exr"]
        for at, prompt in self.beats:
            words += ["--beat", "%d=%s" % (at, prompt)]
        for name in ("engine", "quality", "weights"):
            if settings.get(name):
                words += ["--" + name, settings[name]]
        if settings.get("takes_dir"):
            words += ["--takes-dir", settings["takes_dir"]]
        return words + ["-o", os.path.join(self.folder, "preview.mp4")]

    def make(self, settings, executable, tell, seed=0, takes=1):
        """Makes takes and remembers for each how the next one is made."""
        made = program.run(executable, self.arguments(settings, seed, takes), tell)
        record = dict(self.__dict__)
        with open(os.path.join(self.folder, RECORD), "w", encoding="utf-8") as file:
            json.dump(record, file, indent=2, ensure_ascii=False)
        index = os.path.join(os.path.dirname(self.folder), "by-take")
        os.makedirs(index, exist_ok=True)
        for take in made:
            with open(os.path.join(index, take.id), "w", encoding="utf-8") as file:
                file.write(self.folder)
        return made


def of_take(root, take):
    """The job that made a take, from its record."""
    try:
        with open(os.path.join(root, "by-take", take.id), encoding="utf-8") as file:
            folder = file.read().strip()
        with open(os.path.join(folder, RECORD), encoding="utf-8") as file:
            record = json.load(file)
        job = Job(folder, record["task"], tuple(record["span"]), tuple(record["rate"]), record["drop"])
        job.__dict__.update(record, span=job.span, rate=job.rate, folder=folder)
        return job
    except (OSError, ValueError, KeyError) as why:
        raise Failure("how the take %s was made is not known here: %s" % (take.id, why), "make the shot again with Fill gap at playhead")
