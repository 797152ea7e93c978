"""Pickup in Nuke, Nuke Studio and Hiero: a menu, a node set-up without gizmos, and Fill gap on a sequence.

In the node graph the effect does the work: `nodes` connects it and brings its take in as a Read and an AudioRead. On a sequence
`sequence` has Nuke render both handles, calls `pickup`, and places picture and sound on tracks of their own.

Facts are the vendor's Python reference (Nuke 13 to 16): times of a track item are inclusive at both ends, tracks refuse overlaps with
an exception, `addClip` links sound to picture.
"""
