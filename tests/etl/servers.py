"""Private servers of the tests: PostgreSQL, MariaDB and an embedded S3, each in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workspace.environments import EMULATOR
from workspace.paths import STATE

_PATH = os.pathsep.join(
    [
        *(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)),
        os.environ.get("PATH", ""),
        "/usr/sbin",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A database that the tests own: `secret` is what the container gets.

    `running` is its process, the last of them where it was killed and started again.
    """

    engine: str
    host: str
    port: int
    username: str
    password: str
    dbname: str
    running: list[subprocess.Popen[bytes]]
    directory: Path

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The one that runs."""
        return self.running[-1]

    def kill(self) -> None:
        """End it as a machine without power does."""
        self.process.kill()
        self.process.wait()

    def start_again(self) -> None:
        """Start it as it was, on the port where it was, and wait until it takes connections."""
        arguments = [str(argument) for argument in self.process.args]  # type: ignore[union-attr]
        self.running.append(_start(arguments, self.directory))
        _until(lambda: self._listens_again(arguments), f"the server on port {self.port} again")

    def _listens_again(self, arguments: list[str]) -> bool:
        # PostgreSQL does not start while a session of the one before still ends.
        if self.process.poll() is not None:
            self.running.append(_start(arguments, self.directory))
        return _listens(self.process, self.port)

    @property
    def secret(self) -> dict[str, object]:
        return {
            "host": self.host,
            "port": self.port,
            "username": self.username,
            "password": self.password,
            "dbname": self.dbname,
        }


def program(name: str) -> str | None:
    return shutil.which(name, path=_PATH)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def postgresql(directory: Path, *settings: str) -> Iterator[Server]:
    data, port = directory / "data", free_port()
    password = directory / "password"
    password.write_text("correct-horse")
    _own(directory, "postgres")
    subprocess.run(
        [
            *_as("postgres"),
            str(program("initdb")),
            "-D",
            str(data),
            "-U",
            "etl",
            "-A",
            "scram-sha-256",
            f"--pwfile={password}",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=directory,
    )
    options = ["fsync=off", "listen_addresses=127.0.0.1", f"unix_socket_directories={directory}", *settings]
    process = _start(
        [*_as("postgres"), str(program("postgres")), "-D", str(data), "-p", str(port)]
        + [argument for option in options for argument in ("-c", option)],
        directory,
    )
    ready = [str(program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
    running = [process]
    with _stopping(running, port):
        _until(lambda: subprocess.run(ready, check=False).returncode == 0, "PostgreSQL")
        yield Server(
            engine="postgresql",
            host="127.0.0.1",
            port=port,
            username="etl",
            password="correct-horse",
            dbname="postgres",
            running=running,
            directory=directory,
        )


@contextlib.contextmanager
def standby(directory: Path, primary: Server) -> Iterator[Server]:
    """A streaming standby of a PostgreSQL server of the tests, in a directory beside it."""
    data, port = directory / "standby", free_port()
    address = f"host={primary.host} port={primary.port} user={primary.username} password={primary.password}"
    subprocess.run(
        [*_as("postgres"), str(program("pg_basebackup")), "-D", str(data), "-R", "-c", "fast", "-d", address],
        check=True,
        cwd=directory,
    )
    options = ["fsync=off", f"unix_socket_directories={directory}", "wal_receiver_status_interval=1s"]
    command = [*_as("postgres"), str(program("postgres")), "-D", str(data), "-p", str(port)]
    for option in (*options, "listen_addresses=127.0.0.1", "max_prepared_transactions=5"):
        command += ["-c", option]
    process = _start(command, directory)
    ready = [str(program("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(port)]
    running = [process]
    with _stopping(running, port):
        _until(lambda: subprocess.run(ready, check=False).returncode == 0, "the standby")
        yield replace(primary, port=port, running=running)


@contextlib.contextmanager
def mariadb(directory: Path, *settings: str) -> Iterator[Server]:
    data, port = directory / "data", free_port()
    _own(directory, "mysql")
    subprocess.run(
        [
            str(program("mariadb-install-db")),
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *_as_mysql(),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
    )
    with _serving("mariadb", [str(program("mariadbd"))], directory, data, port, settings) as server:
        yield server


@contextlib.contextmanager
def mysql(directory: Path, *settings: str) -> Iterator[Server]:
    """MySQL itself, with the libraries that came with it (fetch_mysql.sh)."""
    data, port, root = directory / "data", free_port(), mysql_root()
    _own(directory, "mysql")
    libraries = f"{root}/usr/lib/x86_64-linux-gnu"
    command = [f"{libraries}/ld-linux-x86-64.so.2", "--library-path", libraries, f"{root}/usr/sbin/mysqld"]
    own = [
        f"--basedir={root}/usr",
        f"--lc-messages-dir={root}/usr/share/mysql",
        "--mysqlx=OFF",
        "--secure-file-priv=",
    ]
    subprocess.run(
        [*command, "--no-defaults", *own, "--initialize-insecure", f"--datadir={data}", *_as_mysql()],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
    )
    with _serving("mysql", command, directory, data, port, [*own, *settings]) as server:
        yield server


def mysql_root() -> Path:
    """Where fetch_mysql.sh has put MySQL, if it has."""
    return Path(os.environ.get("HYBRID_TEST_MYSQL") or STATE / "mysql") / "root"


@contextlib.contextmanager
def _serving(
    engine: str, command: list[str], directory: Path, data: Path, port: int, settings: Sequence[str]
) -> Iterator[Server]:
    first = directory / "first.sql"
    first.write_text(
        "create database shop character set utf8mb4;\n"
        "create user etl@'%' identified by 'correct-horse';\n"
        "grant all on *.* to etl@'%';\n"
    )
    process = _start(
        [
            *command,
            "--no-defaults",
            f"--datadir={data}",
            f"--port={port}",
            "--bind-address=127.0.0.1",
            f"--socket={directory}/server.sock",
            f"--init-file={first}",
            "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-flush-method=nosync",
            "--innodb-buffer-pool-size=128M",
            "--skip-name-resolve",
            *_as_mysql(),
            *settings,
        ],
        directory,
    )
    running = [process]
    with _stopping(running, port):
        yield Server(
            engine=engine,
            host="127.0.0.1",
            port=port,
            username="etl",
            password="correct-horse",
            dbname="shop",
            running=running,
            directory=directory,
        )


def _as_mysql() -> list[str]:
    return ["--user=mysql"] if os.getuid() == 0 else []


@contextlib.contextmanager
def aws(directory: Path) -> Iterator[dict[str, str]]:
    """An embedded S3 and Secrets Manager; gives the environment of a client."""
    port = free_port()
    for part in ("state", "s3", "tmp"):
        (directory / part).mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": "eu-west-1",
        "MINISTACK_HOST": "localhost",
        "BIND_HOST": "127.0.0.1",
        "TMPDIR": str(directory / "tmp"),
        "STATE_DIR": str(directory / "state"),
        "S3_DATA_DIR": str(directory / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    process = _start([str(ministack_python()), "-m", "ministack"], directory, environment=environment)
    with _stopping([process], port):
        _until(lambda: _healthy(f"http://127.0.0.1:{port}/_ministack/health"), "MiniStack")
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


def ministack_python() -> Path:
    return Path(os.environ.get("HYBRID_TEST_MINISTACK_PYTHON") or EMULATOR.python)


def _as(user: str) -> list[str]:
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if os.getuid() == 0 else []


def _own(directory: Path, user: str) -> None:
    if os.getuid() == 0:
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, user, user)


def _start(
    command: list[str], directory: Path, *, environment: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    with (directory / "server.log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env=environment,
        )


@contextlib.contextmanager
def _stopping(running: list[subprocess.Popen[bytes]], port: int) -> Iterator[None]:
    try:
        _until(lambda: _listens(running[-1], port), f"the server on port {port}")
        yield
    finally:
        running[-1].terminate()
        try:
            running[-1].wait(5)
        except subprocess.TimeoutExpired:
            running[-1].kill()
            running[-1].wait()


def _until(condition: object, what: str, *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not start in {seconds} s")
        time.sleep(0.05)


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"the server on port {port} ended with code {process.returncode}")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _healthy(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1) as answer:
        return bool(answer.status == 200)
    return False
