"""Tables of which the run's snapshot knows another state than the one that the run has locked.

A snapshot is taken before the query's tables are locked, and the lock may have to wait: for a TRUNCATE and
the rows that follow it, for an ALTER TABLE that writes the table anew, for two tables that change their
names. Then the locked table is newer than the snapshot, which sees few of its rows or none (PostgreSQL
manual, "Concurrency Control", "Caveats"). The catalog's rows are those of the snapshot, while the functions
that look an object up tell its present state, which the lock keeps: so the two are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybrid_etl.errors import Failure

if TYPE_CHECKING:
    import psycopg

_FIRST_OF_USERS = 16384
"""Object identifiers below belong to the server itself (PostgreSQL source, access/transam.h)."""
_LOCKED = f"""
select distinct relation as oid from pg_catalog.pg_locks
where locktype = 'relation' and granted and pid = pg_catalog.pg_backend_pid()
  and relation >= {_FIRST_OF_USERS}
  and database = (select d.oid from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
"""
# A name as bytes: in a database of SQL_ASCII it need not be UTF-8.
_NEWER = f"""
select pg_catalog.convert_to(present.name, pg_catalog.getdatabaseencoding()::name)
from ({_LOCKED}) locked
cross join lateral pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, locked.oid, 0) present
left join pg_catalog.pg_class c on c.oid = locked.oid
left join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where present.type in ('table', 'view', 'materialized view', 'foreign table')
  and (c.oid is null
    or c.relfilenode <> 0 and c.relfilenode <> pg_catalog.pg_relation_filenode(locked.oid)
    or present.name not in (c.relname, pg_catalog.quote_ident(c.relname))
    or present.schema not in (n.nspname, pg_catalog.quote_ident(n.nspname)))
order by 1
"""
_INHERITED = f"""
select exists (select from ({_LOCKED}) locked join pg_catalog.pg_class c using (oid) where c.relhassubclass)
"""


def newer_tables(connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
    """Names of the locked tables and views that are not what the transaction's snapshot has of them."""
    rows = connection.execute(_NEWER).fetchall()
    return [bytes(row[0]).decode(errors="replace") for row in rows if isinstance(row[0], bytes)]


def has_partitions(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether some locked table has tables below it, which are locked only when the query is planned."""
    row = connection.execute(_INHERITED).fetchone()
    return bool(row and row[0])


def newer_than_snapshot(tables: list[str]) -> Failure:
    """Why a run cannot go on with such tables; a later run can."""
    return Failure(
        f"{', '.join(tables)}: emptied, rewritten or renamed after the run's snapshot and before the run "
        "could lock it, so that rows would be missing; nothing became visible, run again."
    )
