"""What runs the feature queries: DuckDB or Spark."""
