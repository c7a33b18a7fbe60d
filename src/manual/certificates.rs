//! Certificates for users: issue them, know them, take them back.
//!
//! # The loop
//!
//! ```text
//! portcullis cert ca init --pki pki                          # once: an authority for users
//! portcullis cert issue --pki pki --user jane --group dev \
//!     --kubeconfig jane.kubeconfig --server https://api.example:6443 --ca-file cluster-ca.crt \
//!     --bind clusterrole/view -n team -f cluster.yaml        # key, certificate, kubeconfig, RoleBinding
//! portcullis whoami --cert jane.crt --ca-file pki/bundle.crt # whom an API server takes it for
//! portcullis cert list --pki pki                             # what is out there, and until when
//! portcullis cert revoke --pki pki --user jane --reason keyCompromise
//! ```
//!
//! A user who has a key already sends a request (`portcullis cert request`, or openssl): `cert sign` signs
//! it. Requests that were made as objects of the cluster are approved and signed by `kubectl get csr -o
//! yaml | portcullis cert approve`; its help says how the answer goes back.
//!
//! # What an API server must be told
//!
//! - `--client-ca-file` has the authority's `bundle.crt`, beside the cluster's own authority. An authority of
//!   its own for users is worth it: the cluster's also signs kubelets and the control plane.
//! - Kubernetes 1.32 or newer: from then on it tells webhooks which certificate proved the user
//!   (`authentication.kubernetes.io/credential-id`, S-X509-6). Older ones authenticate, and cannot be
//!   made to refuse.
//! - The webhook in the chain, before `Node` and `RBAC`, without caching (`portcullis init apiserver` writes
//!   it so), and `revocation: {file: …}` in the configuration of `portcullis serve`: see
//!   [`webhook`](super::webhook).
//!
//! # What revocation reaches
//!
//! | `cert revoke` by | refused by the webhook and by `authn::x509` | in a CRL |
//! |---|---|---|
//! | `--cert`, `--fingerprint` | this certificate; with `--fingerprint`, in all forms only when the ledger knows it (see below) | when the ledger knows it |
//! | `--serial` | this certificate, when the ledger knows it; else by `authn::x509` only: a webhook is never told numbers | yes |
//! | `--user`, `--group` | everything issued before now (`--issued-before`), also what the ledger does not know | what the ledger knows |
//!
//! Certificates of that user that are issued afterwards are spared: the ledger writes them into the
//! revocation file before it hands them out. One that another signer issued afterwards is refused until
//! `cert record` has entered it.
//!
//! Nothing here reaches members of `system:masters`: the API server allows them everything before it asks
//! anybody (S-CHAIN-10). So no verb signs such a certificate (S-CSR-12 refuses it for one signer only).
//! Nor does it end what runs: a watch, an `exec`, a port-forward is authorized when it begins.
//!
//! # Files
//!
//! | in the folder of `--pki` | what | who needs it |
//! |---|---|---|
//! | `ca.crt`, `ca.key` | the authority that signs; the key may have a passphrase | whoever issues |
//! | `bundle.crt` | every authority that is trusted now | API servers, `--client-ca-file` |
//! | `ledger.redb` | every certificate, every revocation; one file, safe against crashes | whoever issues |
//! | `revocations.ndjson` | what is refused; grows at its end only | every server |
//!
//! A certificate is in the ledger before it is in a file, and a revocation is in the ledger before it is in
//! the revocation file; the next command that opens the ledger completes what a crash cut off. The
//! ledger and the revocation file count. A CRL (`cert crl`) is a copy for others: it ends, it cannot
//! name certificates that nobody recorded, and an authority without the key usage `cRLSign`, such as
//! kubeadm's, cannot sign one.
//!
//! # Replacing the authority
//!
//! `cert ca next` makes the next one and puts it into `bundle.crt` beside the old: give the file to every
//! API server, and wait until each has read it. `cert ca activate` lets it sign; renew certificates (`cert
//! renew`). `cert ca retire` takes the old one out, and refuses as long as the ledger knows certificates
//! of it that are good. Each step can be interrupted and run again.
//!
//! # Who may ask for what
//!
//! Three questions, each of which can say no:
//!
//! 1. The rules of the signer, those of Kubernetes' own controllers (S-CSR-12 to S-CSR-17).
//! 2. A signing policy, `--signing-policy FILE`: which requesters may ask for which names, groups, keys and
//!    lifetimes. With one, what no rule allows is refused. `policies/signing/` has a sample.
//! 3. The authorizers, `-f`, `--abac`: the verbs `approve` and `sign` on `signers`, as the API server asks
//!    them (S-CSR-9). An error of theirs is a no (S-CSR-11).
//!
//! # Stricter than the API server
//!
//! `portcullis whoami` says both answers where these differ.
//!
//! | | API server | Portcullis |
//! |---|---|---|
//! | extended key usage `any` without client authentication | accepted (S-X509-2) | refused |
//! | the certificate of an authority as a client | accepted | refused |
//! | a leaf that itself stands in the bundle | accepted | refused unless an authority of the bundle signed it |
//! | RSA keys under 2048 bits | accepted from 1024 on; the key of a leaf is not looked at | refused, in the leaf and above it |
//! | X.509 versions 1 and 2, below the bundle | accepted as a leaf | refused |
//! | signatures by keys on P-224 | accepted | refused (MD5 and SHA-1 both refuse) |
//! | critical certificate policies | accepted | refused, below the bundle |
//! | name constraints of mail addresses, URIs or directory names | followed; those of directory names passed over when not critical | refused where the certificate has such a name |
//! | revoked, by list or CRL | not known to it | refused, a proxy's by the list only; with CRLs, an unknown or outdated status too unless it is allowed explicitly |
//! | a CRL of one distribution point | not known to it | vouches only for certificates that name a distribution point of it; refuses all that stand on it |
//! | a signature whose bit string has unused bits | accepted | refused |
//! | chains of more than 16 certificates or 64 KiB | accepted | refused before a signature is checked |
//! | headers of a proxy that are not UTF-8 | taken as they are | refused |
//!
//! # One certificate, several fingerprints
//!
//! A signature does not cover itself. The owner of a certificate can write its signature in another way,
//! without any key: an ECDSA signature (r, s) as (r, n − s), and, since Go moves bit strings with unused
//! bits, one that begins with zero bits a few bits further left. An API server takes these forms, and tells
//! its webhooks the fingerprint of the form that the client sent. So `cert revoke` writes an entry for each
//! form (`Certificate::aliases`) into the revocation file: six for a certificate that was signed with
//! ECDSA. It needs the certificate for that. With `--fingerprint` alone and a certificate that the
//! ledger does not know, its owner gets around the entry: give the file with `--cert`, `cert record` it later,
//! or revoke by `--user`, which reaches every form. The same holds for entries that other tools write.
