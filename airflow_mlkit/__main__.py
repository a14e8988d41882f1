"""`python -m airflow_mlkit` is the command `mlkit`."""

from airflow_mlkit.cli.app import main

if __name__ == "__main__":
    main()
