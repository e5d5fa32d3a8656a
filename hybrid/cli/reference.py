"""docs/reference/command-line.md: every command with its options, made from what `--help` shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from hybrid.cli.commands import COMMANDS, load

#: The line of a command's help that shows how it is called.
EXAMPLE = re.compile(r"^Example: (.+)$", re.MULTILINE)

#: Variables that a command reads by itself, beside those that stand for an option.
VARIABLES = {
    "AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, …": "read by every command that speaks to AWS, as by the AWS "
    "CLI; `bin/hybrid demo env` prints those of the demo",
    "HYBRID_BASE_IMAGE": "base image of the container, where Docker builds it (`demo`, `image build`)",
    "HYBRID_BEFORE_DEPLOYMENT, HYBRID_BEFORE_DEPLOYMENT_PROFILE, HYBRID_BEFORE_DEPLOYMENT_IMPORTS": "set by "
    "`cdk deploy` itself: that what is deployed is looked at first, with which profile, and whether "
    "CloudFormation takes over what was kept",
    "HYBRID_CONNECT_TRIES": "how often a database that cannot be reached is tried: 2 times on this machine "
    "(`run`, `sources inspect`, `init`), 6 times in a task",
    "HYBRID_DATABASE_PASSWORD": "password of the database of `--database` (`demo`, `run`)",
    "HYBRID_PYTHON": "Python that the environment in `.venv` is made with",
    "NO_COLOR": "no colours and no bold text",
}

_INTRODUCTION = """# The command line

Made from the commands themselves by `bin/hybrid docs generate`; a test holds this page to them. Each command
shows the same with `--help` or `-h`, as in `bin/hybrid sites -h`; `bin/hybrid --version` says the version.

Results go to standard output, everything else to standard error; `--json` gives a result as JSON.

## Exit codes

| code | meaning |
|---|---|
| 0 | done |
| 1 | something failed that was asked for rightly: the last line says what, and what to do next |
| 2 | only you can put it right: a wrong option, file, name or setting; the last line says which |
| 130 | ended by Ctrl-C |

`bin/hybrid cdk` ends with the code of the CDK command line, `bin/hybrid run` with that of the container.

## Environment variables
"""


def page() -> str:
    """The page, as it is kept in docs/reference/command-line.md."""
    found = [_described(command, context) for command, context in commands()]
    return "\n".join([_INTRODUCTION, *_variables(), *found])


def commands() -> Iterator[tuple[Any, Any]]:
    """Every command and group with its context, in the order of the help."""
    for name in COMMANDS:
        yield from _below(load(name), name, parent=None)


def _below(command: Any, name: str, *, parent: Any) -> Iterator[tuple[Any, Any]]:
    context = command.context_class(command, info_name=name, parent=parent)
    yield command, context
    for child in command.list_commands(context) if hasattr(command, "list_commands") else ():
        yield from _below(command.get_command(context, child), child, parent=context)


def _variables() -> Iterator[str]:
    listed = dict(VARIABLES)
    for command, context in commands():
        for parameter in command.params:
            if variable := getattr(parameter, "envvar", None):
                listed[variable] = f"in place of `{parameter.opts[0]}` (`{context.command_path}`)"
    yield "| variable | what it is |\n|---|---|"
    for names, meaning in sorted(listed.items()):
        quoted = ", ".join(name if name == "…" else f"`{name}`" for name in names.split(", "))
        yield f"| {quoted} | {meaning} |"
    yield ""


def _described(command: Any, context: Any) -> str:
    depth = "##" if context.parent is None else "###"
    text = command.help or ""
    example = EXAMPLE.search(text)
    usage = " ".join(["bin/hybrid", context.command_path, *command.collect_usage_pieces(context)])
    lines = [
        f"{depth} {context.command_path}\n",
        f"{EXAMPLE.sub('', text).strip()}\n",
        "```sh\n" + (example[1] if example else usage) + "\n```\n",
        f"Usage: `{_readable(usage)}`\n",
    ]
    records = [record for parameter in command.params if (record := parameter.get_help_record(context))]
    if records:
        lines.append("| argument or option | what it is |\n|---|---|")
        lines += [
            f"| `{_cell(_readable(name))}` | {_cell(_named_values(help_text))} |"
            for name, help_text in records
        ]
        lines.append("")
    return "\n".join(lines)


#: Types as `--help` names them → as people do.
_WORDS = {"str": "TEXT", "int": "NUMBER", "int range": "NUMBER", "float": "NUMBER", "path": "PATH"}


def _readable(usage: str) -> str:
    """Names of types as people write them: `list[str]` is a text that may be given again."""
    usage = re.sub(r"<list\[\w+\]>", "TEXT …", usage)
    usage = re.sub(r"<([^<>]+\|[^<>]+)>", lambda found: found[1].replace("|", " or "), usage)
    for kind, word in _WORDS.items():
        usage = usage.replace(f"<{kind}>", word)
    return usage.replace("... TEXT …", " …").replace("...]...", " …]").replace("...", " …")


def _named_values(text: str) -> str:
    """Defaults and bounds, which `--help` puts in brackets, behind a sentence and in words."""
    text = re.sub(r"(\d+)<=x<=(\d+)", r"\1 to \2", text)
    text = re.sub(r"x>=(\d+)", r"at least \1", text)
    text = re.sub(r"default: \(([^()]*)\)", r"default: \1", text)
    return re.sub(r" +\[([^\[\]]+)\]$", r" (\1)", text)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
