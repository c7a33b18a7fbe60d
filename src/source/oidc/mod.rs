//! The keys and endpoints of an OpenID Connect issuer: discovery, key sets, distributed claims, introspection.
