"""From a task to what it made: its run in MLflow, its night's report, what it published."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from pipelines.core.config import find_places
from pipelines.core.dates import parse_day

MLFLOW_PAGES = "REDEYE_MLFLOW_PAGES"


class RunLink(BaseOperatorLink):
    """To the night's run in the MLflow UI, where there is one."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow calls it so
        pages = mlflow_pages(os.environ) if operator.made_of else ""
        if not pages:
            return ""
        path = find_places(os.environ).run(parse_day(operator.made_of)) / "candidates.json"
        if not path.exists():
            return ""
        return f"{pages}/#/runs/{json.loads(path.read_bytes())['run_id']}"


class PageLink(BaseOperatorLink):
    """To a page of the night, which Airflow's own server shows: `plugins/night_pages.py`."""

    page = ""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002  Airflow calls it so
        if not operator.made_of:  # it was told no day
            return ""
        base = conf.get("api", "base_url", fallback="").rstrip("/")
        return f"{base}/redeye/nights/{parse_day(operator.made_of)}/{self.page}"


class ReportLink(PageLink):
    name = "Report"
    page = "report.html"


class ValidationLink(PageLink):
    name = "Report"
    page = "validation.html"


class PredictionsLink(PageLink):
    name = "Predictions"
    page = "publication.json"


LINKS: dict[str, list[BaseOperatorLink]] = {
    "validate": [ValidationLink()],
    "train": [RunLink()],
    "evaluate": [RunLink()],
    "promote": [RunLink()],
    "score": [PredictionsLink()],
    "monitor": [ReportLink()],
}


def mlflow_pages(environ: Mapping[str, str]) -> str:
    """Where people see MLflow: its server, without a password, or what `make up` serves; else nowhere."""
    told = environ.get(MLFLOW_PAGES) or environ.get("MLFLOW_TRACKING_URI", "")
    parts = urlsplit(told)
    if parts.scheme not in ("http", "https"):
        return ""
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"
