//! OpenTimelineIO in and out: the cut, its holes, and their filling.
