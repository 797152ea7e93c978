"""Asks OpenTimelineIO's own adapters whether a cut in another form is the cut.

    python check_export.py CUT.otio EXPORT.fcpxml|EXPORT.edl

The export must open with the adapter for its form. Its picture must be that of the cut: the same clips in the same order, each as
long, at the same place, from the same frame of its file; and so must its sound be. Prints what differs and exits with 1.
"""

import sys

import opentimelineio as otio


def pieces(track, start):
    """Every clip of a track as (first frame, frames, first frame of the file)."""
    out, at = [], 0
    for item in track:
        if isinstance(item, otio.schema.Transition):
            continue
        frames = round(item.duration().value)
        if isinstance(item, otio.schema.Clip):
            out.append((at - start, frames, round(item.trimmed_range().start_time.value)))
        at += frames
    return out


def tracks(timeline, kind, start=0):
    found = [pieces(t, start) for t in timeline.tracks if t.kind == kind]
    return sorted(p for p in found if p)


def main(cut_path, export_path):
    cut = otio.adapters.read_from_file(cut_path)
    # An edit list does not say its rate.
    known = {"rate": cut.global_start_time.rate} if export_path.endswith(".edl") else {}
    export = otio.adapters.read_from_file(export_path, **known)
    begin = 0
    if isinstance(export, otio.schema.SerializableCollection):
        export = export[0]
        # The adapter counts the spine from timecode zero, as the file does.
        begin = round(cut.global_start_time.value)
    for kind in (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio):
        want, got = tracks(cut, kind), tracks(export, kind, begin)
        if known and kind == otio.schema.TrackKind.Audio:
            # The adapter begins every sound track with its first event.
            want = sorted([(at - t[0][0], n, first) for at, n, first in t] for t in want)
            got = sorted(got)
        if want != got:
            print(f"check_export: {kind} of {export_path}\n  is  {got}\n  not {want}")
            sys.exit(1)
    print(f"check_export: {export_path} is the cut")


main(*sys.argv[1:])
