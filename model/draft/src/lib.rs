//! The embedded engine: in-betweens, holds, moves on a still, without weights.
