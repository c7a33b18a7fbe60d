//! Every link that a chain may have: what each of them decides, in which order, and what that means
//! for questions that are answered offline.
//!
//! # The chain
//!
//! Links are asked in order; the first that allows or denies ends the walk (S-CHAIN-1). Before them come
//! the gate of revoked certificates, which only Portcullis has, and the built-in step for
//! `system:masters`. When nobody decides, the answer is no, with the reasons of those who gave one.
//!
//! `can-i --explain` shows the walk: who was asked, what each said, who was not asked any more. In JSON
//! the link that decided stands in `decidedBy`, in the decision log in `link`.
//!
//! | Link | May allow | May deny | Its policy |
//! |---|---|---|---|
//! | `Node` | kubelets | no | pods and volumes among the objects |
//! | `RBAC` | yes | no | roles and bindings |
//! | `ABAC` | yes | no | a file of policy lines |
//! | `Rego` | yes | yes | modules and data of your own |
//! | `Webhook` | yes | yes | whoever answers |
//! | `AlwaysAllow`, `AlwaysDeny` | everything; nothing | no; no (S-CHAIN-9) | none |
//! | [`Authorizer`](crate::authz::Authorizer) | as you write it | as you write it | yours |
//!
//! On the command line the chain is what policy was given for, in the order RBAC, ABAC, Rego; `--mode
//! Node,RBAC` names it; `--authorization-config FILE` reads it from the file of an API server. In a
//! program it is [`Config`](crate::snapshot::Config), in a server the list `authorizers`.
//!
//! # Node
//!
//! A kubelet may read the Secrets, ConfigMaps, claims and volumes of the pods that run on its node, and
//! nothing else of their kinds. [`Graph`](crate::authz::node::Graph) holds who refers to what; it is built
//! from a dump, and [`Live`](crate::snapshot::Live) changes it object by object.
//!
//! Three things surprise. It allows `update` and `patch` on *any* Node and `delete` of *any* pod: that a
//! kubelet keeps to its own is the work of the admission plugin NodeRestriction (S-NODE-7). It says "can
//! only" and yet has no opinion, so that a role bound to `system:nodes` allows all the same (S-NODE-8). A
//! pod that has ended keeps its rights until it is deleted (S-NODE-15).
//!
//! `who-can get secrets/db -n shop --mode Node,RBAC -f dump/` lists nodes among the others, each with the
//! pod through which it may.
//!
//! # Rego
//!
//! For the rules that roles cannot express. The package (`portcullis.authz`, unless told otherwise) holds
//! `allow`, `deny`, `reason` and `obligations`; [`rego`](crate::authz::rego) says what they may be and
//! what `input` is. What neither allows nor denies is left to the next link; a `deny` wins over an
//! `allow`. So the place in the chain matters: *before* RBAC a policy can take away what roles grant,
//! *behind* it only grant more.
//!
//! `portcullis.rbac.allowed(input)` asks the RBAC policy of the same chain, so that a rule can narrow a
//! grant instead of repeating it. Labels of namespaces and objects are in the input when they were read.
//! `policies/rego/` has samples with their questions.
//!
//! A policy is not trusted to end: an evaluation has a budget (50 ms unless told otherwise, and a number of steps). One that
//! fails denies if its package holds a `deny` rule, since that rule may have been the one to speak; else it
//! has no opinion. Either way the error is counted and logged in our words, never the engine's. What
//! could not be stopped, such as recursion, is refused when the policy is loaded.
//!
//! # Webhooks and the file of the API server
//!
//! [`source::authorization_config`] reads AuthorizationConfiguration as the API server does, with its own
//! messages and the line beside each. Match conditions are CEL, checked when the file is loaded; a
//! condition with a function that is missing here refuses the file, since skipping it would be a guess.
//!
//! [`authz::webhook`] asks as the API server asks: conditions, cache, retries, failure policy. Offline that
//! is your choice, `--webhook`:
//!
//! - `incomplete` (the default): a webhook that would be asked leaves the answer open. Everything behind
//!   it, a yes included, ends with exit code 3, for the webhook might have denied.
//! - `no-opinion`: as if it had nothing to say.
//! - `ask`: it is asked; the build needs the feature `webhook-client`.
//!
//! The file of an API server that has Portcullis itself as a webhook is answered with the *other* links
//! by `--webhook no-opinion`, and with that server's answers by `--webhook ask`.
//!
//! [`source::authorization_config`]: crate::api::authorization
//! [`authz::webhook`]: crate::authz
//!
//! # Slow links
//!
//! Rego and webhooks take their time: [`is_slow`](crate::authz::Authorizer::is_slow). Such a link is asked
//! once a request, for its reason too. The server asks it where waiting holds up nobody else, and a
//! request that an earlier link decides pays nothing for it. In the decision log its line has no path:
//! finding it would be asking again.
