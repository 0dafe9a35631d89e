//! Kernels, pipeline and whole system, measured beside peers.
