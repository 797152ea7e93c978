//! The raw bindings: names, structs and suites exactly as the OpenFX headers spell them.
//!
//! Strings are `&CStr`. Nothing here is checked; the rest of the crate is what a plug-in should use. The test host in
//! tests/host builds its suites from these tables.

#![allow(missing_docs, non_upper_case_globals, non_camel_case_types, non_snake_case, dead_code, clippy::all, clippy::pedantic)]
#![allow(unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks, unused_qualifications)]

pub use crate::names::*;

include!(concat!(env!("OUT_DIR"), "/openfx.rs"));
