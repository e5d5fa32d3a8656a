"""What may still write into a past interval of MySQL or MariaDB: transactions, statements, XA, a replica.

`NOW()` is the begin of a statement, and a statement may wait for a lock before InnoDB knows of its
transaction; so running statements count too. To see either takes the PROCESS privilege.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import pymysql  # type: ignore[import-untyped]

from hybrid_etl.errors import Failure
from hybrid_etl.settling import Open, utc

Ask = Callable[[str], Sequence[Mapping[str, object]]]

# A server may be told to end a session with its transaction (completion_type RELEASE).
_SESSION = "set session time_zone = '+00:00', completion_type = 'NO_CHAIN'"
_NOW = "select date_format(now(6), '%Y-%m-%dT%H:%i:%s.%f') as at"
# InnoDB keeps for 0.1 s what this table shows (InnoDB source, trx0i_s: CACHE_MIN_IDLE_TIME_NS), renewed by
# everybody who looks. So each look changes whether this session is in it, and believes it only when it shows.
_TRANSACTIONS = """
select trx_mysql_thread_id as id, trx_id as transaction,
       date_format(trx_started, '%Y-%m-%dT%H:%i:%s') as started,
       trx_is_read_only as read_only, connection_id() as me
from information_schema.innodb_trx
union all select 0, 0, null, 1, connection_id()
"""
_IDLE = ("Sleep", "Daemon", "Connect", "Binlog Dump", "Binlog Dump GTID")
# The threads of a replica, idle ones too: MySQL shows them with a query. Its status says what they apply.
_SYSTEM = "system user"
# The first is MariaDB's, and shows the connections with a name, which the others leave out.
_REPLICATION = ("show all slaves status", "show replica status", "show slave status")
_FRESH_SECONDS, _BLIND_SECONDS = 10.0, 1.0
_REFUSED = 1227


class MysqlWatch:
    """One session's view; `ask` runs a statement and gives its rows by name."""

    again_seconds = 0.12

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.unseen: list[str] = []
        self._within = self._blind = False
        self._xa: set[str] | None = None
        ask(_SESSION)

    def now(self) -> datetime:
        """The database's clock, in UTC."""
        (row,) = self._ask(_NOW)
        at = utc(row["at"])
        assert at is not None
        return at

    def open_before(self, horizon: datetime) -> Open | None:
        """What began before `horizon` and may still write."""
        if found := self._behind(horizon):
            return found
        running, transactions = self._running(horizon), self._transactions()
        # A time of whole seconds: rounded down, which counts rather too many than too few.
        old = [(row, at) for row in transactions if (at := utc(row["started"])) and at < horizon]
        writing = [(row, at) for row, at in old if not row["read_only"]]
        reading = {row["id"] for row in transactions if row["read_only"]}
        writing += [(row, at) for row, at in running if row["id"] not in reading | {r["id"] for r, _ in old}]
        if writing:
            self._xa = None
            row, since = min(writing, key=lambda one: one[1])
            return Open(count=len(writing), since=since, who=f"connection {row['id']}" if row["id"] else "XA")
        # One that was prepared and has no session; after a restart it is said to have begun then.
        return self._prepared({str(row["transaction"]) for row in transactions if not row["id"]})

    def _transactions(self) -> list[Mapping[str, object]]:
        """The rows of INNODB_TRX as they are now, without this session's own.

        MySQL refuses a user without PROCESS (1227), MariaDB shows none, not even the session's own.
        """
        self._ask("commit" if self._within else "start transaction with consistent snapshot, read only")
        self._within = not self._within
        began = time.monotonic()
        while (waited := time.monotonic() - began) < _FRESH_SECONDS:
            try:
                rows = self._ask(_TRANSACTIONS)
            except pymysql.err.OperationalError as error:
                if error.args[0] != _REFUSED:
                    raise
                rows, waited = (), _BLIND_SECONDS
            own = {row["id"] == row["me"] for row in rows}
            if (True in own) is self._within:
                return [row for row in rows if row["id"] != row["me"] and row["started"] is not None]
            if self._within and len(rows) <= 1 and waited >= _BLIND_SECONDS:
                self._say_unseen("open transactions of other users: grant PROCESS to see them")
                self._ask("commit")
                self._within, self._blind = False, True
                return []
            time.sleep(0.11)
        raise Failure(
            "INFORMATION_SCHEMA.INNODB_TRX does not show this session's own transaction, so that nobody's "
            "can be believed; run again, or set settle: null to read without a look."
        )

    def _running(self, horizon: datetime) -> list[tuple[Mapping[str, object], datetime]]:
        """Statements that began before `horizon`; TIME is in whole seconds, so each may be one older."""
        now, me = self.now(), self._ask("select connection_id() as id")[0]["id"]
        found: list[tuple[Mapping[str, object], datetime]] = []
        for row in self._ask("show processlist"):
            if row["Command"] in _IDLE or row["User"] == _SYSTEM or row["Id"] == me or row["Time"] is None:
                continue
            began = now - timedelta(seconds=int(str(row["Time"])) + 1)
            if began < horizon:
                found.append(({"id": row["Id"]}, began))
        return found

    def _prepared(self, without_session: set[str]) -> Open | None:
        """XA transactions that were prepared when all others had ended; later ones are newer."""
        try:
            now = {str(row["data"]) for row in self._ask("xa recover")}
        except pymysql.MySQLError:
            if self._blind:
                self._say_unseen("XA transactions that a restart has recovered: grant XA_RECOVER_ADMIN")
            now = without_session
        self._xa = now if self._xa is None else self._xa & now
        return Open(count=len(self._xa), what="prepared transactions (XA RECOVER)") if self._xa else None

    def _behind(self, horizon: datetime) -> Open | None:
        """On a replica: what it has applied must have passed `horizon`."""
        rows: Sequence[Mapping[str, object]] = ()
        for statement in _REPLICATION:
            try:
                rows = self._ask(statement)
                break
            except pymysql.err.ProgrammingError:
                continue
            except pymysql.MySQLError:
                self._say_unseen("whether this is a replica that is behind: grant REPLICATION CLIENT")
                break
        for row in rows:
            behind = row.get("Seconds_Behind_Source", row.get("Seconds_Behind_Master"))
            self._say_unseen("transactions that are open at the source of this replica")
            if behind is None:
                return Open(count=1, what="replication that does not run")
            applied = self.now() - timedelta(seconds=int(str(behind)) + 1)
            if applied < horizon:
                return Open(count=1, what="replica that is behind", since=applied)
        return None

    def _say_unseen(self, what: str) -> None:
        if what not in self.unseen:
            self.unseen.append(what)

    def close(self) -> None:
        """End this session's own transaction, if a look left one."""
        if self._within:
            with contextlib.suppress(pymysql.MySQLError):
                self._ask("commit")
