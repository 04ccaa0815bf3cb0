"""Findings as the pages of a merge request show them, beside the lines that they name.

GitHub reads commands from what a job prints, GitLab a JSON file of code quality. Both
want paths relative to the repository's top, where such a job stands.
"""

import json
from collections.abc import Sequence
from enum import StrEnum
from hashlib import sha256

from asyncmigrate.errors import Conflict


class Annotations(StrEnum):
    """Whose annotations are written."""

    GITHUB = "github"
    GITLAB = "gitlab"


def annotate(findings: Sequence[Conflict], kind: Annotations) -> str:
    """All *findings* in one text; GitHub's is empty when there are none."""
    if kind == Annotations.GITHUB:
        return "\n".join(map(_github, findings))
    return json.dumps(list(map(_gitlab, findings)), ensure_ascii=False, indent=2)


def _github(finding: Conflict) -> str:
    """One workflow command; what would end it or its properties is escaped."""
    places = {"file": finding.file, "line": finding.line, "col": finding.column}
    given = {**places, "title": finding.kind}
    properties = ",".join(
        f"{name}={_escaped(str(value), ':', ',')}"
        for name, value in given.items()
        if value is not None
    )
    return f"::error {properties}::{_escaped(_said(finding))}"


def _escaped(text: str, *more: str) -> str:
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


def _gitlab(finding: Conflict) -> dict[str, object]:
    path = finding.file or "."
    identity = "\0".join((finding.kind, path, finding.version or "", finding.message))
    return {
        "description": _said(finding),
        "check_name": f"asyncmigrate-{finding.kind}",
        "fingerprint": sha256(identity.encode()).hexdigest(),
        "severity": "blocker",
        "location": {"path": path, "lines": {"begin": finding.line or 1}},
    }


def _said(finding: Conflict) -> str:
    return (
        f"{finding.message}\nhint: {finding.hint}" if finding.hint else finding.message
    )
