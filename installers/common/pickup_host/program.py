"""Calling `pickup … --json`: its events become progress, its takes come back, its errors become a Failure."""

import json
import os
import subprocess
import threading

from . import Failure


class Take(object):
    """A take in the store, as its manifest says: `frames` and `handle_in` count the handles, `samples` is None without sound."""

    def __init__(self, folder):
        self.folder = folder
        try:
            with open(os.path.join(folder, "take.json"), encoding="utf-8") as file:
                take = json.load(file)
            self.id = take["id"]
            self.first = int(take["first_frame"])
            self.total = int(take["frames"])
            self.handle_in = int(take["handle_in"])
            self.frames = self.total - self.handle_in - int(take["handle_out"])
            self.samples = take.get("samples")
            self.channels = int(take["request"]["channels"])
            self.seed = int(take["request"]["seed"])
            self.task = take["request"]["task"]["kind"]
            self.is_card = bool(take.get("is_card"))
        except (OSError, ValueError, KeyError, TypeError) as why:
            raise Failure("the take in %s cannot be read: %s" % (folder, why), "check that the takes folder can be read from here")

    @property
    def picture(self):
        """Folder of the frames, which are named by record frame in eight digits."""
        return os.path.join(self.folder, "frames")

    def frame(self, index):
        """The file of a frame, counted from 0, handles included."""
        return os.path.join(self.picture, "%08d.exr" % (self.first + index))

    @property
    def sound(self):
        """The sound's file, None without sound."""
        return os.path.join(self.folder, "sound.wav") if self.samples else None


def choose(program, take, project, shot, takes_dir=None):
    """Says that a project uses a take for a shot, so that `pickup takes gc` never removes it. Gives what went wrong, or nothing."""
    command = [program, "takes", "choose", take.id, "--project", project, "--shot", shot] + (["--takes-dir", takes_dir] if takes_dir else [])
    try:
        job = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **_quietly())
    except OSError as why:
        return str(why)
    said = job.communicate()[1].decode("utf-8", "replace").strip()
    return "" if job.returncode == 0 else said or "it ended with %d" % job.returncode


def _quietly():
    """On Windows a console window would open over the editor: CREATE_NO_WINDOW."""
    return {"creationflags": 0x08000000} if os.name == "nt" else {}


def _drain(stream, into):
    for line in stream:
        into.append(line)
        del into[:-50]


def run(program, arguments, tell):
    """Runs one command to its end and gives its takes. `tell(words, share)` hears the progress; share is None or 0 to 1."""
    command = [program] + [str(a) for a in arguments] + ["--json"]
    try:
        job = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **_quietly())
    except OSError as why:
        raise Failure("%s cannot be started: %s" % (program, why), "run the installer of the scripts again, with --program")
    said, takes, fault = [], [], None
    drain = threading.Thread(target=_drain, args=(job.stderr, said))
    drain.daemon = True
    drain.start()
    try:
        for line in job.stdout:
            try:
                event = json.loads(line.decode("utf-8", "replace"))
            except ValueError:
                continue
            kind = event.get("event")
            if kind == "progress":
                tell(str(event.get("stage", "")), event.get("done", 0) / float(event.get("of") or 1))
            elif kind == "note":
                tell(str(event.get("text", "")), None)
            elif kind == "take":
                takes.append(Take(event["folder"]))
            elif kind == "error":
                fault = Failure(event.get("what", "pickup failed"), event.get("remedy", "see `pickup doctor`"))
        code = job.wait()
    finally:
        # Whatever ends the reading (a host that stops the script, too) must not leave a generation running.
        if job.poll() is None:
            job.terminate()
            job.wait()
        drain.join(5)
        job.stdout.close()
        job.stderr.close()
    if fault:
        raise fault
    if code != 0 or not takes:
        last = b" ".join(said[-3:]).decode("utf-8", "replace").strip()
        raise Failure("pickup ended with %d: %s" % (code, last or "it said nothing"), "run `pickup doctor`")
    return takes
