"""MySQL."""

from __future__ import annotations

from hybrid_etl.engines.engine import Engine

#: Sources: MySQL Reference Manual and MariaDB Knowledge Base, "Information Schema".
CATALOG = """\
select t.table_schema as schema_name, t.table_name as table_name,
  case t.table_type when 'VIEW' then 'view' else 'table' end as table_kind,
  cast(t.table_rows as signed) as row_estimate,
  cast(t.data_length + t.index_length as signed) as table_bytes,
  c.column_name as column_name, convert(c.column_type using utf8mb4) as column_type,
  convert(c.data_type using utf8mb4) as base_type,
  c.is_nullable = 'YES' as is_nullable, c.extra like '%GENERATED' as is_generated,
  c.privileges like '%select%' as is_readable,
  c.column_key = 'PRI' as in_key,
  exists (select 1 from information_schema.statistics s where s.table_schema = c.table_schema
    and s.table_name = c.table_name and s.column_name = c.column_name and s.non_unique = 0 and not exists (
      select 1 from information_schema.statistics o where o.table_schema = s.table_schema
        and o.table_name = s.table_name and o.index_name = s.index_name and o.seq_in_index > 1)) as is_unique,
  exists (select 1 from information_schema.statistics s where s.table_schema = c.table_schema
    and s.table_name = c.table_name and s.column_name = c.column_name and s.seq_in_index = 1) as is_indexed
from information_schema.tables t
join information_schema.columns c on c.table_schema = t.table_schema and c.table_name = t.table_name
where t.table_schema not in ('mysql', 'information_schema', 'performance_schema', 'sys')
  and (:schema = '' or t.table_schema = :schema) and t.table_name like :pattern
order by t.table_schema, t.table_name, c.ordinal_position"""

#: MySQL and MariaDB speak one protocol, so either name will do for both.
NAMED = ("mysql", "mariadb", "aurora", "aurora-mysql")
SCHEMES = ("mysql", "mariadb")

ENGINE = Engine(
    name="mysql",
    label="MySQL",
    port=3306,
    reader="hybrid_etl.readers.mysql.reader:MysqlReader",
    dialect="mysql",
    quote="`",
    parameters="positional",
    folds=True,
    named=NAMED,
    schemes=SCHEMES,
    catalog=CATALOG,
)
