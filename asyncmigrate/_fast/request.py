"""What the command line asks for, as far as it is plain; else the ordinary path.

An option, variable, setting or part of the URL that is not known here ends it.
"""

import os

from asyncmigrate._pyproject import may_hold_settings

_COMMANDS = ("migrate", "up")
_VALUES = {
    "--dsn": "dsn",
    "--directory": "directory",
    "-d": "directory",
    "--namespace": "namespace",
    "--wait-for-database": "duration",
    "--lock-wait": "lock_wait",
}
_VARIABLES = {
    "ASYNCMIGRATE_DSN": "dsn",
    "ASYNCMIGRATE_DIRECTORY": "directory",
    "ASYNCMIGRATE_NAMESPACE": "namespace",
    "ASYNCMIGRATE_WAIT_FOR_DATABASE": "duration",
    "ASYNCMIGRATE_LOCK_WAIT": "lock_wait",
    "ASYNCMIGRATE_RELEASE": "",
}
_HARMLESS = ("PGDATA",)
"""Variables of the server, which no client reads."""
_ON = ("1", "true", "on", "yes")
_HEX = "0123456789abcdefABCDEF"
_HOST_SIGNS = dict.fromkeys(map(ord, "-._"), "a")
_SHORTEST = 3
"""Seconds of ``connect_timeout``: less would not let the look take as long as it may."""


class Request:
    """One start: where the database and the files are."""

    def __init__(self) -> None:
        self.dsn = ""
        self.directory = "migrations"
        self.namespace = "default"
        self.quiet = False
        self.may_wait = True
        """Whether others may be waited for; whoever says how long gets just that."""
        self.host = ""
        self.port = 5432
        self.user = ""
        self.password = ""
        self.database = ""
        self.ask_tls = True


def read_request(arguments: list[str]) -> Request | None:
    """Read a request; null when anything about it is not plain."""
    environment = os.environ
    if environment.get("ASYNCMIGRATE_FAST", "1").lower() not in _ON:
        return None
    if "_ASYNCMIGRATE_COMPLETE" in environment:
        return None  # a shell that asks what could be typed
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
    return number.isascii() and number.isdigit() and len(number) <= 9  # noqa: PLR2004 - thirty years


def _is_plain(text: str) -> bool:
    """Whether a text is one that every reader takes as it stands."""
    return bool(text) and text.isprintable() and text == text.strip()


def _set(request: Request, name: str, value: str) -> bool:
    if name in ("duration", "lock_wait"):
        request.may_wait = request.may_wait and name == "duration"
        return _is_duration(value)
    if not _is_plain(value) or "\\" in value:
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
            if len(text) == 1 << 20 or may_hold_settings(text):
                return False
        parent = os.path.dirname(folder)  # noqa: PTH120 - as above
        if parent == folder:
            return True
        folder = parent


def _decode(text: str) -> str | None:
    """Undo percent-encoding; null for a sign that other readers may take otherwise."""
    first, *rest = text.split("%")
    data = bytearray(first.encode())
    for piece in rest:
        digits = piece[:2]
        if len(digits) != 2 or digits.strip(_HEX):  # noqa: PLR2004 - a byte
            return None
        data += bytes.fromhex(digits) + piece[2:].encode()
    decoded = data.decode("ascii") if data.isascii() else "\0"
    return decoded if decoded.isprintable() else None


def _read_dsn(request: Request) -> bool:
    scheme, _, rest = request.dsn.partition("://")
    plain = rest.isascii() and "#" not in rest and rest.count("@") == 1
    if not plain or not _is_plain(request.dsn) or not _is_scheme(scheme):
        return False
    address, _, query = rest.partition("?")
    login, _, place = address.partition("@")
    host, slash, database = place.partition("/")
    user, _, password = login.partition(":")
    if not (slash and database and user) or "/" in database + login:
        return False
    if not _read_host(request, host) or not _read_query(request, query):
        return False
    decoded = [_decode(text) for text in (user, password, database)]
    if None in decoded:
        return False
    request.user, request.password, request.database = (text or "" for text in decoded)
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib costs 17 ms
    # Files that the driver reads and we do not: passwords, and certificates for TLS.
    if not password and os.path.exists(f"{home}/.pgpass"):  # noqa: PTH110 - as above
        return False
    return not (request.ask_tls and os.path.exists(f"{home}/.postgresql"))  # noqa: PTH110 - as above


def _is_scheme(scheme: str) -> bool:
    name, plus, driver = scheme.partition("+")
    is_word = driver.isascii() and driver.replace("_", "a").isalnum()
    return name in ("postgres", "postgresql") and (is_word or not plus)


def _read_host(request: Request, text: str) -> bool:
    request.host, colon, port = text.partition(":")
    if colon:
        if not port.isdigit() or len(port) > 5 or not 0 < int(port) < 1 << 16:  # noqa: PLR2004 - digits
            return False
        request.port = int(port)
    plain = request.host.translate(_HOST_SIGNS)
    return plain.isalnum()


def _read_query(request: Request, query: str) -> bool:
    seen: set[str] = set()
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        if key in seen:
            return False
        seen.add(key)
        if key == "sslmode" and value in ("disable", "prefer"):
            request.ask_tls = value == "prefer"
        elif key != "connect_timeout" or not _is_long_enough(value):
            return False
    return True


def _is_long_enough(seconds: str) -> bool:
    return seconds.isdigit() and len(seconds) <= 4 and int(seconds) >= _SHORTEST  # noqa: PLR2004 - digits


__all__ = ["Request", "read_request"]
