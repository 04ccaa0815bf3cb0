"""Whether a pyproject.toml may hold settings of ours, told without parsing it.

Most do not, and parsing costs more than all else that a start with nothing to do has to
do. Shared by the two that read settings, so that they agree: the one parses what this
admits, the other, the fast look, then leaves the start to the first.
"""

_SIGNS = (b"tool.asyncmigrate", b"[tool]", b"\ntool=")
"""How the table can begin, once quotes and blanks are gone."""
_ESCAPES = (b"\\u", b"\\U", b"\\x")
"""What can spell a name otherwise."""


def may_hold_settings(text: bytes) -> bool:
    """Whether a table ``tool.asyncmigrate`` may be in the text, however it is written."""
    if any(escape in text for escape in _ESCAPES):
        return True
    squeezed = b"\n" + text.removeprefix(b"\xef\xbb\xbf").translate(None, b" \t\"'")
    return b"asyncmigrate" in text and any(sign in squeezed for sign in _SIGNS)
