"""The menu Pickup. Errors become a message; progress a window that can be cancelled, where the host has one."""

import nuke

from pickup_host import Failure


def _told(action):
    """An action whose failure is told in words."""
    def run():
        try:
            return action()
        except Failure as why:
            nuke.message("%s.\n\n%s." % (why.what, why.remedy))
            return None
    return run


def _fill_gap():
    from . import sequence
    window = nuke.ProgressTask("Pickup")

    def tell(words, share):
        # Raised in the middle of reading the program's events, this ends the program too.
        if window.isCancelled():
            raise Failure("the shot was cancelled", "nothing was changed")
        window.setMessage(words)
        if share is not None:
            window.setProgress(int(share * 100))

    try:
        return sequence.fill_gap(tell)
    finally:
        del window


def _check():
    from . import check
    return check.report()


def install():
    """Adds the menu to Nuke; Fill gap only where there are sequences."""
    from . import nodes
    bar = nuke.menu("Nuke").addMenu("Pickup")
    bar.addCommand("Node set-up", _told(nodes.set_up))
    bar.addCommand("Bring in the take", _told(nodes.bring_in))
    if nuke.env.get("studio") or nuke.env.get("hiero"):
        bar.addCommand("Fill gap at playhead", _told(_fill_gap))
        bar.addCommand("Check Pickup", _told(_check))
