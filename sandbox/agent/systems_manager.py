"""The host's part in Systems Manager: registration with an activation, keys of its role, a sign of life."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox import node_signature
from sandbox.agent.errors import Refused, Unreachable
from sandbox.agent.identity import HostIdentity

_TIMEOUT_SECONDS = 15.0
_CONTENT_TYPE = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class SystemsManager:
    """Calls of an SSM agent.

    Args:
        url: the endpoint's address.
        region: AWS Region.
    """

    url: str
    region: str

    def register(self, *, activation_id: str, activation_code: str) -> HostIdentity:
        """Turn an activation's id and code into an identity, with a new key.

        Raises:
            Refused: the activation is not valid.
            Unreachable: no answer.
        """
        key = node_signature.new_key()
        answer = self._call(
            "RegisterManagedInstance",
            {
                "ActivationId": activation_id,
                "ActivationCode": activation_code,
                "PublicKey": node_signature.public_part(key),
                "PublicKeyType": "Rsa",
                "Fingerprint": "local",
            },
        )
        return HostIdentity(instance_id=answer["InstanceId"], private_key=key)

    def role_keys(self, identity: HostIdentity) -> dict[str, str]:
        """Keys of the host's Anywhere role, as botocore's refreshable credentials take them.

        Raises:
            Refused: the node is not registered any more.
            Unreachable: no answer.
        """
        answer = self._call("RequestManagedInstanceRoleToken", {"Fingerprint": "local"}, identity)
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": datetime.fromtimestamp(answer["TokenExpirationDate"], UTC).isoformat(),
        }

    def tell_of_host(self, identity: HostIdentity, *, name: str, address: str = "127.0.0.1") -> None:
        """UpdateInstanceInformation: this host is there, and is called so.

        Raises:
            Refused: the node is not registered any more.
            Unreachable: no answer.
        """
        said = {
            "InstanceId": identity.instance_id,
            "ComputerName": name,
            "IPAddress": address,
            "PlatformType": "Linux",
        }
        keys = self.role_keys(identity)
        self._call("UpdateInstanceInformation", said, keys)

    def _call(
        self, operation: str, body: dict[str, Any], signer: HostIdentity | dict[str, str] | None = None
    ) -> dict[str, Any]:
        request = AWSRequest(
            method="POST",
            url=f"{self.url}/",
            headers={"X-Amz-Target": f"AmazonSSM.{operation}", "Content-Type": _CONTENT_TYPE},
            data=json.dumps(body).encode(),
        )
        if isinstance(signer, HostIdentity):
            key = signer.private_key
            node_signature.sign(request, node=signer.instance_id, private_key=key, region=self.region)
        elif signer:
            keys = Credentials(signer["access_key"], signer["secret_key"], signer["token"])
            SigV4Auth(keys, "ssm", self.region).add_auth(request)
        try:
            answer = urllib3.request(
                "POST", f"{self.url}/", body=request.data, headers=dict(request.headers.items()),
                timeout=_TIMEOUT_SECONDS, retries=False,
            )  # fmt: skip
            content: dict[str, Any] = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise Unreachable(f"{self.url} does not answer: {error}") from error
        if answer.status >= 500:
            raise Unreachable(str(content.get("message")))
        if answer.status >= 400:
            raise Refused(str(content.get("__type")), str(content.get("message")))
        return content
