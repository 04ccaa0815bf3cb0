"""Refusing what cannot be meant, before anything is touched."""

from typing import NoReturn

from asyncmigrate.errors import InvalidSetting, InvalidUsage


def refuse(message: str, *, hint: str | None = None) -> NoReturn:
    """The call itself is wrong."""
    raise InvalidUsage(message, hint=hint)


def refuse_setting(message: str, *, hint: str | None = None) -> NoReturn:
    """A setting, or the file that it stands in, is wrong."""
    raise InvalidSetting(message, hint=hint)
