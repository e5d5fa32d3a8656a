"""A random case: a table, a query of it, its parameters and the pipeline's options."""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

from differential.kinds import TABLES

_ODD = ("Größe", "order", "a b", "x:y", "per%cent", "q?m", "semi;colon", "it's")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One column of the select list; `oracle` gives exact digits (MySQL writes 6 of a float)."""

    sql: str
    name: str
    oracle: str = ""


@dataclass(frozen=True, kw_only=True)
class Case:
    seed: str
    engine: str
    columns: list[tuple[str, str]]
    rows: list[list[str]]
    items: list[Item]
    head: str = ""
    tail: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    interval: tuple[str, str] | None = None
    decoder: str = "native"

    def quoted(self, name: str) -> str:
        return f'"{name}"' if self.engine == "postgresql" else f"`{name}`"

    def query(self, *, oracle: bool = False) -> str:
        items = [f"{(oracle and i.oracle) or i.sql} as {self.quoted(i.name)}" for i in self.items]
        return f"{self.head}select {', '.join(items)} from df{self.tail}"

    @property
    def creation(self) -> list[str]:
        columns = ", ".join(f"{self.quoted(name)} {kind}" for name, kind in self.columns)
        said = ["drop table if exists df", f"create table df ({columns})"]
        if self.engine != "postgresql":
            said = ["set sql_mode = ''", said[0], said[1] + " character set utf8mb4"]
        for at in range(0, len(self.rows), 200):
            lines = ", ".join(f"({', '.join(row)})" for row in self.rows[at : at + 200])
            said.append(f"insert into df values {lines}")
        return said

    def recipe(self) -> str:
        told = {"parameters": self.parameters, "options": self.options, "interval": self.interval}
        lines = [
            f"-- {self.seed} {self.engine}, decoder {self.decoder}, {json.dumps(told, ensure_ascii=False)}"
        ]
        lines += [s if len(s) < 1500 else s[:1500] + " …" for s in (*self.creation, self.query())]
        return ";\n".join(lines)


def make(seed: int, number: int, engine: str) -> Case:
    r = random.Random(f"{seed} {number} {engine}")
    table = TABLES[engine]
    wide = r.random() < 0.03
    chosen = [r.choice(table) for _ in range(r.randint(120, 200) if wide else r.randint(1, 9))]
    count = r.choice([0, 1, 2, 7, 40, 40, 300]) if wide or r.random() < 0.96 else r.randint(3000, 6000)
    count = min(count, 20) if wide else count
    names = [f"{r.choice(_ODD)}{n}" if r.random() < 0.15 else f"c{n}" for n in range(len(chosen))]
    columns = [("id", "bigint"), ("k", "int"), ("at", _moment(engine))]
    columns += [(name, _nullable(kind)) for name, (kind, _, _) in zip(names, chosen, strict=True)]
    density = r.choice([0, 0.1, 0.5, 1.0])
    rows = [
        [str(n), str(n % 3), f"'2026-11-0{1 + n % 4} {n % 24:02}:00:00'"]
        + ["null" if r.random() < density else literal(r) for _, _, literal in chosen]
        for n in range(count)
    ]
    case = Case(
        seed=f"HYBRID_TEST_SEED={seed} HYBRID_TEST_ONLY={number}",
        engine=engine,
        columns=columns,
        rows=rows,
        items=[],
        decoder=r.choice(["native", "python"]),
    )
    roles = [(n, role, kind) for n, (kind, role, _) in zip(names, chosen, strict=True)]
    case = _with_options(r, _with_query(r, case, roles))
    texts = [n for n, role, _ in roles if role == "text" and n in {item.name for item in case.items}]
    if texts and r.random() < 0.4:
        mask = r.choice(
            [{"kind": "hash"}, {"kind": "redact"}, {"kind": "truncate", "length": 2}, {"kind": "drop"}]
        )
        drops_all = mask["kind"] == "drop" and len(case.items) == 1
        case = replace(case, options=case.options | ({} if drops_all else {"masks": {texts[0]: mask}}))
    return case


def _moment(engine: str) -> str:
    return "timestamptz" if engine == "postgresql" else "datetime"


def _nullable(kind: str) -> str:
    return kind


def _with_query(r: random.Random, case: Case, roles: list[tuple[str, str, str]]) -> Case:
    items = [Item(sql="id", name="id")] if r.random() < 0.8 else []
    for name, role, kind in roles:
        column = case.quoted(name)
        exact = f"cast({column} as double)" if kind == "float" else ""
        items.append(Item(sql=column, name=name, oracle=exact))
        if role != "stored" and r.random() < 0.3:
            items += _expressions(r, case, column, role, len(items))
    parameters: dict[str, Any] = {
        "n": r.choice([0, 3, -1, 2**31, 2**40]),
        "s": r.choice(["", "ü'x", "a:b", "%s"]),
    }
    parameters |= {"f": 2.5, "nothing": None}
    head = r.choice(["", "", "/* :no ' */ ", "-- it's :no\n"])
    if r.random() < 0.15:
        items = _aggregates(r, case, roles)
        return replace(case, items=items, head=head, tail=" group by k order by k", parameters=parameters)
    if r.random() < 0.25:
        items += _parameters(r, case, len(items))
    tail = r.choice(
        ["", "", "", " where id >= :n", " where k = 1 or :nothing is not null", " order by id limit 5"]
    )
    if case.engine == "postgresql":
        tail = tail.replace(":nothing is", "cast(:nothing as text) is")
    return replace(case, items=items, head=head, tail=tail, parameters=parameters)


def _expressions(r: random.Random, case: Case, column: str, role: str, at: int) -> list[Item]:
    postgresql = case.engine == "postgresql"
    by_role = {
        "whole": [f"coalesce({column}, 0)", f"{column} / 7.0" if postgresql else f"{column} % 7"],
        "decimal": [f"coalesce({column}, 0)", f"case when id > 2 then {column} end"],
        "text": [f"upper({column})", f"concat({column}, '-', id)", f"substr({column}, 1, 2)"],
        "moment": [f"coalesce({column}, {column})", f"case when k = 1 then {column} end"],
        "any": [f"case when k > 0 then {column} end"],
        "float": [f"cast({column} as {'float8' if postgresql else 'double'})"],
    }
    return [Item(sql=r.choice(by_role[role]), name=f"e{at}")]


def _aggregates(r: random.Random, case: Case, roles: list[tuple[str, str, str]]) -> list[Item]:
    items = [Item(sql="k", name="k"), Item(sql="count(*)", name="n"), Item(sql="sum(id)", name="total")]
    for name, role, _ in roles:
        if role in ("whole", "decimal"):
            function = r.choice(["sum", "avg", "min", "max", "count"])
            items.append(Item(sql=f"{function}({case.quoted(name)})", name=f"{function}{len(items)}"))
    return items


def _parameters(r: random.Random, case: Case, at: int) -> list[Item]:
    text = "text" if case.engine == "postgresql" else "char"
    whole = "int8" if case.engine == "postgresql" else "signed"
    forms = [
        ":s",
        f"cast(:s as {text})",
        f"cast(:n as {whole})",
        "id + :n",
        f"concat('a', cast(:s as {text}))",
    ]
    if case.engine != "postgresql":
        forms += [":n", "k + :n", "ifnull(id, :n)", "concat(k, :s)", "coalesce(:s, 'x')"]
    return [Item(sql=form, name=f"p{at + n}") for n, form in enumerate(r.sample(forms, 2))]


def _with_options(r: random.Random, case: Case) -> Case:
    kind = r.choice(["parquet", "parquet", "parquet", "csv", "jsonl"])
    compression = {"parquet": ["zstd", "snappy", "none"]}.get(kind, ["none", "gzip", "zstd"])
    options: dict[str, Any] = {"format": {"type": kind, "compression": r.choice(compression)}}
    options["unrepresentable"] = r.choice(["fail", "null", "null", "null", "string"])
    options["target_file_bytes"] = r.choice([2**28, 2**28, 20_000])
    interval = None
    names = {item.name for item in case.items}
    if "group by" not in case.tail and r.random() < 0.3:
        case = replace(case, items=[*case.items, Item(sql=case.quoted("at"), name="at")])
        options["incremental_column"] = "at"
        start = dt.datetime(2026, 11, 1, r.randrange(24), tzinfo=dt.UTC)
        interval = (start.isoformat(), (start + dt.timedelta(hours=r.randint(1, 80))).isoformat())
    elif "id" in names and r.random() < 0.15:
        options["partitions"] = {"column": "id", "lower": 0, "upper": 30, "count": 3}
    if r.random() < 0.02 and interval is None and "group by" not in case.tail:
        only = [Item(sql="k", name="k")]
        options.pop("partitions", None)
        return replace(case, items=only, options=options | {"partition_by": ["k"]})
    if r.random() < 0.12 and "group by" not in case.tail:
        case = replace(case, items=[*case.items, Item(sql="k", name="k")])
        options["partition_by"] = ["k"]
    return replace(case, options=options, interval=interval)
