"""The pages of a night, shown by Airflow's own server to whoever may see its runs."""

from __future__ import annotations

import os
from enum import StrEnum
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from pipelines.core.config import find_places
from pipelines.core.dates import parse_day
from pipelines.core.errors import RedeyeError

# A page says what data and registry say: nothing in it runs, or acts as who looks at it.
HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    "X-Content-Type-Options": "nosniff",
}


class Page(StrEnum):
    """What is shown of a night."""

    REPORT = "report.html"
    VALIDATION = "validation.html"
    PUBLICATION = "publication.json"


@cache
def pages() -> Any:
    """The application. Every task loads plugins; what serves pages is imported by the server alone."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse

    reader = requires_access_dag("GET", DagAccessEntity.RUN, param_dag_id="redeye_nightly")
    served = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)

    @served.get("/nights/{day}/{page}", dependencies=[Depends(reader)], response_model=None)
    def show(day: str, page: Page) -> Any:
        try:
            path = find_places(os.environ).run(parse_day(day)) / page.value
        except RedeyeError as error:
            raise HTTPException(404, str(error)) from error
        if not path.is_file():
            raise HTTPException(404, f"the night of {day} left no {page.value}")
        return FileResponse(path, headers=HEADERS)

    return served


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Where Airflow mounts them."""
    await pages()(scope, receive, send)


class RedeyePages(AirflowPlugin):
    """Shows them below /redeye."""

    name = "redeye_pages"
    fastapi_apps = [{"app": app, "url_prefix": "/redeye", "name": "Redeye"}]  # noqa: RUF012  Airflow wants a list
