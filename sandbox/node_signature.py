"""The signature of a managed node: Signature Version 4, with the node's RSA key in place of a secret.

The SSM agent signs so what it asks before it has keys of a role. Source: amazon-ssm-agent,
agent/ssm/rsaauth/ssm_rsaV4.go and agent/managedInstances/auth/rsa_key.go (RSA-PSS with SHA-256).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

_KEY_BITS = 2048
_SALT_BYTES = 32
_SIGNED = re.compile(r"Credential=(?P<node>[^/]+)/.*SignedHeaders=(?P<names>[^,]+), *Signature=(?P<sign>\S+)")


def new_key() -> str:
    """A private key, as the SSM agent keeps it: PKCS#1 DER in base64."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return base64.b64encode(der).decode()


def public_part(private_key: str) -> str:
    """What RegisterManagedInstance is told of a key: its public part, DER in base64."""
    der = _private(private_key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def is_public_key(text: str) -> bool:
    """Whether a text is the public part of an RSA key."""
    try:
        return isinstance(load_der_public_key(base64.b64decode(text)), rsa.RSAPublicKey)
    except ValueError:
        return False


def sign(request: AWSRequest, *, node: str, private_key: str, region: str) -> None:
    """Add a node's signature to a request of Systems Manager."""
    _NodeAuth(node, region, _private(private_key)).add_auth(request)


def signed_by(authorization: str) -> str | None:
    """The node that a request says it comes from, or None for one that no node signed."""
    found = _SIGNED.search(authorization)
    return found["node"] if found and found["node"].startswith("mi-") else None


def verified(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes, public_key: str, region: str
) -> bool:
    """Whether the holder of a node's key signed a request as it came.

    Args:
        method: of HTTP.
        url: as the caller wrote it.
        headers: names in lower case.
        body: of the request.
        public_key: DER in base64, of the node that the request names.
        region: AWS Region.
    """
    found = _SIGNED.search(headers.get("authorization", ""))
    key = load_der_public_key(base64.b64decode(public_key))
    if not found or not isinstance(key, rsa.RSAPublicKey):
        return False
    kept = {name: headers.get(name, "") for name in found["names"].split(";")}
    request = AWSRequest(method=method, url=url, headers=kept, data=body)
    request.context["timestamp"] = headers.get("x-amz-date", "")
    auth = SigV4Auth(Credentials(found["node"], "-"), "ssm", region)
    told = auth.string_to_sign(request, auth.canonical_request(request))
    pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
    try:
        key.verify(base64.b64decode(found["sign"]), told.encode(), pss, SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(text: str) -> rsa.RSAPrivateKey:
    key = load_der_private_key(base64.b64decode(text), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the key of a managed node is an RSA key")
    return key


class _NodeAuth(SigV4Auth):
    def __init__(self, node: str, region: str, key: rsa.RSAPrivateKey) -> None:
        super().__init__(Credentials(node, "-"), "ssm", region)
        self._key = key

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:  # noqa: ARG002 - of botocore
        pss = padding.PSS(padding.MGF1(SHA256()), _SALT_BYTES)
        return base64.b64encode(self._key.sign(string_to_sign.encode(), pss, SHA256())).decode()
