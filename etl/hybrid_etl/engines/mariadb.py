"""MariaDB: MySQL's protocol, and comments of its own in the text of queries."""

from __future__ import annotations

from dataclasses import replace

from hybrid_etl.engines import mysql

ENGINE = replace(mysql.ENGINE, name="mariadb", label="MariaDB", dialect="mariadb")
