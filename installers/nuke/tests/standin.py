"""Stand-ins for the modules `nuke` and `hiero`, as far as the scripts use them and as the vendor's reference says: times of a track item
are inclusive at both ends, a track refuses an overlap with an exception, createNode refuses what it does not know. Execute copies the
frames that a Read names, so that what is made is made of real frames.
"""

import os
import shutil
import sys
import types


class Knob(object):
    def __init__(self, value=None):
        self._value = value

    def value(self):
        return self._value

    def setValue(self, value):
        self._value = value
        return True


class Node(object):
    def __init__(self, kind, **knobs):
        self.kind, self.inputs, self.at = kind, {}, (0, 0)
        self._knobs = {k: Knob(v) for k, v in knobs.items()}

    def Class(self):
        return self.kind

    def name(self):
        return self.kind + "1"

    def knobs(self):
        return self._knobs

    def __getitem__(self, name):
        known = {"Read": ("file", "first", "last", "origfirst", "origlast", "frame_mode", "frame", "raw", "label"), "AudioRead": ("file", "begintime"),
                 "Write": ("file", "file_type", "datatype", "raw")}
        if name not in self._knobs:
            # A name that the node lacks is an error, as in the host.
            if name not in known.get(self.kind, ()):
                raise NameError("knob %s does not exist" % name)
            self._knobs[name] = Knob()
        return self._knobs[name]

    def setInput(self, index, node):
        self.inputs[index] = node
        return True

    def xpos(self):
        return self.at[0]

    def ypos(self):
        return self.at[1]

    def setXYpos(self, x, y):
        self.at = (x, y)

    def firstFrame(self):
        return self._knobs["first"].value()

    def lastFrame(self):
        return self._knobs["last"].value()


class Root(Node):
    def fps(self):
        return 25.0


class Nodes(object):
    def __init__(self, host):
        self.host = host

    def __getattr__(self, kind):
        def make(**knobs):
            node = Node(kind, **knobs)
            self.host.made.append(node)
            return node
        return make


class Nuke(types.ModuleType):
    def __init__(self):
        types.ModuleType.__init__(self, "nuke")
        self.made, self.selected, self.plugin, self.messages = [], [], True, []
        self.NUKE_VERSION_STRING = "0.0 (stand-in)"
        self.nodes = Nodes(self)
        self.env = {"studio": True}
        self._root = Root("Root", colorManagement="Nuke", workingSpaceLUT="scene_linear")

    def root(self):
        return self._root

    def allNodes(self):
        return list(self.made)

    def selectedNodes(self):
        return list(self.selected)

    def createNode(self, kind, inpanel=True):
        if not self.plugin:
            raise RuntimeError("%s: unknown command" % kind)
        node = Node(kind, shotIn=0, take="", takesFolder="")
        if self.selected:
            node.setInput(0, self.selected[0])
        return node

    def execute(self, write, first, last):
        read = write.inputs[0].inputs[0]
        for frame in range(first, last + 1):
            if not read["first"].value() <= frame <= read["last"].value():
                raise RuntimeError("frame %d is out of range" % frame)
            shutil.copyfile(read["file"].value() % frame, write["file"].value() % frame)

    def delete(self, node):
        self.made.remove(node)

    def message(self, text):
        self.messages.append(text)


class FileInfo(object):
    def __init__(self, path, first, last):
        self.path, self.first, self.last = path, first, last

    def filename(self):
        return self.path

    def startFrame(self):
        return self.first

    def endFrame(self):
        return self.last


class MediaSource(object):
    def __init__(self, path):
        self.path = path
        folder, name = os.path.split(path)
        self.first, self.last = 0, 10 ** 6
        if "%" in name:
            head, tail = name.split("%")[0], name[name.rindex("d") + 1:]
            numbers = [int(f[len(head):-len(tail)]) for f in (os.listdir(folder) if os.path.isdir(folder) else []) if f.startswith(head) and f.endswith(tail)]
            self.first, self.last = (min(numbers), max(numbers)) if numbers else (0, -1)
        elif not os.path.exists(path):
            self.last = -1

    def isMediaPresent(self):
        return self.last >= 0

    def startTime(self):
        return self.first

    def fileinfos(self):
        return [FileInfo(self.path, self.first, self.last)]


class Clip(object):
    def __init__(self, media):
        self.media, self._name = media, os.path.basename(media.path)

    def mediaSource(self):
        return self.media

    def setName(self, name):
        self._name = name

    def name(self):
        return self._name


class TrackItem(object):
    def __init__(self, name, clip=None, times=None):
        self._name, self.clip, self.times = name, clip, times

    def name(self):
        return self._name

    def setSource(self, clip):
        self.clip = clip

    def source(self):
        return self.clip

    def setTimes(self, *times):
        self.times = times

    def timelineIn(self):
        return self.times[0]

    def timelineOut(self):
        return self.times[1]

    def sourceIn(self):
        return self.times[2]

    def sourceOut(self):
        return self.times[3]

    def mapTimelineToSource(self, at):
        return float(at - self.times[0] + self.times[2])

    def isEnabled(self):
        return True

    def isMediaPresent(self):
        return self.clip.media.isMediaPresent()


class Track(object):
    def __init__(self, name):
        self._name, self._items, self.locked, self.shift = name, [], False, 0

    def name(self):
        return self._name

    def items(self):
        return tuple(self._items)

    def isEnabled(self):
        return True

    def isLocked(self):
        return self.locked

    def createTrackItem(self, name):
        return TrackItem(name)

    def addItem(self, item):
        if any(item.timelineIn() <= o.timelineOut() and o.timelineIn() <= item.timelineOut() for o in self._items):
            raise RuntimeError("overlapping track items")
        self._items.append(item)

    def removeItem(self, item):
        self._items.remove(item)


class Tag(object):
    def __init__(self, name, first, last, note=""):
        self.values = (name, first, last, note)

    def name(self):
        return self.values[0]

    def inTime(self):
        return self.values[1]

    def outTime(self):
        return self.values[2]

    def note(self):
        return self.values[3]


class Bin(list):
    def addItem(self, item):
        self.append(item)

    def removeItem(self, item):
        self.remove(item)


class Undo(object):
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


class Project(object):
    def __init__(self):
        self.bin = Bin()

    def name(self):
        return "the film"

    def clipsBin(self):
        return self.bin

    def close(self):
        self.closed = True

    def beginUndo(self, name):
        return Undo()


class Form(object):
    def __init__(self, width=96, height=54, aspect=1.0, name=""):
        self.size = (width, height)

    def width(self):
        return self.size[0]

    def height(self):
        return self.size[1]


class Rate(object):
    @staticmethod
    def fromString(text):
        assert text == "25"
        return Rate()

    def toRational(self):
        return (25, 1)


class Sequence(object):
    def __init__(self, name="the cut"):
        self._name = name
        self.video, self.audio, self.marks, self._project = [], [], [], Project()

    def setFramerate(self, rate):
        assert isinstance(rate, Rate)

    def setTimecodeStart(self, frame):
        assert frame == 90000

    def setFormat(self, form):
        assert (form.width(), form.height()) == (96, 54)

    def name(self):
        return self._name

    def framerate(self):
        return Rate()

    def dropFrame(self):
        return False

    def timecodeStart(self):
        return 90000

    def videoTracks(self):
        return tuple(self.video)

    def audioTracks(self):
        return tuple(self.audio)

    def addTrack(self, track):
        (self.video if isinstance(track, VideoTrack) else self.audio).append(track)

    def removeTrack(self, track):
        (self.video if isinstance(track, VideoTrack) else self.audio).remove(track)

    def tags(self):
        return list(self.marks)

    def format(self):
        return Form()

    def project(self):
        return self._project


class VideoTrack(Track):
    pass


class AudioTrack(Track):
    pass


class Viewer(object):
    def __init__(self, at):
        self.at = at

    def time(self):
        return self.at


def install():
    """Puts the stand-ins where `import nuke` and `import hiero` find them. Gives nuke and hiero.ui."""
    nuke, hiero, core, ui = Nuke(), types.ModuleType("hiero"), types.ModuleType("hiero.core"), types.ModuleType("hiero.ui")
    for thing in (MediaSource, Clip, VideoTrack, AudioTrack):
        setattr(core, thing.__name__, thing)
    core.BinItem = lambda clip: clip
    core.Sequence, core.Format, core.TimeBase, core.newProject = Sequence, Form, Rate, Project
    ui.activeSequence = lambda: None
    ui.currentViewer = lambda: None
    hiero.core, hiero.ui = core, ui
    sys.modules.update({"nuke": nuke, "hiero": hiero, "hiero.core": core, "hiero.ui": ui})
    return nuke, ui
