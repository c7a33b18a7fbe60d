//! In which groups is the user now? The groups of credentials replaced by live ones.
