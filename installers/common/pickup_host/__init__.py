"""What the scripts of every host share: clocks, holes, markers, the settings file, the context file and the program.

Python 3.6 and its standard library, because hosts bring their own interpreter or none. Nothing here knows a host.
"""


class Failure(Exception):
    """Something an editor must hear: what was wrong, and what to do about it."""

    def __init__(self, what, remedy):
        Exception.__init__(self, "%s\n%s" % (what, remedy))
        self.what = what
        self.remedy = remedy
