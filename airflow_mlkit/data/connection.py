"""A connection's settings from the environment: `AIRFLOW_CONN_<ID>`, as a URI or as JSON, the way Airflow writes it.

Airflow's operator puts the connection of a step there; on a laptop a person does. Its password is in no message and no
log.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from airflow_mlkit.exceptions import SourceError
from airflow_mlkit.spec.nearest import did_you_mean

_PREFIX = "AIRFLOW_CONN_"
_POSTGRES = ("postgres", "postgresql")
_LIBPQ = frozenset(
    (
        "application_name",
        "channel_binding",
        "connect_timeout",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "options",
        "passfile",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslpassword",
        "sslrootcert",
        "ssl_min_protocol_version",
        "target_session_attrs",
        "tcp_user_timeout",
    )
)
"""What libpq takes as a parameter; Airflow's extras hold other things as well."""
_CONNECT_SECONDS = "10"


@dataclass(frozen=True)
class PostgresConnection:
    """How a PostgreSQL is reached. `repr` leaves the password out."""

    id: str
    host: str
    port: int | None
    database: str
    login: str
    password: str = field(default="", repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def uri(self) -> str:
        """The address for libpq. It holds the password: for the driver only."""
        secret = f":{quote(self.password, safe='')}" if self.password else ""
        user = f"{quote(self.login, safe='')}{secret}@" if self.login else ""
        port = f":{self.port}" if self.port else ""
        query = urlencode({"connect_timeout": _CONNECT_SECONDS, **self.parameters}, quote_via=quote)
        host = self.host if ":" in self.host and self.host.startswith("[") else quote(self.host, safe="")
        return f"postgresql://{user}{host}{port}/{quote(self.database, safe='')}?{query}"

    @property
    def shown(self) -> str:
        """The address for messages."""
        return f"{self.login}@{self.host or 'localhost'}:{self.port or 5432}/{self.database}"

    def scrub(self, text: str) -> str:
        """A driver's message without the password, in whichever way it is written."""
        for secret in {self.password, quote(self.password, safe=""), quote(self.password)} - {""}:
            text = text.replace(secret, "***")
        return text


def find_connection(name: str, environment: Mapping[str, str]) -> PostgresConnection:
    """The connection of that id.

    Args:
        name: the connection's id in mlkit.yaml.
        environment: where `AIRFLOW_CONN_<ID>` is looked up, hyphens written as such or as underscores.

    Raises:
        SourceError: when there is none, it cannot be read, or it is no PostgreSQL.
    """
    variables = [f"{_PREFIX}{name.upper()}", f"{_PREFIX}{name.upper().replace('-', '_')}"]
    variable = next((candidate for candidate in variables if environment.get(candidate)), None)
    if variable is None:
        known = [key.removeprefix(_PREFIX).lower() for key in environment if key.startswith(_PREFIX)]
        raise SourceError(
            f"there is no connection {name!r}: {variables[-1]} is not set{did_you_mean(name, known)}",
            hint=f"In Airflow: Admin, Connections. On a laptop: export {variables[-1]}="
            "'postgresql://user:password@host:5432/database'",
        )
    return _read(name, variable, environment[variable].strip())


def _read(name: str, variable: str, text: str) -> PostgresConnection:
    try:
        fields = _from_json(text) if text.startswith("{") else _from_uri(text)
        port = int(fields["port"]) if fields.get("port") else None
    except (ValueError, TypeError, AttributeError):
        # the reason would quote the variable, and the password with it
        raise SourceError(
            f"{variable} is neither a connection's URI nor its JSON.",
            hint="A URI is postgresql://user:password@host:5432/database; / : @ in a password are written %2F %3A %40.",
        ) from None
    if fields["kind"] not in _POSTGRES:
        raise SourceError(
            f"connection {name!r} is of the type {fields['kind']!r}; only PostgreSQL can be read so far.",
            hint="Its URI begins with postgresql://.",
        )
    return PostgresConnection(
        id=name,
        host=fields["host"] or "",
        port=port,
        database=fields["database"] or "",
        login=fields["login"] or "",
        password=fields["password"] or "",
        parameters={key: str(value) for key, value in fields["extra"].items() if key in _LIBPQ},
    )


def _from_uri(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    extra: dict[str, Any] = dict(parse_qsl(parts.query))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    return {
        "kind": parts.scheme.lower(),
        "host": unquote(parts.netloc.rpartition("@")[2].rpartition(":")[0] or parts.hostname or ""),
        "port": parts.port,
        "database": unquote(parts.path.removeprefix("/")),
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "extra": extra,
    }


def _from_json(text: str) -> dict[str, Any]:
    given = json.loads(text)
    extra = given.get("extra") or {}
    return {
        "kind": str(given.get("conn_type", "")).lower(),
        "host": given.get("host"),
        "port": given.get("port"),
        "database": given.get("schema"),
        "login": given.get("login"),
        "password": given.get("password"),
        "extra": json.loads(extra) if isinstance(extra, str) else dict(extra),
    }
