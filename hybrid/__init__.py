"""Hybrid Airflow: the estate, what is made of it, its fleet, its review, and the command line."""
