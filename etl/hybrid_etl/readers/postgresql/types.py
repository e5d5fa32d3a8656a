"""PostgreSQL's types, from the server's own description (docs/reference/types.md is the table in words)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from hybrid_etl.columns import Column, Kind, arrow_type, decimal_column, text_column

_PLAIN = {
    "bool": Kind.BOOL,
    "int2": Kind.INT16,
    "int4": Kind.INT32,
    "int8": Kind.INT64,
    "oid": Kind.UINT32,
    "float4": Kind.FLOAT32,
    "float8": Kind.FLOAT64,
    "date": Kind.DATE32,
    "time": Kind.TIME64,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMP,
    "text": Kind.STRING,
    "varchar": Kind.STRING,
    "bpchar": Kind.STRING,
    "name": Kind.STRING,
    "json": Kind.STRING,
    "xml": Kind.STRING,
    "unknown": Kind.STRING,
    "jsonb": Kind.JSONB,
    "uuid": Kind.UUID,
    "bytea": Kind.BINARY,
}
_MAY_REFUSE = ("date", "time", "timestamp", "timestamptz", "numeric", "money")
_VECTORS = ("int2vector", "oidvector")
"""Arrays of the catalogs, which begin at 0 and are written as `1 2 3`."""
_CATALOG = "pg_catalog"
UNCONSTRAINED = (38, 18)
"""Precision and scale of a numeric without them: Spark's DecimalType.SYSTEM_DEFAULT."""
ROUNDED = f"pg_catalog.round({{}}, {UNCONSTRAINED[1]})"
"""What a computed numeric is selected as: the server itself rounds it to the places that its column has."""
MONEY = (21, 2)
_UTC = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, kw_only=True)
class ServerType:
    """A row of pg_type.

    `element` is the type of an array's elements; `wkb`: its schema has st_asbinary of it; `own_cast`: a
    function casts it to text, which need not say what the type's output function says.
    """

    schema: str
    name: str
    display: str
    element: ServerType | None = None
    wkb: bool = False
    own_cast: bool = False

    @property
    def qualified(self) -> str:
        """The type for a cast. Not its SQL name: `character` alone means `character(1)`, and so cuts."""
        return ".".join('"' + part.replace('"', '""') + '"' for part in (self.schema, self.name))

    @property
    def builtin(self) -> bool:
        """Whether the type belongs to the server itself."""
        return self.schema == _CATALOG


def column_of(
    name: str,
    server_type: ServerType,
    *,
    modifier: int,
    policy: str,
    decimal_width: int = 128,
    computed: bool = False,
) -> Column:
    """The column for a described field.

    Args:
        modifier: PQfmod.
        policy: the specification's unrepresentable.
        decimal_width: the specification's.
        computed: PQftable is 0: the value is no column of a table, but computed by the query.
    """
    as_text = text_column(name, database_type=server_type.display, expression=_written(server_type))
    if server_type.name in ("geometry", "geography") and server_type.wkb:
        schema = server_type.schema.replace('"', '""').replace("{", "{{").replace("}", "}}")
        wkb = f'"{schema}".st_asbinary({{}})'
        return Column(name=name, kind=Kind.BINARY, database_type=server_type.display, expression=wkb)
    if server_type.element is not None:
        array = _array(name, server_type, modifier=modifier, decimal_width=decimal_width)
        return array if policy != "string" else as_text
    if not server_type.builtin or (policy == "string" and server_type.name in _MAY_REFUSE):
        return as_text
    if server_type.name == "numeric":
        found = _numeric(name, modifier, display=server_type.display, width=decimal_width) or as_text
        # A quotient or an average has as many places as the server likes; a stored number has its own.
        return replace(found, expression=ROUNDED) if computed and modifier < 4 else found
    if server_type.name == "money":
        return decimal_column(
            name,
            precision=MONEY[0],
            scale=MONEY[1],
            database_type=server_type.display,
            expression="{}::numeric",
        )
    kind = _PLAIN.get(server_type.name)
    if kind is None:
        return as_text
    return Column(
        name=name,
        kind=kind,
        type=_UTC if server_type.name == "timestamptz" else None,
        database_type=server_type.display,
    )


def _written(server_type: ServerType) -> str:
    """SQL for a value as the server writes it; the cast of inet to text, for one, adds a netmask."""
    element = server_type.element
    if element is not None and element.builtin and element.name == "money":
        return "{}::numeric[]::text"
    if server_type.own_cast and server_type.name != "money":
        # Not `is null`, which a row of nulls is too.
        return "case when pg_catalog.num_nulls({0}) = 0 then pg_catalog.format('%s', {0}) end"
    return "{}::text"


def passed_column(name: str, server_type: ServerType) -> Column:
    """The column for a field that is passed on as the server writes it.

    Money alone is cast: its text follows the server's lc_monetary.
    """
    inner = server_type.element or server_type
    numeric = "{}::numeric" + ("[]" if server_type.element else "")
    is_money = inner.builtin and inner.name == "money"
    return text_column(name, database_type=server_type.display, expression=numeric if is_money else None)


def _numeric(name: str, modifier: int, *, display: str, width: int) -> Column | None:
    precision, scale = UNCONSTRAINED if modifier < 4 else numeric_modifier(modifier)
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    if precision > 76:
        return None
    return decimal_column(name, precision=precision, scale=scale, database_type=display, width=width)


def numeric_modifier(modifier: int) -> tuple[int, int]:
    """Precision and scale from a numeric's typmod (PostgreSQL, numeric.c: a scale of 11 bits, signed)."""
    packed = modifier - 4
    return (packed >> 16) & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def _array(name: str, server_type: ServerType, *, modifier: int, decimal_width: int) -> Column:
    element = server_type.element
    assert element is not None
    as_text = text_column(name, database_type=server_type.display, expression="{}::text")
    if not element.builtin or server_type.name in _VECTORS:
        return as_text
    expression = None
    precision = scale = 0
    if element.name == "numeric":
        inner = _numeric(name, modifier, display=element.display, width=decimal_width)
        if inner is None:
            return as_text
        kind, value_type, precision, scale = inner.kind, inner.type, inner.precision, inner.scale
    elif element.name == "money":
        # As text it would be in the server's locale, as is a single one.
        kind, expression = Kind.DECIMAL128, "{}::numeric[]"
        (precision, scale), value_type = MONEY, pa.decimal128(*MONEY)
    elif element.name in _PLAIN:
        kind = _PLAIN[element.name]
        value_type = _UTC if element.name == "timestamptz" else arrow_type(kind)
    else:
        return as_text
    return Column(
        name=name,
        kind=Kind.LIST,
        type=pa.list_(pa.field("element", value_type)),
        database_type=server_type.display,
        precision=precision,
        scale=scale,
        element=kind,
        expression=expression,
    )
