"""Fill gap on a Hiero or Nuke Studio sequence. Frames here count from the sequence's start; record frames add its timecode."""

import hiero.core
import hiero.ui

from pickup_host import Failure, clock, cuts, job, markers, settings as host_settings
from pickup_host.program import choose

from . import handles

NAME = "Pickup"


class Sequence(object):
    """The active sequence. Out points of the host are inclusive; ours are not."""

    def __init__(self, sequence=None):
        self.sequence = sequence or hiero.ui.activeSequence()
        if self.sequence is None:
            raise Failure("no sequence is open", "open the cut in a timeline")
        rate = self.sequence.framerate().toRational()
        self.rate = (int(rate[0]), int(rate[1])) if isinstance(rate, (tuple, list)) else clock.rate(str(rate))
        self.drop = bool(self.sequence.dropFrame())
        self.start = int(self.sequence.timecodeStart())

    @staticmethod
    def span(item):
        """Where an item stands."""
        return int(item.timelineIn()), int(item.timelineOut()) + 1

    @staticmethod
    def shows(track, item):
        """False for what is switched off or offline: that is a hole."""
        return track.isEnabled() and item.isEnabled() and item.isMediaPresent()

    def shown(self, at):
        """The topmost item that shows at a frame."""
        found = [i for t in self.sequence.videoTracks() for i in t.items() if self.shows(t, i) and self.span(i)[0] <= at < self.span(i)[1]]
        return found[-1] if found else None

    def cuts(self):
        """Every frame at which the picture may change."""
        return sorted({e for t in self.sequence.videoTracks() for i in t.items() if self.shows(t, i) for e in self.span(i)})

    def holes(self):
        """Every hole, in order."""
        return cuts.holes([self.span(i) for t in self.sequence.videoTracks() for i in t.items() if self.shows(t, i)])

    def silent(self, span):
        """Whether no audio track sounds anywhere in a span."""
        return not any(self.shows(t, i) and cuts.overlap(self.span(i), span) for t in self.sequence.audioTracks() for i in t.items())

    def wishes(self):
        """Our markers, which hosts of this family call tags."""
        read = [markers.read(t.inTime(), t.outTime() - t.inTime() + 1, t.name(), t.note()) for t in self.sequence.tags()]
        return [w for w in read if w]

    def playhead(self):
        """The frame under the playhead."""
        viewer = hiero.ui.currentViewer()
        if viewer is None:
            raise Failure("no viewer tells where the playhead is", "open the sequence in a viewer")
        return int(viewer.time())


def one_set_up(before, after):
    """Whether two items are of one file."""
    return before is not None and after is not None and before.source().mediaSource().fileinfos()[0].filename() == after.source().mediaSource().fileinfos()[0].filename()


def fill_gap(tell, settings=None, sequence=None, at=None):
    """Fills the hole under the playhead, or at a frame. Gives the new items, picture first. Whatever fails, the sequence is as it was."""
    values = host_settings.load() if settings is None else settings
    program = host_settings.program(values)
    line = Sequence(sequence)
    at = line.playhead() if at is None else at
    span = next((h for h in line.holes() if h[0] <= at < h[1]), None)
    if span is None:
        raise Failure("there is no hole under the playhead", "put the playhead into a hole")
    task, prompt, beats = markers.storyboard(line.wishes(), span)
    before, after = line.shown(span[0] - 1), line.shown(span[1])
    if task not in ("bridge", "insert"):
        task = "bridge" if one_set_up(before, after) else "insert"
    work = job.Job(job.new_folder(values["jobs"]), task, (span[0] + line.start, span[1] + line.start), line.rate, line.drop)
    work.prompt, work.beats = prompt or values.get("prompt", ""), beats
    work.sound = values["sound"] if line.silent(span) else "none"
    form = line.sequence.format()
    work.size = (int(form.width()), int(form.height()))
    # Nuke reads the sources themselves, before any grade on the sequence.
    work.stage, work.colour = "camera-log", handles.colour(values)
    work.sources = [before.name(), after.name()]
    edges = line.cuts()
    spans = {
        "tail": (max([span[0] - handles.SIDE_FRAMES] + [e for e in edges if e < span[0]]), span[0]),
        "head": (span[1], min([span[1] + handles.SIDE_FRAMES] + [e for e in edges if e > span[1]])),
    }
    heard = clock.frames_in(handles.SIDE_SECONDS, line.rate)
    for name, item in (("tail", before), ("head", after)):
        tell("rendering the %s" % name, None)
        work.sides[name] = {"frames": handles.picture(work, name, item, spans[name])}
        if work.sound != "none":
            reach = (max(0, span[0] - heard), span[0]) if name == "tail" else (span[1], span[1] + heard)
            wave = handles.sound(work, name, line.sequence, reach)
            if wave:
                work.sides[name]["sound"] = wave
    takes = work.make(values, program, tell, int(values.get("seed", 0)), int(values["takes"]))
    tell("placing", None)
    made = Placing(line).place(takes, span)
    # What is on a timeline must not be cleared away.
    shot = "%s at %s" % (line.sequence.name(), clock.timecode(work.span[0], line.rate, line.drop))
    wrong = choose(program, takes[0], line.sequence.project().name(), shot, values.get("takes_dir"))
    if wrong:
        tell("the store was not told that this take is in use (%s): pin it" % wrong, None)
    return made


class Placing(object):
    """Puts a take onto the sequence and takes back whatever it did when something is wrong."""

    def __init__(self, line):
        self.line = line
        self.undo = []

    def place(self, takes, span):
        """Picture and sound of the first take on the span; all of them in the bin, for choosing."""
        project = self.line.sequence.project()
        with project.beginUndo("Pickup"):
            try:
                clips = [self._clip(project, take.frame(0).replace("%08d" % take.first, "%08d"), take) for take in takes]
                made = [self._put(clips[0], takes[0], span, "video")]
                if takes[0].sound:
                    made.append(self._put(self._clip(project, takes[0].sound, takes[0]), takes[0], span, "audio"))
                return made
            except BaseException:
                while self.undo:
                    self.undo.pop()()
                raise

    def _clip(self, project, path, take):
        media = hiero.core.MediaSource(path.replace("\\", "/"))
        if not media.isMediaPresent():
            raise Failure("the host does not read %s" % path, "see whether the takes folder can be read from here")
        clip = hiero.core.Clip(media)
        clip.setName("Pickup %s %s seed %d" % (take.task, take.id[:8], take.seed))
        item = hiero.core.BinItem(clip)
        bins = project.clipsBin()
        bins.addItem(item)
        self.undo.append(lambda: bins.removeItem(item))
        return clip

    def _track(self, span, kind):
        """A track of ours that is free there, over all others with a picture there; else a new one on top."""
        sequence = self.line.sequence
        tracks = list(sequence.videoTracks() if kind == "video" else sequence.audioTracks())
        busy = [n for n, t in enumerate(tracks) if any(cuts.overlap(self.line.span(i), span) for i in t.items())]
        for n in range(len(tracks) - 1, -1, -1):
            track = tracks[n]
            over = kind == "audio" or not busy or n > max(busy)
            if track.name() == NAME and n not in busy and over and track.isEnabled() and not track.isLocked():
                return track
        track = hiero.core.VideoTrack(NAME) if kind == "video" else hiero.core.AudioTrack(NAME)
        sequence.addTrack(track)
        self.undo.append(lambda: sequence.removeTrack(track))
        return track

    def _put(self, clip, take, span, kind):
        track = self._track(span, kind)
        item = track.createTrackItem(clip.name())
        item.setSource(clip)
        # Inclusive at both ends, in the sequence and in the source alike.
        item.setTimes(span[0], span[1] - 1, take.handle_in, take.handle_in + take.frames - 1)
        track.addItem(item)
        self.undo.append(lambda: track.removeItem(item))
        there = [i for i in track.items() if self.line.span(i) == tuple(span)]
        if not there or (int(there[0].sourceIn()), int(there[0].sourceOut())) != (take.handle_in, take.handle_in + take.frames - 1):
            raise Failure("the %s of the take did not get to its place" % kind, "see whether track %s is locked" % track.name())
        return there[0]
