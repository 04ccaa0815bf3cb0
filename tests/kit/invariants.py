"""The marker by which a test says which numbered invariant it proves."""

import re

import pytest

NUMBER = re.compile(r"I\d+")


def invariant(*numbers: str) -> pytest.MarkDecorator:
    """Cite invariants of asyncmigrate/_engine/README.md, as ``@invariant("I2")``."""
    wrong = [number for number in numbers if not NUMBER.fullmatch(number)]
    if wrong or not numbers:
        message = f"not numbers of invariants: {wrong}"
        raise ValueError(message)
    return pytest.mark.invariant(*numbers)
