"""The node set-up: Pickup with From and To connected, and its take as a Read and an AudioRead."""

import os

import nuke

from pickup_host import Failure, program, settings

# How Nuke names an OpenFX node: OFX, the identifier, the major version.
CLASS = "OFXorg.pickup.Pickup_v1"
BESIDE = 110


def set_up():
    """Makes a Pickup node. Of two selected nodes the left one, or with equal places the first selected, is what stands before."""
    chosen = sorted((n for n in nuke.selectedNodes() if n.Class() != "Viewer"), key=lambda n: n.xpos())
    if len(chosen) > 2:
        raise Failure("%d nodes are selected" % len(chosen), "select what stands before and what stands after, or nothing to establish")
    try:
        node = nuke.createNode(CLASS, inpanel=True)
    except RuntimeError as why:
        raise Failure("Nuke does not know the effect Pickup: %s" % why, "copy Pickup.ofx.bundle into a folder that Nuke scans, and start it again")
    # The effect's inputs in the order of its description: From, To, Reference. What createNode connected by itself is undone.
    for index in range(3):
        node.setInput(index, chosen[index] if index < len(chosen) else None)
    if len(chosen) == 2:
        # The hole begins where the first clip ends.
        node["shotIn"].setValue(chosen[0].lastFrame() + 1)
    elif chosen:
        node.setXYpos(chosen[0].xpos(), chosen[0].ypos() + BESIDE)
    return node


def _root(node):
    """Where the node keeps its takes."""
    knob = node.knobs().get("takesFolder")
    given = knob.value() if knob else ""
    return given or os.environ.get("PICKUP_TAKES") or os.path.join(settings.data_folder(), "takes")


def bring_in(node=None):
    """The take of a Pickup node as a Read and an AudioRead beside it, where the shot begins. Gives both; no AudioRead without sound."""
    node = node or next((n for n in nuke.selectedNodes() if n.Class() == CLASS), None)
    if node is None:
        raise Failure("no Pickup node is selected", "select one that has a take")
    ident = (node["take"].value() or "").strip()
    if not ident:
        raise Failure("%s has no take yet" % node.name(), "press Generate and wait for it")
    take = program.Take(os.path.join(_root(node), "takes", ident))
    start = int(node["shotIn"].value())
    read = nuke.nodes.Read(file=os.path.join(take.picture, "%08d.exr").replace("\\", "/"))
    for name, value in (("first", take.first), ("last", take.first + take.total - 1), ("origfirst", take.first), ("origlast", take.first + take.total - 1)):
        read[name].setValue(value)
    # Frames are numbered by record timecode; the shot stands at the frame where the effect has it, its handles before that.
    read["frame_mode"].setValue("start at")
    read["frame"].setValue(str(start - take.handle_in))
    # The take has the encoding that the node worked in: Nuke must not convert it.
    read["raw"].setValue(True)
    read["label"].setValue("Pickup %s, seed %d" % (take.task, take.seed))
    read.setXYpos(node.xpos() + BESIDE, node.ypos())
    sound = None
    if take.sound:
        sound = nuke.nodes.AudioRead(file=take.sound.replace("\\", "/"))
        sound["begintime"].setValue((start - take.handle_in) / float(nuke.root().fps()))
        sound.setXYpos(node.xpos() + 2 * BESIDE, node.ypos())
    return read, sound
