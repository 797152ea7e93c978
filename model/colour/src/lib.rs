//! Transfer functions, gamuts, and the match of one shot to its neighbours.
