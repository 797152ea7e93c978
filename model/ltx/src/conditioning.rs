//! What is given and what is to be made: places of tokens in time and picture ([`grid`]), the tokens themselves with what is kept
//! of them ([`State`]), given pictures and sounds as further tokens ([`append`]), regions to make anew ([`region`]) and how
//! strongly given tokens are looked at ([`attention`]).
//!
//! The rules are those of the model's authors (Lightricks/LTX-2, `ltx_core/conditioning` and `ltx_core/tools.py`).

pub mod append;
pub mod attention;
pub mod grid;
pub mod region;
pub mod state;

pub use append::{Guide, Reference};
pub use grid::{Clock, Span, VideoGrid};
pub use region::Region;
pub use state::{State, Stripped};

#[cfg(test)]
mod tests;
