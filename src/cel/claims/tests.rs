//! Expressions over claims and over a user.
