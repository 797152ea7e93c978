"""The current timeline as Pickup sees it: rate, playhead, shots, holes, markers. All frames are absolute: a timeline that starts at
01:00:00:00 and 24 fps begins with frame 86400, and that is how items and record frames count; only markers count from 0."""

from pickup_host import Failure, clock, cuts, markers

from .host import ask, has, patient, sure


class Shot(object):
    """An item that shows or sounds somewhere."""

    def __init__(self, item, kind, track):
        self.item = item
        self.kind = kind
        self.track = track
        self.span = (int(sure(item, "GetStart")), int(sure(item, "GetEnd")))
        # Titles and generators have no media; they show all the same.
        self.media = ask(item, "GetMediaPoolItem")

    def fact(self, name):
        """A property of its media, empty where it has none."""
        return (patient(lambda: ask(self.media, "GetClipProperty", name)) if self.media else "") or ""

    @property
    def name(self):
        """Its name on the timeline."""
        return ask(self.item, "GetName") or ""

    @property
    def shows(self):
        """False for what is disabled or offline: that is a hole."""
        return ask(self.item, "GetClipEnabled") is not False and self.fact("Online Status") != "Offline"


class Line(object):
    """The current timeline."""

    def __init__(self, resolve):
        self.resolve = resolve
        self.project = sure(sure(resolve, "GetProjectManager"), "GetCurrentProject")
        self.timeline = patient(lambda: ask(self.project, "GetCurrentTimeline"))
        if self.timeline is None:
            raise Failure("no timeline is open", "open the cut in the Edit page")
        self.pool = sure(self.project, "GetMediaPool")
        self.rate = clock.rate(self.setting("timelineFrameRate"))
        self.drop = str(self.setting("timelineDropFrameTimecode") or "0") in ("1", "True")
        self.start = int(sure(self.timeline, "GetStartFrame"))
        self.size = (int(float(self.setting("timelineResolutionWidth"))), int(float(self.setting("timelineResolutionHeight"))))

    def setting(self, name):
        """The timeline's own setting, else the project's."""
        return ask(self.timeline, "GetSetting", name) or ask(self.project, "GetSetting", name)

    def timecode(self, frame):
        """A frame's record timecode."""
        return clock.timecode(frame, self.rate, self.drop)

    def playhead(self):
        """The frame under the playhead."""
        text = patient(lambda: ask(self.timeline, "GetCurrentTimecode"))
        if text is None:
            raise Failure("Resolve does not tell where the playhead is", "open the Edit page and try again")
        return clock.frame(text, self.rate, self.drop)

    def marks(self):
        """In and out point as a span, None without both. The vendor's example counts from the timeline's start, so numbers before
        its first frame are read so."""
        marks = ask(self.timeline, "GetMarkInOut") or {}
        pair = marks.get("video") or marks.get("audio") or {}
        if pair.get("in") is None or pair.get("out") is None:
            return None
        offset = self.start if pair["in"] < self.start else 0
        return int(pair["in"]) + offset, int(pair["out"]) + 1 + offset

    def tracks(self, kind):
        """Numbers of the tracks that are switched on."""
        count = int(sure(self.timeline, "GetTrackCount", kind))
        return [n for n in range(1, count + 1) if ask(self.timeline, "GetIsTrackEnabled", kind, n) is not False]

    def items(self, kind, track):
        """Items of one track, in order."""
        return patient(lambda: ask(self.timeline, "GetItemListInTrack", kind, track)) or []

    def shots(self, kind):
        """Everything on tracks that are switched on, the lowest first."""
        return [Shot(item, kind, n) for n in self.tracks(kind) for item in self.items(kind, n)]

    def shown(self, at):
        """What is seen at a frame: the topmost shot there, None in a hole."""
        there = [s for s in self.shots("video") if s.shows and s.span[0] <= at < s.span[1]]
        return there[-1] if there else None

    def silent(self, span):
        """Whether no audio track sounds anywhere in a span."""
        return not any(s.shows and cuts.overlap(s.span, span) for s in self.shots("audio"))

    def wishes(self):
        """Our markers."""
        found = ask(self.timeline, "GetMarkers") or {}
        read = [markers.read(self.start + int(at), m.get("duration") or 1, m.get("name"), m.get("note")) for at, m in sorted(found.items())]
        return [w for w in read if w]

    def holes(self):
        """Every hole, in order: where no video track shows a picture, and the ranges of our markers."""
        empty = cuts.holes([s.span for s in self.shots("video") if s.shows])
        ranged = [w.span for w in self.wishes() if w.ranged]
        return sorted(ranged + [e for e in empty if not any(cuts.overlap(e, r) for r in ranged)])

    def same_set_up(self, one, other):
        """Whether two shots are of one set-up: one file, or one scene where camera and reel do not disagree."""
        if one is None or other is None:
            return False
        path = one.fact("File Path")
        if path and path == other.fact("File Path"):
            return True

        def agree(name):
            pair = (one.fact(name), other.fact(name))
            return not all(pair) or pair[0] == pair[1]

        scene = one.fact("Scene")
        return bool(scene) and scene == other.fact("Scene") and agree("Camera #") and agree("Reel Name")

    def can_tell_marks(self):
        """Whether this version tells its marks (19.1 and later)."""
        return has(self.timeline, "GetMarkInOut")
