"""Random schemas, queries and options on real servers: what lands is compared with an independent reader."""
