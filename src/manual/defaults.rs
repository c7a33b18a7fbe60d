//! The defaults, and why they are what they are.
//!
//! | what | default | why |
//! |---|---|---|
//! | `system:masters` | allowed before every mode | so does every API server, and it cannot be configured away (S-CHAIN-10) |
//! | groups of a user | none are added | a SubjectAccessReview means what it says (S-SAR-6); the command line adds what `kubectl --as` adds (S-IMP-6) |
//! | aggregated roles | as stored when they carry a resourceVersion, else computed | a dump was filled by the cluster's controller, a manifest was not |
//! | order of bindings | by name | the API server's is that of a hash map (S-RBAC-21); a reason should be the same every time |
//! | object with a field of the wrong type | skipped and listed; exit code 3 where it could matter | one broken manifest must not hide the rest, and must not pass for a no |
//! | object that only fails validation | loaded | a store may hold it from before the validation; `check` reports it |
//! | unreadable document | the load fails | half a file is no policy |
//! | a mode whose engine is absent | the load fails | leaving it out would change decisions |
//! | a change that fails | the last good snapshot goes on serving | an authorizer that stops answering stops the cluster |
