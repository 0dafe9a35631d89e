//! The simulated world, and every test that crosses rooms.
