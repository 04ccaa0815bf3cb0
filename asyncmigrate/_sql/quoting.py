"""Names and values as SQL text, for the places that take no parameters.

Everything is quoted always: a name that needs no quotes today is a reserved word
of tomorrow's server. A NUL has no way into SQL text and is refused.
"""


def quote_ident(name: str) -> str:
    """Quote an identifier.

    Raises:
        ValueError: the name is empty or holds a NUL.
    """
    if not name:
        message = "an identifier cannot be empty"
        raise ValueError(message)
    return '"' + _without_nul(name).replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Quote a string, whatever ``standard_conforming_strings`` says.

    Raises:
        ValueError: the text holds a NUL.
    """
    quoted = _without_nul(text).replace("'", "''")
    if "\\" in quoted:
        return "E'" + quoted.replace("\\", "\\\\") + "'"
    return f"'{quoted}'"


def qualified(schema: str, name: str) -> str:
    """Quote a name in a schema."""
    return f"{quote_ident(schema)}.{quote_ident(name)}"


def _without_nul(text: str) -> str:
    if "\0" in text:
        message = "PostgreSQL's text cannot hold a NUL character"
        raise ValueError(message)
    return text
