//! The worker protocol, its client and its server.
