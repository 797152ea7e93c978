//! The Pickup effect: an OpenFX plug-in for every host.
