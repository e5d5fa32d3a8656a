"""A newcomer: an ordinary user with a fresh clone in a path with a space, and a shell to type into.

Where this runs as root, the user is `nobody`, who has no way to Docker; else it is who runs this.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from workspace.paths import ROOT

#: `nobody` on every Linux distribution.
_NOBODY = 65534

#: Width of the terminal.
_COLUMNS = 100

#: What a newcomer's shell keeps of this one: how packages are reached, and nothing else.
_KEPT = ("PIP_", "UV_", "NPM_CONFIG_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_")
_NOT_KEPT = ("UV_CACHE_DIR", "PIP_CACHE_DIR", "NPM_CONFIG_CACHE")


@dataclass(frozen=True)
class Said:
    """What a command came to.

    Attributes:
        text: as it was typed.
        output: what it showed, both streams in their order.
        code: its exit code.
        seconds: how long it took.
    """

    text: str
    output: str
    code: int
    seconds: float


class Newcomer:
    """A user with a home, a clone and a shell whose variables last from command to command.

    Args:
        directory: theirs alone.
        variables: of their shell, beside what reaches packages.
    """

    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.clone = self.home / "a clone"
        self._state = self.home / ".shell"
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.upper().startswith(_KEPT) and name.upper() not in _NOT_KEPT
        }
        self._variables = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", **kept, **variables}

    @property
    def is_another(self) -> bool:
        """Whether the newcomer is another user than the one who runs this."""
        return os.geteuid() == 0

    def argv(self, *command: str) -> list[str]:
        """A command as this user runs it."""
        user = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        return [*(user if self.is_another else ()), *command]

    def own(self, path: Path) -> None:
        """Make a tree this user's."""
        for place in (path, *path.rglob("*")):
            self.own_alone(place)

    def own_alone(self, path: Path) -> None:
        """Make a file or a directory this user's, without what is in it."""
        if self.is_another:
            os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)

    def type(self, text: str) -> Said:
        """Type a command in the clone, at a terminal; what it exports is there for the next one."""
        state = f"'{self._state}'"
        script = f"[ ! -e {state} ] || . {state}\n{text}\ncode=$?\nexport -p >{state}\nexit $code"
        began = time.monotonic()
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
        with subprocess.Popen(
            self.argv("bash", "-c", script),
            cwd=self.clone,
            env={**self._variables, "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        ) as process:
            os.close(slave)
            shown = b"".join(_read(master))
            os.close(master)
        output = shown.decode(errors="replace").replace("\r\n", "\n")
        return Said(text, output, process.returncode, time.monotonic() - began)


def _read(master: int) -> Iterator[bytes]:
    """What a terminal shows, until nobody has it open any more."""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO, by which Linux says so
            return
        if not part:
            return
        yield part


@contextmanager
def newcomer(*, share_caches: bool) -> Iterator[Newcomer]:
    """A newcomer with a clone of this project, which has what is not committed, too; gone at the end.

    Args:
        share_caches: let them have what uv and npm fetched on this machine before; else they fetch it.
    """
    directory = Path(tempfile.mkdtemp(prefix="hybrid-newcomer-"))
    directory.chmod(0o755)
    try:
        caches = {"UV_CACHE_DIR": directory / "uv", "npm_config_cache": directory / "npm"}
        made = Newcomer(directory, {name: str(path) for name, path in caches.items()} if share_caches else {})
        made.home.mkdir()
        _clone(made.clone)
        if share_caches:
            _share(made, _cache("UV_CACHE_DIR", "uv"), caches["UV_CACHE_DIR"])
            _share(made, _cache("npm_config_cache", "../.npm"), caches["npm_config_cache"])
        made.own(made.home)
        yield made
    finally:
        # A hundred thousand files: half the time of shutil's.
        subprocess.run(["rm", "-rf", str(directory)], check=False)


def _clone(place: Path) -> None:
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(place)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = place / name
        if (ROOT / name).is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        else:
            target.unlink(missing_ok=True)


def _cache(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / ".cache" / usual).resolve()


#: Of uv's cache, what is never written again: most of it.
_CONTENT = "archive-v0"


def _share(user: Newcomer, cache: Path, place: Path) -> None:
    """The user's own copy of a cache; of what is never written again, links where they can be made."""
    place.mkdir()
    for part in cache.iterdir() if cache.is_dir() else ():
        links = part.name == _CONTENT and _copy("-al", part, place)
        if not links:
            _copy("-a", part, place)
            user.own(place / part.name)
    # Of what is linked, directories alone: a file has one owner in all caches.
    for directory, _, _ in os.walk(place / _CONTENT):
        user.own_alone(Path(directory))
    user.own_alone(place)


def _copy(how: str, source: Path, place: Path) -> bool:
    command = ["cp", how, str(source), str(place)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
