"""The embedded AWS: MiniStack, in a virtual environment of its own, as a child process.

It is a place to run things, not a proof of least privilege or of template validity. ECS tasks,
container instances and hybrid activations are answered by `sandbox.endpoint` in front of it.

    emulator = Emulator(Path(".hybrid/state"), port=4566, python=EMULATOR.ensure().python)
    with emulator:
        subprocess.run(["cdk", "deploy"], env={**os.environ, **emulator.client_environment()})
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from workspace.files import private_directory

#: The account that MiniStack answers for when the access key is not twelve digits.
ACCOUNT = "000000000000"

_LOG_TAIL_LINES = 15


class EmulatorError(Exception):
    """The emulator could not be started or reset; the message says what to do."""


class Emulator:
    """One MiniStack server, its state directory and the environment its clients need.

    Args:
        state_dir: where state, S3 objects and the log `emulator.log` are kept; made when missing.
        port: TCP port on `bind`.
        python: interpreter of the emulator's own environment (`workspace.environments.EMULATOR`).
        region: region of requests that name none.
        auth: enforce IAM policies and signatures (`AUTH=true`). The root key stays `test`/`test`.
        bind: address to listen on. The default is reachable from this machine only.
    """

    def __init__(
        self,
        state_dir: Path,
        *,
        port: int,
        python: Path,
        region: str = "eu-west-1",
        auth: bool = False,
        bind: str = "127.0.0.1",
    ) -> None:
        self.state_dir = state_dir.resolve()
        self.port = port
        self.python = python
        self.region = region
        self.auth = auth
        self.bind = bind
        self.log = self.state_dir / "emulator.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """Address of every service, for clients on this machine."""
        return f"http://localhost:{self.port}"

    def command(self) -> list[str]:
        """Command of the server, for whoever runs it as a service of its own."""
        return [str(self.python), "-m", "ministack"]

    def client_environment(self) -> dict[str, str]:
        """Environment variables that point an AWS SDK, the CDK and the AWS CLI at the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            # The CDK command line caches the account of an access key; keep that out of the home directory.
            "CDK_HOME": str(self.state_dir / "cdk-home"),
        }

    def start(self, *, timeout: float = 20.0) -> None:
        """Start the server and wait until it answers.

        Raises:
            EmulatorError: the port is taken, the server died, or it did not answer in `timeout` seconds.
        """
        if self._process and self._process.poll() is None:
            return
        if not self.python.exists():
            raise EmulatorError(f"no emulator environment at {self.python.parent.parent}: make it first.")
        self._refuse_taken_port()
        environment = self.server_environment()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                env=environment,
                cwd=self.state_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait_healthy(self._process, timeout)

    def stop(self, *, timeout: float = 15.0) -> None:
        """Stop the server and whatever it started: SIGTERM, which saves state, then SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
        _kill_group(process.pid)
        process.wait()

    def healthy(self) -> bool:
        """Whether the server answers its health check."""
        import urllib3  # noqa: PLC0415 - help does not wait for it

        try:
            answer = urllib3.request(
                "GET", f"{self._loopback_url}/_ministack/health", timeout=2, retries=False
            )
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def reset(self) -> None:
        """Forget every resource of every service.

        Raises:
            EmulatorError: the server did not answer.
        """
        import urllib3  # noqa: PLC0415 - help does not wait for it

        try:
            urllib3.request("POST", f"{self._loopback_url}/_ministack/reset", timeout=30, retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise EmulatorError(f"the emulator on port {self.port} could not be reset: {error}.") from error

    def __enter__(self) -> Emulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _loopback_url(self) -> str:
        host = "127.0.0.1" if self.bind == "0.0.0.0" else self.bind  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"

    def server_environment(self) -> dict[str, str]:
        """The whole environment of the server; makes the directories that it names."""
        for part in ("state", "s3", "tmp", "cdk-home"):
            private_directory(self.state_dir / part)
        private_directory(self.state_dir)
        # An AWS_ACCESS_KEY_ID of the caller's would become the emulator's root key.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return inherited | self.settings()

    def settings(self) -> dict[str, str]:
        """The variables that make the server what it is."""
        return {
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": self.bind,
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": self.region,
            "TMPDIR": str(self.state_dir / "tmp"),
            "STATE_DIR": str(self.state_dir / "state"),
            "S3_DATA_DIR": str(self.state_dir / "s3"),
            "PERSIST_STATE": "1",
            "S3_PERSIST": "1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AUTH": "true" if self.auth else "false",
            "PYTHONUNBUFFERED": "1",
        }

    def _refuse_taken_port(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.bind, self.port))
            except OSError as error:
                raise EmulatorError(
                    f"port {self.port} on {self.bind} is taken ({error.strerror}): stop what listens there "
                    "or choose another port for the emulator."
                ) from error

    def _wait_healthy(self, process: subprocess.Popen[bytes], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            code = process.poll()
            if code is not None:
                self._process = None
                raise EmulatorError(f"the emulator ended with {code} while starting. {self._tail()}")
            if self.healthy():
                return
            time.sleep(0.05)
        self.stop()
        raise EmulatorError(
            f"the emulator did not answer on port {self.port} in {timeout:g} s. {self._tail()}"
        )

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join([f"Last lines of {self.log}:", *lines])


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
