"""The settings file: host.json in the user's configuration folder. Every field may be left out.

program   the pickup executable                      engine, quality, weights   as on the command line
stage     graded (default) or camera-log             colour    encoding of the host's frames, where the host does not tell
frames    length of a bridge over a cut (12)         seconds   length of an insert without in and out points (3)
takes     how many takes a new shot gets (1)         takes_dir where takes are kept
jobs      where contexts are rendered to             sound     match (default) or none
"""

import json
import os
import shutil
import sys

from . import Failure

DEFAULTS = {"stage": "graded", "frames": 12, "seconds": 3.0, "takes": 1, "sound": "match"}
BUNDLES = ("/usr/OFX/Plugins", "/Library/OFX/Plugins", "C:\\Program Files\\Common Files\\OFX\\Plugins")


def config_folder():
    """Where the settings file lies."""
    if sys.platform.startswith("win"):
        return os.path.join(os.environ.get("APPDATA", os.path.expanduser("~")), "pickup")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/pickup")
    return os.path.join(os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "pickup")


def data_folder():
    """Where contexts are rendered to, unless the settings say otherwise."""
    if sys.platform.startswith("win"):
        return os.path.join(os.environ.get("LOCALAPPDATA", os.path.expanduser("~")), "pickup")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/pickup")
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "pickup")


def load(path=None):
    """The settings, defaults filled in. A file that cannot be read is an error: a forgotten setting would make the wrong shot."""
    path = path or os.environ.get("PICKUP_HOST_SETTINGS") or os.path.join(config_folder(), "host.json")
    values = dict(DEFAULTS)
    if os.path.exists(path):
        try:
            with open(path, encoding="utf-8") as file:
                given = json.load(file)
            if not isinstance(given, dict):
                raise ValueError("it holds no object")
        except (OSError, ValueError) as why:
            raise Failure("the settings file %s cannot be read: %s" % (path, why), "mend it, or remove it to have the defaults")
        values.update(given)
    values.setdefault("jobs", os.path.join(data_folder(), "jobs"))
    if values["stage"] not in ("graded", "camera-log"):
        raise Failure("'%s' in %s is no stage" % (values["stage"], path), "write graded or camera-log")
    return values


def program(values):
    """The pickup executable: the settings', the environment's, the path's, or the one inside the installed effect."""
    for given in (os.environ.get("PICKUP_PROGRAM"), values.get("program")):
        if given:
            if os.access(given, os.X_OK):
                return given
            raise Failure("%s is not a program" % given, "correct 'program' in the settings, or run the installer of the scripts again")
    found = shutil.which("pickup")
    if found:
        return found
    folders = [f for f in os.environ.get("OFX_PLUGIN_PATH", "").split(os.pathsep) if f] + list(BUNDLES)
    for folder in folders:
        for system in ("Linux-x86-64/pickup", "MacOS/pickup", "Win64/pickup.exe"):
            inside = os.path.join(folder, "Pickup.ofx.bundle", "Contents", *system.split("/"))
            if os.access(inside, os.X_OK):
                return inside
    raise Failure("the program pickup was not found", "run the installer of the scripts with --program and the path of pickup")
