"""An Airflow without a home or a database of anybody's, before anything imports it."""

from __future__ import annotations

import os
import tempfile

os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="redeye-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
