"""What the command line asks for, as far as it is plain; else the ordinary path.

An option, variable, setting or part of the URL that is not known here ends it.
"""

import os

_COMMANDS = ("migrate", "up")
_VALUES = {
    "--dsn": "dsn",
    "--directory": "directory",
    "-d": "directory",
    "--namespace": "namespace",
    "--wait-for-database": "duration",
    "--lock-wait": "duration",
}
_VARIABLES = {
    "ASYNCMIGRATE_DSN": "dsn",
    "ASYNCMIGRATE_DIRECTORY": "directory",
    "ASYNCMIGRATE_NAMESPACE": "namespace",
    "ASYNCMIGRATE_WAIT_FOR_DATABASE": "duration",
    "ASYNCMIGRATE_LOCK_WAIT": "duration",
    "ASYNCMIGRATE_RELEASE": "",
}
_HARMLESS = ("PGDATA", "PGDATABASE_", "PGADMIN")


class Request:
    """One start: where the database and the files are."""

    def __init__(self) -> None:
        self.dsn = ""
        self.directory = "migrations"
        self.namespace = "default"
        self.quiet = False
        self.host = ""
        self.port = 5432
        self.user = ""
        self.password = ""
        self.database = ""
        self.ask_tls = True


def read_request(arguments: list[str]) -> Request | None:
    """Read a request; null when anything about it is not plain."""
    environment = os.environ
    if environment.get("ASYNCMIGRATE_FAST", "1") in ("0", "off", "false", "no"):
        return None
    if not arguments or arguments[0] not in _COMMANDS:
        return None
    request = Request()
    if not _read_environment(request, environment):
        return None
    if not _read_options(request, arguments[1:]):
        return None
    if not _is_unconfigured():
        return None
    return request if request.dsn and _read_dsn(request) else None


def _is_duration(text: str) -> bool:
    number = text.removesuffix("s")
    return number.isascii() and number.isdigit()


def _set(request: Request, name: str, value: str) -> bool:
    if name == "duration":
        return _is_duration(value)
    if not value or "\0" in value or "\\" in value:
        return False
    if name == "directory" and (value.startswith("package:") or "," in value):
        return False
    if name:
        setattr(request, name, value)
    return True


def _read_environment(request: Request, environment: "os._Environ[str]") -> bool:
    request.dsn = environment.get("DATABASE_URL", "")
    for variable, value in environment.items():
        if variable.startswith("ASYNCMIGRATE_"):
            if variable in (
                "ASYNCMIGRATE_FAST",
                "ASYNCMIGRATE_PYTEST_DSN",
            ) or variable.startswith("ASYNCMIGRATE_TEST_"):
                continue
            if variable not in _VARIABLES or not _set(
                request, _VARIABLES[variable], value
            ):
                return False
        elif variable.startswith("PG") and variable not in _HARMLESS:
            return False
    return True


def _read_options(request: Request, arguments: list[str]) -> bool:
    seen: set[str] = set()
    at = 0
    while at < len(arguments):
        option, equals, value = arguments[at].partition("=")
        at += 1
        if option in ("-q", "--quiet") and not equals:
            request.quiet = True
            continue
        name = _VALUES.get(option)
        if name is None or option in seen or (equals and option == "-d"):
            return False
        if name == "directory" and {"-d", "--directory"} & seen:
            return False
        seen.add(option)
        if not equals:
            if at == len(arguments):
                return False
            value = arguments[at]
            at += 1
        if value.startswith("-") or not _set(request, name, value):
            return False
    return True


def _is_unconfigured() -> bool:
    """Whether no file from here to the root says anything about us."""
    folder = os.getcwd()  # noqa: PTH109 - pathlib costs 17 ms
    while True:
        if os.path.exists(f"{folder}/asyncmigrate.toml"):  # noqa: PTH110 - as above
            return False
        try:
            file = os.open(f"{folder}/pyproject.toml", os.O_RDONLY)
        except FileNotFoundError:
            pass
        else:
            text = os.read(file, 1 << 20)
            os.close(file)
            if len(text) == 1 << 20:
                return False
            squeezed = text.translate(None, b" \t\"'")
            for sign in (b"tool.asyncmigrate", b"[tool]", b"\ntool=", b"\ntool.\n"):
                if sign in squeezed or squeezed.startswith(b"tool="):
                    return False
        parent = os.path.dirname(folder)  # noqa: PTH120 - as above
        if parent == folder:
            return True
        folder = parent


def _decode(text: str) -> str | None:
    if "%" not in text:
        return text
    first, *rest = text.split("%")
    data = bytearray(first.encode())
    for piece in rest:
        data += bytes.fromhex(piece[:2]) + piece[2:].encode()
    return data.decode()


def _read_dsn(request: Request) -> bool:
    scheme, _, rest = request.dsn.partition("://")
    plain = rest.isascii() and "#" not in rest and rest.count("@") == 1
    if scheme.partition("+")[0] not in ("postgres", "postgresql") or not plain:
        return False
    address, _, query = rest.partition("?")
    login, _, place = address.partition("@")
    host, slash, database = place.partition("/")
    user, colon, password = login.partition(":")
    name, _, port = host.partition(":")
    whole = name and slash and database and user and "/" not in database + login
    if not whole or any(sign in host for sign in ",[]%"):
        return False
    if (port and not port.isdigit()) or not _read_query(request, query):
        return False
    decoded = [_decode(text) for text in (user, password, database)]
    if any(text is None or not text.isascii() or "\0" in text for text in decoded):
        return False
    request.user, request.password, request.database = (text or "" for text in decoded)
    request.host, request.port = name, int(port or 5432)
    # Without a password the driver looks into a file that we do not read.
    home = os.path.expanduser("~")  # noqa: PTH111 - as above
    return bool(colon) or not os.path.exists(f"{home}/.pgpass")  # noqa: PTH110 - as above


def _read_query(request: Request, query: str) -> bool:
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        if key == "sslmode" and value in ("disable", "prefer"):
            request.ask_tls = value == "prefer"
        elif key != "connect_timeout" or not value.isdigit():
            return False
    return True


__all__ = ["Request", "read_request"]
