"""What a menu script calls."""

from pickup_host import Failure

from . import host
from .actions import Session
from .tell import Tell

ENTRIES = {
    "Fill gap at playhead": "fill_gap",
    "Bridge this cut": "bridge_cut",
    "Fill all gaps": "fill_all",
    "Insert here": "insert_here",
    "Place sound of this take": "place_sound",
    "Next take": "next_take",
}


def run(entry, resolve=None, bmd=None):
    """Does what an entry says. Errors are told in words; True when it was done."""
    tell = Tell(resolve, bmd)
    try:
        getattr(Session(host.connect(resolve), tell), ENTRIES[entry])()
        return True
    except Failure as why:
        tell("%s. %s." % (why.what, why.remedy), None)
        return False
    finally:
        tell.close()
