//! Is this the password of that user? Password files, and how often anybody may guess.
