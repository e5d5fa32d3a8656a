"""What a command line that cannot be read is told: what was wrong, what was meant, where the rest is."""

from __future__ import annotations

import difflib
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Sequence

from typer._click.exceptions import MissingParameter, NoSuchOption, UsageError

from hybrid.cli.commands import COMMANDS

#: What typer says of a value, and with it pydantic → what we say.
_SAID: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"Input should be a valid integer"), lambda _: "takes a whole number"),
    (re.compile(r"Input should be a valid number"), lambda _: "takes a number"),
    (re.compile(r"Input should be greater than or equal to (\S+)"), lambda m: f"takes at least {m[1]}"),
    (re.compile(r"Input should be less than or equal to (\S+)"), lambda m: f"takes at most {m[1]}"),
    (re.compile(r"(?:Value error, )?'(.*)' is not one of (.*?)\.?$"), lambda m: _no_choice(m[1], m[2])),
)


def explained(error: UsageError) -> str:
    """An error of usage, as a sentence and a hint at the command's help."""
    command = error.ctx.command_path if error.ctx else _typed()
    return f"{command}: {_sentence(error)}\n`{command} --help` shows what it takes"


def empty_option(words: Sequence[str]) -> str | None:
    """What is said of an option whose value is an empty text, as of a variable that is not set; else None.

    An empty path would be the directory that one is in, and no option means anything by an empty text.
    """
    for before, word in itertools.pairwise(["", *words]):
        option = before if word == "" else word[:-1] if word.endswith("=") else ""
        if option.startswith("--"):
            return f"{_typed()}: {option} needs a value\n`{_typed()} --help` shows what it takes"
    return None


def _typed() -> str:
    """The command as it was typed, where the error does not say: up to the first option or argument."""
    words = list(itertools.takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    is_group = bool(words) and words[0] in COMMANDS and COMMANDS[words[0]].name == "app"
    return " ".join(["bin/hybrid", *words[: 2 if is_group else 1]])


def _sentence(error: UsageError) -> str:
    message = error.format_message()
    if isinstance(error, NoSuchOption):
        return f"there is no option {error.option_name}{_near(error.option_name, _options(error))}"
    if isinstance(error, MissingParameter):
        return f"{_name(error)} is missing"
    if match := re.match(r"No such command '(.*?)'", message):
        known = error.ctx.command.list_commands(error.ctx) if error.ctx else []  # type: ignore[attr-defined]
        return f"there is no command `{match[1]}`{_near(match[1], known) or _all_of(known)}"
    if match := re.match(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message):
        return f"`{match[1]}` is one argument too many"
    if match := re.match(r"Option '(.*?)' requires an argument", message):
        return f"{match[1]} needs a value"
    return f"{_name(error)} {_of_a_value(error.message)}"


def _of_a_value(message: str) -> str:
    for pattern, words in _SAID:
        if match := pattern.search(message):
            return words(match)
    return f"is wrong: {message}"


def _no_choice(given: str, known: str) -> str:
    words = re.findall(r"'([^']*)'", known)
    return f"is `{given}`{_near(given, words) or _all_of(words)}"


def _name(error: UsageError) -> str:
    """The option or argument that an error is of."""
    parameter = getattr(error, "param", None)
    hint = getattr(error, "param_hint", None) or (parameter.get_error_hint() if parameter else "a value")
    text = hint if isinstance(hint, str) else " / ".join(hint)
    name = text.replace("'", "").removesuffix("...").strip("{}[]")
    return name if name.startswith("-") else name.upper()


def _options(error: UsageError) -> list[str]:
    parameters = error.ctx.command.params if error.ctx else []
    return [name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)]


def _near(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, [name for name in known if name != word], n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""


def _all_of(known: Iterable[str]) -> str:
    words = list(known)
    return f"; there are: {', '.join(words)}" if words else ""
