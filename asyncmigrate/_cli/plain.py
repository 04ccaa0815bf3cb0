"""A command line that is plain, read without typer: loading that takes 40 ms.

Plain is a command of those that a service starts with, behind it options as the help
spells them, each with the value that it takes, and nothing else. Anything that typer
would have to judge, an abbreviation, help, a mistake, is left to typer.
"""

from collections.abc import Iterator, Mapping, Sequence

from asyncmigrate._cli.options import Option, spelt

Values = dict[str, str | bool | list[str] | None]
"""By option: its text, or whether it was given; null where it was not."""


def read_plainly(
    arguments: Sequence[str], options: Mapping[str, Option]
) -> Values | None:
    """The value of each of *options*; null when the arguments are not plain."""
    values: Values = {
        name: False if option.is_switch else None for name, option in options.items()
    }
    known = dict(_spellings(options))
    given: set[str] = set()
    rest = iter(arguments)
    for argument in rest:
        spelling, equals, text = argument, "", ""
        if argument.startswith("--"):
            spelling, equals, text = argument.partition("=")
        if spelling not in known:
            return None
        name, switched = known[spelling]
        again = name in given
        given.add(name)
        if switched is not None:
            if equals or again:
                return None
            values[name] = switched
            continue
        if not equals:
            text = next(rest, "")
        if not text or text.startswith("-"):
            return None
        if options[name].multiple:
            values[name] = [*(values[name] or ()), text]  # type: ignore[misc]  # a list, or null
        elif again:
            return None
        else:
            values[name] = text
    return values


def _spellings(
    options: Mapping[str, Option],
) -> Iterator[tuple[str, tuple[str, bool | None]]]:
    """What can be typed, of which option, and what it switches; null: a value comes."""
    for name, option in options.items():
        flag = spelt(name)
        switched = True if option.flag or option.is_switch else None
        yield flag, (name, switched)
        if option.short:
            yield option.short, (name, switched)
        if option.flag:
            yield f"--no-{flag[2:]}", (name, False)
