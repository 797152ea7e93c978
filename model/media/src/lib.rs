//! Decode and encode through the ffmpeg executables; stills, image sequences, Broadcast WAV.
