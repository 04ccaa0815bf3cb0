"""Findings beside the lines of a merge request."""

import json

from asyncmigrate._readers.annotations import Annotations, annotate
from asyncmigrate.errors import Conflict

EDITED = Conflict(
    kind="edited",
    message="100% of `a,b:c.sql`\nwas edited",
    hint="put it back",
    version="7",
    file="db/a,b:c.sql",
    line=3,
    column=5,
)
BARE = Conflict(kind="missing", message="version 8 is gone")


def test_github_is_told_in_commands_that_no_text_can_end() -> None:
    place = "file=db/a%2Cb%3Ac.sql,line=3,col=5,title=edited"
    said = "100%25 of `a,b:c.sql`%0Awas edited%0Ahint: put it back"

    assert annotate([EDITED, BARE], Annotations.GITHUB).split("\n") == [
        f"::error {place}::{said}",
        "::error title=missing::version 8 is gone",
    ]
    assert annotate([], Annotations.GITHUB) == ""


def test_gitlab_is_told_in_one_document_with_a_fingerprint_each() -> None:
    edited, bare = json.loads(annotate([EDITED, BARE], Annotations.GITLAB))

    assert edited["location"] == {"path": "db/a,b:c.sql", "lines": {"begin": 3}}
    assert edited["description"].endswith("hint: put it back")
    assert edited["check_name"] == "asyncmigrate-edited"
    assert bare["location"] == {"path": ".", "lines": {"begin": 1}}
    assert edited["fingerprint"] != bare["fingerprint"]
    assert json.loads(annotate([], Annotations.GITLAB)) == []
