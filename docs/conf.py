"""How the documentation is built: `make docs`."""

import os
import subprocess
import sys
from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from asyncmigrate._version import __version__

project = "asyncmigrate"
copyright = "2026, the asyncmigrate founders"  # noqa: A001 - Sphinx's name for it
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
napoleon_custom_sections = ["Promises", "Waits", "Cancellation", "Source"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
html_theme = "furo"
html_title = "asyncmigrate"
exclude_patterns = ["_build"]
nitpicky = True
# Types of other libraries and of the standard library, for which no index is fetched.
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(asyncpg|anyio|contextlib|logging|typing|collections|pathlib|datetime|uuid)\..*",
    ),
    ("py:.*", r"(starlette|opentelemetry)\..*"),
    ("py:.*", r"asyncmigrate\._.*"),
    ("py:class", r"asyncmigrate\.fastapi\.App"),  # a type variable
    ("py:class", r".* .*"),  # a field's docstring that has a colon in its first line
    (
        "py:class",
        r"(Emit|Event|Path|Any|Callable|Sequence|Mapping|Iterator|Directory|Options|Connect|Pool|Request|datetime|float|int|str|bool|T)",
    ),
]


class Help(Directive):
    """What a command says of itself: ``asyncmigrate COMMAND --help``."""

    optional_arguments: ClassVar[int] = 1

    def run(self) -> list[nodes.Node]:
        """Run it, as wide as a page is."""
        text = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "asyncmigrate", *self.arguments, "--help"],
            env={**os.environ, "COLUMNS": "88"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> None:
    """Make the directive known to Sphinx."""
    app.add_directive("help", Help)
