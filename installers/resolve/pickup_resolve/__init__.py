"""Pickup in DaVinci Resolve: fills holes of the current timeline with shots and their sound.

How a shot is made: the host itself renders both handles to EXR and PCM (`render`), because camera originals, compounds and grades
are readable only there; `pickup` makes takes of them (`pickup_host.job`); frames and sound are imported and placed to the frame
(`place`), and everything is read back. The user's marks, render settings, playhead and page are put back whatever happens (`guard`).

Facts about the interface are the vendor's scripting document (Developer/Scripting/README.txt) and what the field reports where that
is silent; each quirk is named where it is dealt with. `check` runs the whole in the real host and reports.
"""
