"""The scripts for Resolve against the stand-in, with the real program. PICKUP_PROGRAM names it."""

import json
import os
import shutil
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(os.path.dirname(HERE)), "common")]

import standin
from pickup_host import Failure
from pickup_resolve import check, host
from pickup_resolve.guard import Guard
from pickup_resolve.line import Line

host.sleep = lambda seconds: None


class Base(unittest.TestCase):
    """Footage and takes are shared: the same context is the same take, made once."""

    @classmethod
    def setUpClass(cls):
        # In memory where there is such a place: takes are brought to the disk for good, which a test need not wait for.
        cls.folder = tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def settings(self, **changes):
        common = {"jobs": os.path.join(self.folder, "jobs"), "takes_dir": os.path.join(self.folder, "takes"), "engine": "draft",
                  "stage": "graded", "frames": 12, "seconds": 1.0, "takes": 1, "sound": "match"}
        return dict(common, **changes)

    def scene(self, quirks=None, settings=None, **project):
        resolve = standin.Resolve(quirks, **project)
        # A timeline of the user's, which must not be touched.
        resolve.manager.project.pool.CreateEmptyTimeline("the film")
        return check.Scene(resolve, self.folder, self.settings(**(settings or {})))


class Checks(Base):
    """The checks of the real host, and those that a way of behaving touches under that way."""

    def all_pass(self, checks, quirks=None, **project):
        resolve = standin.Resolve(quirks, **project)
        film = resolve.manager.project.pool.CreateEmptyTimeline("the film")
        results, said = check.run(resolve, self.settings(), self.folder, checks)
        self.assertEqual(["%s: %s" % r for r in results if r[1]], [], said)
        self.assertEqual(len(results), len(checks))
        project = resolve.manager.project
        self.assertIs(project.current, film)
        self.assertEqual((project.presets, project.jobs), ({}, {}))
        self.assertEqual(project.render["settings"]["TargetDir"], "/the/users/own")

    def test_end_frame_inclusive(self):
        self.all_pass(check.CHECKS)

    def test_end_frame_exclusive_and_absolute_marks(self):
        self.all_pass([check.fill_gap, check.next_take, check.insert_here], standin.Quirks(end_exclusive=True, marks_relative=False))

    def test_drop_frame_timeline(self):
        self.all_pass([check.fill_gap], rate="29.97", start="01:00:00;00")


class Faults(Base):
    """What goes wrong leaves the timeline and the settings as they were, and says what was wrong."""

    def refused(self, scene, words, entry="fill_gap", **settings):
        scene.at(44)
        scene.timeline.SetMarkInOut(5, 9, "all")
        before = scene.state()
        with self.assertRaises(Failure) as caught:
            getattr(scene.session(**settings), entry)()
        self.assertIn(words, str(caught.exception))
        self.assertEqual(scene.state(), before)

    def test_render_that_fails(self):
        self.refused(self.scene(standin.Quirks(render_fails="head")), "ended as Failed")

    def test_render_that_drops_a_frame(self):
        self.refused(self.scene(standin.Quirks(render_drops=1)), "rendered 31 frames of the tail where 32 were asked for")

    def test_no_track_can_be_added(self):
        scene = self.scene(standin.Quirks(no_tracks=True))
        # The draft's picture would fit the hole on track 1, which is not ours: nothing of the editor's is written to.
        self.refused(scene, "adds no video track")

    def test_takes_refused(self):
        self.refused(self.scene(standin.Quirks(no_takes=True)), "does not add a take", takes=2)

    def test_a_hole_that_is_none(self):
        scene = self.scene()
        scene.at(10)
        with self.assertRaises(Failure) as caught:
            scene.session().fill_gap()
        self.assertIn("the nearest one begins at 01:00:01:15", str(caught.exception))

    def test_item_that_lands_elsewhere_is_placed_again(self):
        scene = self.scene()
        scene.at(44)
        scene.host = scene.resolve
        scene.resolve.quirks.shift = 3
        scene.session().fill_gap()
        self.assertEqual(len(scene.found("video", (40, 50))), 1)
        self.assertEqual(len([s for s in Line(scene.resolve).shots("video") if s.track > 1]), 1)

    def test_next_take_whose_sound_cannot_be_placed_shows_the_one_before_again(self):
        scene = self.scene()
        scene.at(44)
        scene.session().fill_gap()
        before = scene.state()["items"]
        scene.at(44)
        session = scene.session()
        put, calls = session._put_sound, []

        def refuse_once(placing, take, record):
            calls.append(take.id)
            if len(calls) == 1:
                raise Failure("no room", "make some")
            return put(placing, take, record)

        session._put_sound = refuse_once
        with self.assertRaises(Failure):
            session.next_take()
        self.assertEqual(len(calls), 2)
        self.assertEqual(scene.state()["items"], before)

    def test_program_that_is_missing(self):
        scene = self.scene()
        del_program = os.environ.pop("PICKUP_PROGRAM")
        try:
            with self.assertRaises(Failure):
                scene.session(program="/no/such/program")
        finally:
            os.environ["PICKUP_PROGRAM"] = del_program


class Details(Base):
    """What the checks cannot see from outside the host."""

    def test_handles_are_the_frames_beside_the_hole(self):
        scene = self.scene()
        scene.at(44)
        scene.session().fill_gap()
        frames = [f for f, _, _ in scene.resolve.log]
        start = scene.start
        self.assertEqual(frames, list(range(start + 8, start + 40)) + list(range(start + 50, start + 82)))

    def test_handles_never_reach_over_a_cut(self):
        scene = self.scene()
        scene.at(91)
        scene.session(frames=8).bridge_cut()
        sources = [(f - scene.start, os.path.basename(p)[0]) for f, p, _ in scene.resolve.log]
        self.assertEqual(sources, [(f, "A") for f in range(54, 86)] + [(f, "B") for f in range(94, 120)])

    def test_camera_log_is_rendered_ungraded_and_gets_the_neighbours_grade(self):
        scene = self.scene()
        scene.at(44)
        item = scene.session(stage="camera-log", colour="log-c3").fill_gap()[0]
        self.assertEqual({v for _, _, v in scene.resolve.log}, {"Pickup: ungraded"})
        self.assertEqual(item.grade, "the grade of A.%06d.exr")
        self.assertEqual({v for i in Line(scene.resolve).shots("video") for v in i.item.versions}, {"Version 1"})

    def test_camera_log_without_an_encoding_is_refused(self):
        scene = self.scene()
        scene.at(44)
        with self.assertRaises(Failure) as caught:
            scene.session(stage="camera-log").fill_gap()
        self.assertIn("nothing tells the encoding", str(caught.exception))

    def test_several_takes_are_registered(self):
        scene = self.scene(standin.Quirks(end_exclusive=True))
        scene.at(44)
        item = scene.session(takes=3).fill_gap()[0]
        self.assertEqual([(t[1], t[2]) for t in item.takes], [(0, 10)] * 3)
        self.assertEqual(len({t[0].path for t in item.takes}), 3)

    def test_the_store_knows_which_take_is_in_use(self):
        scene = self.scene()
        scene.at(44)
        scene.session().fill_gap()
        scene.at(44)
        scene.session().next_take()
        folder = os.path.join(self.folder, "takes", "choices")
        choices = []
        for name in [n for n in os.listdir(folder) if n.endswith(".json")]:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                choices.append(json.load(file))
        shown = os.path.basename(os.path.dirname(os.path.dirname(scene.found("video", (40, 50))[0].fact("File Path"))))
        self.assertEqual(len(choices), 1)
        # The other shots are those of other tests, which share the store.
        self.assertEqual(choices[0]["shots"]["Pickup check at 01:00:01:15"], shown)

    def test_playhead_and_page_come_back_from_fairlight(self):
        scene = self.scene()
        scene.at(44)
        scene.resolve.page = "fairlight"
        with self.assertRaises(Failure):
            # Resolve tells the playhead on four pages only: said in words, nothing touched.
            scene.session().fill_gap()
        self.assertEqual(scene.resolve.page, "fairlight")

    def test_old_version_without_marks_is_told(self):
        scene = self.scene(standin.Quirks(no_marks=True))
        scene.at(44)
        with Guard(Line(scene.resolve), lambda words, share: scene.said.append(words)):
            pass
        self.assertTrue(any("does not tell its in and out marks" in w for w in scene.said))

    def test_sequence_numbers_may_count_from_the_first_file(self):
        scene = self.scene()
        scene.at(44)
        # Test footage is numbered from 0, takes by record frame: only the latter differ.
        scene.resolve.quirks.numbered = True
        scene.session().fill_gap()
        self.assertEqual(len(scene.found("video", (40, 50))), 1)


if __name__ == "__main__":
    unittest.main()
