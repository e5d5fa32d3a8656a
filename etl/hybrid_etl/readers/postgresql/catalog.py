"""What PostgreSQL's catalog says of the types of a result and of its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hybrid_etl.readers.postgresql.types import ServerType

if TYPE_CHECKING:
    import psycopg

_TYPES = """
select t.oid::int8, n.nspname::text, t.typname::text, format_type(t.oid, null),
       case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem::int8 end,
       t.typname in ('geometry', 'geography') and exists (select from pg_catalog.pg_proc p
           where p.proname = 'st_asbinary' and p.pronamespace = t.typnamespace and p.pronargs = 1
           and p.proargtypes[0] = t.oid and p.prorettype = 'pg_catalog.bytea'::regtype),
       exists (select from pg_catalog.pg_cast c where c.castsource = t.oid
           and c.casttarget = 'pg_catalog.text'::regtype and c.castmethod = 'f')
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.oid = any(%s::int8[]::oid[])
"""
_TypeRow = tuple[int, str, str, str, int | None, bool, bool]


def types_of(connection: psycopg.Connection[tuple[object, ...]], oids: set[int]) -> dict[int, ServerType]:
    """The types of these identifiers, and those of their elements."""
    rows = _rows(connection, oids)
    elements = _rows(connection, {row[4] for row in rows.values() if row[4] is not None})
    plain = {oid: _server_type(row) for oid, row in elements.items()}
    return {oid: replace(_server_type(row), element=plain.get(row[4] or 0)) for oid, row in rows.items()}


def _rows(connection: psycopg.Connection[tuple[object, ...]], oids: set[int]) -> dict[int, _TypeRow]:
    rows = connection.execute(_TYPES, (sorted(oids),)).fetchall()
    return {row[0]: row for row in rows}  # type: ignore[misc]


def _server_type(row: _TypeRow) -> ServerType:
    return ServerType(schema=row[1], name=row[2], display=row[3], wkb=row[5], own_cast=row[6])
