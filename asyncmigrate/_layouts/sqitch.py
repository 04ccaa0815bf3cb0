"""sqitch: ``sqitch.plan``, and scripts in ``deploy/`` and ``revert/``.

The plan says which changes there are and in which order: the place in it and the name
are the identity. A change that was reworked stands there twice; the script of the
earlier one has the tag between them in its name. The tool opens no transaction and
sends statement by statement, so what stands outside the script's own BEGIN … COMMIT
counts by itself. Verify scripts are not run.
"""

import re
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

from asyncmigrate._layouts.foreign import ONE_BY_ONE, Half, Halves, Named, Naming, Texts
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._layouts.texts import text_of
from asyncmigrate._migration import Problem, Unreadable, Version

_PLAN: Final = "sqitch.plan"
_CONF: Final = "sqitch.conf"
_LINE: Final = re.compile(
    r"[ \t]*(?P<sign>[@+-]?)[ \t]*(?P<name>[^\s@:#\[\]\\]+)"
    r"(?:[ \t]+\[(?P<needs>[^\]]*)\])?"
    r"[ \t]+[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z[ \t]+[^<]+[ \t]+<[^>]+>[ \t]*"
)
_PROJECT: Final = re.compile(r"^[ \t]*%project[ \t]*=[ \t]*(\S+)", re.MULTILINE)
_ENGINE: Final = re.compile(r"^[ \t]*engine[ \t]*=[ \t]*(\S+)", re.MULTILINE)


class _Change(NamedTuple):
    name: str
    line: int
    place: int
    """Among the changes, from 1."""
    tags: tuple[str, ...] = ()
    """Those behind it, before it is planned again."""
    reworked: bool = False


def recognises(listing: Listing) -> bool:
    """Whether the plan is there."""
    return _PLAN in listing.files


def read(listing: Listing) -> Found:
    """Name and digest every change of the plan."""
    naming = Naming(listing, SQITCH.name)
    _check_engine(naming)
    listed = set(listing.files)
    for change in _plan(naming):
        text, path = change.name, f"{change.name}.sql"
        if change.reworked:
            path = _reworked(change, listed)
            text = path.removesuffix(".sql")
        deploy, revert = f"deploy/{path}", f"revert/{path}"
        if deploy not in listed:
            naming.problems.append(
                Problem(
                    f"there is no `{deploy}` for the change `{text}`",
                    _PLAN,
                    change.line,
                    hint=f"add `{deploy}`, or take the change out of the plan",
                )
            )
            continue
        files = (deploy, revert) if revert in listed else (deploy,)
        version = Version(text, f"n:{change.place}:{text}")
        parse = partial(_parse, files)
        naming.named.append(Named(version, change.name, files, parse))
    return naming.found()


def _reworked(change: _Change, listed: set[str]) -> str:
    """The path of a script that a later one has replaced: that of its first tag."""
    paths = [f"{change.name}@{tag}.sql" for tag in change.tags]
    return next((path for path in paths if f"deploy/{path}" in listed), paths[0])


def _plan(naming: Naming) -> list[_Change]:
    """Read the plan: its changes, each with the tags that follow it."""
    if _PLAN not in naming.listing.files:
        naming.refuse(_PLAN, "there is no plan", "name the project's own directory")
        return []
    try:
        text = text_of(naming.listing.read(_PLAN), _PLAN)
    except Unreadable as error:
        naming.problems += error.problems
        return []
    project = _PROJECT.search(text)
    naming.project = project[1] if project else ""
    plan = _Plan(naming.problems)
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole.partition("#")[0].rstrip()
        if line.strip() and not line.lstrip().startswith("%"):
            plan.take(number, line)
    return plan.changes


@dataclass(slots=True)
class _Plan:
    """The lines of a plan, one after the other."""

    problems: list[Problem]
    changes: list[_Change] = field(default_factory=list)
    newest: dict[str, int] = field(default_factory=dict)
    """Of each name, which of the changes it is by now."""
    tags: set[str] = field(default_factory=set)

    def take(self, number: int, line: str) -> None:
        found = _LINE.fullmatch(line)
        if found is None:
            hint = "a change is `name [needs] 2024-01-01T00:00:00Z Name <address>`"
            self.problem(number, "this line of the plan cannot be read", hint)
        elif found["sign"] == "@":
            self.tag(found["name"])
        elif found["sign"] == "-":
            message = f"the plan takes `{found['name']}` back, which is not done"
            self.problem(number, message, "plan a change that does it instead")
        else:
            self.needs(number, found["name"], (found["needs"] or "").split())
            self.change(number, found["name"])

    def tag(self, tag: str) -> None:
        self.tags.add(tag)
        for at in self.newest.values():
            change = self.changes[at]
            self.changes[at] = change._replace(tags=(*change.tags, tag))

    def needs(self, number: int, name: str, needs: list[str]) -> None:
        """Refuse what is needed and not there; other projects are not looked at."""
        for need in needs:
            if ":" in need or need.startswith("!"):
                continue
            wanted, _, tag = need.partition("@")
            if (wanted and wanted not in self.newest) or (tag and tag not in self.tags):
                hint = "put what is needed further up in the plan"
                message = f"`{name}` needs `{need}`, which is not there"
                self.problem(number, message, hint)

    def change(self, number: int, name: str) -> None:
        if name in self.newest:
            at = self.newest[name]
            if not self.changes[at].tags:
                message = f"`{name}` is planned twice without a tag between"
                self.problem(number, message, "tag the release between the two")
                return
            self.changes[at] = self.changes[at]._replace(reworked=True)
        self.newest[name] = len(self.changes)
        self.changes.append(_Change(name, number, len(self.changes) + 1))

    def problem(self, line: int, message: str, hint: str) -> None:
        self.problems.append(Problem(message, _PLAN, line, hint=hint))


def _check_engine(naming: Naming) -> None:
    """Refuse a project that is for another database."""
    if _CONF not in naming.listing.files:
        return
    try:
        text = text_of(naming.listing.read(_CONF), _CONF)
    except Unreadable as error:
        naming.problems += error.problems
        return
    engine = _ENGINE.search(text)
    if engine and engine[1] != "pg":
        message = f"this project is for {engine[1]}, not for PostgreSQL"
        naming.refuse(_CONF, message, "its scripts want `engine = pg`")


def _parse(files: tuple[str, ...], texts: Texts) -> Halves:
    # The scanner, which is not loaded before something has to be read.
    from asyncmigrate._layouts.reading import variables  # noqa: PLC0415 - as said

    halves = [Half(file, texts[file], options=ONE_BY_ONE) for file in files]
    problems = [problem for half in halves for problem in variables(half)]
    return Halves.of(halves, problems)


SQITCH: Final = Layout(
    name="sqitch",
    recognises=recognises,
    read=read,
    shape="`sqitch.plan`, `deploy/name.sql`, `revert/name.sql`",
    identity="the place in the plan and the name",
    transaction="the script's own blocks; any other statement by itself",
    recognised="by `sqitch.plan`",
)
