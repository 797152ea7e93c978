"""Telling the editor how far it is: lines in Resolve's console, and a small window where the edition has one."""


class Tell(object):
    """Called with words and a share (None or 0 to 1)."""

    def __init__(self, resolve=None, bmd=None):
        self.last = None
        self.window, self.label = _window(resolve, bmd)

    def __call__(self, words, share=None):
        text = words if share is None else "%s: %d %%" % (words, round(share * 100))
        if self.label is not None:
            self.label.Text = "Pickup: " + text
        # The console is a log: a line for every tenth is enough.
        step = (words, None if share is None else int(share * 10))
        if step != self.last:
            self.last = step
            print("Pickup: " + text)

    def close(self):
        """Closes the window."""
        if self.window is not None:
            self.window.Hide()


def _window(resolve, bmd):
    """A window with one line of text. The free edition has none since 19.1, and nothing here may keep a shot from being made."""
    try:
        ui = resolve.Fusion().UIManager
        dispatcher = bmd.UIDispatcher(ui)
        look = {"WindowTitle": "Pickup", "ID": "pickup.progress", "Geometry": [200, 200, 560, 60]}
        window = dispatcher.AddWindow(look, [ui.VGroup([ui.Label({"ID": "words", "Text": "Pickup"})])])
        window.Show()
        return window, window.GetItems()["words"]
    except Exception:
        return None, None
