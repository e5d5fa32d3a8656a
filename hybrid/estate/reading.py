"""The texts of an estate's files, within bounds: a file may be a device, or not there, or no text."""

from __future__ import annotations

import difflib
import io
from contextlib import suppress
from pathlib import Path

from hybrid.estate.problem import EstateError, Problem

#: A thousand pipelines with long queries are a tenth of it; a device, or a database's dump, may have no end.
_MOST_BYTES = 16 * 2**20


def text_of(path: Path, *, remedy: str = "name another with `-c estate=FILE`") -> str:
    """The text of an estate file.

    Raises:
        EstateError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            message = f"is larger than {_MOST_BYTES // 2**20} MiB, which no estate file is; name another"
            raise EstateError([Problem(str(path), 1, "", message)])
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except FileNotFoundError as error:
        near = _nearest(path)
        message = f"there is no such file; {f'did you mean `{near}`?' if near else remedy}"
        raise EstateError([Problem(str(path), 1, "", message)]) from error
    except IsADirectoryError as error:
        message = "is a directory; name the estate file in it"
        raise EstateError([Problem(str(path), 1, "", message)]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        message = "cannot be read: it is no text in UTF-8; save it in that encoding"
        raise EstateError([Problem(str(path), line, "", message)]) from error
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise EstateError([Problem(str(path), 1, "", message)]) from error


def _nearest(path: Path) -> Path | None:
    """A YAML file of the same directory whose name is near."""
    with suppress(OSError):
        names = [one.name for one in path.parent.iterdir() if one.suffix in (".yaml", ".yml")]
        if close := difflib.get_close_matches(path.name, names, n=1):
            return path.parent / close[0]
    return None
