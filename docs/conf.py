"""How the documentation is built: `make docs`."""

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
