//! CEL expressions over an access review: match conditions of webhooks (S-ACFG-11 to 16).
