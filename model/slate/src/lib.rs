//! Pictures that speak for a missing shot: card, progress slate, dissolve.
