//! How-to: the organisation's identities. Passwords, directories, Kerberos, OpenID Connect, and a login
//! that kubectl uses.
//!
//! # Which way for whom
//!
//! | people have | the API server gets | how |
//! |-------------|---------------------|-----|
//! | an OpenID Connect provider | its ID tokens | the API server verifies them itself, by the same file as here; or `authenticators: [{oidc: …}]` |
//! | opaque access tokens | those | `authenticators: [{introspection: …}]` (RFC 7662) |
//! | a directory (LDAP, Active Directory) | a token or certificate of a login | `login.methods: [{ldap: …}]` |
//! | Kerberos tickets | the same | `login.methods: [{kerberos: …}]`, feature `kerberos` |
//! | a name and a password | the same | `login.methods: [{passwordFile: …}]` and `portcullis passwd` |
//!
//! An API server asks about bearer tokens only: passwords and tickets must be exchanged for one, or for a
//! client certificate, at the login listener. What is handed out is short-lived; kubectl gets it through
//! `portcullis login`, a credential plugin.
//!
//! # The login listener
//!
//! ```yaml
//! login:
//!   address: 0.0.0.0:9445
//!   tls: {certificateFile: login.crt, keyFile: login.key}
//!   methods:
//!   - passwordFile: {file: users.htpasswd}
//!   - ldap: {directory: corp}
//!   - kerberos:
//!       keytabFile: /etc/portcullis/http.keytab
//!       service: HTTP/login.example.org
//!       realms: [EXAMPLE.ORG]
//!       groups: {directory: corp}
//!   - oidc: {configurationFile: authentication.yaml, groups: {directory: corp}}
//!   - clientCertificate: {caFile: badges.crt}
//!   token:
//!     issuer: https://login.example.org
//!     audiences: [https://kubernetes.default.svc]
//!     keyFile: token.key
//!     lifetime: 1h
//!   certificate:
//!     caCertificateFile: users-ca.crt
//!     caKeyFile: users-ca.key
//!     ledgerFile: users.ledger
//!     revocationsFile: revoked.ndjson
//!     lifetime: 1h
//!   session: 12h
//!   guesses: {perUser: 5, perSource: 30, longestWait: 15m}
//! ```
//!
//! `GET /login` says what there is, `POST /login` with one proof hands out a credential, `POST
//! /login/refresh` with that credential another one, for as long as the session lasts. A renewal looks
//! the user up again: who was disabled gets nothing, and the groups are those of now. A method for which
//! nobody can be asked, such as `oidc` without `groups`, is not renewed: people log in again.
//! A token that was asked for some of the `audiences` alone is renewed for these alone, and never by a
//! certificate, which is good everywhere. A certificate of a login is renewed, too; as a proof of
//! `clientCertificate` it is nobody's, so that no session begins the next one.
//!
//! Tokens of this listener are known to `POST /authenticate` without another word. Certificates are for
//! the API server's `--client-ca-file`: add `users-ca.crt` to its bundle. The key of a certificate is made
//! on the client's machine and stays there; whom it is for comes from the login, never from the request.
//!
//! Nobody becomes `system:` anything here, whatever a directory, an issuer or a file says. Every refusal is
//! the same 401, and a line in the log with the reason; nothing that somebody showed or was given is ever
//! logged, nor the name of somebody who failed, since people type passwords where names belong.
//!
//! # Taking back
//!
//! | what | how | reaches |
//! |------|-----|---------|
//! | one token | `portcullis cert revoke --token JTI` | `/authenticate`, renewals, and every access review that carries the id |
//! | everything that a user or a group has so far | `portcullis cert revoke --user U` or `--group G` | the same, and certificates |
//! | a user for good | disable the account, remove the line | logins and renewals; credentials end by themselves |
//!
//! The API server keeps its own answers for up to `--authentication-token-webhook-cache-ttl`.
//!
//! # Tokens of issuers, at `/authenticate`
//!
//! ```yaml
//! apiAudiences: [https://kubernetes.default.svc]
//! authenticators:
//! - oidc: {configurationFile: authentication.yaml, distributedClaims: [groups.example.org]}
//! - introspection:
//!     url: https://idp.example.org/introspect
//!     caFile: idp-ca.crt
//!     clientID: kubernetes
//!     clientSecretFile: idp-secret
//!     usernamePrefix: 'idp:'
//! ```
//!
//! The file of `oidc` is the API server's own AuthenticationConfiguration; `check --authentication-config`
//! says what an API server would refuse in it. Groups that an issuer keeps elsewhere are fetched only from
//! the hosts that are named (`'*'`: from any). An introspection endpoint must say for which audience a
//! token is, and that must be one of the API server's; `audiences: ['*']` says that every active token is
//! meant for us, and is right only where the endpoint refuses those of others.
//!
//! # Directories
//!
//! ```yaml
//! directories:
//! - name: corp
//!   ldap:
//!     servers: ['ldaps://ldap1.example.org', 'ldaps://ldap2.example.org']
//!     caFile: ldap-ca.crt
//!     bindDN: cn=portcullis,ou=services,dc=example,dc=org
//!     bindPasswordFile: ldap-password
//!     users: {baseDN: 'ou=people,dc=example,dc=org', filter: '(&(objectClass=person)(uid={username}))'}
//!     attributes: {username: uid, uid: entryUUID}
//!     groups:
//!       baseDN: ou=groups,dc=example,dc=org
//!       filter: (objectClass=groupOfNames)
//!       prefix: 'ldap:'
//!       nested: Detect
//! ```
//!
//! | for | write |
//! |-----|-------|
//! | Active Directory | `attributes: {username: sAMAccountName, uid: objectGUID, uidForm: objectGUID}`, `filter: (objectClass=group)`, `nested: Detect` |
//! | posix groups | `memberUid: {group: memberUid, user: uid}` |
//! | `memberOf` instead of a search | `memberOf: memberOf` |
//! | no service account | `users: {dn: 'uid={username},ou=people,dc=example,dc=org'}` |
//! | no TLS (do not) | `plainText: EverybodyOnTheWayReadsPasswords` |
//!
//! Servers are tried in order; one that fails is left alone for a while that grows. While none answers,
//! logins get a 503 at once, and nothing piles up. `/readyz` says which servers fail, and why.
//!
//! # Groups at decision time
//!
//! A certificate's groups are those of the day it was signed. With
//!
//! ```yaml
//! liveGroups: {directory: corp, ttl: 60s, maxAge: 5m, exemptUsers: [break-glass]}
//! ```
//!
//! the chain is asked about the user with the groups of now **instead**. Groups named `system:` never come
//! from there, and those of the credential stay only by name (`keepSystemGroups`). A directory that does
//! not answer, for longer than `maxAge`, is an error and HTTP 500: exempt the user of emergencies, who must
//! work without it. `can-i --live-groups FILE` answers the same offline.
//!
//! # kubectl
//!
//! ```text
//! portcullis kubeconfig --user jane --server https://api.example.org:6443 --ca-file ca.crt --out jane.kubeconfig \
//!   --login -- --server https://login.example.org:9445 --method basic
//! kubectl --kubeconfig jane.kubeconfig get pods        # asks for the password, once in a session
//! ```
//!
//! The plugin keeps what it was given in a file that only its user can read, renews it before it ends, and
//! lets twenty kubectls at once make one login. `portcullis login --logout` forgets.
//!
//! # Kerberos
//!
//! Build with the feature `kerberos` (Debian: `libkrb5-dev` and `libclang-dev`). The Kerberos library finds
//! its keytab in the environment, so `serve` starts itself once again with `KRB5_KTNAME` set. A keytab that
//! cannot work stops the start. `jane/admin@EXAMPLE.ORG` is not `jane`: principals with an instance are
//! refused unless named in `instances`.
//!
//! # What an attacker meets
//!
//! | attempt | ends at |
//! |---------|---------|
//! | a filter or DN in the user name | typed filters; each value is escaped once |
//! | an empty password | refused before a directory is asked (RFC 4513 section 5.1.2) |
//! | guessing | waits that double, by source and user; nobody can lock another out for good |
//! | finding names by time or text | one hash for unknown names too, one answer for all refusals |
//! | a signing request for `O=system:masters` | of a request only the key is taken |
//! | a ticket sent again | the replay cache of the library, and one of our own |
//! | a token for somebody else | audiences, and the issuer's keys by name |
//! | a flood of logins | limits, listener and threads of their own: reviews do not notice |
