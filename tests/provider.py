"""An outside provider of users: its key, its tokens good and bad, and its key set over real HTTP."""

import datetime
import json
import time
from contextlib import contextmanager

import jwt
from bottle import Bottle, response
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.serving import Serving

ISSUER = "https://tenant.auth0.example/"
AUDIENCE = "https://jobs.example"
NAMESPACE = "https://photonranch.org"


class Keys:
    """One RSA key of the provider, with its certificate and its entry in a key set."""

    def __init__(self, kid="k1", bits=2048):
        self.kid = kid
        self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        public = self.private.public_key()
        pem = serialization.Encoding.PEM
        self.public_pem = public.public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tenant.auth0.example")])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number(), now, now + datetime.timedelta(1))
        ).sign(self.private, hashes.SHA256())
        self.certificate = certificate.public_bytes(pem).decode()
        self.jwk = {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(public)), "kid": kid, "use": "sig", "alg": "RS256"}

    def token(self, user_id="auth0|alice", roles=(), algorithm="RS256", headers=None, key=None, **changes):
        """A token of this provider; `changes` with the value None leave a claim out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": [AUDIENCE, f"{ISSUER}userinfo"],
            "sub": user_id,
            "iat": now,
            "exp": now + 3600,
            f"{NAMESPACE}/app_metadata": {"roles": list(roles)},
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            claims, key or self.private, algorithm=algorithm, headers={"kid": self.kid, **(headers or {})}
        )


def _unsigned(token, algorithm):
    head = jwt.utils.base64url_encode(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()).decode()
    return f"{head}.{token.split('.')[1]}."


def _hs256_with(public_pem, token):
    """HS256 with the public key as the secret; PyJWT itself refuses to make one."""
    import hashlib
    import hmac

    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT"}').decode()
    signed = f"{head}.{token.split('.')[1]}"
    mac = hmac.new(public_pem.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{jwt.utils.base64url_encode(mac).decode()}"


def bad_tokens(keys, other):
    """Name -> token, for every attack that must be refused."""
    good = keys.token()
    head, _, signature = good.split(".")
    now = int(time.time())
    admin = jwt.utils.base64url_encode(
        json.dumps({**jwt.decode(good, options={"verify_signature": False}), "sub": "x"}).encode()
    )
    return {
        "fourpart": f"{good}.x",
        "stripped": f"..{signature}",
        "none": _unsigned(good, "none"),
        "none_case": _unsigned(good, "nOnE"),
        "hs256_pub": _hs256_with(keys.public_pem, good),
        "hs256_cert": _hs256_with(keys.certificate, good),
        "rs512": keys.token(algorithm="RS512"),
        "wrong_key": keys.token(key=other.private),
        "tampered": f"{head}.{admin.decode()}.{signature}",
        "expired": keys.token(exp=now - 3600, iat=now - 7200),
        "not_yet": keys.token(nbf=now + 3600),
        "future_iat": keys.token(iat=now + 7200),
        "no_exp": keys.token(exp=None),
        "no_sub": keys.token(sub=None),
        "no_iss": keys.token(iss=None),
        "no_aud": keys.token(aud=None),
        "wrong_aud": keys.token(aud="https://other.example"),
        "aud_part": keys.token(aud=AUDIENCE[:-1]),
        "iss_prefix": keys.token(iss=ISSUER + "x"),
        "iss_part": keys.token(iss=ISSUER[:-2]),
        "own_issuer": keys.token(iss="prjobs", aud="prjobs", jti="operator"),
        "kid_sql": keys.token(headers={"kid": "x' UNION SELECT 'key"}, key=other.private),
        "kid_path": keys.token(headers={"kid": "../../secret"}, key=other.private),
        "jku": keys.token(headers={"jku": "http://127.0.0.1:1/jwks.json", "kid": "evil"}, key=other.private),
        "x5u": keys.token(headers={"x5u": "http://127.0.0.1:1/cert.pem"}, key=other.private),
        "embedded_jwk": keys.token(headers={"jwk": other.jwk}, key=other.private),
        "crit": keys.token(headers={"crit": ["exp2"], "exp2": 1}),
        "long": keys.token(filling="x" * 9000),
        "sub_list": keys.token(sub=["auth0|alice"]),
        "sub_controls": keys.token(sub="auth0|alice\n"),
        "sub_long": keys.token(sub="a" * 129),
        "sub_half": keys.token(sub="a\ud800"),
        "sub_empty": keys.token(sub=""),
    }


@contextmanager
def published(*keys):
    """The provider's key set and userinfo over HTTP: yields (its address, what it answers, the requests it saw)."""
    answers = {"jwks.json": {"keys": [key.jwk for key in keys]}}
    seen = []
    app = Bottle()

    @app.get("/<name>")
    def answer(name):
        seen.append(name)
        response.content_type = "application/json"
        return json.dumps(answers.get(name)) if name in answers else "<html>"

    with Serving(app) as serving:
        yield serving.url, answers, seen
