"""A query file and its parameter. `:as_of` is bound, never written into the text.

Casts (`::date`), literals ('12:30'), quoted names, dollar-quoted text and comments are left as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.project import Project
from airflow_mlkit.spec.nearest import did_you_mean

PARAMETER = "as_of"
SETTING = "mlkit.as_of"

_BOUND = f"(current_setting('{SETTING}')::timestamptz)"
"""The value is bound to a setting of the transaction, and the query reads the setting.

A query with parameters of its own cannot be streamed with COPY (PostgreSQL takes none there), and the driver would hold
its whole result in memory.
"""
_TOKEN = re.compile(
    r"""
      (?P<kept>
          [eE]'(?:[^'\\]|\\.|'')*'            # E'with \' escapes'
        | '(?:[^']|'')*'                      # 'a literal'
        | "(?:[^"]|"")*"                      # "a name"
        | \$(?P<tag>[A-Za-z_]\w*)?\$.*?\$(?(tag)(?P=tag))\$
        | --[^\n]*
        | /\*.*?\*/
        | ::
      )
    | (?P<end>;)(?=(?:\s|;|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*\Z)
    | (?<![\w\])]):(?P<parameter>[A-Za-z_]\w*)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Query:
    """The text that is sent to the database, and whether it reads `:as_of`."""

    file: str
    text: str
    uses_as_of: bool

    def value(self, as_of: datetime | None) -> str | None:
        """What `:as_of` is bound to; None where the query does not use it.

        Raises:
            UserError: when the query uses it and the run has no as_of.
        """
        if not self.uses_as_of:
            return None
        if as_of is None:
            raise UserError(
                f"{self.file} uses :{PARAMETER}, and this run has none.",
                hint="Give it one: mlkit run --as-of 2026-01-31. In Airflow it is the end of the data interval.",
            )
        return as_of.isoformat()


def load_query(project: Project, file: str) -> Query:
    """Read a query file of a project.

    Raises:
        ProjectError: when it is not there or lies outside the project.
        SourceError: when it is empty or no UTF-8.
        UserError: when it has a parameter that is not known.
    """
    try:
        text = project.file(file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{file} is not UTF-8.", hint="Save the query as UTF-8.") from None
    if not text.strip().strip(";").strip():
        raise SourceError(f"{file} is empty.", hint="Write the query into it: select ... order by ...")
    return bind_parameters(file, text)


def bind_parameters(file: str, text: str) -> Query:
    """Replace `:as_of` outside of literals and comments by the setting it is bound to.

    Raises:
        UserError: when another parameter stands there.
    """
    used = False

    def replace(match: re.Match[str]) -> str:
        nonlocal used
        name = match["parameter"]
        if name is None:
            return "" if match["end"] else match[0]
        if name != PARAMETER:
            line = text.count("\n", 0, match.start()) + 1
            raise UserError(
                f"{file}:{line} has the parameter :{name}{did_you_mean(name, [PARAMETER])}",
                hint=f"The one parameter of a query is :{PARAMETER}.",
            )
        used = True
        return _BOUND

    bound = _TOKEN.sub(replace, text)
    # the driver puts a bracket behind it, which a comment in the last line would swallow
    return Query(file, f"{bound.strip()}\n", used)
