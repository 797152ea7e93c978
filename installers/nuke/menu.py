"""Nuke runs this at its start, because the installer added the folder to its plug-in path."""

from pickup_nuke import menu

menu.install()
