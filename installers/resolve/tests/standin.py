"""A stand-in for DaVinci Resolve that runs without it: the objects and functions that the scripts use, behaving as the vendor's document
says and, where that is silent, as the field reports. `Quirks` names what versions disagree on and what goes wrong at times; a test
turns them one by one. It renders for real: frames of the sequences on its timeline are copied, sound is cut and mixed.
"""

import os
import re
import shutil
import uuid
import wave


class Quirks(object):
    """How this Resolve behaves."""

    def __init__(self, **changes):
        self.end_exclusive = False      # AppendToTimeline: is endFrame the first frame left out?
        self.numbered = False           # do frames of a sequence count from the number of its first file?
        self.busy = 3                   # questions after an edit that are answered with None
        self.marks_relative = True      # do marks count from the timeline's start?
        self.shift = 0                  # the next item lands this many frames away
        self.render_fails = None        # the word in the name of jobs that fail
        self.render_drops = 0           # frames that a render leaves out at its end
        self.no_tracks = False          # AddTrack answers False
        self.no_takes = False           # AddTake answers False
        self.no_marks = False           # 19.0 and before: marks cannot be read
        self.edition = "studio"
        for name, value in changes.items():
            if not hasattr(self, name):
                raise TypeError(name)
            setattr(self, name, value)


def question(function):
    """A question: for a while after an edit its answer is None."""
    def asked(self, *arguments):
        host = self.host
        if host.busy > 0:
            host.busy -= 1
            return None
        return function(self, *arguments)
    return asked


def edit(function):
    """A change, after which Resolve is busy."""
    def done(self, *arguments):
        answer = function(self, *arguments)
        self.host.busy = self.host.quirks.busy
        return answer
    return done


class Thing(object):
    """Any object of Resolve: names it lacks are None, not an error."""

    def __init__(self, host):
        self.host = host
        self.ident = str(uuid.uuid4())

    def __getattr__(self, name):
        if name.startswith("_") or not name[:1].isupper():
            raise AttributeError(name)
        return None

    def GetUniqueId(self):
        return self.ident


class Resolve(Thing):
    def __init__(self, quirks=None, rate="25", start="01:00:00:00", size=(96, 54), colour="Rec.709 Gamma 2.4"):
        Thing.__init__(self, self)
        self.quirks = quirks or Quirks()
        self.busy = 0
        self.page = "edit"
        self.log = []
        self.manager = ProjectManager(self)
        project = self.manager.project
        project.settings = {
            "timelineFrameRate": rate, "timelineDropFrameTimecode": "1" if ";" in start else "0", "timelineResolutionWidth": str(size[0]),
            "timelineResolutionHeight": str(size[1]), "colorScienceMode": "davinciYRGB", "colorSpaceTimeline": colour,
        }
        self.start = start

    def GetProjectManager(self):
        return self.manager

    def GetProductName(self):
        return "Stand-in"

    def GetVersionString(self):
        return "0.0 (%s)" % self.quirks.edition

    def GetCurrentPage(self):
        return self.page

    def OpenPage(self, page):
        self.page = page
        return True


class ProjectManager(Thing):
    def __init__(self, host):
        Thing.__init__(self, host)
        self.project = Project(host)

    def GetCurrentProject(self):
        return self.project


class Project(Thing):
    def __init__(self, host):
        Thing.__init__(self, host)
        self.settings = {}
        self.pool = MediaPool(host, self)
        self.timelines = []
        self.current = None
        self.render = {"settings": {"TargetDir": "/the/users/own", "SelectAllFrames": True}, "format": ("mov", "ProRes422HQ"), "mode": 0}
        self.presets = {}
        self.jobs = {}

    def GetName(self):
        return "Stand-in project"

    def GetMediaPool(self):
        return self.pool

    def GetSetting(self, name):
        return self.settings.get(name, "")

    def GetCurrentTimeline(self):
        return self.current

    def SetCurrentTimeline(self, timeline):
        self.current = timeline
        return True

    def GetRenderFormats(self):
        return {"EXR": "exr", "QuickTime": "mov", "Wave": "wav"}

    def GetRenderCodecs(self, name):
        known = {"exr": {"RGB float (ZIP)": "RGBFloatZIP", "RGB half (uncompressed)": "RGBHalf"}, "mov": {"Apple ProRes 422 HQ": "ProRes422HQ"},
                 "wav": {"Linear PCM": "lpcm"}}
        return known.get(name, {})

    def GetCurrentRenderFormatAndCodec(self):
        return {"format": self.render["format"][0], "codec": self.render["format"][1]}

    def SetCurrentRenderFormatAndCodec(self, name, codec):
        if codec not in self.GetRenderCodecs(name).values():
            return False
        self.render["format"] = (name, codec)
        return True

    def GetCurrentRenderMode(self):
        return self.render["mode"]

    def SetCurrentRenderMode(self, mode):
        self.render["mode"] = mode
        return True

    def SaveAsNewRenderPreset(self, name):
        if name in self.presets:
            return False
        self.presets[name] = {"settings": dict(self.render["settings"]), "format": self.render["format"], "mode": self.render["mode"]}
        return True

    def LoadRenderPreset(self, name):
        if name not in self.presets:
            return False
        saved = self.presets[name]
        self.render = {"settings": dict(saved["settings"]), "format": saved["format"], "mode": saved["mode"]}
        return True

    def DeleteRenderPreset(self, name):
        return self.presets.pop(name, None) is not None

    def SetRenderSettings(self, settings):
        for name in ("MarkIn", "MarkOut"):
            if name in settings and type(settings[name]) is not int:
                return False
        self.render["settings"].update(settings)
        # The Deliver page's range and the timeline's marks are one thing.
        if "MarkIn" in settings:
            self.current.marks = {kind: [settings["MarkIn"], settings["MarkOut"]] for kind in ("video", "audio")}
        return True

    def AddRenderJob(self):
        if not os.path.isdir(self.render["settings"].get("TargetDir", "")):
            return ""
        ident = str(uuid.uuid4())
        self.jobs[ident] = {"settings": dict(self.render["settings"]), "format": self.render["format"][0], "status": "Ready", "left": 0}
        return ident

    def StartRendering(self, idents, interactive=False):
        self.host.page = "deliver"
        for ident in idents:
            job = self.jobs[ident]
            failing = self.host.quirks.render_fails
            if failing and failing in job["settings"]["CustomName"]:
                job["status"] = "Failed"
                continue
            job["left"], job["status"] = 2, "Rendering"
            self.current.render(job)
            self.current.playhead = job["settings"]["MarkOut"]
        return True

    def IsRenderingInProgress(self):
        running = [j for j in self.jobs.values() if j["left"] > 0]
        for job in running:
            job["left"] -= 1
            if not job["left"]:
                job["status"] = "Complete"
        return bool(running)

    def GetRenderJobStatus(self, ident):
        job = self.jobs[ident]
        return {"JobStatus": job["status"], "CompletionPercentage": 100 if job["status"] == "Complete" else 50, "Error": "made to fail"}

    def DeleteRenderJob(self, ident):
        return self.jobs.pop(ident, None) is not None


class Folder(Thing):
    def __init__(self, host, name):
        Thing.__init__(self, host)
        self.name, self.clips, self.folders = name, [], []

    def GetName(self):
        return self.name

    def GetClipList(self):
        return list(self.clips)

    def GetSubFolderList(self):
        return list(self.folders)


class MediaPool(Thing):
    def __init__(self, host, project):
        Thing.__init__(self, host)
        self.project = project
        self.root = Folder(host, "Master")
        self.folder = self.root

    def GetRootFolder(self):
        return self.root

    def GetCurrentFolder(self):
        return self.folder

    def SetCurrentFolder(self, folder):
        self.folder = folder
        return True

    def AddSubFolder(self, parent, name):
        folder = Folder(self.host, name)
        parent.folders.append(folder)
        return folder

    def DeleteFolders(self, folders):
        for folder in folders:
            self.root.folders.remove(folder)
        return True

    @edit
    def ImportMedia(self, orders):
        clips = []
        for order in orders:
            if isinstance(order, dict):
                numbers = range(order["StartIndex"], order["EndIndex"] + 1)
                if all(os.path.exists(order["FilePath"] % n) for n in numbers):
                    clips.append(MediaPoolItem(self.host, order["FilePath"], "video", order["StartIndex"], len(numbers)))
            elif os.path.exists(order):
                channels, size, rate, data = read_wave(order)
                seconds = len(data) / float(channels * size * rate)
                frames = int(round(seconds * exact(self.project.settings["timelineFrameRate"])))
                clips.append(MediaPoolItem(self.host, order, "audio", 0, frames))
        self.folder.clips.extend(clips)
        return clips

    def DeleteClips(self, clips):
        for folder in [self.root] + self.root.folders:
            folder.clips = [c for c in folder.clips if c not in clips]
        return True

    def CreateEmptyTimeline(self, name):
        if any(t.name == name for t in self.project.timelines):
            return None
        timeline = Timeline(self.host, self.project, name)
        self.project.timelines.append(timeline)
        self.project.current = timeline
        return timeline

    def DeleteTimelines(self, timelines):
        self.project.timelines = [t for t in self.project.timelines if t not in timelines]
        if self.project.current in timelines:
            self.project.current = self.project.timelines[0] if self.project.timelines else None
        return True

    @edit
    def AppendToTimeline(self, entries):
        quirks, timeline, made = self.host.quirks, self.project.current, []
        for entry in entries:
            numbers = [entry.get(n) for n in ("startFrame", "endFrame", "recordFrame", "trackIndex", "mediaType")]
            # One fraction, and the whole batch is refused.
            if any(type(n) is not int for n in numbers):
                return None
            clip = entry["mediaPoolItem"]
            first = entry["startFrame"] - (clip.first if quirks.numbered else 0)
            last = entry["endFrame"] - (clip.first if quirks.numbered else 0) + (0 if quirks.end_exclusive else 1)
            kind = "video" if entry["mediaType"] == 1 else "audio"
            if clip.kind != kind or first < 0 or last <= first or last > clip.frames or entry["recordFrame"] < timeline.start:
                return None
            if not 1 <= entry["trackIndex"] <= len(timeline.tracks[kind]):
                return None
            made.append((entry["trackIndex"], TimelineItem(self.host, timeline, clip, entry["recordFrame"] + quirks.shift, first, last - first)))
            quirks.shift = 0
        for index, item in made:
            track = timeline.tracks[item.clip.kind][index - 1]
            # The earlier item wins and nobody is told.
            if not any(item.start < o.end and o.start < item.end for o in track["items"]):
                track["items"].append(item)
                track["items"].sort(key=lambda i: i.start)
        return [item for _, item in made]


class MediaPoolItem(Thing):
    def __init__(self, host, path, kind, first, frames):
        Thing.__init__(self, host)
        self.path, self.kind, self.first, self.frames = path, kind, first, frames
        last = first + frames - 1
        shown = re.sub(r"%0(\d)d", lambda m: "[%0*d-%0*d]" % (int(m.group(1)), first, int(m.group(1)), last), path)
        rate = host.manager.project.settings["timelineFrameRate"]
        self.properties = {"File Path": shown, "Frames": str(frames), "Start": str(first), "End": str(last), "FPS": rate, "Online Status": "Online"}

    def GetMediaId(self):
        return self.ident

    @question
    def GetClipProperty(self, name):
        return self.properties.get(name, "")

    @edit
    def SetClipProperty(self, name, value):
        self.properties[name] = value
        return True


class Timeline(Thing):
    def __init__(self, host, project, name):
        Thing.__init__(self, host)
        self.project, self.name = project, name
        self.fps = int(round(exact(project.settings["timelineFrameRate"])))
        self.start = frame_of(host.start, self.fps)
        self.playhead = self.start
        self.marks = {}
        self.markers = {}
        self.tracks = {"video": [self._track("Video 1")], "audio": [self._track("Audio 1")]}

    @staticmethod
    def _track(name):
        return {"name": name, "items": [], "on": True, "locked": False}

    def GetName(self):
        return self.name

    def GetSetting(self, name):
        return self.project.settings.get(name, "")

    def GetStartFrame(self):
        return self.start

    def GetEndFrame(self):
        return max([self.start] + [i.end for kind in self.tracks.values() for t in kind for i in t["items"]])

    @question
    def GetTrackCount(self, kind):
        return len(self.tracks[kind])

    @question
    def GetItemListInTrack(self, kind, index):
        return list(self.tracks[kind][index - 1]["items"])

    def GetTrackName(self, kind, index):
        return self.tracks[kind][index - 1]["name"]

    @edit
    def SetTrackName(self, kind, index, name):
        self.tracks[kind][index - 1]["name"] = name
        return True

    def GetIsTrackEnabled(self, kind, index):
        return self.tracks[kind][index - 1]["on"]

    def GetIsTrackLocked(self, kind, index):
        return self.tracks[kind][index - 1]["locked"]

    @edit
    def AddTrack(self, kind, order=None):
        if self.host.quirks.no_tracks or (kind == "audio" and order is None):
            return False
        self.tracks[kind].append(self._track("%s %d" % (kind.title(), len(self.tracks[kind]) + 1)))
        return True

    @edit
    def DeleteTrack(self, kind, index):
        del self.tracks[kind][index - 1]
        return True

    @edit
    def DeleteClips(self, items, ripple=False):
        found = False
        for kind in self.tracks.values():
            for track in kind:
                found = found or any(i in track["items"] for i in items)
                track["items"] = [i for i in track["items"] if i not in items]
        return found

    def GetMarkers(self):
        return dict(self.markers)

    def AddMarker(self, at, colour, name, note, duration, custom=""):
        # Markers alone count from the timeline's start.
        self.markers[float(at)] = {"color": colour, "duration": float(duration), "note": note, "name": name, "customData": custom}
        return True

    @question
    def GetCurrentTimecode(self):
        if self.host.page not in ("cut", "edit", "color", "deliver"):
            return None
        return timecode(self.playhead, self.fps, self.project.settings["timelineDropFrameTimecode"] == "1")

    def SetCurrentTimecode(self, text):
        self.playhead = frame_of(text, self.fps)
        return True

    def _offset(self):
        return self.start if self.host.quirks.marks_relative else 0

    def __getattr__(self, name):
        if name == "GetMarkInOut" and not self.host.quirks.no_marks:
            return lambda: {k: {"in": m[0] - self._offset(), "out": m[1] - self._offset()} for k, m in self.marks.items()}
        return Thing.__getattr__(self, name)

    def SetMarkInOut(self, first, last, kind="all"):
        for name in ("video", "audio") if kind == "all" else (kind,):
            self.marks[name] = [first + self._offset(), last + self._offset()]
        return True

    def ClearMarkInOut(self, kind="all"):
        self.marks = {} if kind == "all" else {k: v for k, v in self.marks.items() if k != kind}
        return True

    def at(self, kind, frame):
        """The topmost item at a frame."""
        found = [i for t in self.tracks[kind] if t["on"] for i in t["items"] if i.start <= frame < i.end]
        return found[-1] if found else None

    def render(self, job):
        """What a render job writes."""
        order = job["settings"]
        first, last = order["MarkIn"], order["MarkOut"] - self.host.quirks.render_drops
        if order["SelectAllFrames"]:
            first, last = self.start, self.GetEndFrame() - 1
        if job["format"] == "exr":
            for frame in range(first, last + 1):
                item = self.at("video", frame)
                self.host.log.append((frame, item and item.clip.path, item and item.version))
                number = item.clip.first + item.offset + frame - item.start
                shutil.copyfile(item.clip.path % number, os.path.join(order["TargetDir"], "%s%08d.exr" % (order["CustomName"], frame)))
        else:
            self._mix(first, last + 1, os.path.join(order["TargetDir"], order["CustomName"] + ".wav"))

    def _mix(self, first, end, path):
        rate = exact(self.project.settings["timelineFrameRate"])

        def sample(frames):
            return int(round(frames * 48000 / rate))

        out = bytearray(6 * (sample(end) - sample(first)))
        waves = {}
        for frame in range(first, end):
            item = self.at("audio", frame)
            if item is None:
                continue
            if item.clip.path not in waves:
                waves[item.clip.path] = read_wave(item.clip.path)
            channels, size, _, data = waves[item.clip.path]
            source = item.offset + frame - item.start
            step = channels * size
            piece = data[sample(source) * step:sample(source + 1) * step]
            to = 6 * (sample(frame) - sample(first))
            out[to:to + len(piece)] = piece
        with wave.open(path, "wb") as file:
            file.setparams((2, 3, 48000, 0, "NONE", ""))
            file.writeframes(bytes(out))


class TimelineItem(Thing):
    def __init__(self, host, timeline, clip, start, offset, frames):
        Thing.__init__(self, host)
        self.timeline, self.clip, self.start, self.offset, self.frames = timeline, clip, start, offset, frames
        self.takes, self.selected = [], 0
        self.versions, self.version, self.grade = ["Version 1"], "Version 1", "its grade"

    @property
    def end(self):
        return self.start + self.frames

    def GetName(self):
        return os.path.basename(self.clip.path)

    @question
    def GetStart(self):
        return self.start

    @question
    def GetEnd(self):
        return self.end

    @question
    def GetDuration(self):
        return self.frames

    @question
    def GetLeftOffset(self):
        return self.offset

    def GetMediaPoolItem(self):
        return self.clip

    def GetClipEnabled(self):
        return True

    @edit
    def AddTake(self, clip, first=None, last=None):
        if self.host.quirks.no_takes:
            return False
        if not self.takes:
            self.takes, self.selected = [(self.clip, self.offset, self.frames)], 1
        first = 0 if first is None else first
        length = clip.frames - first if last is None else last - first + (0 if self.host.quirks.end_exclusive else 1)
        if first + length > clip.frames:
            return False
        self.takes.append((clip, first, length))
        return True

    @question
    def GetTakesCount(self):
        return len(self.takes)

    def GetSelectedTakeIndex(self):
        return self.selected

    def GetTakeByIndex(self, index):
        if not 1 <= index <= len(self.takes):
            return None
        clip, first, length = self.takes[index - 1]
        return {"mediaPoolItem": clip, "startFrame": first, "endFrame": first + length - (0 if self.host.quirks.end_exclusive else 1)}

    @edit
    def DeleteTakeByIndex(self, index):
        del self.takes[index - 1]
        return True

    @edit
    def SelectTakeByIndex(self, index):
        if not 1 <= index <= len(self.takes):
            return False
        self.selected = index
        self.clip, self.offset, self.frames = self.takes[index - 1]
        return True

    def GetCurrentVersion(self):
        return {"versionName": self.version, "versionType": 0}

    def AddVersion(self, name, kind):
        if name in self.versions:
            return False
        self.versions.append(name)
        self.version = name
        return True

    def LoadVersionByName(self, name, kind):
        self.version = name
        return name in self.versions

    def DeleteVersionByName(self, name, kind):
        if name == self.version:
            return False
        self.versions.remove(name)
        return True

    def GetNodeGraph(self):
        return Graph(self.host, self)

    def CopyGrades(self, items):
        for item in items:
            item.grade = "the grade of " + self.GetName()
        return True


class Graph(Thing):
    def __init__(self, host, item):
        Thing.__init__(self, host)
        self.item = item

    def ResetAllGrades(self):
        return self.item.version != "Version 1"


def exact(rate):
    """The rate behind its rounded form."""
    value = float(rate)
    return value if value == int(value) else round(value) * 1000 / 1001.0


def timecode(frame, fps, drop):
    """SMPTE timecode by counting minutes, written otherwise than in the scripts on purpose."""
    if drop:
        skip, minutes, rest = fps // 15, 0, frame
        while True:
            length = fps * 60 - (0 if minutes % 10 == 0 else skip)
            if rest < length:
                break
            rest, minutes = rest - length, minutes + 1
        rest += 0 if minutes % 10 == 0 else skip
        return "%02d:%02d:%02d;%02d" % (minutes // 60, minutes % 60, rest // fps, rest % fps)
    return "%02d:%02d:%02d:%02d" % (frame // (fps * 3600), frame // (fps * 60) % 60, frame // fps % 60, frame % fps)


def frame_of(text, fps):
    """The frame of a timecode, by search: slow, and independent of the scripts' arithmetic."""
    hours, minutes, seconds, part = [int(p) for p in re.split("[:;]", text)]
    drop = ";" in text
    frame = sum(fps * 60 - (fps // 15 if drop and m % 10 else 0) for m in range(hours * 60 + minutes))
    return frame + seconds * fps + part - (fps // 15 if drop and minutes % 10 else 0)


def read_wave(path):
    """Channels, bytes a sample, rate and data of a PCM file, by its chunks."""
    with open(path, "rb") as file:
        data = file.read()
    at, form = 12, None
    while at + 8 <= len(data):
        name, size = data[at:at + 4], int.from_bytes(data[at + 4:at + 8], "little")
        if name == b"fmt ":
            form = data[at + 8:at + 8 + size]
        if name == b"data":
            body = data[at + 8:at + 8 + size]
            break
        at += 8 + size + size % 2
    number = lambda a, b: int.from_bytes(form[a:b], "little")
    return number(2, 4), number(14, 16) // 8, number(4, 8), body
