"""Placeholders: filled in before a run, and put back before anything is shown."""

import re

import pytest

from asyncmigrate._sql.placeholders import Filled, fill

VALUES = {"schema": "app", "secret": "hunter2", "empty": "", "DATABASE_NAME": "shop"}


def filled(text: str, syntax: str, **environ: str) -> Filled:
    return fill(text, syntax, VALUES.get, environ)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("CREATE SCHEMA ${schema};", "CREATE SCHEMA app;"),
        ("'${secret}${empty}' -- ${schema}", "'hunter2' -- app"),
        ("$$ $1 $$ {schema}", "$$ $1 $$ {schema}"),
    ],
)
def test_flyway_placeholders_are_filled_wherever_they_stand(
    text: str, result: str
) -> None:
    assert filled(text, "flyway").text == result


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("a ${other}", 2, "there is no value for the placeholder `${other}`"),
        ("${flyway:timestamp}", 0, "`${flyway:timestamp}` is a value that Flyway alone knows"),
        ("a; ${schema", 3, "this placeholder is never closed"),
    ],
)  # fmt: skip
def test_a_flyway_placeholder_without_a_value_is_named(
    text: str, offset: int, message: str
) -> None:
    ((at, told, hint),) = filled(text, "flyway").problems

    assert (at, told) == (offset, message)
    assert hint


def test_all_that_is_wrong_is_told_at_once() -> None:
    assert len(filled("${a} ${b}", "flyway").problems) == 2


def test_graphile_placeholders_are_those_that_have_a_value() -> None:
    result = fill(
        "GRANT :OWNER ON DATABASE :DATABASE_NAME; x::text; ':OTHER' a[1:N]",
        "graphile",
        {"OWNER": "app", "DATABASE_NAME": "shop"}.get,
        {},
    )

    assert result.text == "GRANT app ON DATABASE shop; x::text; ':OTHER' a[1:N]"
    assert result.problems == ()


def test_a_graphile_placeholder_of_its_own_must_have_a_value() -> None:
    ((_, message, hint),) = filled("ALTER ROLE :DATABASE_OWNER", "graphile").problems

    assert message == "there is no value for the placeholder `:DATABASE_OWNER`"
    assert "FP__DATABASE_OWNER" in hint


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$ROLE ${ROLE}", "app app"),
        ("${GONE}$GONE|", "|"),
        ("${GONE:-x} ${GONE-y} ${EMPTY:-z}${EMPTY-w}", "x y z"),
        ("${GONE:-${ROLE}s} ${GONE:-$$}", "apps $"),
        ("${ROLE:1} ${ROLE:0:2} ${ROLE:-no}", "pp ap app"),
        ("${ROLE?must be set}", "app"),
        (r"\$ROLE $$ROLE $(x) \\ a$", r"$ROLE $ROLE $(x) \\ a$"),
        ("$ROLE}", "app}"),
        ("$secret", "hunter2"),
    ],
)
def test_goose_expands_as_a_shell_does(text: str, result: str) -> None:
    expanded = filled(text, "goose-on", ROLE="app", EMPTY="")

    assert (expanded.text, expanded.problems) == (result, ())


@pytest.mark.parametrize(
    "text", ["$1", "${1}", "${ROLE:x}", "${ROLE+x}", "${GONE?why}", "${GONE:-x", "${A:-$1}"]
)  # fmt: skip
def test_what_goose_cannot_expand_is_refused(text: str) -> None:
    ((offset, message, hint),) = filled(f"a\nb {text}", "goose-on", ROLE="app").problems

    assert offset == 4
    assert message
    assert "ENVSUB OFF" in hint


def test_goose_expands_only_between_its_two_annotations() -> None:
    text = "$A\n-- +goose ENVSUB ON\n$A\n-- +goose ENVSUB OFF\n$A\n"

    assert filled(text, "goose", A="1").text == text.replace("\n$A", "\n1", 1)
    assert filled(text, "goose-on", A="1").text.startswith("1\n")


def test_what_is_shown_has_its_placeholders_back() -> None:
    result = filled("SELECT '${secret}'; SELECT '${secret}', ${schema}", "flyway")
    second = result.text.index(";") + 2

    assert result.text[second:] == "SELECT 'hunter2', app"
    assert result.hidden(second, len(result.text)) == "SELECT '${secret}', ${schema}"
    assert result.veiled('role "hunter2" of app') == 'role "${secret}" of app'


def test_a_value_of_several_statements_is_hidden_in_each_of_them() -> None:
    values = {"body": "SELECT 'secret'; SELECT 'secret', "}
    result = fill("BEGIN; ${body}2; END", "flyway", values.get, {})
    first, second = result.text.index("SELECT"), result.text.rindex("SELECT")

    assert result.hidden(first, result.text.index(";", first)) == "${body}"
    assert result.hidden(second, result.text.rindex(";")) == "${body}2"
    assert result.hidden(0, 5) == "BEGIN"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("it''s a secret", "no it's a secret"),
        ("a" * 70, f"Failing row contains ({'a' * 64}...)"),
        ('a ""secret""', 'no a "secret"'),
        ("secret", "secret of secret2"),
    ],
)
def test_a_value_is_known_as_the_server_shows_it(value: str, said: str) -> None:
    values = {"x": value, "y": "secret2"}
    veiled = fill("'${x}' '${y}'", "flyway", values.get, {}).veiled(said)

    assert not re.search("secret|aa", veiled)
    assert "${x}" in veiled
