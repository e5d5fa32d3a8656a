"""The process that answers a query of the lake: DuckDB over the files that receipts name.

It runs in the environment of the container's code (docs/decisions/lake-query.md), so it imports DuckDB,
pyarrow, botocore and `hybrid.lake`, and nothing of the command line. `hybrid.lake.querying` starts it.
"""
