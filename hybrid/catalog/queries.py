"""The questions to a server's own catalog: a row for each column of each table.

Sources: PostgreSQL manual, "System Catalogs"; MySQL Reference Manual and MariaDB Knowledge Base, "Information
Schema".
"""

from __future__ import annotations

_POSTGRESQL = """\
select n.nspname::text as schema_name, c.relname::text as table_name,
  case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table'
    when 'p' then 'partitioned table' else 'table' end as table_kind,
  case when c.relkind = 'v' then null
    when c.relkind = 'p' then (select sum(greatest(l.reltuples, 0))::bigint from pg_partition_tree(c.oid) t
      join pg_class l on l.oid = t.relid where t.isleaf)
    when c.reltuples < 0 then null else c.reltuples::bigint end as row_estimate,
  case when c.relkind in ('v', 'f') then null
    when c.relkind = 'p' then (select sum(pg_table_size(t.relid))::bigint from pg_partition_tree(c.oid) t
      where t.isleaf)
    else pg_table_size(c.oid) end as table_bytes,
  a.attname::text as column_name, format_type(a.atttypid, a.atttypmod) as column_type,
  format_type(case when y.typtype = 'd' then y.typbasetype else a.atttypid end, null) as base_type,
  not a.attnotnull as is_nullable, a.attgenerated <> '' as is_generated,
  has_column_privilege(c.oid, a.attnum, 'select') and has_schema_privilege(n.oid, 'usage') as is_readable,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary
    and a.attnum = any (i.indkey)) as in_key,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indnkeyatts = 1
    and i.indpred is null and i.indkey[0] = a.attnum) as is_unique,
  exists (select from pg_index i where i.indrelid = c.oid and i.indisvalid and i.indpred is null
    and i.indkey[0] = a.attnum) as is_indexed
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type y on y.oid = a.atttypid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
  and (:schema = '' or n.nspname = :schema) and c.relname like :pattern
order by n.nspname, c.relname, a.attnum"""

_MYSQL = """\
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


def catalog_query(engine: str) -> str:
    """The query for an engine of sources; its parameters: `schema` (empty: all) and `pattern` (of `like`)."""
    return _POSTGRESQL if engine == "postgresql" else _MYSQL
