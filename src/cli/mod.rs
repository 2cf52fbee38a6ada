//! The command line: arguments, terminal, clock and environment. Nothing below reads any of them.
