//! Whole calls at scripted recorders, in virtual time.

/// Which members of a group record a call, and who stands in for whom.
mod groups;
/// Up, degraded, down, and back.
mod health;
/// Six recorders of which five fail: nothing of that reaches the sixth.
mod independence;
/// One attempt at several addresses.
mod targets;
/// An engine, its clock, and recorders that do as they are told.
mod world;
