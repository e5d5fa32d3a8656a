"""The cluster query language, as far as placement constraints and filters here use it.

Source: Amazon ECS Developer Guide, "Create expressions to define container instances for Amazon ECS tasks".
Subjects: `attribute:NAME`, `agentConnected`, `agentVersion`, `ec2InstanceId`, `runningTasksCount`.
Operators: `==`, `!=`, `>`, `>=`, `<`, `<=`, `in`, `!in`, `=~`, `!~`, `exists`, `!exists` and their words;
`and`, `or`, `not`, parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sandbox.endpoint.errors import invalid_parameter

#: What an expression is asked of: subject -> value. An attribute without a value is the empty string.
Subjects = Mapping[str, str]
Predicate = Callable[[Subjects], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<op>&&|\|\||==|!=|>=|<=|=~|!~|>|<|!(?=in\b|exists\b)|[()\[\],!])"
    r"|\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<word>[^\s()\[\],!=<>&|\"']+))"
)
_WORDS = {
    "&&": "and", "||": "or", "equals": "==", "not_equals": "!=", "matches": "=~", "not_matches": "!~",
    "not_in": "!in", "not_exists": "!exists", "greater_than": ">", "greater_than_equal": ">=",
    "less_than": "<", "less_than_equal": "<=",
}  # fmt: skip
_COMPARISONS = ("==", "!=", ">", ">=", "<", "<=", "=~", "!~")


def parse(expression: str) -> Predicate:
    """Compile an expression.

    Raises:
        ServiceError: `InvalidParameterException` with the expression and where it breaks.
    """
    parser = _Parser(expression)
    predicate = parser.either()
    if parser.peek():
        raise parser.wrong()
    return predicate


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = self._split(expression)
        self._next = 0

    def _split(self, expression: str) -> list[str]:
        tokens: list[str] = []
        position = 0
        text = expression.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if not match:
                raise invalid_parameter(f"Invalid expression '{expression}' at character {position}.")
            token = next(part for part in match.groups() if part is not None)
            if tokens and tokens[-1] == "!" and token in ("in", "exists"):
                tokens[-1] = f"!{token}"
            else:
                tokens.append(_WORDS.get(token, token))
            position = match.end()
        return tokens

    def peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def take(self) -> str:
        token = self.peek()
        if not token:
            raise self.wrong()
        self._next += 1
        return token

    def wrong(self) -> Exception:
        near = self.peek() or "the end"
        return invalid_parameter(f"Invalid expression '{self._expression}' near {near}.")

    def either(self) -> Predicate:
        parts = [self.both()]
        while self.peek() == "or":
            self.take()
            parts.append(self.both())
        return lambda subjects: any(part(subjects) for part in parts)

    def both(self) -> Predicate:
        parts = [self.single()]
        while self.peek() == "and":
            self.take()
            parts.append(self.single())
        return lambda subjects: all(part(subjects) for part in parts)

    def single(self) -> Predicate:
        if self.peek() in ("not", "!"):
            self.take()
            inner = self.single()
            return lambda subjects: not inner(subjects)
        if self.peek() == "(":
            self.take()
            inner = self.either()
            if self.take() != ")":
                raise self.wrong()
            return inner
        return self.term()

    def term(self) -> Predicate:
        subject, operator = self.take(), self.take()
        if operator in ("exists", "!exists"):
            return lambda subjects: (subject in subjects) == (operator == "exists")
        if operator in ("in", "!in"):
            members = self.members()
            return lambda subjects: (subjects.get(subject) in members) == (operator == "in")
        if operator not in _COMPARISONS:
            raise self.wrong()
        argument = self.take()
        return lambda subjects: _compare(subjects.get(subject), operator, argument)

    def members(self) -> set[str]:
        if self.take() != "[":
            raise self.wrong()
        members = {self.take()}
        while self.peek() == ",":
            self.take()
            members.add(self.take())
        if self.take() != "]":
            raise self.wrong()
        return members


def _compare(value: str | None, operator: str, argument: str) -> bool:
    if operator in ("==", "=~"):
        return value is not None and (
            value == argument if operator == "==" else bool(re.search(argument, value))
        )
    if operator in ("!=", "!~"):
        return not _compare(value, {"!=": "==", "!~": "=~"}[operator], argument)
    try:
        left, right = float(value or ""), float(argument)
    except ValueError:
        return False
    return {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}[operator]
