"""The installer: what it writes runs as Resolve runs it, without a name for its own file, and goes away again."""

import ast
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
from pickup_host import clock, cuts, markers


class Install(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.home)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")}
        self.environment["HOME"] = self.home

    def install(self, *arguments):
        command = [sys.executable, os.path.join(ROOT, "resolve", "install.py")] + list(arguments)
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def test_every_entry_runs_from_the_menu_and_goes_away_again(self):
        done = self.install("--program", os.environ["PICKUP_PROGRAM"])
        self.assertEqual(done.returncode, 0, done.stdout)
        folder = os.path.join(self.home, ".local/share/DaVinciResolve/Fusion/Scripts/Utility/Pickup")
        self.assertEqual(len(os.listdir(folder)), 7)
        # As Resolve runs it: executed without __file__, with its object in the globals; here without any timeline.
        program = "import sys; sys.path.insert(0, %r); import standin; exec(open(%r).read(), {'resolve': standin.Resolve()})" % (
            HERE, os.path.join(folder, "Fill gap at playhead.py"))
        environment = {k: v for k, v in self.environment.items() if k != "PICKUP_PROGRAM"}
        ran = subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertIn(b"no timeline is open", ran.stdout)
        self.assertEqual(ran.returncode, 0, ran.stdout)
        self.assertEqual(self.install("--uninstall").returncode, 0)
        self.assertFalse(os.path.exists(folder))
        self.assertTrue(os.path.exists(os.path.join(self.home, ".config/pickup/host.json")))

    def test_a_program_that_is_none_is_refused(self):
        self.assertEqual(self.install("--program", "/no/such/program").returncode, 2)


class Language(unittest.TestCase):
    def test_everything_is_python_3_6(self):
        for folder in ("common", "resolve", "nuke"):
            for where, _, names in os.walk(os.path.join(ROOT, folder)):
                for name in [n for n in names if n.endswith(".py") and "tests" not in where]:
                    with open(os.path.join(where, name), encoding="utf-8") as file:
                        text = file.read()
                    ast.parse(text, name, feature_version=(3, 6))
                    self.assertNotIn("capture_output", text, name)


class Arithmetic(unittest.TestCase):
    def test_timecodes_agree_with_counting(self):
        for rate, fps, drop in (((30000, 1001), 30, True), ((60000, 1001), 60, True), ((24000, 1001), 24, False), ((25, 1), 25, False)):
            for frame in list(range(0, 4000, 7)) + [1799, 1800, 17981, 17982, 107891, 107892, 3600 * fps]:
                text = clock.timecode(frame, rate, drop)
                self.assertEqual(text, standin.timecode(frame, fps, drop))
                self.assertEqual(clock.frame(text, rate, drop), frame)

    def test_rates_are_read_as_hosts_write_them(self):
        for text, pair in (("23.976", (24000, 1001)), ("29.97 DF", (30000, 1001)), (59.94, (60000, 1001)), ("25", (25, 1)), (24.0, (24, 1)), ("30000/1001", (30000, 1001))):
            self.assertEqual(clock.rate(text), pair)

    def test_holes_lie_between_what_shows(self):
        self.assertEqual(cuts.holes([(0, 10), (5, 20), (30, 40), (40, 50), (60, 60), (70, 80)]), [(20, 30), (50, 70)])
        self.assertEqual(cuts.nearest(25, [(0, 10), (30, 40)]), (30, 40))

    def test_markers_are_read_as_the_command_line_reads_them(self):
        def wish(name):
            read = markers.read(0, 1, name, "from the comment")
            return read and (read.task, read.prompt)

        self.assertEqual(wish("pickup: bridge"), ("bridge", "from the comment"))
        self.assertEqual(wish("Pickup: Insert a wide of the harbour"), ("insert", "a wide of the harbour"))
        self.assertEqual(wish("pickup:insert \u2013 rain"), ("insert", "rain"))
        self.assertEqual(wish("pickup: a wide of the harbour"), (None, "a wide of the harbour"))
        self.assertEqual(wish("pickup: bridges burn"), (None, "bridges burn"))
        self.assertEqual(wish("pickup:"), (None, "from the comment"))
        self.assertIsNone(wish("please pickup: bridge"))


if __name__ == "__main__":
    unittest.main()
