"""What may still write into a past interval of PostgreSQL: sessions, prepared transactions, a standby's lag.

A transaction's start time is what `now()` gives all its rows, so one that began before the interval's end
counts even if it has written nothing yet (PostgreSQL manual, "Viewing Statistics", pg_stat_activity).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from hybrid_etl.settling import Open, utc

Ask = Callable[..., Sequence[Sequence[object]]]

# In words of its own: these statements run before the session's DateStyle is the reader's.
_UTC = "to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
_NOW = f"select {_UTC.format('clock_timestamp()')}, pg_is_in_recovery()"
# Other extractions and pg_dump read in transactions that are read only; a walsender writes nothing.
_SESSIONS = f"""
select pid, {_UTC.format("xact_start")}, backend_xid::text, query = '<insufficient privilege>'
from pg_catalog.pg_stat_activity
where datid = (select oid from pg_catalog.pg_database where datname = current_database())
  and pid <> pg_backend_pid()
  and application_name not like 'hybrid-etl %%' and application_name <> 'pg_dump'
  and coalesce(backend_type, '') not in ('walsender', 'autovacuum worker', 'parallel worker')
  and (xact_start < %s::timestamptz or xact_start is null)
"""
_PREPARED = f"""
select transaction::text, {_UTC.format("prepared")}
from pg_catalog.pg_prepared_xacts where database = current_database()
"""
_STANDBY = f"""
select coalesce(pg_last_xact_replay_timestamp() >= %s::timestamptz, false)
    or exists (select from pg_catalog.pg_stat_wal_receiver
               where last_msg_send_time >= %s::timestamptz
                 and latest_end_lsn <= pg_last_wal_replay_lsn()),
    {_UTC.format("pg_last_xact_replay_timestamp()")}
"""
_SNAPSHOT = "select {}_snapshot_xmin(s)::text, {}_snapshot_xmax(s)::text from {}_current_snapshot() s"


class PostgresqlWatch:
    """One session's view; `ask` runs a statement with its values and gives its rows.

    Outside of a transaction: each look must see what is there at its own moment.
    """

    again_seconds = 0.05

    def __init__(self, ask: Ask, *, version: int) -> None:
        self._ask = ask
        self._snapshot = _SNAPSHOT.format(*(["pg" if version >= 130000 else "txid"] * 3))
        self.unseen: list[str] = []
        self._standby = False
        self._hidden: set[str] | None = None
        self._prepared: set[str] | None = None
        self._xmax: int | None = None

    def now(self) -> datetime:
        """The database's clock, in UTC; a standby's is its own."""
        ((text, self._standby),) = self._ask(_NOW)  # type: ignore[assignment]
        at = utc(text)
        assert at is not None
        return at

    def open_before(self, horizon: datetime) -> Open | None:
        """What began before `horizon` and may still write; sessions first, since a session may prepare."""
        if self._standby:
            return self._behind(horizon)
        rows = self._ask(_SESSIONS, (horizon.isoformat(),))
        if found := self._open_sessions(rows) or self._hidden_sessions(rows):
            self._prepared = None
            return found
        return self._prepared_ones()

    def _open_sessions(self, rows: Sequence[Sequence[object]]) -> Open | None:
        known = [(row[0], at) for row in rows if (at := utc(row[1]))]
        if not known:
            return None
        pid, since = min(known, key=lambda one: one[1])
        return Open(count=len(known), since=since, who=f"pid {pid}")

    def _hidden_sessions(self, rows: Sequence[Sequence[object]]) -> Open | None:
        """Of sessions that this user may not look at, the transactions that had written by the first look."""
        writing = {str(row[2]) for row in rows if row[3] and row[2] is not None}
        if any(row[3] for row in rows):
            self._say_unseen(
                "other users' transactions that had not written yet: grant pg_read_all_stats to see them"
            )
        self._hidden = writing if self._hidden is None else self._hidden & writing
        return Open(count=len(self._hidden), what="transactions of other users") if self._hidden else None

    def _prepared_ones(self) -> Open | None:
        """Prepared transactions that were there when all open sessions had ended; later ones are newer."""
        rows = self._ask(_PREPARED)
        now = {str(row[0]) for row in rows}
        self._prepared = now if self._prepared is None else self._prepared & now
        if not self._prepared:
            return None
        since = min(at for row in rows if str(row[0]) in self._prepared and (at := utc(row[1])))
        return Open(count=len(self._prepared), what="prepared transactions (pg_prepared_xacts)", since=since)

    def _behind(self, horizon: datetime) -> Open | None:
        """On a standby: first its replay must pass `horizon`, then what was open there must end."""
        self._say_unseen("the primary's transactions that had not written yet: a standby does not know them")
        text = horizon.isoformat()
        if self._xmax is None:
            ((passed, replayed),) = self._ask(_STANDBY, (text, text))
            if not passed:
                return Open(count=1, what="replay of the primary's log is behind", since=utc(replayed))
        ((xmin, xmax),) = self._ask(self._snapshot)
        self._xmax = int(str(xmax)) if self._xmax is None else self._xmax
        return None if int(str(xmin)) >= self._xmax else Open(count=1, what="or more transactions replayed")

    def _say_unseen(self, what: str) -> None:
        if what not in self.unseen:
            self.unseen.append(what)
