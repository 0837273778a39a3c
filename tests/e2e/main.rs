//! The real programs, run as a user runs them.
