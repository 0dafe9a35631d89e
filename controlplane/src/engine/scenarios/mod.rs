//! Scenarios of the whole engine, from the control interface to the data plane.

/// How audio is protected.
mod protection;
