//! A small session recording server: for the demo, for tests, for trying a site out.
