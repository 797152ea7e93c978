"""Putting the scripts' packages in place, for the installers of the hosts."""

import json
import os
import shutil

from . import settings


def library(host):
    """Where the packages for one host go: away from the host's script folders, which show every file in a menu."""
    return os.path.join(settings.data_folder(), "scripts", host)


def copy(packages, target):
    """Copies packages into a fresh folder, all or none: a host may be reading the old one."""
    fresh = target + ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    for package in packages:
        shutil.copytree(package, os.path.join(fresh, os.path.basename(package)), ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    shutil.rmtree(target, ignore_errors=True)
    os.rename(fresh, target)


def remember(**values):
    """Writes values into the settings file and leaves the others as they are."""
    folder = settings.config_folder()
    path = os.path.join(folder, "host.json")
    known = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    known.update((k, v) for k, v in values.items() if v)
    os.makedirs(folder, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(known, file, indent=2, ensure_ascii=False)
        file.write("\n")
    return path
