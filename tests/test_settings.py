"""Settings: options over environment over file over defaults, each with its origin."""

import math
from dataclasses import fields

import pytest

from asyncmigrate._settings import (
    Origin,
    Settings,
    StoreScripts,
    from_arguments,
    known_settings,
    mask,
    placeholder_lookup,
    resolve,
)
from asyncmigrate.errors import InvalidSetting


def test_every_field_can_be_set_but_for_the_connection_factory() -> None:
    assert set(known_settings()) == {each.name for each in fields(Settings)} - {
        "connect"
    }


def test_options_win_over_the_environment_over_the_file_over_defaults() -> None:
    file = {"lock-wait": "1s", "namespace": "file", "tracking_schema": "file"}
    environment = {"ASYNCMIGRATE_NAMESPACE": "env", "ASYNCMIGRATE_TRACKING_SCHEMA": "e"}

    resolved = resolve({"tracking_schema": "option", "role": None}, environment, file)

    assert resolved.settings == Settings(
        lock_wait=1.0, namespace="env", tracking_schema="option"
    )
    assert resolved.origins["lock_wait"] == (Origin.FILE, "pyproject.toml")
    assert resolved.origins["namespace"] == (
        Origin.ENVIRONMENT,
        "ASYNCMIGRATE_NAMESPACE",
    )
    assert resolved.origins["tracking_schema"] == (Origin.OPTION, "--tracking-schema")
    assert resolved.origins["role"] == (Origin.DEFAULT, "")


def test_our_own_variable_wins_over_the_customary_one() -> None:
    both = {"DATABASE_URL": "postgresql://a", "ASYNCMIGRATE_DSN": "postgresql://b"}

    assert resolve({}, both, {}).settings.dsn == "postgresql://b"
    del both["ASYNCMIGRATE_DSN"]
    resolved = resolve({}, both, {})
    assert resolved.settings.dsn == "postgresql://a"
    assert resolved.origins["dsn"] == (Origin.ENVIRONMENT, "DATABASE_URL")
    assert resolve({}, {"DATABASE_URL": ""}, {}).settings.dsn is None


def test_an_unknown_variable_is_a_warning_and_names_the_nearest() -> None:
    environment = {
        "ASYNCMIGRATE_LOCKWAIT": "1",
        "ASYNCMIGRATE_QQQQQQQQ": "1",
        "ASYNCMIGRATE_TEST_DSN": "x",
        "ASYNCMIGRATE_FAST": "0",
        "OTHER": "1",
    }

    assert resolve({}, environment, {}).warnings == (
        (
            "there is no setting for ASYNCMIGRATE_LOCKWAIT;"
            " did you mean ASYNCMIGRATE_LOCK_WAIT?"
        ),
        "there is no setting for ASYNCMIGRATE_QQQQQQQQ",
    )


def test_an_unknown_key_of_the_file_or_of_a_call_is_an_error() -> None:
    with pytest.raises(
        InvalidSetting, match=r"x\.toml: there is no setting `lockwait`"
    ):
        resolve({}, {}, {"lockwait": 1}, "x.toml")
    with pytest.raises(InvalidSetting) as caught:
        from_arguments({"directry": "m"})
    assert caught.value.hint == "did you mean `directory`?"
    with pytest.raises(InvalidSetting) as caught:
        from_arguments({"qqqqqqqq": 1})
    assert caught.value.hint is None


@pytest.mark.parametrize(
    ("name", "given", "read"),
    [
        ("lock_wait", "2min", 120.0),
        ("lock_wait", 3, 3.0),
        ("lock_wait", 0, 0.0),
        ("block_limit", "off", math.inf),
        ("block_limit", "OFF", math.inf),
        ("block_limit", None, math.inf),
        ("block_limit", 1.5, 1.5),
        ("lock_retries", "4", 4),
        ("readers", "a, b,", ("a", "b")),
        ("readers", ["a"], ("a",)),
        ("directory", "migrations", ("migrations",)),
        ("store_scripts", "down", StoreScripts.DOWN),
        ("protected", "Yes", True),
        ("protected", "0", False),
        ("protected", True, True),
        ("release", "v1", "v1"),
    ],
)
def test_a_value_is_made_normal_at_the_door(
    name: str, given: object, read: object
) -> None:
    assert getattr(from_arguments({name: given}), name) == read


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("lock_wait", -1),
        ("lock_wait", math.nan),
        ("lock_wait", True),
        ("lock_wait", "soon"),
        ("lock_wait", []),
        ("lease_ttl", 0),
        ("lock_retries", 0),
        ("lock_retries", True),
        ("lock_retries", "many"),
        ("readers", 5),
        ("readers", [5]),
        ("store_scripts", "some"),
        ("protected", "maybe"),
        ("protected", 1),
        ("tracking_schema", ""),
        ("tracking_schema", "ä" * 32),
        ("tracking_schema", "a\0b"),
        ("namespace", "a\0b"),
        ("namespace", ""),
        ("namespace", 1),
        ("release", "a\udc80"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_what_is_wanted(
    name: str, given: object
) -> None:
    with pytest.raises(InvalidSetting, match=f"is no value for `{name}`") as caught:
        from_arguments({name: given})

    assert (caught.value.hint or "").startswith("give ")


def test_a_dsn_of_a_wrong_type_is_not_repeated() -> None:
    with pytest.raises(InvalidSetting) as caught:
        from_arguments({"dsn": ["postgresql://u:hunter2@h"]})

    assert "hunter2" not in str(caught.value)


def test_null_leaves_a_default_in_a_call() -> None:
    assert from_arguments({"role": None, "connect": None}) == Settings()


def test_the_lease_is_renewed_three_times_in_its_life() -> None:
    assert Settings(lease_ttl=30).lease_interval == 10


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?sslmode=x", "postgresql://u@h/d?sslmode=x"),
        ("postgresql://h/d?password=p&a=b", "postgresql://h/d?password=***&a=b"),
        ("postgresql+asyncpg://u:a/b?c@h/d", "postgresql+asyncpg://u:***@h/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql://a:1,b:2", "postgresql://a:1,b:2"),
        ("postgresql://u:p", "(a DSN that cannot be read)"),
        ("host=h password=p", "(a DSN that cannot be read)"),
    ],
)
def test_a_dsn_is_shown_without_its_password(dsn: str, shown: str) -> None:
    assert mask(dsn) == shown


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"a": "1"}, {"a": "1"}),
        ("a=1, b=2=3", {"a": "1", "b": "2=3"}),
        ("", {}),
    ],
)
def test_placeholders_are_a_table_or_pairs(
    given: object, values: dict[str, str]
) -> None:
    settings = resolve({}, {}, {"placeholders": given}).settings

    assert settings.placeholders == values


def test_a_placeholder_without_a_value_is_refused_and_none_is_shown() -> None:
    with pytest.raises(InvalidSetting) as caught:
        resolve({}, {}, {"placeholders": "password"})

    assert "password" not in caught.value.message


def test_a_placeholders_value_is_looked_for_in_the_setting_first() -> None:
    environment = {"FP__a": "1", "FLYWAY_PLACEHOLDERS_A": "2", "FP__C": "3"}
    environment["FLYWAY_PLACEHOLDERS_D"] = "4"

    lookup = placeholder_lookup({"B": "5", "c": "6"}, environment)

    assert [lookup(name) for name in "abcde"] == ["1", "5", "6", "4", None]
