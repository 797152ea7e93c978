"""Brings a take onto the timeline: import, a free track, placing to the frame, and reading everything back.

What is known of `AppendToTimeline`: one number that is not whole, or one bad entry, and the whole batch is refused with None, so
entries go one by one; an item that would overlap an earlier one is dropped without a word; sources disagree whether `endFrame` is
exclusive and whether frames of an image sequence count from 0 or from the first file's number. So what was placed is found by
comparing the tracks before and after, its place, length and offset are read, and what is wrong is removed and placed again by the
next reading of the document. What stays wrong is undone.
"""

import os

from pickup_host import Failure, cuts

from .host import ask, patient, sure

NAME = "Pickup"
# Seconds after which an entry that brought nothing counts as refused.
SHORT = 2.0


class Placing(object):
    """What one take changed in the project, so that it can be undone."""

    def __init__(self, line, tell):
        self.line = line
        self.tell = tell
        self.undo = []

    def undo_all(self):
        """Takes everything back, the last first; one thing that cannot be undone does not keep the others."""
        while self.undo:
            what, back = self.undo.pop()
            try:
                if back() is False:
                    self.tell("%s could not be removed again: remove it by hand" % what, None)
            except Exception as why:
                self.tell("%s could not be removed again (%s): remove it by hand" % (what, why), None)

    def bin(self):
        """The media pool's folder for takes, made when it is missing and made current."""
        pool = self.line.pool
        root = sure(pool, "GetRootFolder")
        found = [f for f in ask(root, "GetSubFolderList") or [] if ask(f, "GetName") == NAME]
        folder = found[0] if found else ask(pool, "AddSubFolder", root, NAME)
        if not folder or not pool.SetCurrentFolder(folder):
            raise Failure("the media pool's folder '%s' cannot be made" % NAME, "see whether the project is locked by another user")
        return folder

    def _import(self, folder, path, order, what):
        """Imports a file or sequence, or finds it imported: a media pool item for every look at a take would fill the pool."""
        for clip in ask(folder, "GetClipList") or []:
            if _is_at(clip, path):
                return clip
        clips = patient(lambda: ask(self.line.pool, "ImportMedia", [order]), bool)
        if not clips:
            raise Failure("Resolve does not import the %s of the take, %s" % (what, path), "see whether Resolve may read that folder")
        self.undo.append(("the imported %s" % what, lambda: self.line.pool.DeleteClips([clips[0]])))
        return clips[0]

    def frames(self, take):
        """The take's frames in the media pool, checked."""
        folder = self.bin()
        pattern = os.path.join(take.picture, "%08d.exr")
        order = {"FilePath": pattern, "StartIndex": take.first, "EndIndex": take.first + take.total - 1}
        clip = self._import(folder, take.picture, order, "picture")
        count = patient(lambda: ask(clip, "GetClipProperty", "Frames"))
        if int(count or 0) != take.total:
            self.undo_all()
            raise Failure("Resolve imported %s frames of a take of %d" % (count, take.total), "see whether all of %s can be read" % take.picture)
        rate = str(self.line.setting("timelineFrameRate")).split()[0]
        if abs(float(patient(lambda: ask(clip, "GetClipProperty", "FPS")) or rate) - float(rate)) > 0.01:
            # A sequence has no rate of its own that Resolve would believe.
            ask(clip, "SetClipProperty", "FPS", rate)
        ask(clip, "SetClipProperty", "Clip Name", "Pickup %s %s" % (take.task, take.id[:8]))
        return clip

    def sound(self, take):
        """The take's sound in the media pool. A WAV takes the project's rate at import."""
        return self._import(self.bin(), take.sound, take.sound, "sound")

    def track(self, kind, span, channels=2):
        """A track that is free over a span: ours where it is free and, for a picture, over all that shows there; else a new one."""
        timeline = self.line.timeline
        count = int(sure(timeline, "GetTrackCount", kind))
        busy = [n for n in range(1, count + 1) if any(cuts.overlap(_span(i), span) for i in self.line.items(kind, n))]
        for n in range(count, 0, -1):
            ours = ask(timeline, "GetTrackName", kind, n) == NAME
            over = kind == "audio" or not busy or n > max(busy)
            free = ask(timeline, "GetIsTrackLocked", kind, n) is not True and ask(timeline, "GetIsTrackEnabled", kind, n) is not False
            if ours and n not in busy and over and free:
                return n
        if kind == "audio":
            order = {"audioType": {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(channels, "stereo"), "index": count + 1}
            added = ask(timeline, "AddTrack", kind, order) or ask(timeline, "AddTrack", kind, order["audioType"])
        else:
            added = ask(timeline, "AddTrack", kind)
        now = patient(lambda: ask(timeline, "GetTrackCount", kind), lambda n: n == count + 1)
        if not added or now != count + 1:
            raise Failure("Resolve adds no %s track" % kind, "add an empty one by hand, call it %s, and try again" % NAME)
        self.undo.append(("the new %s track" % kind, lambda: timeline.DeleteTrack(kind, count + 1)))
        ask(timeline, "SetTrackName", kind, count + 1, NAME)
        return count + 1

    def put(self, kind, clip, take, record, track):
        """Places the take without its handles at a record frame, and reads it back. Gives the item."""
        span = (record, record + take.frames)
        wrong = "Resolve placed nothing"
        # Twice: a misplacement may pass, a wrong reading does not.
        for start, end in readings(take.handle_in, take.frames, first(clip)) * 2:
            before = self._all(kind)
            entry = {
                "mediaPoolItem": clip, "startFrame": start, "endFrame": end, "mediaType": 1 if kind == "video" else 2,
                "trackIndex": track, "recordFrame": int(record),
            }
            found = self._append(kind, entry, before)
            wrong = self._judge(found, span, take.handle_in, track) if found else wrong
            if found and not wrong:
                item = found[0][1]
                self.undo.append(("the placed %s" % kind, lambda: self._remove([item])))
                return item
            if found and not self._remove([item for _, item in found]):
                self.tell("a misplaced item stays on track %s: remove it by hand" % found[0][0], None)
        raise Failure("the %s of the take did not get to its place: %s" % (kind, wrong), "see whether track %d is free and unlocked there" % track)

    def _append(self, kind, entry, before):
        """Appends one entry and gives what is new on the tracks. None may mean busy as well as refused: asked again only as long as
        nothing has appeared, or the take would be there twice."""
        def once():
            answer = ask(self.line.pool, "AppendToTimeline", [entry])
            new = patient(lambda: {k: v for k, v in self._all(kind).items() if k not in before}, bool, SHORT)
            return list(new.values()) if new or answer is not None else None

        return patient(once, waits=SHORT) or []

    def _judge(self, found, span, offset, track):
        """What is wrong with what was placed; nothing where all is right."""
        if len(found) != 1:
            return "there are %d new items" % len(found)
        at, item = found[0]
        if at != track:
            return "it stands on track %d instead of %d" % (at, track)
        if _span(item) != span:
            return "it stands at %d to %d instead of %d to %d" % (_span(item) + span)
        left = patient(lambda: ask(item, "GetLeftOffset"))
        if left is not None and int(round(left)) != offset:
            return "it begins %s frames into the take instead of %d" % (left, offset)
        return ""

    def _all(self, kind):
        count = int(sure(self.line.timeline, "GetTrackCount", kind))
        items = [(n, i) for n in range(1, count + 1) for i in self.line.items(kind, n)]
        return {sure(i, "GetUniqueId"): (n, i) for n, i in items}

    def _remove(self, items):
        return bool(patient(lambda: self.line.timeline.DeleteClips(items, False), bool))

    def remove(self, item):
        """Removes an item for good."""
        if not self._remove([item]):
            raise Failure("an earlier item could not be removed", "unlock its track")


def readings(offset, frames, first):
    """The ways in which the document can be read, the likeliest first: end inclusive or exclusive, frames from 0 or from the number
    of the first file."""
    pairs = [(offset, offset + frames - 1), (offset, offset + frames)]
    return pairs + [(first + a, first + b) for a, b in pairs if first]


def first(clip):
    """The number of a clip's first frame, as its media says."""
    try:
        return int(patient(lambda: ask(clip, "GetClipProperty", "Start")) or 0)
    except ValueError:
        return 0


def _span(item):
    return int(sure(item, "GetStart")), int(sure(item, "GetEnd"))


def _is_at(clip, path):
    """Whether a clip is a file, or a sequence in a folder. Resolve writes a sequence's path as FOLDER/[0001-0024].exr."""
    where = patient(lambda: ask(clip, "GetClipProperty", "File Path")) or ""
    return where == path or os.path.dirname(where) == path
