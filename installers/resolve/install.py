#!/usr/bin/env python3
"""Puts Pickup into DaVinci Resolve's menu, Workspace > Scripts > Pickup, or takes it out again.

    python3 install.py [--program /path/of/pickup] [--everybody]
    python3 install.py --uninstall

The settings (host.json), takes and contexts stay when it is taken out.
"""

import argparse
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = os.path.join(os.path.dirname(HERE), "common")
sys.path[:0] = [COMMON, HERE]

from pickup_host import installing
from pickup_resolve import menu

VENDOR = os.path.join("Blackmagic Design", "DaVinci Resolve")

# Resolve runs a script without telling it where it lies, hence the whole path; and it may keep its interpreter, hence the forgetting.
SCRIPT = '''# Pickup in DaVinci Resolve. Written by its installer; install again after moving anything.
import sys

for name in [n for n in sys.modules if n.split(".")[0] in ("pickup_host", "pickup_resolve")]:
    del sys.modules[name]
if %(library)r not in sys.path:
    sys.path.insert(0, %(library)r)
from %(module)s

%(call)s
'''


def scripts(everybody):
    """The folder that Resolve shows in its menu; Utility is shown on all pages."""
    if sys.platform.startswith("win"):
        base = os.path.join(os.environ.get("PROGRAMDATA", "C:\\ProgramData"), VENDOR, "Fusion")
    elif sys.platform == "darwin":
        base = os.path.join("/" if everybody else os.path.expanduser("~"), "Library", "Application Support", VENDOR, "Fusion")
    else:
        base = "/opt/resolve/Fusion" if everybody else os.path.expanduser("~/.local/share/DaVinciResolve/Fusion")
    return os.path.join(base, "Scripts", "Utility", "Pickup")


def main(arguments=None):
    """Installs or uninstalls; 0 when all went well."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", help="the pickup executable, where it is not on the path or in the installed effect")
    options.add_argument("--everybody", action="store_true", help="for all users of this machine; needs the right to write there")
    options.add_argument("--uninstall", action="store_true")
    given = options.parse_args(arguments)
    folder, library = scripts(given.everybody), installing.library("resolve")
    if given.uninstall:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(library, ignore_errors=True)
        print("Pickup is out of Resolve's menu.")
        return 0
    if given.program and not os.access(given.program, os.X_OK):
        print("%s is not a program" % given.program, file=sys.stderr)
        return 2
    os.makedirs(os.path.dirname(library), exist_ok=True)
    installing.copy([os.path.join(COMMON, "pickup_host"), os.path.join(HERE, "pickup_resolve")], library)
    os.makedirs(folder, exist_ok=True)
    entries = {name: ("pickup_resolve import menu", "menu.run(%r, globals().get('resolve'), globals().get('bmd'))" % name) for name in menu.ENTRIES}
    entries["Check Pickup"] = ("pickup_resolve import check, host", "check.report(host.connect(globals().get('resolve')))")
    for name, (module, call) in entries.items():
        with open(os.path.join(folder, name + ".py"), "w", encoding="utf-8") as file:
            file.write(SCRIPT % {"library": library, "module": module, "call": call})
    print("Pickup is in Resolve: Workspace > Scripts > Pickup. The scripts lie in %s" % folder)
    if given.program:
        print("The program's path is remembered in %s" % installing.remember(program=os.path.abspath(given.program)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
