"""The spellings of a database URL that people really have, made into one.

Pure text: nothing is connected to here. What a URL leaves out comes from the ``PG*``
variables, which asyncpg reads. No message repeats the URL, since it may hold a
password.
"""

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from asyncmigrate.errors import InvalidSetting, InvalidUsage

_FORM: Final = "postgresql://user:password@host:5432/database"
_FOREIGN: Final = {
    "channel_binding": None,
    "connection_limit": None,
    "gssencmode": None,
    "keepalives": None,
    "keepalives_count": None,
    "keepalives_idle": None,
    "keepalives_interval": None,
    "pgbouncer": None,
    "pool_timeout": None,
    "pool_size": None,
    "max_overflow": None,
    "prepared_statement_cache_size": None,
    "prepare_threshold": None,
    "prepareThreshold": None,
    "socket_timeout": None,
    "statement_cache_size": None,
    "supa": None,
    "tcp_user_timeout": None,
    "sslaccept": None,
    "async_fallback": None,
}
"""Keys of other drivers and tools, which would reach the server as settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to connect, as asyncpg takes it."""

    dsn: str | None
    """Null: everything comes from ``PG*`` variables."""
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


def read_address(dsn: str | None, environment: Mapping[str, str]) -> Address:
    """Translate *dsn*.

    Raises:
        InvalidSetting: it is no URL, or one that cannot be read; the hint has the
            remedy.
        InvalidUsage: there is neither a URL nor anything in the ``PG*`` variables.
    """
    if dsn is None or not dsn.strip():
        if not {"PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"} & environment.keys():
            raise InvalidUsage(
                "no database was given",
                hint=f"pass `--dsn {_FORM}`, or set DATABASE_URL",
            )
        _require_service(environment.get("PGSERVICE"), environment)
        shown = environment.get("PGHOST", "the host of the PG* variables")
        return Address(dsn=None, shown=shown)
    dsn = dsn.strip()
    scheme, found, rest = dsn.partition("://")
    if not found:
        key_value = "=" in dsn
        what = "is in the form key=value" if key_value else "has no `postgresql://`"
        raise InvalidSetting(f"the DSN {what}", hint=f"write it as a URL: {_FORM}")
    if scheme.split("+")[0] not in {"postgres", "postgresql"}:
        raise InvalidSetting(
            f"the DSN is for {scheme.split('+')[0]!r}, not for PostgreSQL",
            hint=f"write it as {_FORM}",
        )
    parts = urlsplit(f"postgresql://{rest}")
    userinfo, at, hosts = parts.netloc.rpartition("@")
    stray = parts.fragment or "@" in parts.path or (not at and "@" in parts.query)
    if stray:
        raise InvalidSetting(
            "the DSN cannot be read: its password seems to hold a raw `#`, `?` or `/`",
            hint="percent-encode it: `#` is %23, `?` is %3F, `/` is %2F, `@` is %40",
        )
    for host in hosts.split(","):
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host else ""
        if port and not port.isdigit():
            raise InvalidSetting(
                "the DSN cannot be read: its port is not a number",
                hint=f"write it as {_FORM}; a `:` in a password is %3A",
            )
    secrets: set[str] = set()
    if at:
        user, colon, password = userinfo.partition(":")
        again = quote(unquote(user), safe="")
        if colon:
            again += ":" + quote(unquote(password), safe="")
            secrets |= {password, unquote(password), quote(unquote(password), safe="")}
        hosts = f"{again}@{hosts}"
    query, timeout, server_settings, warnings = _read_query(parts.query)
    _require_service(
        dict(query).get("service") or environment.get("PGSERVICE"), environment
    )
    text = f"postgresql://{hosts}{parts.path}"
    if query:
        text += "?" + urlencode(query)
    return Address(
        dsn=text,
        timeout=timeout,
        server_settings=server_settings,
        shown=hosts.rpartition("@")[2] + parts.path,
        warnings=tuple(warnings),
        secrets=tuple(sorted(filter(None, secrets), key=len, reverse=True)),
    )


def _read_query(
    text: str,
) -> tuple[list[tuple[str, str]], float, dict[str, str], list[str]]:
    query: list[tuple[str, str]] = []
    timeout = 30.0
    server_settings: dict[str, str] = {}
    warnings: list[str] = []
    pairs = parse_qsl(text, keep_blank_values=True)
    keys = {key for key, _ in pairs}
    for key, value in pairs:
        if key == "connect_timeout":
            try:
                timeout = float(value) or 30.0
            except ValueError:
                raise InvalidSetting(
                    "the DSN's `connect_timeout` is not a number of seconds"
                ) from None
        elif key == "ssl":
            if "sslmode" not in keys:
                off = value.lower() in {"false", "0", "disable", "off", "no"}
                on = value.lower() in {"true", "1", "on", "yes", ""}
                mode = "disable" if off else "require" if on else value
                query.append(("sslmode", mode))
        elif key == "schema":
            server_settings["search_path"] = value
        elif key in _FOREIGN:
            if key == "pgbouncer" and value.lower() in {"true", "1"}:
                warnings.append(
                    "the DSN says `pgbouncer=true`; migrations need a direct connection"
                )
        else:
            query.append((key, value))
    return query, timeout, server_settings, warnings


def _require_service(name: str | None, environment: Mapping[str, str]) -> None:
    # asyncpg 0.32 ignores an unknown service and dials localhost (measured).
    if not name:
        return
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
            return
    raise InvalidSetting(
        f"there is no service {name!r} in {' or '.join(files)}",
        hint="add it to the service file, or set PGSERVICEFILE",
    )
