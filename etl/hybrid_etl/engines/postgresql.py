"""PostgreSQL."""

from __future__ import annotations

from hybrid_etl.engines.engine import Engine

#: Source: PostgreSQL manual, "System Catalogs".
_CATALOG = """\
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

ENGINE = Engine(
    name="postgresql",
    label="PostgreSQL",
    port=5432,
    reader="hybrid_etl.readers.postgresql.reader:PostgresqlReader",
    dialect="postgresql",
    quote='"',
    parameters="numbered",
    zoned=True,
    nul=False,
    passthrough=True,
    encodings=True,
    socket="directory",
    named=("postgres", "postgresql", "aurora-postgresql", "redshift"),
    schemes=("postgresql", "postgres"),
    catalog=_CATALOG,
)
