"""Has Resolve render both handles of a hole: frames to EXR, the whole mix to PCM."""

import os

from pickup_host import Failure, clock, job

from . import host
from .guard import Ungraded
from .host import ask, sure

# Frames of each neighbour that an engine may see, and seconds of sound: src/bridge.rs and src/place.rs.
SIDE_FRAMES = 32
SIDE_SECONDS = 10.0
HOUR = 3600.0

# Names by which Resolve knows encodings that we know too.
COLOURS = {
    "rec.709 gamma 2.4": "rec709", "rec.709-a": "rec709", "rec.709 (scene)": "rec709", "rec.709 gamma 2.2": "srgb", "srgb": "srgb",
    "linear": "linear-rec709", "rec.2100 st2084": "pq", "rec.2100 hlg": "hlg", "davinci wg/intermediate": "davinci-intermediate",
    "davinci wg": "davinci-intermediate", "acescct": "aces-cct", "acescg": "aces-cg", "rec.709": "rec709",
}


def colour(line, settings, tell):
    """Encoding of what is rendered, in our words."""
    if settings.get("colour"):
        return settings["colour"]
    managed = (line.setting("colorScienceMode") or "davinciYRGB") != "davinciYRGB"
    if settings["stage"] == "camera-log":
        if managed:
            raise Failure(
                "with colour management on, Resolve renders its output encoding and never the camera's",
                "use the stage graded, in the settings",
            )
        raise Failure("nothing tells the encoding of ungraded frames", "write 'colour' into the settings, such as log-c3")
    name = str(line.setting("colorSpaceOutput" if managed else "colorSpaceTimeline") or "rec.709").lower()
    if name not in COLOURS:
        tell("the encoding '%s' is taken for Rec.709: write 'colour' into the settings if it is another" % name, None)
    return COLOURS.get(name, "rec709")


def _format(project, extension, wanted):
    """Chooses a render format by its file extension, and of its codecs the first that has one of the wanted words."""
    formats = sure(project, "GetRenderFormats")
    names = [n for n, e in sorted(formats.items()) if str(e).lower().lstrip(".") == extension]
    for name in names + [extension]:
        # Versions differ in whether a format goes by its name or by its extension.
        codecs = ask(project, "GetRenderCodecs", name) or {}
        for want in wanted:
            for words, codec in sorted(codecs.items()):
                if want in (words + " " + codec).lower():
                    for called in (extension, name):
                        if ask(project, "SetCurrentRenderFormatAndCodec", called, codec):
                            return
    raise Failure("Resolve offers no rendering to %s" % extension.upper(), "look for it on the Deliver page; another edition may lack it")


def _job(line, settings, what, tell):
    """Runs one render job to its end and takes it off the queue again."""
    project = line.project
    if not project.SetRenderSettings(settings):
        raise Failure("Resolve refuses to render the %s" % what, "free space where contexts are kept, or set 'jobs' to another folder")
    ident = ask(project, "AddRenderJob")
    if not ident:
        raise Failure("Resolve adds no render job for the %s" % what, "see whether a render is running already, and end it")
    try:
        if not project.StartRendering([ident], False):
            raise Failure("Resolve does not start to render the %s" % what, "see the render queue on the Deliver page")
        waited = 0.0
        while ask(project, "IsRenderingInProgress"):
            done = (ask(project, "GetRenderJobStatus", ident) or {}).get("CompletionPercentage", 0)
            tell("rendering the %s" % what, float(done or 0) / 100)
            host.sleep(host.PAUSE)
            waited += host.PAUSE
            if waited > HOUR:
                project.StopRendering()
                raise Failure("rendering the %s took over an hour" % what, "see the render queue on the Deliver page")
        status = host.patient(lambda: ask(project, "GetRenderJobStatus", ident)) or {}
        if status.get("JobStatus") not in ("Complete", "Completed"):
            raise Failure(
                "rendering the %s ended as %s: %s" % (what, status.get("JobStatus"), status.get("Error", "")),
                "render this part of the timeline by hand once, to see why",
            )
    finally:
        ask(project, "DeleteRenderJob", ident)


def _render(line, folder, name, span, picture, tell):
    target = os.path.join(folder, name if picture else name + " sound")
    os.makedirs(target)
    wanted = ["half (uncompressed", "half (zip", "half", "zip", ""] if picture else ["linear pcm", "lpcm", "pcm", ""]
    _format(line.project, "exr" if picture else "wav", wanted)
    line.project.SetCurrentRenderMode(1)
    settings = {
        "SelectAllFrames": False, "MarkIn": span[0], "MarkOut": span[1] - 1, "TargetDir": target, "CustomName": name,
        "ExportVideo": picture, "ExportAudio": not picture,
    }
    if picture:
        settings.update(FormatWidth=line.size[0], FormatHeight=line.size[1])
    else:
        settings.update(AudioBitDepth=24, AudioSampleRate=48000)
    _job(line, settings, "picture of the %s" % name if picture else "sound of the %s" % name, tell)
    if picture:
        return job.sequence(target, name, span[1] - span[0])
    waves = [f for f in os.listdir(target) if f.lower().endswith(".wav")]
    if len(waves) != 1:
        raise Failure("Resolve wrote %d sound files for the %s where one was asked for" % (len(waves), name), "look into %s" % target)
    return "%s/%s" % (os.path.basename(target), waves[0])


def _cuts(line, shot):
    """Where the picture may change around a shot: its own ends, and those of whatever may lie over it."""
    return [edge for s in line.shots("video") if s.shows and s.track >= shot.track for edge in s.span]


def sides(line, work, settings, tell):
    """Renders what stands before and after the job's span, and tells the job. A handle never reaches over a cut: two shots in one
    handle would be taken for motion. Gives the shots on both sides, None where nothing stands."""
    start, end = work.span
    before, after = line.shown(start - 1), line.shown(end)
    work.size, work.stage = line.size, settings["stage"]
    work.colour = colour(line, settings, tell)
    work.sources = [s.name for s in (before, after) if s]
    seconds = clock.frames_in(SIDE_SECONDS, line.rate)
    spans = {}
    if before:
        spans["tail"] = (max([start - SIDE_FRAMES] + [e for e in _cuts(line, before) if e < start]), start)
    if after:
        spans["head"] = (end, min([end + SIDE_FRAMES] + [e for e in _cuts(line, after) if e > end]))
    items = [s.item for s in (before, after) if s] if settings["stage"] == "camera-log" else []
    with Ungraded(items):
        for name, span in spans.items():
            work.sides[name] = {"frames": _render(line, work.folder, name, span, True, tell)}
    if work.sound != "none":
        heard = {"tail": (max(line.start, start - seconds), start), "head": (end, min(int(sure(line.timeline, "GetEndFrame")), end + seconds))}
        for name in spans:
            if heard[name][1] > heard[name][0] and not line.silent(heard[name]):
                work.sides[name]["sound"] = _render(line, work.folder, name, heard[name], False, tell)
    return before, after
