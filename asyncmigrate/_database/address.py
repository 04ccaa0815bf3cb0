"""The spellings of a database URL that people really have, made into one.

Pure text: nothing is connected to here. What a URL leaves out comes from the ``PG*``
variables, which asyncpg reads. No message repeats the URL, since it may hold a
password.
"""

import configparser
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from asyncmigrate._sql.quoting import quote_ident
from asyncmigrate.errors import InvalidSetting, InvalidUsage

_FORM: Final = "postgresql://user:password@host:5432/database"
_PARTS: Final = re.compile(r"([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)
"""Authority, path, query, fragment."""
_PORTS: Final = 1 << 16
_OTHER_SCHEMES: Final = frozenset(
    {"mysql", "mariadb", "sqlite", "oracle", "mssql", "mongodb", "redis", "cockroachdb"}
    | {"jdbc:postgresql", "http", "https", "file", "redshift"}
)
_SSL: Final = {
    **dict.fromkeys(("false", "0", "disable", "off", "no"), "disable"),
    **dict.fromkeys(("true", "1", "on", "yes", ""), "require"),
}
_TLS_FILES: Final = {
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
}
_FOREIGN: Final = frozenset(
    {
        "async_fallback",
        "channel_binding",
        "command_timeout",
        "connection_limit",
        "fallback_application_name",
        "gssdelegation",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "max_connections",
        "max_overflow",
        "min_connections",
        "pgbouncer",
        "pool_mode",
        "pool_size",
        "pool_timeout",
        "prepare_threshold",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "prepareThreshold",
        "require_auth",
        "requirepeer",
        "requiressl",
        "single_use_connections",
        "socket_timeout",
        "sslaccept",
        "sslcertmode",
        "sslcompression",
        "sslsni",
        "statement_cache_mode",
        "statement_cache_size",
        "supa",
        "tcp_user_timeout",
    }
)
"""Keys of other drivers and tools, which would reach the server as settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect, as asyncpg takes it."""

    dsn: str | None
    """Null: everything comes from ``PG*`` variables."""
    service: str | None = None
    """The section of `service_file` that completes all of it."""
    service_file: str | None = None
    timeout: float = 30.0
    """Seconds for one try to connect."""
    server_settings: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    """The address for messages, without its password."""
    warnings: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Texts that no message may repeat."""

    def scrubbed(self, text: str) -> str:
        """*text* without the password, however the driver came to repeat it."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text

    def at_database(self, name: str) -> str:
        """The URL of another database of the same server."""
        match = _PARTS.fullmatch((self.dsn or "postgresql://").partition("://")[2])
        assert match is not None  # noqa: S101 - each part may be empty
        authority, _, query, _ = match.groups(default="")
        options = [
            pair
            for pair in parse_qsl(query, keep_blank_values=True)
            if pair[0] not in {"database", "dbname"}
        ]
        options += self.server_settings.items()
        text = f"postgresql://{authority}/{quote(name, safe='')}"
        # Not with a plus for a space: libpq's drivers take it for itself.
        return text + (f"?{urlencode(options, quote_via=quote)}" if options else "")


def read_address(dsn: str | None, environment: Mapping[str, str]) -> Address:
    """Translate *dsn*.

    Raises:
        InvalidSetting: it is no URL, or one that cannot be read; the hint has the
            remedy.
        InvalidUsage: there is neither a URL nor anything in the ``PG*`` variables.
    """
    if dsn is None or not dsn.strip():
        return _read_environment(environment)
    rest = _after_scheme(dsn.strip())
    # Not urlsplit: it drops tabs, and its errors repeat what stands before the host.
    match = _PARTS.fullmatch(rest)
    assert match is not None  # noqa: S101 - each part may be empty
    authority, path, query_text, fragment = match.groups(default="")
    if fragment or "@" in path or "@" in query_text:
        message = "the DSN cannot be read: a raw `#`, `?`, `/` or `@` stands in it"
        raise InvalidSetting(
            message,
            hint="percent-encode them in user, password and options:"
            " `#` is %23, `?` is %3F, `/` is %2F, `@` is %40",
        )
    userinfo, at, hosts = authority.rpartition("@")
    _require_ports(hosts)
    secrets: set[str] = set()
    if at:
        user, colon, password = userinfo.partition(":")
        userinfo = _encoded(user)
        if colon:
            userinfo += f":{_encoded(password)}"
            secrets |= {password, unquote(password), _encoded(password)}
    options = _read_query(query_text)
    query = dict(options.query)
    for key in ("password", "sslpassword"):
        secrets |= {query[key], _encoded(query[key])} if key in query else set()
    service = query.pop("service", None) or environment.get("PGSERVICE")
    service_file = _service_file(service, environment)
    _require_tls_files(query, environment)
    text = f"postgresql://{userinfo}{at}{hosts}{path}"
    if query:
        text += "?" + urlencode(query)
    return Address(
        dsn=text,
        service=service or None,
        service_file=service_file,
        timeout=options.timeout,
        server_settings=options.server_settings,
        shown=_shown(hosts, path, service),
        warnings=tuple(options.warnings),
        secrets=tuple(sorted(filter(None, secrets), key=len, reverse=True)),
    )


def _shown(hosts: str, path: str, service: str | None) -> str:
    if service and not hosts:
        return f"the service {service!r}"
    return f"{hosts}{path}" or "the host of the PG* variables"


def _read_environment(environment: Mapping[str, str]) -> Address:
    if not {"PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"} & environment.keys():
        message = "no database was given"
        hint = f"pass `--dsn {_FORM}`, or set DATABASE_URL"
        raise InvalidUsage(message, hint=hint)
    if environment.get("PGSERVICE"):
        # The driver looks for a service only where there is a URL.
        return read_address("postgresql:///", environment)
    _require_tls_files({}, environment)
    shown = environment.get("PGHOST", "the host of the PG* variables")
    return Address(dsn=None, shown=shown)


def _after_scheme(dsn: str) -> str:
    scheme, found, rest = dsn.partition("://")
    if not found:
        key_value = "=" in dsn
        what = "is in the form key=value" if key_value else "has no `postgresql://`"
        message = f"the DSN {what}"
        raise InvalidSetting(message, hint=f"write it as a URL: {_FORM}")
    name, _, driver = scheme.lower().partition("+")
    if name not in {"postgres", "postgresql"} or not re.fullmatch(r"\w*", driver):
        known = name in _OTHER_SCHEMES
        what = f"for {name!r}, not for PostgreSQL" if known else "no PostgreSQL URL"
        message = f"the DSN is {what}"
        raise InvalidSetting(message, hint=f"write it as {_FORM}")
    return rest


def _require_ports(hosts: str) -> None:
    for host in hosts.split(","):
        after = host.rpartition("]")[2] if host.startswith("[") else host
        port = after.partition(":")[2]
        usable = port.isascii() and port.isdigit() and 0 < int(port) < _PORTS
        if port and not usable:
            message = "the DSN cannot be read: its port is no number from 1 to 65535"
            hint = f"write it as {_FORM}; a `:` in a password is %3A"
            raise InvalidSetting(message, hint=hint)


def _encoded(text: str) -> str:
    """*text* percent-encoded, whether it was before or not."""
    return quote(unquote(text), safe="")


@dataclass(slots=True)
class _Options:
    """What the part after the question mark asks for."""

    query: list[tuple[str, str]] = field(default_factory=list)
    timeout: float = 30.0
    server_settings: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def _read_query(text: str) -> _Options:
    read = _Options()
    pairs = parse_qsl(text, keep_blank_values=True)
    keys = {key for key, _ in pairs}
    for key, value in pairs:
        if key == "connect_timeout":
            read.timeout = _timeout(value)
        elif key == "ssl":
            if "sslmode" not in keys:
                read.query.append(("sslmode", _SSL.get(value.lower(), value)))
        elif key == "schema":
            read.server_settings["search_path"] = quote_ident(value)
        elif key == "pgbouncer" and value.lower() in {"true", "1"}:
            read.warnings.append(
                "the DSN says `pgbouncer=true`; migrations need a direct connection"
            )
        elif key not in _FOREIGN:
            read.query.append((key, value))
    return read


def _timeout(value: str) -> float:
    """Seconds; libpq's 0 is its own default, and ours."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        message = "the DSN's `connect_timeout` is no number of seconds"
        raise InvalidSetting(message, hint="write it as `connect_timeout=10`")
    return seconds or 30.0


def _service_file(name: str | None, environment: Mapping[str, str]) -> str | None:
    """The file that has the service.

    asyncpg 0.32 knows neither PGSERVICE nor PGSYSCONFDIR; where the service is not in
    the file, it dials localhost (measured).
    """
    if not name:
        return None
    home = environment.get("PGSERVICEFILE") or os.path.expanduser("~/.pg_service.conf")  # noqa: PTH111 - pathlib raises where there is no home
    files = [home]
    if environment.get("PGSYSCONFDIR"):
        files.append(f"{environment['PGSYSCONFDIR']}/pg_service.conf")
    for path in files:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        if parser.has_section(name):
            return path
    message = f"there is no service {name!r} in {' or '.join(files)}"
    raise InvalidSetting(
        message,
        hint="add it to the service file, or set PGSERVICEFILE",
    )


def _require_tls_files(
    query: Mapping[str, str], environment: Mapping[str, str]
) -> None:
    # The driver's error names no file, and looks as if nobody answered (measured).
    if (query.get("sslmode") or environment.get("PGSSLMODE")) == "disable":
        return
    for key, variable in _TLS_FILES.items():
        where = f"the DSN's `{key}`" if query.get(key) else variable
        path = query.get(key) or environment.get(variable)
        try:
            if path:
                Path(path).open("rb").close()
        except OSError as error:
            message = f"{where}: {path} cannot be read: {error.strerror}"
            raise InvalidSetting(
                message, hint="name a file that this user may read, in PEM format"
            ) from None
