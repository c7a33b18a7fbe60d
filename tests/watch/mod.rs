//! The cluster as a source: against an API server of our own, which does on demand what goes wrong in a
//! real one, and that server itself, asked by kubectl.

mod basic;
mod faults;
mod harness;
mod kinds;
mod protocol;
mod random;
mod secrets;
