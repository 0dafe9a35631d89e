//! The simulated world, and every test that crosses rooms.
//!
//! The whole system without IO: the control plane's engine, data-plane pipelines, recorders,
//! telephones and the conference server, with one network between them, one clock and one seed.
//! A world never waits: time leaps to whatever happens next.

/// What happens when.
pub mod agenda;
/// Telephones that send RTP.
pub mod caller;
/// Virtual time.
pub mod clock;
/// What must hold when the weather is fine again, and when everything was stopped.
pub mod convergence;
/// Bytes that were right once.
pub mod garble;
/// What the conference server knows of its calls, and what it does next.
pub mod model;
/// The network between the site, the recorders and the telephones.
pub mod network;
/// A recorder, and everything that it received.
pub mod recorder;
/// Tones that tell participants apart, and what finds them in a mix.
pub mod signal;
/// The site: engine, pipelines and the conference server's connection.
pub mod site;
/// From a seed to a world, its weather, and everything that befalls it.
pub mod swarm;
/// Everything that happened, as one number and as text for people.
pub mod trace;
/// What must hold for everything that the site sends, whatever happens.
pub mod wiretap;
/// Everything together.
pub mod world;
