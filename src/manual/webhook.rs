//! How to run the review server: to try it, and beside a real API server.
//!
//! # To try it
//!
//! `portcullis serve --dev` needs nothing. It serves a sample policy with sample tokens and
//! certificates that are good for a week, and prints the requests to paste. Never point an API server
//! that matters at it: its tokens are known to everybody.
//!
//! # Beside an API server
//!
//! 1. `portcullis init apiserver --out portcullis --kubernetes-version 1.36` writes everything: an
//!    authority with two certificates, `server.yaml`, the AuthorizationConfiguration, two kubeconfigs,
//!    the flags. It prints whom the webhook will not be able to stop. Read that list.
//! 2. Put roles and bindings into `server/policy`. Ask before the API server does: `portcullis who-can
//!    get secrets -A -f server/policy --with-defaults`, `portcullis check -f server/policy`.
//! 3. Start the server on every control-plane node: `examples/webhook-server/deploy` has a static pod, a
//!    systemd unit, and a Deployment for those who cannot place files on these nodes.
//!    `curl http://127.0.0.1:9444/readyz` says which revision of the policy serves.
//! 4. Give the API servers their flags, one after the other. Keep a credential of `system:masters` at
//!    hand while you do.
//!
//! A change of policy can be tried on real requests first: `shadow` in `server.yaml` names a candidate
//! that is evaluated beside the live policy, and `/shadow` tells what would be different. A candidate
//! that does not load holds up nothing: `/readyz` and the log say what is wrong with it.
//!
//! # Why next to the API server
//!
//! The webhook stands in the way of every request, so it must not need what it guards. On loopback
//! there is no Service that kube-proxy must have written, no DNS, no network plugin, no scheduler, no
//! image pull with a Secret of the cluster. The server opens no connection of its own while it answers
//! (keys from an issuer's URL are fetched in the background). If it is a Deployment, each of these can
//! lock the cluster; the manifest says how that one avoids it.
//!
//! # The order of the chain
//!
//! The generated chain is: the webhook, then Node, then RBAC. The first allow or deny ends the walk
//! (S-CHAIN-1). Before all of them the API server allows `system:masters` everything, without asking
//! anybody (S-CHAIN-10).
//!
//! - *First* means that the webhook's allow is final, and that its deny would be.
//! - RBAC and ABAC policies never deny. What Portcullis does not allow, a role of the cluster still
//!   may. To take a right away it must be gone from both.
//! - As the main authorizer: keep the bindings of people and teams in the policy of the webhook and delete
//!   them in the cluster. Leave Node and RBAC in the chain: the exempted control plane lives by them.
//! - To deny only: not with `portcullis serve`. A server of your own can, over the library's chain and
//!   reviews; `authz::Authorizer` is an open trait.
//!
//! # When the webhook is down
//!
//! `failurePolicy: Deny` means: whoever is not exempt gets an error, HTTP 500, until it is back. Members of
//! `system:masters`, kubelets, scheduler, controller manager and its controllers, kube-proxy and the
//! probes of the API server go on. New nodes cannot join, add-ons cannot read, people cannot work.
//!
//! `NoOpinion` leaves everybody what Node and RBAC allow. That is only right if nothing depends on the
//! webhook taking something away. Whoever is allowed by nobody then gets 500, too, not 403: the error
//! of the webhook is kept (S-CHAIN-6).
//!
//! A refused connection is not tried again; a time-out is an answer of the failure policy; 500s and 429s
//! are tried up to five times (S-WHA-9). So while the server restarts, requests fail for as long as
//! that takes, about a second. Replace one node's server at a time, and take its API server out of
//! the load balancer first if even that is too much.
//!
//! # Caches, and how long a revoked right lives on
//!
//! | what was revoked | who keeps it | how long |
//! |---|---|---|
//! | a grant in the policy | the file watch | less than a second; at the latest the interval (a minute), or at once on SIGHUP |
//! | | the API server from 1.34 | nothing, with `cacheAuthorizedRequests: false` |
//! | | the API server before 1.34 | a second, the shortest useful `authorizedTTL`; `0s` means five minutes (S-ACFG-4) |
//! | a token in a file | this server's token cache | nothing: a reload empties it |
//! | | the API server's webhook cache | 10 s with the generated flags; two minutes without them (S-TR-1) |
//! | | the API server's own token cache | 10 s more (S-AUTHN-8) |
//! | anything | requests that run | until they end: a watch, an `exec` or a port-forward is authorized when it begins |
//!
//! # Taking certificates back
//!
//! An API server never forgets a client certificate that its authority signed. From Kubernetes 1.32 on it
//! tells the webhook which certificate proved the user, so this server can refuse it:
//!
//! ```yaml
//! revocation: {file: revoked.ndjson}
//! ```
//!
//! The file is a [list of lines](crate::source::revocations) that are only ever appended; share it between
//! replicas as you share the policy. A line counts a fraction of a second after it was written, whatever
//! else the server is doing, and after every restart. A file that is missing or broken at the start
//! starts no server; one that breaks later goes on counting as far as it was understood, and `/readyz`, the log and
//! `portcullis_revocation_read_failures_total` tell. To take lines back, rename a whole new list over it; it
//! counts beside the old one at once, and alone when it has not changed for a second. A list changed or
//! shortened where it is takes nothing back before the next start. Another file name in the
//! configuration is taken over by a reload, without a restart.
//!
//! What it cannot do: the API server allows `system:masters` before it asks any webhook (S-CHAIN-10), and
//! whomever its `matchConditions` exempt it does not ask about. The webhook must stand before `Node`
//! and `RBAC` in the chain. API servers before 1.32 name no certificate, so nothing is refused. What
//! answers they keep is in the table above.
//!
//! # Certificates
//!
//! Server and client certificate are good for a year. `portcullis init apiserver --out portcullis --renew`
//! makes new ones under the same authority; give the same `--address` and `--server-name` as before.
//! The server reads its files again by itself. The API server reads client certificate and key again
//! within minutes, but the kubeconfig and the authority only when the chain is built (S-ACFG-10): for
//! a new authority write both authorities into the `ca.crt` of the API servers and the `client-ca.crt`
//! of the servers, restart the API servers, exchange the certificates, and take the old one out.
//!
//! Neither certificate gives a right in the cluster: the authority is not the cluster's.
//!
//! # Upgrading
//!
//! - Portcullis: one node after the other. `portcullis check --config` with the new binary says whether it
//!   accepts the old configuration.
//! - Kubernetes: write the files anew with the new version when the last API server runs it, not
//!   before. Older servers refuse fields that they do not know, and then keep the chain they had, or do
//!   not start. The list of exempted controllers grows with the versions.
//!
//! # What to watch
//!
//! | metric | look at it when |
//! |---|---|
//! | `portcullis_reloads_total{result="failure"}`, `/readyz` | it grows: a file is broken, and the last good policy serves |
//! | `portcullis_policy_loaded_timestamp_seconds` | it stands still although you changed something, or differs between nodes |
//! | `portcullis_authorize_duration_seconds` | its p99 comes near a millisecond, or `decision="error"` is more than nothing |
//! | `portcullis_authenticate_duration_seconds{result="unknown"}` | it jumps: somebody tries tokens |
//! | `portcullis_refused_total` | `requests`: too small a machine; `no_certificate`: somebody else knocks |
//! | `portcullis_revocation_read_failures_total` | it grows: the revocation list is broken or gone; what it said goes on counting, new lines may not |
//! | `portcullis_revocation_changed_timestamp_seconds` | it stands still although you revoked something, or differs between nodes |
//! | `certificate:` at `/readyz` | it says `renew it`: seven days are left, or none |
//! | `portcullis_decision_log_write_errors_total` | it grows: the disk is full or gone, and lines are lost; answers are not |
//! | `portcullis_decision_log_dropped_total` | it grows: the log is no longer complete |
//! | `apiserver_authorization_webhook_evaluations_total` of the API server | `result` is anything but success: it got no answer |
//! | `apiserver_authorization_config_controller_automatic_reloads_total{status="failure"}` | it grows: the new AuthorizationConfiguration was refused, the old one counts |
//!
//! For traces beside it, build with `--features otel` and add `openTelemetry` to `log`: `{endpoint:
//! http://127.0.0.1:4318/v1/traces, sample: 0.01, serviceName: portcullis}`, and `caFile` where the endpoint is
//! https; plain http is for a collector on the same node. Each traced request is one span with route, status,
//! decision and request id; it says neither who asked nor what for. A `traceparent` of the API server
//! (its TracingConfiguration) decides before `sample` does and makes its span the parent, so `sample: 0`
//! follows the API server only. A collector that is slow or down costs spans and nothing else:
//! `portcullis_spans_lost_total` counts them, and the log says why once a minute.
//!
//! # What goes wrong
//!
//! | what you see | why |
//! |---|---|
//! | nobody can log in with a token, no error anywhere | no common audience: `apiAudiences` must share one with `--api-audiences` of the API server, or its issuers (S-TR-4) |
//! | 500 instead of 403 | an authorizer of the chain returned an error: the webhook cannot be reached, or failed (S-CHAIN-6) |
//! | 403 although the policy allows it | another API server has another policy; or the user is exempt, and the webhook was not asked |
//! | `/readyz` is 503, `keys were not fetched yet` | the issuer of `jwks.url` has not answered once since the start; reviews are answered, but no token of its is known |
//! | the API server does not start, and blames the configuration | it is older than the file: `cacheAuthorizedRequests` needs 1.34, `v1` needs 1.32 |
//! | it does not start, with both kinds of flags | `--authorization-mode` beside `--authorization-config` (S-CHAIN-15) |
//! | it crashes when it starts | `connectionInfo.type: InClusterConfig` passes validation and is unusable there (S-ACFG-7) |
//! | the API server restarts over and over while the webhook is down | the probe paths are not exempt |
//! | `kubectl logs` fails for administrators, too | the API server's kubelet client is not exempt, or has another name: `--exempt-user` |
//! | a new kubeconfig has no effect | only a change of the AuthorizationConfiguration, or a restart, reads it (S-ACFG-10) |
//! | certificate errors in the API server's log | the address in the kubeconfig is not in the server's certificate: `--server-name` |
//! | a user `system:…` of the token file is refused | such names are Kubernetes' own |
//!
//! If nothing answers any more: with a credential of `system:masters` (kubeadm keeps one in
//! `/etc/kubernetes/super-admin.conf`) everything works that needs no other identity. Without one, edit
//! the flags of one API server on its node: `--authorization-mode=Node,RBAC` in place of
//! `--authorization-config`.
//!
//! # Threats
//!
//! | who | can | against it |
//! |---|---|---|
//! | whoever writes the policy files, or the image | everything in the cluster | they belong to root; review changes; pin digests |
//! | whoever has the API server's client key | ask about any token and any user, and so map the policy | `0600`, on control-plane nodes only; `allowedClients` |
//! | whoever has the authority's key | pretend to be the webhook, if on the way to it too | keep it off the nodes; loopback has no way |
//! | whoever may impersonate, approve client certificates, or make tokens or pods in `kube-system` | take on an exempted name and go round the webhook | let the policy be strict about these rights: `portcullis who-can` |
//! | an identity provider without a prefix | call its user `system:kube-scheduler` | give the API server's OIDC settings a prefix; this server refuses such names |
//! | a thief of a kubelet's key | what the Node authorizer gives one node; the webhook is not asked | rotate it; NodeRestriction |
//! | a client with very many wrong tokens | load: wrong tokens are not cached | the API server's limits; `portcullis_authenticate_duration_seconds` |
//! | a reader of the decision log | see who does what | its mode; `mask`; tokens stand in it only as keyed digests, the same on every node with one `keyFile` |
//! | somebody who stops the webhook | stop people and add-ons, not the control plane | run one beside every API server; alert on `/readyz` |
