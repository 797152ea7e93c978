#!/usr/bin/env python3
"""Puts Pickup into the menu of Nuke, Nuke Studio and Hiero, or takes it out again.

    python3 install.py [--program /path/of/pickup] [--nuke FOLDER]
    python3 install.py --uninstall

A line in FOLDER/init.py (~/.nuke) adds the scripts to Nuke's path; nothing else there is touched.
"""

import argparse
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = os.path.join(os.path.dirname(HERE), "common")
sys.path[:0] = [COMMON]

from pickup_host import installing

MARK = "  # Pickup"


def without(text):
    """An init.py without our line."""
    return "".join(line for line in text.splitlines(True) if not line.rstrip().endswith(MARK))


def main(arguments=None):
    """Installs or uninstalls; 0 when all went well."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", help="the pickup executable, where it is not on the path or in the installed effect")
    options.add_argument("--nuke", default=os.path.expanduser("~/.nuke"), help="Nuke's own folder")
    options.add_argument("--uninstall", action="store_true")
    given = options.parse_args(arguments)
    init, library = os.path.join(given.nuke, "init.py"), installing.library("nuke")
    text = ""
    if os.path.exists(init):
        with open(init, encoding="utf-8") as file:
            text = file.read()
    rest = without(text)
    if given.uninstall:
        shutil.rmtree(library, ignore_errors=True)
        if rest != text:
            with open(init, "w", encoding="utf-8") as file:
                file.write(rest)
        print("Pickup is out of Nuke's menu.")
        return 0
    if given.program and not os.access(given.program, os.X_OK):
        print("%s is not a program" % given.program, file=sys.stderr)
        return 2
    os.makedirs(os.path.dirname(library), exist_ok=True)
    installing.copy([os.path.join(COMMON, "pickup_host"), os.path.join(HERE, "pickup_nuke")], library)
    shutil.copy(os.path.join(HERE, "menu.py"), library)
    os.makedirs(given.nuke, exist_ok=True)
    with open(init, "w", encoding="utf-8") as file:
        file.write(rest + ("" if not rest or rest.endswith("\n") else "\n"))
        file.write("import nuke; nuke.pluginAddPath(%r)%s\n" % (library, MARK))
    print("Pickup is in Nuke's menu at its next start. The scripts lie in %s" % library)
    if given.program:
        print("The program's path is remembered in %s" % installing.remember(program=os.path.abspath(given.program)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
