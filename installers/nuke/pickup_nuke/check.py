"""Checks Fill gap inside the real host: a project of our own with a sequence is made, filled, read back and closed, and a report is
written to send back. The menu has it as Check Pickup; the tests run the same against the stand-in."""

import os
import platform
import shutil
import tempfile
import traceback

import hiero.core
import nuke

from pickup_host import footage, settings as host_settings

from . import sequence

SHOTS = (("A", 0, 40, 0), ("A", 50, 90, 50), ("B", 90, 120, 0))


def scene(project, folder):
    """A sequence: A, a hole, A again, B; sound under the shots."""
    cut = hiero.core.Sequence("Pickup check")
    project.clipsBin().addItem(hiero.core.BinItem(cut))
    cut.setFramerate(hiero.core.TimeBase.fromString("25"))
    cut.setTimecodeStart(90000)
    cut.setFormat(hiero.core.Format(96, 54, 1.0, "check"))
    video, audio = hiero.core.VideoTrack("Video 1"), hiero.core.AudioTrack("Audio 1")
    cut.addTrack(video)
    cut.addTrack(audio)
    room = footage.sound(os.path.join(folder, "room.wav"), 6)
    media = {"A": footage.sequence(os.path.join(folder, "A"), "A", 90, (96, 54)), "B": footage.sequence(os.path.join(folder, "B"), "B", 30, (96, 54), 0.3)}
    for name, start, end, offset in SHOTS:
        for track, path, first in ((video, media[name], offset), (audio, room, start)):
            clip = hiero.core.Clip(hiero.core.MediaSource(path))
            project.clipsBin().addItem(hiero.core.BinItem(clip))
            item = track.createTrackItem(name)
            item.setSource(clip)
            item.setTimes(start, end - 1, first, first + end - start - 1)
            track.addItem(item)
    return cut


def checks(cut, values, said):
    """Fills the hole and gives what is wrong, as sentences."""
    line = sequence.Sequence(cut)
    wrong, nodes = [], len(nuke.allNodes())
    if line.holes() != [(40, 50)]:
        wrong.append("the holes are %s and should be (40, 50)" % line.holes())
    made = sequence.fill_gap(lambda words, share=None: said.append(words), values, cut, at=44)
    for item in made:
        if line.span(item) != (40, 50):
            wrong.append("%s stands at %s and should stand at (40, 50)" % (item.name(), line.span(item)))
    if len(made) != 2:
        wrong.append("%d items were placed: picture and sound are two" % len(made))
    if line.holes():
        wrong.append("a hole is left")
    if len(nuke.allNodes()) != nodes:
        wrong.append("the graph had %d nodes and has %d" % (nodes, len(nuke.allNodes())))
    return wrong


def report(values=None, path=None):
    """Runs the check and writes the report. True when all went well."""
    folder = tempfile.mkdtemp(prefix="pickup-check-")
    values = dict(values or host_settings.load(), jobs=os.path.join(folder, "jobs"), takes_dir=os.path.join(folder, "takes"), takes=1, sound="match")
    lines = ["Pickup in %s" % nuke.NUKE_VERSION_STRING, "%s, Python %s" % (platform.platform(), platform.python_version())]
    said, wrong, project = [], [], None
    try:
        project = hiero.core.newProject()
        wrong = checks(scene(project, folder), values, said)
    except Exception:
        wrong = [traceback.format_exc()]
    finally:
        if project is not None:
            project.close()
        shutil.rmtree(folder, ignore_errors=True)
    lines += ["failed: " + w for w in wrong] or ["all is well"]
    path = path or os.path.join(os.path.expanduser("~"), "pickup-nuke-report.txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines + ["", "What was said:"] + said) + "\n")
    print("\n".join(lines + ["This report is in %s: please send it back." % path]))
    return not wrong
