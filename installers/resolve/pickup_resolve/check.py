"""Checks of every menu entry inside the real host: a timeline of our own is made, filled, read back and removed again, and a report is
written to send back. The same checks run in the tests against the stand-in.

Run it from the menu (Check Pickup) or, with Studio, from outside: PYTHONPATH=…/installers/common:…/installers/resolve
python3 -m pickup_resolve.check
"""

import os
import platform
import shutil
import sys
import tempfile
import traceback

from pickup_host import Failure, footage, settings as host_settings

from . import host
from .actions import Session
from .host import ask, patient, sure
from .line import Line

NAME = "Pickup check"


class Scene(object):
    """A timeline of our own: A, hole, A again (one set-up), B, hole, C; sound under the shots and not under the holes."""

    SHOTS = (("A", 0, 40, 0), ("A", 50, 90, 50), ("B", 90, 120, 0), ("C", 132, 160, 0))
    HOLES = ((40, 50), (120, 132))

    def __init__(self, resolve, folder, settings):
        self.resolve, self.folder = resolve, folder
        self.project = sure(sure(resolve, "GetProjectManager"), "GetCurrentProject")
        self.pool = sure(self.project, "GetMediaPool")
        self.before = ask(self.project, "GetCurrentTimeline")
        self.said = []
        self.settings = settings
        self.timeline = self.pool.CreateEmptyTimeline(NAME)
        if not self.timeline:
            raise Failure("a timeline called '%s' is there already" % NAME, "delete it and run the check again")
        self.project.SetCurrentTimeline(self.timeline)
        ask(resolve, "OpenPage", "edit")
        line = Line(resolve)
        self.start = line.start
        clips = {}
        for n, name in enumerate("ABC"):
            count = max(end - start + offset for shot, start, end, offset in self.SHOTS if shot == name)
            pattern = os.path.join(folder, name, name + ".%06d.exr")
            if not os.path.isdir(os.path.dirname(pattern)):
                footage.sequence(os.path.dirname(pattern), name, count, (96, 54), 0.2 * n)
            clips[name] = self._import({"FilePath": pattern, "StartIndex": 0, "EndIndex": count - 1})
        wave = os.path.join(folder, "room.wav")
        if not os.path.exists(wave):
            footage.sound(wave, 200 * line.rate[1] / float(line.rate[0]))
        self.media = list(clips.values()) + [self._import(wave)]
        for name, start, end, offset in self.SHOTS:
            self._place(line, clips[name], 1, start, end, offset)
            self._place(line, self.media[-1], 2, start, end, start)

    def _import(self, order):
        clips = patient(lambda: ask(self.pool, "ImportMedia", [order]), bool)
        if not clips:
            raise Failure("Resolve does not import %s" % (order,), "see whether it reads that folder")
        return clips[0]

    def _place(self, line, clip, kind, start, end, offset):
        """Places test footage by whichever reading of the document brings it to its place."""
        track = "video" if kind == 1 else "audio"
        want = (self.start + start, self.start + end)
        for last in (offset + end - start - 1, offset + end - start):
            known = len(line.items(track, 1))
            entry = {"mediaPoolItem": clip, "startFrame": offset, "endFrame": last, "mediaType": kind, "trackIndex": 1, "recordFrame": want[0]}
            ask(self.pool, "AppendToTimeline", [entry])
            items = patient(lambda: ask(self.timeline, "GetItemListInTrack", track, 1) or [], lambda i: len(i) == known + 1)
            mine = [i for i in items if sure(i, "GetStart") == want[0]]
            if mine and sure(mine[0], "GetEnd") == want[1]:
                self.said.append("%s: endFrame is %s" % (track, "inclusive" if last < offset + end - start else "exclusive"))
                return
            if mine:
                self.timeline.DeleteClips(mine, False)
        raise Failure("test footage does not get to frame %d" % want[0], "send the report")

    def at(self, frame):
        """Puts the playhead onto a frame, counted from the timeline's start."""
        line = Line(self.resolve)
        ask(self.resolve, "OpenPage", "edit")
        self.timeline.SetCurrentTimecode(line.timecode(self.start + frame))

    def session(self, **changes):
        """A menu entry's session."""
        return Session(self.resolve, lambda words, share=None: self.said.append(words), dict(self.settings, **changes))

    def found(self, kind, span):
        """Items of a kind that stand exactly on a span, counted from the start."""
        want = (self.start + span[0], self.start + span[1])
        return [s for s in Line(self.resolve).shots(kind) if s.span == want]

    def state(self):
        """All that must be as it was: what the user set, and every item."""
        line = Line(self.resolve)
        items = [(k, s.track, s.span, s.name) for k in ("video", "audio") for s in line.shots(k)]
        return {"settings": self.user(), "items": items, "tracks": [line.tracks("video"), line.tracks("audio")]}

    def user(self):
        """What the user set."""
        return {
            "page": ask(self.resolve, "GetCurrentPage"),
            "playhead": patient(lambda: ask(self.timeline, "GetCurrentTimecode")),
            "marks": ask(self.timeline, "GetMarkInOut"),
            "render format": ask(self.project, "GetCurrentRenderFormatAndCodec"),
            "render mode": ask(self.project, "GetCurrentRenderMode"),
        }

    def close(self):
        """Removes everything that was made in the project."""
        ask(self.pool, "DeleteTimelines", [self.timeline])
        if self.before:
            self.project.SetCurrentTimeline(self.before)
        root = ask(self.pool, "GetRootFolder")
        takes = [c for f in ask(root, "GetSubFolderList") or [] for c in ask(f, "GetClipList") or [] if self._ours(c)]
        ask(self.pool, "DeleteClips", self.media + takes)

    def _ours(self, clip):
        path = patient(lambda: ask(clip, "GetClipProperty", "File Path")) or ""
        return path.startswith(self.folder)


def expect(truth, words):
    """Ends a check with words."""
    if not truth:
        raise AssertionError(words)


def fill_gap(scene):
    """Fill gap at playhead: picture and sound on the hole to the frame; the user's settings as they were."""
    scene.at(44)
    if ask(scene.timeline, "SetMarkInOut", 3, 30, "all"):
        expect((ask(scene.timeline, "GetMarkInOut") or {}).get("video"), "marks that were set are not told")
    before = scene.user()
    scene.session().fill_gap()
    expect(len(scene.found("video", (40, 50))) == 1, "the picture does not stand on the hole")
    expect(len(scene.found("audio", (40, 50))) == 1, "the sound does not stand on the hole")
    holes = [(a - scene.start, b - scene.start) for a, b in Line(scene.resolve).holes()]
    expect(holes == [(120, 132)], "the holes that are left are %s" % (holes,))
    expect(scene.user() == before, "the user's settings were %s and are %s" % (before, scene.user()))


def next_take(scene):
    """Next take: a second take in the same place, its sound in place of the first one's; then back to the first."""
    scene.at(44)
    scene.session().next_take()
    item = scene.found("video", (40, 50))[0].item
    expect(ask(item, "GetTakesCount") == 2 and ask(item, "GetSelectedTakeIndex") == 2, "the second take is not the one that shows")
    sounds = scene.found("audio", (40, 50))
    expect(len(sounds) == 1, "there are %d sounds below the take" % len(sounds))
    picture = scene.found("video", (40, 50))[0].fact("File Path")
    both = [os.path.dirname(os.path.dirname(picture)), os.path.dirname(sounds[0].fact("File Path"))]
    expect(both[0] == both[1], "picture and sound are of two takes: %s" % both)


def place_sound(scene):
    """Place sound of this take: it comes back to the sample where it was taken away, and never twice."""
    sound = scene.found("audio", (40, 50))[0]
    expect(scene.timeline.DeleteClips([sound.item], False), "the sound could not be removed")
    patient(lambda: scene.found("audio", (40, 50)), lambda found: not found)
    scene.at(44)
    scene.session().place_sound()
    expect(len(scene.found("audio", (40, 50))) == 1, "the sound is not back")
    try:
        scene.session().place_sound()
    except Failure:
        return
    expect(False, "the sound was placed twice")


def bridge_cut(scene):
    """Bridge this cut: on a track above, over the cut, without sound because there is some."""
    scene.at(91)
    scene.session(frames=8).bridge_cut()
    over = scene.found("video", (86, 94))
    expect(len(over) == 1 and over[0].track > 1, "the bridge does not lie over the cut")
    expect(not scene.found("audio", (86, 94)), "a bridge over sound brought sound")


def insert_here(scene):
    """Insert here: between in and out point."""
    offset = 0 if scene.session().line.marks() is None else scene.session().line.marks()[0] - scene.start - 3
    ask(scene.timeline, "ClearMarkInOut", "all")
    if not ask(scene.timeline, "SetMarkInOut", 100 - offset, 109 - offset, "all"):
        raise Failure("this version sets no marks", "Insert here then begins at the playhead")
    scene.at(100)
    scene.session().insert_here()
    over = scene.found("video", (100, 110))
    expect(len(over) == 1 and over[0].track > 1, "the insert does not lie between the marks")
    ask(scene.timeline, "ClearMarkInOut", "all")


def fill_all(scene):
    """Fill all gaps, with markers: a task, a prompt, and a row of the storyboard."""
    scene.timeline.AddMarker(121, "Blue", "pickup: insert a wide of the harbour", "", 1, "")
    scene.timeline.AddMarker(126, "Blue", "pickup: a gull passes", "", 1, "")
    made = scene.session().fill_all()
    expect(len(made) == 1, "%d holes were filled where one was left" % len(made))
    shot = scene.found("video", (120, 132))
    expect(len(shot) == 1, "the insert does not stand on the hole")
    expect(not Line(scene.resolve).holes(), "a hole is left")
    folder = os.path.dirname(os.path.dirname(shot[0].fact("File Path")))
    request = read_request(folder)
    expect(request["prompt"] == "a wide of the harbour", "the marker's prompt became '%s'" % request["prompt"])
    rows = [(r["frame"], r["prompt"]) for r in request["storyboard"]]
    expect(rows == [(6, "a gull passes")], "the storyboard is %s" % rows)
    expect(request["task"]["kind"] == "insert", "the marker's task became %s" % request["task"])


def failure_leaves_nothing(scene):
    """A shot that cannot be made leaves the timeline and the user's settings as they were."""
    scene.timeline.AddMarker(60, "Blue", "pickup: bridge", "", 8, "")
    scene.at(62)
    before = scene.state()
    try:
        # No engine of this name exists, so the program refuses after both handles were rendered.
        scene.session(engine="./no-such-engine").fill_gap()
    except Failure as why:
        expect(scene.state() == before, "before: %s, after: %s" % (before, scene.state()))
        expect("no-such-engine" in why.what, "it failed for another reason: %s" % why.what)
        return
    finally:
        ask(scene.timeline, "DeleteMarkerAtFrame", 60)
    expect(False, "an engine that does not exist made a shot")


CHECKS = (fill_gap, next_take, place_sound, bridge_cut, insert_here, fill_all, failure_leaves_nothing)


def read_request(folder):
    """What a take's manifest says was asked."""
    import json
    with open(os.path.join(folder, "take.json"), encoding="utf-8") as file:
        return json.load(file)["request"]


def run(resolve, settings, folder, checks=CHECKS):
    """Runs checks on one timeline, in order. Gives [(name, what went wrong or '')] and what was said."""
    scene = Scene(resolve, folder, settings)
    results = []
    try:
        for check in checks:
            try:
                check(scene)
                results.append((check.__doc__.split(":")[0], ""))
            except Failure as why:
                results.append((check.__doc__.split(":")[0], "%s (%s)" % (why.what, why.remedy)))
            except Exception:
                results.append((check.__doc__.split(":")[0], traceback.format_exc()))
    finally:
        scene.close()
    return results, scene.said


def report(resolve):
    """Runs the checks and writes the report. Gives its path; True when all went well."""
    folder = tempfile.mkdtemp(prefix="pickup-check-")
    settings = dict(host_settings.load(), jobs=os.path.join(folder, "jobs"), takes_dir=os.path.join(folder, "takes"), takes=1, sound="match", stage="graded")
    lines = [
        "Pickup in %s %s" % (ask(resolve, "GetProductName"), ask(resolve, "GetVersionString")),
        "%s, Python %s" % (platform.platform(), platform.python_version()),
        "program %s" % host_program_path(settings),
    ]
    try:
        results, said = run(resolve, settings, folder)
        lines += ["%s  %s" % ("failed" if wrong else "ok    ", name) for name, wrong in results]
        lines += ["", "What went wrong:"] + ["%s: %s" % (n, w) for n, w in results if w] + ["", "What was said:"] + said
        well = not any(wrong for _, wrong in results)
    except Exception:
        lines += [traceback.format_exc()]
        well = False
    shutil.rmtree(folder, ignore_errors=True)
    path = os.path.join(os.path.expanduser("~"), "pickup-resolve-report.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print("\n".join(lines))
    print("This report is in %s: please send it back." % path)
    return well


def host_program_path(settings):
    """The program's path, or why there is none."""
    try:
        return host_settings.program(settings)
    except Failure as why:
        return why.what


if __name__ == "__main__":
    sys.exit(0 if report(host.connect()) else 1)
