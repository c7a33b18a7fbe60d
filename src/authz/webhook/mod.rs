//! What does a remote webhook say? The webhook authorizer without its network (S-WHA).
