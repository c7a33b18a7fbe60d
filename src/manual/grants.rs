//! Grants that end, and grants that are inherited: what RBAC lacks, on request.
//!
//! Both are off unless they are asked for: then the same objects answer as the API server answers.
//!
//! # Bindings that begin and end
//!
//! ```yaml
//! kind: RoleBinding
//! metadata:
//!   name: incident-4711
//!   namespace: shop
//!   annotations:
//!     portcullis.dev/not-before: "2026-11-27T06:00:00Z"
//!     portcullis.dev/not-after: "2026-11-27T09:00:00+01:00"
//! ```
//!
//! Either may be left out; ClusterRoleBindings take the same. Values are times as RFC 3339 writes them,
//! with an offset: a local time without one is no instant. The binding grants from `not-before` on, and no
//! longer from `not-after` on. The clock is looked at for each decision that such a binding could make,
//! once, so what ends as another begins leaves no gap; nothing is reloaded when a grant ends, and users
//! that were resolved before lose it at the same instant. A value that cannot be read, or an end that is
//! not after the beginning, makes the binding grant nothing, and that is told with file and line.
//!
//! - Library: [`Config::with_grant_times`](crate::snapshot::Config::with_grant_times), with a
//!   [`Clock`](crate::model::Clock).
//! - Command line: `--grant-times`, with `--at TIME` to ask about another moment than now. `explain` asks
//!   each line of a log at its own time.
//! - Server: `policy.grantTimes: {enabled: true, warnWithin: 1h}`.
//!
//! `who-can` says until when each grant lasts, and which would grant at another time; `can-i --explain`
//! says it of the binding that decided, and for a no that a grant has ended or is to begin. A yes whose
//! grants end within `warnWithin`, with none to follow them, is told: `can-i` warns, a line of the decision
//! log has `grantEnds`, and `portcullis_decisions_on_ending_grants_total` counts it.
//!
//! **Who keeps answers keeps them longer than the grant.** An API server that asks a webhook keeps a yes
//! for `authorizedTTL`, five minutes by default (S-WHA-5). To end grants to the second, write
//! `cacheAuthorizedRequests: false` in its AuthorizationConfiguration, and bear one review for each
//! request; an `authorizedTTL` of 0 there means the default.
//!
//! # Keeping them out of the API server's sight
//!
//! The API server does not know these annotations. If such a binding is in the cluster, its own RBAC
//! grants it for ever, whatever Portcullis says: a webhook cannot take away what a later link of the chain
//! allows (see [`webhook`](super::webhook)). `portcullis check` warns of each, with the code
//! `grant-times-in-cluster`. There are two ways:
//!
//! - Give bindings with an end to Portcullis alone: in files of `policy.paths`, never applied to the
//!   cluster. The tool that applies manifests must not see that folder. What the cluster's RBAC holds stays
//!   without an end.
//! - Run the API server's chain without RBAC for these users: the webhook in place of RBAC, `RBAC` left out
//!   of the AuthorizationConfiguration. Then every role of the control plane must be in the policy of the
//!   webhook, too.
//!
//! # Namespaces that inherit
//!
//! RoleBindings grant in their own namespace. With a hierarchy the Roles and RoleBindings of a namespace
//! count in all below it as well, as the Hierarchical Namespace Controller (HNC) would copy them.
//! ClusterRoleBindings are as they are.
//!
//! - `--hierarchy labels`, `policy.hierarchy: labels`: by the labels that HNC writes
//!   (`<ancestor>.tree.hnc.x-k8s.io/depth`) and by HierarchyConfiguration and SubnamespaceAnchor objects.
//!   The Namespace objects must be among what is read: a dump of roles and bindings alone says nothing
//!   about who is above whom.
//! - `--hierarchy FILE`, `policy.hierarchy: FILE`: a YAML file of lines `child: parent`.
//! - Library: [`source::hierarchy`](crate::source::hierarchy).
//!
//! A circle, a namespace with two parents, or a name that none of the namespaces that were read has,
//! refuses the load with file and line. Each inherited grant says where it comes from: `team.yaml:12,
//! inherited from namespace acme`.
//!
//! - The exceptions of HNC count: `propagate.hnc.x-k8s.io/none`, `/select`, `/treeSelect`. One that cannot
//!   be read hands nothing down, and is told.
//! - Copies that HNC has made already, by their label `hnc.x-k8s.io/inherited-from`, are not made again.
//! - An object that a namespace has itself is never replaced by one of the same name from above; a notice
//!   says so. HNC refuses to create either of the two, and overwrites the lower one where it could not.
//! - A service account without a namespace in the subjects is one of the namespace that inherits
//!   (S-RBAC-16), as in a copy of HNC.
//! - Where HNC runs, its copies are in the cluster and nothing of this is needed; it serves to judge
//!   manifests before they are applied, and to have inheritance where Portcullis decides.
