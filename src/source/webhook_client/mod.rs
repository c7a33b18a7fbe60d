//! Asks remote webhooks: the network of the webhook authorizer (S-WHA).
