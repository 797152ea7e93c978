"""Arithmetic on spans of a timeline: (first frame, first frame after). Out points are exclusive everywhere."""


def union(spans):
    """Spans in order, those that touch or overlap made one."""
    joined = []
    for start, end in sorted(s for s in spans if s[1] > s[0]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def holes(spans):
    """What lies between the first and the last of some spans and is covered by none."""
    joined = union(spans)
    return [(a[1], b[0]) for a, b in zip(joined, joined[1:])]


def overlap(one, other):
    """Whether two spans share a frame."""
    return one[0] < other[1] and other[0] < one[1]


def nearest(frame, spans):
    """The span that holds a frame, else the one closest to it; None where there is none."""
    return min(spans, key=lambda s: max(s[0] - frame, frame - s[1] + 1, 0)) if spans else None
