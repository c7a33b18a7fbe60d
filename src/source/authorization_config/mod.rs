//! The AuthorizationConfiguration file of the API server, and its mode flags (S-ACFG, S-CHAIN-13 to 17).
