"""Pages that people read: one self-contained HTML file each, everything in it escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from pipelines.core.command_text import as_sent
from pipelines.core.text import visible
from pipelines.reports.svg_charts import signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

FOLDER = "templates"


def render(template: str, values: Mapping[str, object]) -> str:
    """The page that a template of `pages/` makes of the values.

    Templates extend `layout.html`, which carries `style.css` inside and forbids the browser to load
    anything from elsewhere. Every value is escaped; a name that the template uses and nobody gave
    raises jinja2.UndefinedError.
    """
    return _environment().get_template(template).render(**values)


def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
    from markupsafe import Markup

    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count
    environment.filters["percent"] = _percent
    environment.filters["sentence"] = _sentence
    environment.filters["signed"] = signed
    environment.filters["typed"] = as_sent
    # Our own file, not data: the only thing on a page that is not escaped.
    environment.globals["style"] = Markup(_read("style.css"))  # noqa: S704
    return environment


def _read(name: str) -> str:
    return (files("pipelines.reports") / FOLDER / name).read_text(encoding="utf-8")


def _visible(value: object) -> object:
    return type(value)(visible(value)) if isinstance(value, str) else value


def _count(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _percent(share: float) -> str:
    return "< 0.01 %" if 0 < share < 0.0001 else f"{share * 100:.2f} %"


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}{'' if reason.endswith('.') else '.'}"
