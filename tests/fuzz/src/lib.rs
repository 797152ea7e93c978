//! Fuzzing of everything that a host, a file or a worker hands us, on the stable toolchain.
//!
//! A [`Target`] takes any bytes, feeds them through one border of Pickup, and says how it behaved, in words without numbers. An
//! input whose behaviour was not seen before is kept and mutated further ([`mutate`]): that stands in for coverage counters, which
//! only nightly compilers offer. Everything follows from one number, so a run can be repeated.
//!
//! Life of a run ([`drive`]): the parent starts a child with a limit on memory; the child writes each input to a file before it
//! tries it; a panic (also one that a barrier caught), a signal or 20 seconds without an end end the child, and the parent keeps
//! that input as a failure. What behaved in a way of its own is kept in `corpus/TARGET`, small, and replayed by `make test`.
//!
//! What is refused: to give the effect a pointer to memory that is not there. A host promises that bounds, row bytes and data
//! belong together (ofxImageEffect.h, `kOfxImagePropData`); where an image here lies about its shape, memory of that shape exists.

pub mod bytes;
pub mod corpus;
pub mod drive;
pub mod mutate;
pub mod targets;

pub use targets::Target;
