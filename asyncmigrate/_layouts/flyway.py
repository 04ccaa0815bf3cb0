"""Flyway: ``V1.2__name.sql``, ``U1.2__name.sql``, ``R__name.sql``, ``B1.2__name.sql``.

A version is numbers with dots, compared part by part, trailing zeros dropped; ``_``
is a dot. The undo of a version is its DOWN. A baseline stands in for the versions up
to its own where their files are gone. One transaction each, unless a ``.conf`` beside
the file says otherwise: then each statement counts by itself. Placeholders are filled
in before a run. An empty prefix (``1__name.sql``) is read when the format is named.
"""

import re
from functools import partial
from typing import Final, NamedTuple

from asyncmigrate._layouts.foreign import (
    ONE_BY_ONE,
    Half,
    Halves,
    Named,
    Naming,
    Texts,
)
from asyncmigrate._layouts.layout import Found, Layout
from asyncmigrate._layouts.listing import Listing
from asyncmigrate._migration import Options, Problem, Version

_NAME: Final = re.compile(r"([VUBR]?)(.*?)__(.*)", re.DOTALL)
_NUMBER: Final = re.compile(r"[0-9]+(?:[._][0-9]+)*")
_ENDING: Final = re.compile(
    r"\.(sql|java|class|kt|groovy|py|sh|ps1|bat|cmd)$", re.IGNORECASE
)
_LANGUAGES: Final = {
    "java": "Java",
    "class": "Java",
    "kt": "Kotlin",
    "groovy": "Groovy",
    "py": "a script of Flyway's",
}
_CLAIMS: Final = re.compile(
    r"(?:V[0-9]+(?:[._][0-9]+)*__?[^_]|R__).*\.(?:sql|java)", re.IGNORECASE | re.DOTALL
)
_CALLBACK: Final = re.compile(
    r"(?:before|after)(?:Clean|Each|Migrate|Repeatables|Versioned|Undo|Validate"
    r"|Baseline|Repair|Info|Connect|CreateSchema)\w*|createSchema"
)
_SHAPE: Final = "V1__name.sql"
_SWITCH: Final = {"true": True, "false": False}


def recognises(listing: Listing) -> bool:
    """Whether a file is named as only Flyway names them."""
    return any(
        _CLAIMS.fullmatch(name) and name[0] in "VR"
        for name in (file.rpartition("/")[2] for file in listing.files)
    )


class _File(NamedTuple):
    file: str
    text: str
    """The version as the file writes it, with dots."""
    name: str


def read(listing: Listing) -> Found:
    """Name and digest every migration, in subfolders, too."""
    naming = Naming(listing, FLYWAY.name)
    by_kind: dict[str, dict[str, _File]] = {"V": {}, "U": {}, "B": {}}
    for file in listing.files:
        ending = _ENDING.search(file)
        if ending is None:
            continue
        base = file.rpartition("/")[2][: -len(ending[0])]
        parsed = _NAME.fullmatch(base)
        if ending[1].lower() != "sql":
            if parsed and (parsed[1] == "R" or _NUMBER.fullmatch(parsed[2])):
                language = _LANGUAGES.get(ending[1].lower(), "a shell script")
                naming.language(file, language)
        elif parsed and parsed[1] == "R" and not parsed[2]:
            _name(naming, None, parsed[3], file)
        elif parsed and parsed[1] != "R" and _NUMBER.fullmatch(parsed[2]):
            text = parsed[2].replace("_", ".")
            known = by_kind[parsed[1] or "V"]
            version = version_of(text)
            if version.key in known:
                first = known[version.key].file
                naming.refuse(
                    file,
                    f"`{first}` and `{file}` have one version, {text}",
                    "renumber the one that is not applied yet",
                )
            else:
                known[version.key] = _File(file, text, parsed[3])
        else:
            _unnamed(naming, file, base)
    _baseline(naming, by_kind["V"], by_kind["B"])
    for key, each in by_kind["V"].items():
        undo = by_kind["U"].pop(key, None)
        version = version_of(each.text)
        _name(naming, version, each.name, each.file, undo.file if undo else None)
    for each in by_kind["U"].values():
        naming.refuse(
            each.file,
            f"there is no migration of version {each.text} for it to undo",
            f"add `V{each.text}__{each.name}.sql`, or take this file away",
        )
    return naming.found()


def version_of(text: str) -> Version:
    """Give a version and its key, in which ``1.0`` is ``1``."""
    parts = [part.lstrip("0") or "0" for part in text.split(".")]
    while len(parts) > 1 and parts[-1] == "0":
        parts.pop()
    return Version(text, f"n:{'.'.join(parts)}")


def _name(
    naming: Naming,
    version: Version | None,
    name: str,
    file: str,
    undo: str | None = None,
) -> None:
    scripts = (file, undo) if undo else (file,)
    listed = set(naming.listing.files)
    confs = tuple(f"{each}.conf" for each in scripts if f"{each}.conf" in listed)
    parse = partial(_parse, scripts)
    naming.named.append(Named(version, name, (*scripts, *confs), parse))


def _unnamed(naming: Naming, file: str, base: str) -> None:
    """Tell what keeps SQL from being a migration."""
    prefix = base[:1]
    if _CALLBACK.fullmatch(base.partition("__")[0]):
        naming.refuse(
            file,
            "this is a callback of Flyway, which cannot be run from here",
            f"do its work in a migration, or leave it out: `--skip '{file}'`",
        )
    elif prefix == "R" and "__" in base:
        name = base.partition("__")[2]
        message = "a repeatable migration has no version"
        naming.refuse(file, message, f"rename it to `R__{name}.sql`")
    elif prefix in "VUBR" and (base[1:2].isdigit() or base[1:2] == "_"):
        number = _NUMBER.match(base, 1)
        version = number[0].partition("_")[0] if number else "1"
        rest = base[1:].removeprefix(version).strip("._") or "name"
        shape = f"R__{rest}" if prefix == "R" else f"{prefix}{version}__{rest}"
        message = "two underscores must stand between the version and the name"
        if prefix == "R":
            message = "two underscores must stand between `R` and the name"
        elif "__" in base:
            message = "the version must be numbers with dots between them"
        naming.refuse(file, message, f"rename it to `{shape}.sql`")
    else:
        naming.stray(file, _SHAPE)


def _baseline(
    naming: Naming, versions: dict[str, _File], baselines: dict[str, _File]
) -> None:
    """Let the newest baseline stand in for versions whose files are gone."""
    if not baselines:
        return
    newest = max(baselines.values(), key=lambda each: version_of(each.text).order)
    place = version_of(newest.text).order
    older = [each for each in versions.values() if version_of(each.text).order <= place]
    if not older:
        versions[version_of(newest.text).key] = newest
        baselines = {k: each for k, each in baselines.items() if each != newest}
    for each in baselines.values():
        naming.warnings.append(
            f"{each.file} is a baseline: passed over, since the versions that it stands"
            " for are there"
        )


def _parse(scripts: tuple[str, ...], texts: Texts) -> Halves:
    problems: list[Problem] = []
    halves = [
        Half(file, texts[file], options=_options(file, texts, problems))
        for file in scripts
    ]
    return Halves.of(halves, problems)


def _options(file: str, texts: Texts, problems: list[Problem]) -> Options:
    """What the script's configuration asks for, and whether it has placeholders."""
    asked = {"executeintransaction": True, "placeholderreplacement": True}
    conf = f"{file}.conf"
    for number, line in enumerate(texts.get(conf, "").split("\n"), 1):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not key or key.startswith(("#", "!")):
            continue
        name = key.lower()
        if name in asked and value.lower() in _SWITCH:
            asked[name] = _SWITCH[value.lower()]
        elif (name, value.lower()) not in {
            ("encoding", "utf-8"),
            ("encoding", "utf8"),
            ("shouldexecute", "true"),
        }:
            shown = f"{key}={value}" if equals else key
            problems.append(
                Problem(
                    f"`{shown}` is not supported here",
                    conf,
                    number,
                    hint="`executeInTransaction` and `placeholderReplacement` are, with"
                    " `true` or `false`",
                )
            )
    fills = asked["placeholderreplacement"] and "${" in texts[file]
    own = Options() if asked["executeintransaction"] else ONE_BY_ONE
    return Options(
        transaction=own.transaction,
        blocks=own.blocks,
        placeholders="flyway" if fills else None,
    )


FLYWAY: Final = Layout(
    name="flyway",
    recognises=recognises,
    read=read,
    shape="`V1.2__name.sql`, `U1.2__name.sql`, `R__name.sql`, `B1.2__name.sql`",
    identity="the dotted version; a repeatable's path",
    transaction="one; `executeInTransaction=false`: each statement by itself",
    recognised="by a name that begins with `V` and a number, or with `R__`",
)
