"""The scripts for Nuke and Hiero against the stand-ins, with the real program. PICKUP_PROGRAM names it."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(ROOT, "common")]

import standin

nuke, ui = standin.install()

from pickup_host import Failure, footage
from pickup_nuke import check, nodes, sequence


class Scene(unittest.TestCase):
    """A sequence: A, a hole, A again, B; sound under the shots."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
        cls.a = footage.sequence(os.path.join(cls.folder, "A"), "A", 90, (96, 54))
        cls.b = footage.sequence(os.path.join(cls.folder, "B"), "B", 30, (96, 54), 0.3)
        cls.room = footage.sound(os.path.join(cls.folder, "room.wav"), 6)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def setUp(self):
        nuke.made = []
        self.cut = standin.Sequence()
        self.cut.addTrack(standin.VideoTrack("Video 1"))
        self.cut.addTrack(standin.AudioTrack("Audio 1"))
        for path, start, end, offset in ((self.a, 0, 40, 0), (self.a, 50, 90, 50), (self.b, 90, 120, 0)):
            clip = standin.Clip(standin.MediaSource(path))
            self.cut.video[0].addItem(standin.TrackItem(clip.name(), clip, (start, end - 1, offset, offset + end - start - 1)))
            wave = standin.Clip(standin.MediaSource(self.room))
            self.cut.audio[0].addItem(standin.TrackItem("room", wave, (start, end - 1, start, end - 1)))
        ui.activeSequence = lambda: self.cut
        ui.currentViewer = lambda: standin.Viewer(44)
        self.settings = {"jobs": os.path.join(self.folder, "jobs"), "takes_dir": os.path.join(self.folder, "takes"), "engine": "draft", "takes": 1, "sound": "match"}
        self.said = []

    def fill(self, **changes):
        return sequence.fill_gap(lambda words, share=None: self.said.append(words), dict(self.settings, **changes))

    def state(self):
        tracks = [(t.name(), [i.times for i in t.items()]) for t in self.cut.video + self.cut.audio]
        return tracks, len(self.cut.project().clipsBin()), list(nuke.made)


class Cut(Scene):
    """Fill gap."""

    def test_picture_and_sound_stand_on_the_hole(self):
        picture, sound = self.fill()
        self.assertEqual((picture.times, sound.times), ((40, 49, 0, 9), (40, 49, 0, 9)))
        self.assertEqual([t.name() for t in self.cut.video + self.cut.audio], ["Video 1", "Pickup", "Audio 1", "Pickup"])
        self.assertEqual(nuke.made, [], "nodes were left in the graph")
        # Numbered by record frame: the sequence begins at 01:00:00:00.
        self.assertEqual(picture.source().mediaSource().first, 90040)
        self.assertEqual(sequence.Sequence().holes(), [])
        self.assertFalse([w for w in self.said if "not told" in w])

    def test_what_the_host_refuses_is_undone(self):
        before = self.state()

        def refuse(track, item):
            raise RuntimeError("overlapping track items")

        kept = standin.AudioTrack.addItem
        standin.AudioTrack.addItem = refuse
        try:
            with self.assertRaises(RuntimeError):
                self.fill()
        finally:
            standin.AudioTrack.addItem = kept
        self.assertEqual(self.state(), before)

    def test_an_engine_that_is_not_there_changes_nothing(self):
        before = self.state()
        with self.assertRaises(Failure) as caught:
            self.fill(engine="./no-such-engine")
        self.assertIn("no-such-engine", caught.exception.what)
        self.assertEqual(self.state(), before)

    def test_an_offline_shot_is_a_hole_and_a_marker_names_the_task(self):
        self.cut.video[0]._items[1].clip.media.last = -1
        ui.currentViewer = lambda: standin.Viewer(60)
        self.cut.marks = [standin.Tag("pickup: insert a harbour", 45, 45)]
        picture = self.fill()[0]
        # Its sound is still there, so none is made; handles of the insert stay outside the span.
        self.assertEqual(picture.times, (40, 89, 24, 73))
        self.assertEqual(len(self.cut.audio), 1)

    def test_the_check_of_the_real_host_passes_here(self):
        path = os.path.join(self.folder, "report.txt")
        self.assertTrue(check.report(self.settings, path))
        with open(path) as file:
            self.assertIn("all is well", file.read())

    def test_no_hole_no_shot(self):
        ui.currentViewer = lambda: standin.Viewer(10)
        with self.assertRaises(Failure):
            self.fill()


class Graph(Scene):
    """The node set-up."""

    def test_two_clips_are_connected_left_to_right(self):
        left, right = standin.Node("Read", first=1, last=48), standin.Node("Read", first=60, last=90)
        left.at, right.at = (0, 0), (200, 0)
        nuke.selected = [right, left]
        node = nodes.set_up()
        self.assertEqual([node.inputs[n] for n in range(3)], [left, right, None])
        self.assertEqual(node["shotIn"].value(), 49)

    def test_without_the_effect_it_says_where_the_bundle_goes(self):
        nuke.selected, nuke.plugin = [], False
        try:
            with self.assertRaises(Failure) as caught:
                nodes.set_up()
            self.assertIn("Pickup.ofx.bundle", caught.exception.remedy)
        finally:
            nuke.plugin = True

    def test_the_take_comes_in_where_the_shot_begins(self):
        picture = self.fill()[0]
        node = standin.Node(nodes.CLASS, shotIn=40, take=picture.source().mediaSource().path.split(os.sep)[-3], takesFolder=self.settings["takes_dir"])
        read, sound = nodes.bring_in(node)
        self.assertEqual((read["first"].value(), read["last"].value(), read["frame"].value(), read["raw"].value()), (90040, 90049, "40", True))
        self.assertTrue(os.path.exists(read["file"].value() % 90040))
        self.assertEqual(sound["begintime"].value(), 1.6)
        self.assertTrue(os.path.exists(sound["file"].value()))


class Install(unittest.TestCase):
    def test_the_line_comes_and_goes_and_the_rest_stays(self):
        home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, home)
        environment = dict({k: v for k, v in os.environ.items() if not k.startswith("XDG_")}, HOME=home)
        os.makedirs(os.path.join(home, ".nuke"))
        init = os.path.join(home, ".nuke", "init.py")
        with open(init, "w") as file:
            file.write("print('mine')")
        for arguments in (["--program", os.environ["PICKUP_PROGRAM"]], [], ["--uninstall"]):
            subprocess.check_output([sys.executable, os.path.join(ROOT, "nuke", "install.py")] + arguments, env=environment)
            with open(init) as file:
                text = file.read()
            self.assertEqual(text.count("pluginAddPath"), 0 if arguments == ["--uninstall"] else 1)
            self.assertTrue(text.startswith("print('mine')\n"))


if __name__ == "__main__":
    unittest.main()
