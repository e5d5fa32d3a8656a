"""Hybrid Airflow: the estate model, the command line and the local site."""
