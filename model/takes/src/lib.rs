//! The take store: frozen takes on disk, found by hash, held by id, published atomically.
