"""A page that needs nothing beside itself: the frame and the style of every report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_mlkit.evaluation.wording import format_metric


def render_page(template: Path, **values: Any) -> str:
    """A template that extends page.html.j2, as HTML. Everything that it is given is foreign, and escaped."""
    # autoescape stands for every template: a column may be named <script>
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["metric"] = format_metric
    return environment.get_template(template.name).render(**values)
