"""Rates and timecodes. A rate is (numerator, denominator); frames are whole numbers and absolute, as hosts count them."""

from . import Failure

# Hosts write the NTSC family rounded; the exact rate is what samples are counted by.
NTSC = {"23.976": 24, "23.98": 24, "29.97": 30, "47.952": 48, "47.95": 48, "59.94": 60, "119.88": 120}


def rate(text):
    """The exact rate behind what a host writes: 24, 25.0, '23.976', '29.97 DF', '24000/1001'."""
    words = str(text).split()
    number = words[0] if words else ""
    try:
        if "/" in number:
            over, under = number.split("/")
            pair = (int(over), int(under))
        else:
            value = float(number)
            near = [n for name, n in NTSC.items() if abs(float(name) - value) < 0.006]
            pair = (near[0] * 1000, 1001) if near else (int(round(value)), 1)
            if not near and abs(value - pair[0]) > 1e-6:
                raise ValueError(number)
        if pair[0] <= 0 or pair[1] <= 0:
            raise ValueError(number)
        return pair
    except ValueError:
        raise Failure("'%s' is not a frame rate" % (text,), "set the timeline's frame rate in the project settings")


def words(pair):
    """A rate as the context file and the command line write it."""
    return "%d" % pair[0] if pair[1] == 1 else "%d/%d" % pair


def nominal(pair):
    """Frames that one second of timecode counts."""
    return int(round(pair[0] / float(pair[1])))


def seconds(frames, pair):
    """The time that some frames take."""
    return frames * pair[1] / float(pair[0])


def frames_in(time, pair):
    """Whole frames nearest to a time in seconds."""
    return int(round(time * pair[0] / pair[1]))


def _dropped(pair):
    return nominal(pair) // 15


def timecode(frame, pair, drop=False):
    """The timecode of a frame. Drop-frame skips two numbers (four at 60) each minute but the tenth: SMPTE ST 12-1."""
    base = nominal(pair)
    if drop:
        skip = _dropped(pair)
        ten, rest = divmod(frame, base * 600 - skip * 9)
        frame += skip * 9 * ten
        if rest >= base * 60:
            frame += skip * ((rest - base * 60) // (base * 60 - skip) + 1)
    whole, part = divmod(frame, base)
    return "%02d:%02d:%02d%s%02d" % (whole // 3600 % 24, whole // 60 % 60, whole % 60, ";" if drop else ":", part)


def frame(text, pair, drop=False):
    """The frame that a timecode names."""
    parts = str(text).replace(";", ":").replace(".", ":").split(":")
    try:
        hours, minutes, secs, part = [int(p) for p in parts]
    except ValueError:
        raise Failure("'%s' is not a timecode" % (text,), "open the Edit page, so that the host tells where the playhead is")
    drop = drop or ";" in str(text)
    whole = hours * 60 + minutes
    number = (whole * 60 + secs) * nominal(pair) + part
    return number - _dropped(pair) * (whole - whole // 10) if drop else number
