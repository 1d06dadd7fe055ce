"""An Airflow without a home or a database of anybody's, before anything imports it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

HOME = tempfile.TemporaryDirectory(prefix="redeye-airflow-")  # removed when the tests end
os.environ["AIRFLOW_HOME"] = HOME.name
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
os.environ["AIRFLOW__CORE__PLUGINS_FOLDER"] = str(Path(__file__).parents[2] / "plugins")
