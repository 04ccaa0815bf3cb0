import pytest

from tests.kit.app import App
from tests.kit.databases import Database


@pytest.fixture
def app(database: Database) -> App:
    return App(database)
