"""Asks OpenTimelineIO itself whether filled cuts are right.

    python check_otio.py BEFORE.otio AFTER.otio [BEFORE.otio AFTER.otio …]

Both must open with opentimelineio 0.18. Every track of BEFORE must be in AFTER, as long as it was. Whatever stands in AFTER and
not in BEFORE must be a clip of ours (metadata "pickup"), the rest of a gap beside one, or a track of ours; and what is gone from
BEFORE must be a gap, or an offline clip that one of ours keeps in its metadata. Every made clip must stand within what its media
has, and its file must exist. Prints what is wrong and exits with 1, else one line for each pair.
"""

import os, sys
from urllib.parse import unquote, urlparse

import opentimelineio as otio


def fail(why):
    print("check_otio: " + why)
    sys.exit(1)


def same(a, b):
    """Equal in everything that OpenTimelineIO serialises."""
    return a.to_json_string() == b.to_json_string()


def is_ours(item):
    return "pickup" in item.metadata


def frames(item):
    return item.duration().to_seconds() if not isinstance(item, otio.schema.Transition) else 0.0


def file_of(address, folder):
    parsed = urlparse(address)
    path = unquote(parsed.path if parsed.scheme == "file" else address)
    return path if os.path.isabs(path) else os.path.join(folder, path)


def check_made(clip, folder):
    has, shows = clip.available_range(), clip.source_range
    if shows.start_time < has.start_time or shows.end_time_exclusive() > has.end_time_exclusive():
        fail("the clip %r shows %s of %s" % (clip.name, clip.source_range, clip.available_range()))
    media = clip.media_reference
    if isinstance(media, otio.schema.ImageSequenceReference):
        last = media.number_of_images_in_sequence() - 1
        files = [file_of(media.target_url_for_image_number(n), folder) for n in (0, last)]
    else:
        files = [file_of(media.target_url, folder)]
    for file in files:
        if not os.path.exists(file):
            fail("the clip %r refers to %s, which is not there" % (clip.name, file))


def check_track(old, new, folder):
    if abs(old.duration().to_seconds() - new.duration().to_seconds()) > 1e-9:
        fail("the track %r was %s long and is %s" % (old.name, old.duration(), new.duration()))
    bare = lambda t: otio.schema.Track(t.name, kind=t.kind, source_range=t.source_range, metadata=t.metadata).to_json_string()
    if bare(old) != bare(new) or old.enabled != new.enabled:
        fail("the track %r itself was changed" % old.name)
    rest, made = list(new), 0
    for item in old:
        if rest and same(item, rest[0]):
            rest.pop(0)
            continue
        # The item was replaced: as much time as it took must now be made clips and rests of a gap.
        left, ours = frames(item), []
        while left > 1e-9 and rest:
            piece = rest.pop(0)
            if not (is_ours(piece) or isinstance(piece, otio.schema.Gap)):
                fail("in the track %r, %r stands where %r stood" % (new.name, piece.name, item.name))
            left -= frames(piece)
            ours += [piece] if is_ours(piece) else []
        if abs(left) > 1e-9 or not ours:
            fail("in the track %r, %r at %s was changed" % (new.name, item.name, item.range_in_parent()))
        if not isinstance(item, otio.schema.Gap) and "replaces" not in ours[0].metadata["pickup"]:
            fail("in the track %r, the clip %r was thrown away" % (new.name, item.name))
        for clip in ours:
            check_made(clip, folder)
        made += len(ours)
    if rest:
        fail("the track %r has %d items more than before" % (new.name, len(rest)))
    return made


def opened(path):
    """The timeline, every reference by its whole path: a cut that is written elsewhere names the same files in other words."""
    folder = os.path.dirname(os.path.abspath(path))
    timeline = otio.adapters.read_from_file(path)
    for clip in timeline.find_clips():
        for media in clip.media_references().values():
            if isinstance(media, otio.schema.ExternalReference):
                media.target_url = os.path.normpath(file_of(media.target_url, folder))
            elif isinstance(media, otio.schema.ImageSequenceReference):
                media.target_url_base = os.path.normpath(file_of(media.target_url_base, folder))
    return timeline


def check(before, after):
    old, new = opened(before), opened(after)
    folder = os.path.dirname(os.path.abspath(after))
    for key in ("name", "global_start_time", "metadata"):
        if getattr(old, key) != getattr(new, key):
            fail("the timeline's %s was changed" % key)
    if [m.to_json_string() for m in old.tracks.markers] != [m.to_json_string() for m in new.tracks.markers]:
        fail("the stack's markers were changed")
    made, tracks = 0, list(new.tracks)
    for track in old.tracks:
        while tracks and is_ours(tracks[0]) and not same(track, tracks[0]) and not is_ours(track):
            made += check_own(tracks.pop(0), folder)
        if not tracks:
            fail("the track %r is gone" % track.name)
        made += check_track(track, tracks.pop(0), folder)
    for track in tracks:
        if not is_ours(track):
            fail("the track %r is new and not ours" % track.name)
        made += check_own(track, folder)
    return made


def check_own(track, folder):
    clips = [item for item in track if not isinstance(item, otio.schema.Gap)]
    for clip in clips:
        if not is_ours(clip):
            fail("the track %r holds %r, which is not ours" % (track.name, clip.name))
        check_made(clip, folder)
    return len(clips)


if __name__ == "__main__":
    pairs = sys.argv[1:]
    if not pairs or len(pairs) % 2:
        fail("give pairs of cuts: before, after")
    for before, after in zip(pairs[::2], pairs[1::2]):
        print("%s: %d made clips, everything else as it was" % (after, check(before, after)))
