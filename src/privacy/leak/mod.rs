//! The leak check.
