"""Python migrations, read without being imported.

``async def up(connection)``, perhaps ``async def down(connection)``, and perhaps
``transaction = False``, all at module level. What the functions do is their own
business; the file is imported only to be applied.
"""

import ast
from functools import partial
from typing import Final

from asyncmigrate._migration import Definition, Options, Part, Problem, Unreadable
from asyncmigrate._sql.checksum import normalise, python_token_checksum, raw_checksum

_EXAMPLE: Final = "write `async def up(connection: asyncpg.Connection) -> None:`"


def read_python(text: str, file: str) -> Definition:
    """Read a Python migration.

    Raises:
        Unreadable: it is not Python, or its functions are not what they must be.
    """
    module = _parse(text, file)
    problems: list[Problem] = []
    functions = {
        node.name: node
        for node in module.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    }
    for name in ("up", "down"):
        if name in functions:
            problems += _judge(functions[name], file)
    if "up" not in functions:
        missing = "there is no function `up` at module level"
        problems.append(Problem(missing, file, 1, hint=_EXAMPLE))
    options = Options(transaction=_transaction(module, file, problems))
    if problems:
        raise Unreadable(problems)
    part = Part(text=normalise(text), file=file, line=1, options=options, python=True)
    checksum = raw_checksum(text)
    has_down = "down" in functions
    return Definition(
        up=part,
        down=part if has_down else None,
        checksum=checksum,
        tokens=partial(python_token_checksum, text),
        down_checksum=checksum if has_down else None,
    )


def _parse(text: str, file: str) -> ast.Module:
    try:
        return ast.parse(text, file)
    except SyntaxError as error:
        # The column counts from 1; 0 and null mean that there is none.
        wrong = Problem(error.msg, file, error.lineno, error.offset or None)
        raise Unreadable([wrong]) from error
    except (ValueError, RecursionError, MemoryError) as error:
        reason = f"Python cannot read it: {str(error) or type(error).__name__}"
        raise Unreadable([Problem(reason, file)]) from error


def _judge(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, file: str
) -> list[Problem]:
    """Say what keeps the function from being called with a connection and awaited."""
    place = (file, node.lineno, node.col_offset + 1)
    hint = _EXAMPLE.replace("up", node.name)
    if not isinstance(node, ast.AsyncFunctionDef):
        return [Problem(f"`{node.name}` is no `async def`", *place, hint=hint)]
    takes = node.args
    positional = len(takes.posonlyargs) + len(takes.args)
    required = positional - len(takes.defaults)
    wanted = sum(default is None for default in takes.kw_defaults)
    if required > 1 or wanted or not (positional or takes.vararg):
        return [Problem(f"`{node.name}` takes one argument", *place, hint=hint)]
    return []


def _transaction(module: ast.Module, file: str, problems: list[Problem]) -> bool | None:
    """Read the value of ``transaction``, the last one as in Python; null without one."""
    found: bool | None = None
    for node in module.body:
        if isinstance(node, ast.Assign):
            targets: list[ast.expr] = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        else:
            continue
        if not any(isinstance(t, ast.Name) and t.id == "transaction" for t in targets):
            continue
        match node.value:
            case ast.Constant(value=bool(value)):
                found = value
            case _:
                message = "`transaction` must be `True` or `False`, written out"
                column = node.col_offset + 1
                hint = "the file is read without being run"
                problems.append(Problem(message, file, node.lineno, column, hint))
    return found
