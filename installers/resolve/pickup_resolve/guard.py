"""The user's settings, put back whatever happens: page, playhead, marks, render settings, the media pool's folder, grades."""

from pickup_host import Failure

from .host import ask, has, patient

PRESET = "Pickup: your settings"


class Guard(object):
    """A `with` block. What could not be put back is told in words, never raised over the error that ended the block."""

    def __init__(self, line, tell):
        self.line = line
        self.tell = tell
        self.back = []

    def keep(self, what, restore):
        """Remembers how to put something back; the last thing changed is put back first."""
        self.back.append((what, restore))

    def __enter__(self):
        line, resolve, project, timeline = self.line, self.line.resolve, self.line.project, self.line.timeline
        try:
            page = ask(resolve, "GetCurrentPage")
            if page:
                self.keep("the page", lambda: resolve.OpenPage(page))
            if page not in ("cut", "edit", "color", "deliver"):
                resolve.OpenPage("edit")
            playhead = patient(lambda: ask(timeline, "GetCurrentTimecode"))
            if playhead:
                self.keep("the playhead", lambda: timeline.SetCurrentTimecode(playhead))
            self._keep_marks()
            folder = ask(line.pool, "GetCurrentFolder")
            if folder:
                self.keep("the media pool's folder", lambda: line.pool.SetCurrentFolder(folder))
            # Render settings cannot be read, only saved as a preset: save first, load it afterwards.
            ask(project, "DeleteRenderPreset", PRESET)
            if not ask(project, "SaveAsNewRenderPreset", PRESET):
                raise Failure("the render settings cannot be saved, so they would be lost", "delete the render preset '%s' and try again" % PRESET)
            self.keep("the render settings", self._load_preset)
            mode = ask(project, "GetCurrentRenderMode")
            if mode is not None:
                self.keep("the render mode", lambda: project.SetCurrentRenderMode(mode))
            return self
        except BaseException:
            self.restore()
            raise

    def _load_preset(self):
        project = self.line.project
        loaded = project.LoadRenderPreset(PRESET)
        return ask(project, "DeleteRenderPreset", PRESET) is not False and loaded

    def _keep_marks(self):
        timeline = self.line.timeline
        if not has(timeline, "GetMarkInOut"):
            self.tell("this version of Resolve does not tell its in and out marks: set yours again afterwards", None)
            return
        marks = ask(timeline, "GetMarkInOut") or {}

        def restore():
            timeline.ClearMarkInOut("all")
            done = True
            for kind, pair in marks.items():
                if pair.get("in") is not None and pair.get("out") is not None:
                    done = timeline.SetMarkInOut(pair["in"], pair["out"], kind) and done
            return done

        self.keep("the marks", restore)

    def restore(self):
        """Puts everything back, each thing on its own."""
        while self.back:
            what, restore = self.back.pop()
            try:
                done = patient(restore, lambda answer: answer is not False)
                why = "Resolve refused"
            except Exception as error:  # whatever one setting does, the others are still put back
                done, why = False, str(error)
            if done is False:
                self.tell("%s could not be put back: %s" % (what, why), None)

    def __exit__(self, kind, value, trace):
        self.restore()
        return False


class Ungraded(object):
    """A `with` block in which some items show no grade: each gets a grade version of its own, which is removed afterwards."""

    VERSION = "Pickup: ungraded"

    def __init__(self, items):
        self.items = items
        self.changed = []

    def __enter__(self):
        try:
            for item in self.items:
                before = item.GetCurrentVersion()
                if not item.AddVersion(self.VERSION, 0):
                    raise Failure("the grade of %s cannot be set aside" % item.GetName(), "use the stage graded, in the settings")
                self.changed.append((item, before))
                if not ask(ask(item, "GetNodeGraph"), "ResetAllGrades"):
                    raise Failure("this version of Resolve cannot show %s without its grade" % item.GetName(), "use the stage graded, in the settings")
            return self
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __exit__(self, kind, value, trace):
        for item, before in reversed(self.changed):
            item.LoadVersionByName(before["versionName"], before["versionType"])
            item.DeleteVersionByName(self.VERSION, 0)
        self.changed = []
        return False
