"""Has Nuke render frames of track items to EXR, and cuts the sound of the timeline out of its sources."""

import os
import subprocess

import nuke

from pickup_host import Failure, clock, job

# As in src/bridge.rs and src/place.rs.
SIDE_FRAMES = 32
SIDE_SECONDS = 10.0


def colour(values):
    """Encoding of Nuke's working space, in our words."""
    if values.get("colour"):
        return values["colour"]
    root = nuke.root()
    managed = root["colorManagement"].value() == "OCIO" if "colorManagement" in root.knobs() else False
    space = (root["workingSpaceLUT"].value() if managed else "linear").lower()
    if "acescg" in space:
        return "aces-cg"
    if managed and not ("rec.709" in space or "rec709" in space or "srgb" in space):
        raise Failure("the working space '%s' is none that Pickup knows" % space, "write 'colour' into the settings, such as aces-cg")
    return "linear-rec709"


def source_frame(item, at):
    """The number of the source's frame that shows at a frame of the sequence, retimes heeded."""
    return int(round(item.mapTimelineToSource(at))) + int(item.source().mediaSource().startTime())


def picture(work, name, item, span):
    """Renders frames of an item through Nuke, which reads what the sequence reads. Gives the pattern for the context."""
    target = os.path.join(work.folder, name)
    os.makedirs(target)
    infos = item.source().mediaSource().fileinfos()
    path = infos[0].filename()
    made = []
    try:
        read = nuke.nodes.Read(file=path)
        made.append(read)
        read["first"].setValue(int(infos[0].startFrame()))
        read["last"].setValue(int(infos[0].endFrame()))
        fit = nuke.nodes.Reformat(type="to box", box_width=work.size[0], box_height=work.size[1], box_fixed=True, resize="fit")
        made.append(fit)
        fit.setInput(0, read)
        write = nuke.nodes.Write(file=os.path.join(target, "%s.%%08d.exr" % name).replace("\\", "/"), file_type="exr", datatype="16 bit half")
        made.append(write)
        write["raw"].setValue(True)
        write.setInput(0, fit)
        for index, at in enumerate(range(span[0], span[1])):
            frame = source_frame(item, at)
            written = os.path.join(target, "%s.%08d.exr" % (name, frame))
            nuke.execute(write, frame, frame)
            # A slowed item shows one source frame more than once.
            os.rename(written, os.path.join(target, "%s.%08d.exr" % (name + "-done", index)))
    except RuntimeError as why:
        raise Failure("Nuke does not render %s: %s" % (os.path.basename(path), why), "see whether it shows in a viewer")
    finally:
        for node in reversed(made):
            nuke.delete(node)
    return job.sequence(target, name, span[1] - span[0])


def sound(work, name, sequence, span, ffmpeg="ffmpeg"):
    """The sound of a span: the lowest enabled audio item that covers the frame at the hole, as far as it reaches. None without one."""
    edge = span[1] - 1 if name == "tail" else span[0]
    for track in sequence.audioTracks():
        for item in track.items():
            reach = (int(item.timelineIn()), int(item.timelineOut()) + 1)
            if track.isEnabled() and item.isEnabled() and item.isMediaPresent() and reach[0] <= edge < reach[1]:
                part = (max(reach[0], span[0]), min(reach[1], span[1]))
                return _cut(work, name, item, part, ffmpeg)
    return None


def _cut(work, name, item, part, ffmpeg):
    info = item.source().mediaSource().fileinfos()[0]
    start = clock.seconds(int(round(item.mapTimelineToSource(part[0]))), work.rate)
    out = name + ".wav"
    command = [
        ffmpeg, "-v", "error", "-nostdin", "-y", "-ss", "%.6f" % start, "-t", "%.6f" % clock.seconds(part[1] - part[0], work.rate),
        "-i", info.filename(), "-vn", "-ar", "48000", "-c:a", "pcm_s24le", os.path.join(work.folder, out),
    ]
    try:
        subprocess.check_output(command, stderr=subprocess.STDOUT)
    except OSError as why:
        raise Failure("ffmpeg cannot be started: %s" % why, "run `pickup doctor`")
    except subprocess.CalledProcessError as why:
        raise Failure("the sound of %s cannot be read: %s" % (info.filename(), why.output.decode("utf-8", "replace").strip()), "set 'sound' to none")
    return out


