"""What PostgreSQL's catalog says of the types of a result and of its parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hybrid_etl.readers.postgresql.types import ServerType

if TYPE_CHECKING:
    import psycopg

# A name as bytes: in a database of SQL_ASCII it need not be UTF-8, and the server would refuse to send it.
_BYTES = """pg_catalog.convert_to({}, case pg_catalog.getdatabaseencoding()
           when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end)"""
_TYPES = f"""
select t.oid::int8, {_BYTES.format("n.nspname::text")}, {_BYTES.format("t.typname::text")},
       {_BYTES.format("pg_catalog.format_type(t.oid, null)")},
       case when t.typcategory = 'A' and t.typelem <> 0 then t.typelem::int8 end,
       t.typname in ('geometry', 'geography') and exists (select from pg_catalog.pg_proc p
           where p.proname = 'st_asbinary' and p.pronamespace = t.typnamespace and p.pronargs = 1
           and p.proargtypes[0] = t.oid and p.prorettype = 'pg_catalog.bytea'::regtype),
       exists (select from pg_catalog.pg_cast c where c.castsource = t.oid
           and c.casttarget = 'pg_catalog.text'::regtype and c.castmethod = 'f')
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
where t.oid = any(%s::int8[]::oid[])
"""
_TypeRow = tuple[int, bytes, bytes, bytes, int | None, bool, bool]


def types_of(
    connection: psycopg.Connection[tuple[object, ...]], oids: set[int], *, encoding: str
) -> dict[int, ServerType]:
    """The types of these identifiers, and those of their elements; `encoding` is that of their names."""
    rows = _rows(connection, oids)
    elements = _rows(connection, {row[4] for row in rows.values() if row[4] is not None})
    plain = {oid: _server_type(row, encoding) for oid, row in elements.items()}
    return {
        oid: replace(_server_type(row, encoding), element=plain.get(row[4] or 0)) for oid, row in rows.items()
    }


def _rows(connection: psycopg.Connection[tuple[object, ...]], oids: set[int]) -> dict[int, _TypeRow]:
    rows = connection.execute(_TYPES, (sorted(oids),)).fetchall()
    return {row[0]: row for row in rows}  # type: ignore[misc]


def _server_type(row: _TypeRow, encoding: str) -> ServerType:
    schema, name, display = (text.decode(encoding, "replace") for text in row[1:4])
    return ServerType(schema=schema, name=name, display=display, wkb=row[5], own_cast=row[6])
