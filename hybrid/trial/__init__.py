"""A pipeline run on this machine, by the container's own code, without Airflow and without a deployment."""
