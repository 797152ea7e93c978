"""Markers that speak to Pickup, read as the command line reads those of a cut (model/timeline/src/marker.rs).

`pickup: bridge`, `pickup: insert a wide of the harbour`, `pickup: the door opens`, or only `pickup:` with the prompt in the note.
"""

import re

PREFIX = "pickup:"
TASKS = ("bridge", "insert", "establish", "retake", "extend")


class Wish(object):
    """What a marker asks for: `span` in absolute frames, `task` or None, `prompt` perhaps empty, `ranged` if it has a length."""

    def __init__(self, start, length, task, prompt, name):
        self.span = (start, start + max(length, 1))
        self.ranged = length > 1
        self.task = task
        self.prompt = prompt
        self.name = name


def read(start, length, name, note):
    """A marker as a wish, or None when it is not ours."""
    text = (name or "").strip()
    if text[: len(PREFIX)].lower() != PREFIX:
        return None
    rest = text[len(PREFIX):].strip()
    first = re.match(r"\w*", rest).group(0)
    task = first.lower() if first.lower() in TASKS else None
    prompt = rest[len(first):].lstrip(" \t,:;-\u2013\u2014") if task else rest
    return Wish(int(start), int(length or 1), task, prompt or (note or "").strip(), text)


def storyboard(wishes, span):
    """What the markers inside a span say: (task, prompt, beats). The first one speaks for the whole shot, each later one for what
    begins there: a row of the storyboard, (frame counted from the shot's first, prompt)."""
    inside = sorted((w for w in wishes if span[0] <= w.span[0] < span[1]), key=lambda w: w.span[0])
    if not inside:
        return None, "", []
    beats = [(w.span[0] - span[0], w.prompt) for w in inside[1:] if w.prompt]
    return inside[0].task, inside[0].prompt, beats
