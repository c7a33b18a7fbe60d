//! Bindings that namespaces inherit from their parents.
