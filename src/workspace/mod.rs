//! The workspace: the encrypted local spool of raw records between gather and seal.
