//! Whose ticket is this? The rules from a Kerberos principal to a user.
