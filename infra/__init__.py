"""What runs Redeye on one machine: a PostgreSQL, Airflow's components, the MLflow UI."""
