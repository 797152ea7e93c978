"""The six entries of the menu."""

import os

from pickup_host import Failure, clock, cuts, job, markers, program, settings as host_settings

from . import render
from .guard import Guard
from .host import ask, patient, sure
from .line import Line
from .place import NAME, Placing, first, readings


class Session(object):
    """One call of a menu entry."""

    def __init__(self, resolve, tell, settings=None):
        self.settings = host_settings.load() if settings is None else settings
        self.program = host_settings.program(self.settings)
        self.tell = tell
        self.line = Line(resolve)

    def fill_gap(self):
        """Fills the hole under the playhead."""
        at = self.line.playhead()
        hole = [h for h in self.line.holes() if h[0] <= at < h[1]]
        if not hole:
            near = cuts.nearest(at, self.line.holes())
            hint = "the nearest one begins at %s" % self.line.timecode(near[0]) if near else "this timeline has none"
            raise Failure("there is no hole under the playhead: " + hint, "put the playhead into a hole, or name a range with a marker 'pickup:'")
        return self._guarded(lambda: [self._fill(hole[0])])

    def fill_all(self):
        """Fills every hole. One that cannot be filled is told and does not keep the others."""
        holes = self.line.holes()
        if not holes:
            raise Failure("this timeline has no hole", "name a range with a marker 'pickup:'")

        def all_of_them():
            filled, failed = [], []
            for n, hole in enumerate(holes):
                self.tell("hole %d of %d, at %s" % (n + 1, len(holes), self.line.timecode(hole[0])), None)
                try:
                    filled.append(self._fill(hole))
                except Failure as why:
                    failed.append(why)
                    self.tell("%s. %s" % (why.what, why.remedy), None)
            if failed:
                raise Failure("%d of %d holes could not be filled; the first: %s" % (len(failed), len(holes), failed[0].what), failed[0].remedy)
            return filled

        return self._guarded(all_of_them)

    def bridge_cut(self):
        """Covers the cut nearest to the playhead with a bridge, on a track above: for jump cuts."""
        at = self.line.playhead()
        shots = [s.span for s in self.line.shots("video") if s.shows]
        ends = set(end for _, end in shots)
        edges = sorted(set(start for start, _ in shots) & ends, key=lambda e: abs(e - at))
        if not edges:
            raise Failure("there is no cut on this timeline", "put the playhead on the cut that is to be bridged")
        half = max(1, int(self.settings["frames"]) // 2)
        return self._guarded(lambda: [self._fill((edges[0] - half, edges[0] + half), "bridge")])

    def insert_here(self):
        """Puts a new shot between in and out point, else at the playhead, on a track above."""
        at = self.line.playhead()
        span = self.line.marks() or (at, at + max(1, clock.frames_in(float(self.settings["seconds"]), self.line.rate)))
        return self._guarded(lambda: [self._fill(span, "insert")])

    def place_sound(self):
        """Places the sound of the take under the playhead, where it is not placed yet."""
        item, take = self._take_here()
        if not take.sound:
            raise Failure("the take %s has no sound" % take.id, "make the shot again with 'sound' set to match")
        if self._sound_of(item, take):
            raise Failure("the sound of this take is on the timeline already", "look below it")

        def sound():
            placing = Placing(self.line, self.tell)
            try:
                self._put_sound(placing, take, int(sure(item, "GetStart")))
            except BaseException:
                placing.undo_all()
                raise
            return [item]

        return self._guarded(sound)

    def next_take(self):
        """Shows the next take of the shot under the playhead; after the last one a new one is made."""
        item, take = self._take_here()
        count, chosen = int(patient(lambda: ask(item, "GetTakesCount")) or 0), int(ask(item, "GetSelectedTakeIndex") or 0)
        placing = Placing(self.line, self.tell)

        def change():
            sounds = self._sound_of(item, take)
            span = (sure(item, "GetStart"), sure(item, "GetEnd"))
            made, index = None, chosen + 1
            if not 0 < chosen < count:
                work = job.of_take(self.settings["jobs"], take)
                made = work.make(self.settings, self.program, self.tell, seed=self._last_seed(item, take) + 1)[0]
                index = self._register(placing, item, made)
            if not self._select(item, index, span, None):
                self._select(item, max(chosen, 1), span, None)
                raise Failure("take %d did not get to the place of the one before" % index, "the one before is shown again")
            shown = made or self._take_of(sure(item, "GetMediaPoolItem"))
            if sounds:
                try:
                    self._swap_sound(sounds, take, shown, int(span[0]))
                except BaseException:
                    self._select(item, max(chosen, 1), span, None)
                    raise
            self._use(shown, int(span[0]))
            self.tell("take %d, seed %d" % (index, shown.seed), None)
            return [item]

        return self._guarded(change)

    def _swap_sound(self, sounds, before, after, start):
        """One take's sound in place of another's. What stood there is put back when the new one does not get there."""
        placing = Placing(self.line, self.tell)
        for sound in sounds:
            placing.remove(sound)
        try:
            if after.sound:
                self._put_sound(placing, after, start)
        except BaseException:
            placing.undo_all()
            self._put_sound(Placing(self.line, self.tell), before, start)
            raise

    def _guarded(self, work):
        with Guard(self.line, self.tell):
            return work()

    def _fill(self, span, task=None):
        """From a span to a shot in its place. Whatever fails, the timeline is as it was."""
        line = self.line
        marked, prompt, beats = markers.storyboard(line.wishes(), span)
        task = task or marked
        if task in ("retake", "extend"):
            raise Failure("a %s cannot be made from here" % task, "put the effect Pickup onto the clip, or use the command line")
        before, after = line.shown(span[0] - 1), line.shown(span[1])
        if task == "bridge" and not (before and after):
            raise Failure("a bridge needs a shot on both sides", "let the marker say insert")
        if not (before or after):
            raise Failure("no shot stands beside %s" % line.timecode(span[0]), "use the effect Pickup as a generator: it establishes")
        if task in (None, "establish"):
            task = "bridge" if line.same_set_up(before, after) and task is None else "insert"
        work = job.Job(job.new_folder(self.settings["jobs"]), task, span, line.rate, line.drop)
        work.prompt, work.beats = prompt or self.settings.get("prompt", ""), beats
        # Sound is made only where every audio track is silent: elsewhere it would cover dialogue.
        work.sound = self.settings["sound"] if line.silent(span) else "none"
        self.tell("%s of %d frames at %s" % (task, work.frames, line.timecode(span[0])), None)
        before, _ = render.sides(line, work, self.settings, self.tell)
        takes = work.make(self.settings, self.program, self.tell, int(self.settings.get("seed", 0)), int(self.settings["takes"]))
        ask(line.resolve, "OpenPage", "edit")
        placing = Placing(line, self.tell)
        try:
            self.tell("placing", None)
            clip = placing.frames(takes[0])
            item = placing.put("video", clip, takes[0], span[0], placing.track("video", span))
            if takes[0].sound:
                self._put_sound(placing, takes[0], span[0])
            for take in takes[1:]:
                self._register(placing, item, take)
            if work.stage == "camera-log" and before:
                # An ungraded take belongs under its neighbour's grade.
                if not ask(before.item, "CopyGrades", [item]):
                    self.tell("the grade of %s could not be copied: copy it by hand" % before.name, None)
        except BaseException:
            placing.undo_all()
            raise
        self._use(takes[0], span[0])
        self.tell("done: take %s" % takes[0].id, None)
        return item

    def _use(self, take, start):
        """Tells the store that this project uses the take: what is on a timeline must not be cleared away."""
        line = self.line
        shot = "%s at %s" % (ask(line.timeline, "GetName"), line.timecode(start))
        wrong = program.choose(self.program, take, ask(line.project, "GetName") or "default", shot, self.settings.get("takes_dir"))
        if wrong:
            self.tell("the store was not told that this take is in use (%s): pin it" % wrong, None)

    def _put_sound(self, placing, take, record):
        span = (record, record + take.frames)
        return placing.put("audio", placing.sound(take), take, record, placing.track("audio", span, take.channels))

    def _register(self, placing, item, take):
        """Adds a take to an item's take selector. Whether it has the right frames shows only when it is selected, so it is, and the
        one before again. Gives its number."""
        clip = placing.frames(take)
        span = (sure(item, "GetStart"), sure(item, "GetEnd"))
        for start, end in readings(take.handle_in, int(span[1] - span[0]), first(clip)):
            count = max(1, int(patient(lambda: ask(item, "GetTakesCount")) or 0))
            if not ask(item, "AddTake", clip, start, end):
                continue
            if patient(lambda: ask(item, "GetTakesCount"), lambda n: n == count + 1) == count + 1:
                chosen = max(1, int(ask(item, "GetSelectedTakeIndex") or 0))
                right = self._select(item, count + 1, span, take.handle_in)
                self._select(item, chosen, span, None)
                if right:
                    return count + 1
                ask(item, "DeleteTakeByIndex", count + 1)
        raise Failure("Resolve does not add a take to this item", "it is in the media pool's folder %s all the same" % NAME)

    @staticmethod
    def _select(item, index, span, offset):
        """Shows a take; whether it then stands on the span and begins where it should."""
        if not ask(item, "SelectTakeByIndex", index):
            return False
        now = tuple(patient(lambda: ask(item, name)) for name in ("GetStart", "GetEnd", "GetLeftOffset"))
        return now[:2] == tuple(span) and (offset is None or now[2] is None or int(round(now[2])) == offset)

    def _take_of(self, clip):
        """The take behind a media pool item, None where it is none of ours."""
        path = patient(lambda: ask(clip, "GetClipProperty", "File Path")) if clip else None
        folder = os.path.dirname(os.path.dirname(path or ""))
        return program.Take(folder) if folder and os.path.exists(os.path.join(folder, "take.json")) else None

    def _take_here(self):
        at = self.line.playhead()
        for shot in reversed(self.line.shots("video")):
            if shot.span[0] <= at < shot.span[1]:
                take = self._take_of(shot.media)
                if take:
                    return shot.item, take
        raise Failure("no take of Pickup stands under the playhead", "put the playhead onto one")

    def _sound_of(self, item, take):
        """Items on audio tracks that sound this take at the picture's place."""
        span = (int(sure(item, "GetStart")), int(sure(item, "GetEnd")))
        return [s.item for s in self.line.shots("audio") if s.fact("File Path") == take.sound and s.span == span]

    def _last_seed(self, item, take):
        """The highest seed among an item's takes."""
        seeds = [take.seed]
        for n in range(1, int(patient(lambda: ask(item, "GetTakesCount")) or 0) + 1):
            other = self._take_of((ask(item, "GetTakeByIndex", n) or {}).get("mediaPoolItem"))
            seeds += [other.seed] if other else []
        return max(seeds)
