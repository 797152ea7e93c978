//! Loudness, resampling, room tone and ambience, joins.
