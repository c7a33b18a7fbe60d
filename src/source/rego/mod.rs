//! Rego policies and data from files, directories and bundles.
