"""The services of the sandbox, each a process of its own: emulator, databases, Airflow, the DAG folder."""
