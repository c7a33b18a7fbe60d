//! How to run the server on the cluster's own roles and bindings, and in several replicas.
//!
//! With `policy: {fromCluster: true}` the policy is no folder: roles and bindings, pods and volumes of the
//! node graph, the Secrets of bootstrap tokens, the accounts and pods behind bound tokens are listed and
//! watched at the API server, each kind only if something in the configuration needs it.
//!
//! ```yaml
//! cluster:
//!   inCluster: true                # or `kubeconfig: FILE`, with `context: NAME`
//!   savedState: {file: /var/lib/portcullis/cluster.state, maxAge: 24h}
//!   whenLost: {after: 15m, then: Keep}
//!   facts: {namespace: portcullis-facts}
//! policy: {fromCluster: true}
//! authorizers: [{type: Node}, {type: RBAC}]
//! revocation: {fromCluster: true}
//! ```
//!
//! # Permissions
//!
//! `portcullis init rbac --config server.yaml` writes the roles that exactly this configuration needs. Read
//! the remarks at its top: RBAC cannot grant the metadata of Secrets alone, nor Secrets of one type.
//!
//! # The one deadlock, and how it cannot happen
//!
//! The API server asks its webhook before it answers anybody; a webhook that first has to ask the API server
//! would wait for itself. So:
//!
//! 1. The server's own identity must not be asked about: `portcullis init apiserver --exempt-user
//!    system:serviceaccount:portcullis-system:portcullis` leaves it, and the control plane, to Node and RBAC.
//! 2. What was seen last is kept on disk (`savedState`). A server that starts while no API server answers
//!    serves that. It is whole or it is not used: written beside and renamed, with a checksum; of another API
//!    server, from the future or older than `maxAge` it is refused, and the log says why. Secrets are not in
//!    it, so tokens that need them are not known until the API server answers.
//! 3. Without a state the server starts, listens, answers reviews with 503, and becomes ready with the last
//!    list. It never gives an answer that no policy gave.
//!
//! Put `savedState` where it survives a restart: a `hostPath` for a Deployment on control-plane nodes, the
//! state directory of a systemd unit. Whoever can write the file decides who may do what; it is readable and
//! writable by its owner only.
//!
//! # How fresh is it?
//!
//! A change is felt within milliseconds of the API server's event. A watch that breaks is resumed where it
//! stopped; if the API server has forgotten that place, the kind is listed anew and the difference is applied
//! at once. Nobody ever sees half of a list.
//!
//! An object that cannot be read grants nothing and stops nothing. What it granted before is gone, too: it
//! does not say that any more. `/readyz` and `portcullis_cluster_undecodable` tell.
//!
//! | what to watch | what it means |
//! |---|---|
//! | `portcullis_policy_staleness_seconds` | how long ago the API server was last heard, of the kind for which that is longest. API servers speak at least once a minute |
//! | `portcullis_cluster_watch_lost` | 1 for each kind that has no watch now |
//! | `portcullis_cluster_undecodable` | objects that cannot be read |
//!
//! When a watch stays lost for `whenLost.after`, what then is your choice:
//!
//! - `Keep`: the last state serves on. Grants that were taken away meanwhile still count.
//! - `NoOpinion`: nobody is allowed anything by this server; the chain of the API server goes on.
//! - `NotReady`: `/readyz` is 503, so that a load balancer looks for another replica; answers go on.
//!
//! # Replicas
//!
//! Every replica watches for itself and needs none of the others; there is no leader. What replicas must tell
//! each other stands in ConfigMaps of one namespace (`cluster.facts`), each written by one writer and read by
//! all within a second: certificates and tokens that were taken back, certificates that were issued, verdicts
//! of a candidate policy. `portcullis cert revoke --live …` writes there.
//!
//! Whoever may write ConfigMaps of that namespace can take anybody's credentials back; nobody can be allowed
//! anything by them. So it is a namespace of its own, where nothing else is: not the one of the servers, whose
//! configuration and certificate of the API server are ConfigMaps, too.
//!
//! `examples/webhook-server/deploy/cluster.yaml` is a Deployment of three: spread over nodes and zones, with a
//! disruption budget, and a state on each node.
//!
//! # Signing for the cluster
//!
//! `signers` makes the server a signer of CertificateSigningRequests: it signs what is approved, by the rules
//! of the signer and of a signing policy, and says in the object why it does not.
//!
//! # Asking a live cluster from the command line
//!
//! `--live` in the place of `-f` asks the API server of the kubeconfig: `portcullis who-can get secrets -n shop
//! --live`. What you may not list is said, and the exit code is 3 where it could matter. `portcullis snapshot
//! save --out cluster.json.gz` keeps what was seen for later, without managed fields and without what is in
//! Secrets.
