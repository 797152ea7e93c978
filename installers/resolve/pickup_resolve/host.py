"""Reaching Resolve, and asking it patiently."""

import os
import sys
import time

from pickup_host import Failure

# For seconds after an edit Resolve answers None to questions whose answer it has.
PATIENCE = 10.0
PAUSE = 0.1
sleep = time.sleep

MODULES = {
    "linux": "/opt/resolve/Developer/Scripting/Modules",
    "darwin": "/Library/Application Support/Blackmagic Design/DaVinci Resolve/Developer/Scripting/Modules",
    "win32": os.path.join(
        os.environ.get("PROGRAMDATA", "C:\\ProgramData"),
        "Blackmagic Design", "DaVinci Resolve", "Support", "Developer", "Scripting", "Modules",
    ),
}


def connect(given=None):
    """The Resolve object: the one that the menu hands to its scripts, else from outside, which only Studio allows."""
    if given is not None:
        return given
    base = os.environ.get("RESOLVE_SCRIPT_API")
    sys.path.append(os.path.join(base, "Modules") if base else MODULES.get(sys.platform, MODULES["linux"]))
    try:
        import DaVinciResolveScript as script
    except ImportError as why:
        raise Failure("Resolve's script module was not found: %s" % why, "run this from Workspace > Scripts, or set RESOLVE_SCRIPT_API")
    resolve = script.scriptapp("Resolve")
    if resolve is None:
        raise Failure(
            "Resolve does not answer from outside",
            "the free edition runs scripts from Workspace > Scripts only; in Studio start it and allow external scripting (Preferences > System > General)",
        )
    return resolve


def has(thing, name):
    """Whether this version has a function. Resolve's objects answer None, not an error, for names they lack."""
    return callable(getattr(thing, name, None))


def ask(thing, name, *arguments):
    """Calls a function that may be missing in this version; None then."""
    return getattr(thing, name)(*arguments) if has(thing, name) else None


def patient(question, good=lambda answer: answer is not None, waits=PATIENCE):
    """Asks until the answer is good, for at most so many seconds; gives the last answer, good or not."""
    waited = 0.0
    answer = question()
    while not good(answer) and waited < waits:
        sleep(PAUSE)
        waited += PAUSE
        answer = question()
    return answer


def sure(thing, name, *arguments):
    """A question to which None is no answer."""
    answer = patient(lambda: ask(thing, name, *arguments))
    if answer is None:
        raise Failure("Resolve does not answer %s" % name, "wait until it is idle and try again")
    return answer
