//! An OpenFX host for the tests.
