//! Tickets, checked by the GSSAPI library of the system.
