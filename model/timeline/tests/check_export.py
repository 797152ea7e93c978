"""Asks OpenTimelineIO's own adapters whether a cut in another form is the cut.

    python check_export.py CUT.otio EXPORT.fcpxml|EXPORT.edl

The export must open with the adapter for its form. Its picture must be that of the cut: the same clips in the same order, each as
long, at the same place, from the same frame of its file; and so must its sound be. Prints what differs and exits with 1.
"""

import sys

import opentimelineio as otio


def pieces(track, start):
    """Every clip of a track as (first frame, frames, first frame of the file)."""
    out = []
    for item in track.find_clips():
        place = item.trimmed_range_in_parent()
        rate = round(place.start_time.rate)
        begin = round(place.start_time.rescaled_to(rate).value) - start
        out.append((begin, round(place.duration.value), round(item.trimmed_range().start_time.value)))
    return out


def tracks(timeline, kind, start=0):
    found = [pieces(t, start) for t in timeline.tracks if t.kind == kind]
    return sorted(p for p in found if p)


def main(cut_path, export_path):
    cut = otio.adapters.read_from_file(cut_path)
    export = otio.adapters.read_from_file(export_path)
    begin = 0
    if isinstance(export, otio.schema.SerializableCollection):
        export = export[0]
        # The adapter counts the spine from timecode zero, as the file does.
        begin = round(cut.global_start_time.value)
    for kind in (otio.schema.TrackKind.Video, otio.schema.TrackKind.Audio):
        want, got = tracks(cut, kind), tracks(export, kind, begin)
        if want != got:
            print(f"check_export: {kind} of {export_path}\n  is  {got}\n  not {want}")
            sys.exit(1)
    print(f"check_export: {export_path} is the cut")


main(*sys.argv[1:])
