"""An OpenID provider for tests, with tokens of a JOSE stack that is not the one under test (joserfc).

    oidc_provider.py CERTIFICATE KEY

It serves HTTPS on a free port of 127.0.0.1 and is told what to do by lines of JSON on standard input,
each of which it answers with one line. The first line that it writes names its issuer. It ends when
standard input does.
"""

import base64
import hashlib
import hmac
import html
import json
import secrets
import socketserver
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

ALGORITHMS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "RS256": ("RSA", 2048),
    "RS384": ("RSA", 2048),
    "RS512": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "PS384": ("RSA", 2048),
    "PS512": ("RSA", 2048),
}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    def __init__(self):
        self.lock = threading.RLock()
        self.issuer = ""
        self.keys = {}  # (kind, parameter) -> key
        self.published = []  # keys of the JWK set
        self.generation = 0
        self.make_key("EC", "P-256")
        self.reset()

    def reset(self):
        """Everything but the keys as in the beginning."""
        self.behaviour = {}  # path -> what is answered instead
        self.requests = []
        self.introspected = {}  # token -> answer
        self.clients = {"kubectl": None}  # id -> secret; None: a public client
        self.user = {"sub": "jane", "email": "jane@example.com", "email_verified": True,
                     "groups": ["dev", "ops"]}
        self.authorize_mode = "approve"
        self.device_mode = "approve"
        self.device_interval = 1
        self.id_token = {}  # claims of ID tokens of logins, over the ordinary ones
        self.lifetime = 300
        self.algorithm = "ES256"
        self.codes = {}
        self.devices = {}
        self.refresh = {}

    # ---- keys and tokens ----------------------------------------------------------------------

    def make_key(self, kind, parameter):
        self.generation += 1
        parameters = {"kid": f"key-{self.generation}", "use": "sig"}
        maker = ECKey if kind == "EC" else RSAKey
        key = maker.generate_key(parameter, parameters, private=True)
        self.keys[(kind, parameter)] = key
        self.published.append(key)
        return key

    def key(self, algorithm):
        kind, parameter = ALGORITHMS[algorithm]
        return self.keys.get((kind, parameter)) or self.make_key(kind, parameter)

    def sign(self, algorithm, claims, header=None, key=None):
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        if algorithm == "none":
            head = {"alg": "none", **(header or {})}
            return b64(json.dumps(head).encode()) + "." + b64(payload) + "."
        key = key or self.key(algorithm)
        head = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jws.serialize_compact(head, payload, key, algorithms=[algorithm])

    def keyed(self, claims, secret):
        """A token with an HMAC by any key. By hand: the JOSE stack knows better than to take a public
        key for it."""
        payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
        head = json.dumps({"alg": "HS256", "kid": self.published[0].kid}).encode()
        signed = b64(head) + "." + b64(payload)
        return signed + "." + b64(hmac.digest(secret, signed.encode(), "sha256"))

    def claims(self, more, without=()):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "kubectl", "sub": "jane", "iat": now,
                  "exp": now + self.lifetime, **more}
        return {name: value for name, value in claims.items() if name not in without}

    # ---- what the test says --------------------------------------------------------------------

    def told(self, line):
        command = json.loads(line)
        with self.lock:
            return getattr(self, "do_" + command.pop("do"))(**command) or {}

    def do_mint(self, alg="ES256", claims=None, without=(), header=None, payload=None,
                secret=None, stranger=False):
        """A token. `payload` is its claims as they are to be written; `secret` the key of an HMAC;
        `stranger`: a key that is not published, under the id of one that is."""
        body = payload.encode() if payload is not None else self.claims(claims or {}, without)
        key = None
        if secret is not None:
            return {"token": self.keyed(body, secret.encode())}
        if stranger:
            kind, parameter = ALGORITHMS[alg]
            maker = ECKey if kind == "EC" else RSAKey
            key = maker.generate_key(parameter, {"kid": self.key(alg).kid}, private=True)
        return {"token": self.sign(alg, body, header, key)}

    def do_reset(self):
        self.reset()

    def do_rotate(self, keep=False):
        """Other keys from now on; those before stay published only if `keep`."""
        if not keep:
            self.published = []
        kinds, self.keys = list(self.keys), {}
        for kind, parameter in kinds:
            self.make_key(kind, parameter)

    def do_behave(self, path, **answer):
        """What `path` answers from now on: status, body, json, delay (seconds), size, location,
        type. Nothing: the ordinary again."""
        if answer:
            self.behaviour[path] = answer
        else:
            self.behaviour.pop(path, None)

    def do_requests(self):
        """What was asked since the last time."""
        requests, self.requests = self.requests, []
        return {"requests": requests}

    def do_introspect(self, token, answer):
        """What introspection says of a token that is not ours to know."""
        self.introspected[token] = answer

    def do_client(self, id, secret=None):
        self.clients[id] = secret

    def do_set(self, **values):
        """user, authorize_mode, device_mode, device_interval, id_token, lifetime, algorithm."""
        for name, value in values.items():
            if name not in ("user", "authorize_mode", "device_mode", "device_interval", "id_token",
                            "lifetime", "algorithm"):
                raise ValueError(name)
            setattr(self, name, value)

    def do_public_key(self, alg="RS256"):
        return {"pem": self.key(alg).as_pem(private=False).decode()}

    # ---- what clients ask ----------------------------------------------------------------------

    def discovery(self):
        at = self.issuer
        return {
            "issuer": at,
            "jwks_uri": at + "/keys",
            "authorization_endpoint": at + "/authorize",
            "token_endpoint": at + "/token",
            "device_authorization_endpoint": at + "/device_authorization",
            "introspection_endpoint": at + "/introspect",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "grant_types_supported": ["authorization_code", "refresh_token", DEVICE_GRANT],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": sorted(ALGORITHMS),
            "scopes_supported": ["openid", "email", "groups", "offline_access"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic"],
        }

    def client_of(self, form, authorization):
        """The client that proves itself, or None."""
        if authorization and authorization.startswith("Basic "):
            try:
                text = base64.b64decode(authorization[6:], validate=True).decode()
            except ValueError:
                return None
            name, _, secret = text.partition(":")
            name, secret = unquote_plus(name), unquote_plus(secret)
            known = self.clients.get(name)
            return name if known is not None and known == secret else None
        name = form.get("client_id")
        return name if name in self.clients and self.clients[name] is None else None

    def tokens(self, client, scope, nonce=None):
        claims = {**self.user, "aud": client, "jti": secrets.token_hex(8)}
        if nonce is not None:
            claims["nonce"] = nonce
        id_token = self.sign(self.algorithm, self.claims({**claims, **self.id_token}))
        access = secrets.token_urlsafe(24)
        self.introspected[access] = {"active": True, "client_id": client, "token_type": "Bearer",
                                     "exp": int(time.time()) + self.lifetime, **self.user}
        answer = {"token_type": "Bearer", "access_token": access, "expires_in": self.lifetime,
                  "id_token": id_token, "scope": scope}
        if "offline_access" in scope.split():
            answer["refresh_token"] = secrets.token_urlsafe(24)
            self.refresh[answer["refresh_token"]] = (client, scope)
        return 200, answer

    def authorize(self, query):
        """Where the browser is sent; a page of text when there is nowhere to send it."""
        redirect = query.get("redirect_uri", "")
        known = query.get("client_id") in self.clients
        if not known or not redirect.startswith(("http://127.0.0.1:", "http://localhost:")):
            return None
        back = {"state": query.get("state", "")}
        is_pkce = query.get("code_challenge_method") == "S256" and query.get("code_challenge")
        if query.get("response_type") != "code" or not is_pkce:
            back.update(error="invalid_request", error_description="code with PKCE S256 only")
        elif "openid" not in query.get("scope", "").split():
            back.update(error="invalid_scope")
        elif self.authorize_mode == "deny":
            back.update(error="access_denied", error_description="jane said no")
        else:
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            back["code"] = code
        if self.authorize_mode == "wrong_state":
            back["state"] = "another"
        if self.authorize_mode == "with_iss":
            back["iss"] = self.issuer
        if self.authorize_mode == "wrong_iss":
            back["iss"] = "https://other.example"
        return redirect + ("&" if "?" in redirect else "?") + urlencode(back)

    def token(self, form, authorization):
        client = self.client_of(form, authorization)
        if client is None:
            return 401, {"error": "invalid_client"}
        grant = form.get("grant_type")
        if grant == "authorization_code":
            asked = self.codes.pop(form.get("code"), None)
            if asked is None or asked["client_id"] != client:
                return 400, {"error": "invalid_grant"}
            digest = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            is_same = asked["redirect_uri"] == form.get("redirect_uri")
            if digest != asked["code_challenge"] or not is_same:
                return 400, {"error": "invalid_grant", "error_description": "PKCE or redirect_uri"}
            return self.tokens(client, asked["scope"], asked.get("nonce"))
        if grant == "refresh_token":
            known = self.refresh.pop(form.get("refresh_token"), None)
            if known is None or known[0] != client:
                return 400, {"error": "invalid_grant"}
            return self.tokens(client, known[1])
        if grant == DEVICE_GRANT:
            device = self.devices.get(form.get("device_code"))
            if device is None or device["client"] != client:
                return 400, {"error": "invalid_grant"}
            device["polls"] += 1
            if self.device_mode == "deny":
                return 400, {"error": "access_denied"}
            if self.device_mode == "expire":
                return 400, {"error": "expired_token"}
            if self.device_mode == "slow_down" and device["polls"] == 1:
                return 400, {"error": "slow_down"}
            waits = self.device_mode == "pending" or (
                self.device_mode == "by_hand" and not device["approved"])
            # The first poll is always early: nobody types that fast.
            if waits or device["polls"] == 1:
                return 400, {"error": "authorization_pending"}
            del self.devices[form["device_code"]]
            return self.tokens(client, device["scope"])
        return 400, {"error": "unsupported_grant_type"}

    def device_authorization(self, form, authorization):
        client = self.client_of(form, authorization)
        if client is None:
            return 401, {"error": "invalid_client"}
        code, user_code = secrets.token_urlsafe(24), "WDJB-" + secrets.token_hex(2).upper()
        self.devices[code] = {"client": client, "scope": form.get("scope", ""), "polls": 0,
                              "user_code": user_code, "approved": False}
        at = self.issuer + "/device"
        return 200, {"device_code": code, "user_code": user_code, "verification_uri": at,
                     "verification_uri_complete": at + "?user_code=" + user_code,
                     "expires_in": 60, "interval": self.device_interval}

    def device_page(self, query):
        for device in self.devices.values():
            if device["user_code"] == query.get("user_code"):
                device["approved"] = True
                return "approved"
        return "unknown code"

    def introspect(self, form, authorization):
        if not (authorization or "").startswith("Basic ") or not self.client_of(form, authorization):
            return 401, {"error": "invalid_client"}
        return 200, self.introspected.get(form.get("token"), {"active": False})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    provider = None

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        form = dict(parse_qsl(self.rfile.read(length).decode(), keep_blank_values=True))
        self.answer(form)

    def answer(self, form):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        authorization = self.headers.get("Authorization")
        provider = self.provider
        with provider.lock:
            provider.requests.append({"method": self.command, "path": self.path, "form": form,
                                      "authorization": authorization})
            instead = provider.behaviour.get(url.path)
        if instead is not None:
            self.misbehave(instead)
            return
        with provider.lock:
            route = (self.command, url.path)
            if route == ("GET", "/.well-known/openid-configuration"):
                self.send_json(200, provider.discovery())
            elif route == ("GET", "/keys"):
                keys = [key.as_dict(private=False) for key in provider.published]
                self.send_json(200, {"keys": keys})
            elif route == ("GET", "/authorize"):
                location = provider.authorize(query)
                if location is None:
                    self.send(400, b"unknown client or redirect_uri", "text/plain")
                else:
                    self.send(302, b"", "text/plain", {"Location": location})
            elif route == ("POST", "/token"):
                self.send_json(*provider.token(form, authorization))
            elif route == ("POST", "/device_authorization"):
                self.send_json(*provider.device_authorization(form, authorization))
            elif route == ("GET", "/device"):
                page = html.escape(provider.device_page(query))
                self.send(200, page.encode(), "text/html")
            elif route == ("POST", "/introspect"):
                self.send_json(*provider.introspect(form, authorization))
            else:
                self.send(404, b"not here", "text/plain")

    def misbehave(self, instead):
        time.sleep(instead.get("delay", 0))
        if "json" in instead:
            body = json.dumps(instead["json"]).encode()
        else:
            body = instead.get("body", "").encode() + b" " * instead.get("size", 0)
        headers = {"Location": instead["location"]} if "location" in instead else {}
        self.send(instead.get("status", 200), body, instead.get("type", "application/json"), headers)

    def send_json(self, status, value):
        self.send(status, json.dumps(value).encode(), "application/json")

    def send(self, status, body, kind, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # The client had enough.

    def log_message(self, *arguments):
        pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64
    tls = None

    def finish_request(self, request, client_address):
        # In the thread of the connection: one that never shakes hands holds up nobody.
        try:
            request = self.tls.wrap_socket(request, server_side=True)
        except OSError:
            return
        try:
            super().finish_request(request, client_address)
        except OSError:
            pass
        finally:
            request.close()


def main():
    certificate, key = sys.argv[1:3]
    provider = Provider()
    Handler.provider = provider
    server = Server(("127.0.0.1", 0), Handler)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate, key)
    port = server.server_address[1]
    provider.issuer = f"https://localhost:{port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"issuer": provider.issuer}), flush=True)
    for line in sys.stdin:
        try:
            answer = provider.told(line)
        except Exception as error:  # Told to the test, which fails with it.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
