"""Texts that are hard to read: SQL that parses, and rubbish of the same pieces."""

from hypothesis import strategies as st

SEPARATORS = st.sampled_from(
    [
        " ",
        "\n",
        "\t\r\n",
        ' -- a ; comment\'s "end"\n',
        "/* ; ' */",
        '/* /* $$ ; */ " */',
        "/**/",
        " --\n\n",
        "\f",
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "1",
        "'a;b'",
        "'it''s'",
        "'\\'",
        r"E'\';'",
        r"e'\\'",
        "E'a'\n'\\';'",
        "'a' -- ;'\n 'b;'",
        "$$;$$",
        "$t$ ;$$ $t $t$",
        "$é$;$é$",
        'U&"d\\0061;"',
        "U&';!0061' UESCAPE '!'",
        '"a"";b"',
        "x$y$",
        "b1$",
        "1 - -1",
        "1 <>-2",
        "(SELECT 1)",
        "CASE WHEN true THEN 1 END",
        "t.end",
        "1.5e3",
        "$1",
        "B'1'",
        "début",
        "1 +/*;*/ 2",
        "a[1:2]",
        "1::text",
        "(CASE 1 WHEN 1 THEN 2 END)",
    ]
)
LABELS = st.sampled_from(
    ["", "AS end", "AS case", 'AS "x;"', "end", "begin", "atomic", "AS atomic", "rule"]
)


@st.composite
def _simple(draw: st.DrawFn) -> list[str]:
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return ["INSERT", "INTO", "t", "VALUES", "(", draw(EXPRESSIONS), ")"]
    if kind == 1:
        return ["DELETE", "FROM", "begin", "atomic"]
    if kind == 2:
        return ["NOTIFY", "rule"]
    return ["SELECT", draw(EXPRESSIONS), draw(LABELS), ",", draw(EXPRESSIONS)]


def _bodies(depth: int) -> st.SearchStrategy[list[str]]:
    inner = _simple() if not depth else st.one_of(_simple(), _holding(depth - 1))
    return st.lists(inner, max_size=3).map(
        lambda found: [word for words in found for word in (*words, ";")]
    )


@st.composite
def _routine(draw: st.DrawFn, depth: int) -> list[str]:
    words = ["CREATE", *draw(st.sampled_from([[], ["OR", "REPLACE"]]))]
    words += draw(st.sampled_from([["FUNCTION"], ["procedure"]]))
    words += ["f", "(", "a", "int", "DEFAULT", "(", *draw(_simple_select()), ")", ")"]
    if "FUNCTION" in words:
        words += ["RETURNS", "begin"]
    if draw(st.booleans()):
        return [*words, "BEGIN", "ATOMIC", *draw(_bodies(depth)), "end"]
    return [*words, "LANGUAGE", "sql", "AS", "$f$ BEGIN ATOMIC; END $f$"]


@st.composite
def _simple_select(draw: st.DrawFn) -> list[str]:
    return ["SELECT", draw(EXPRESSIONS), "FROM", "begin", "atomic"]


@st.composite
def _rule(draw: st.DrawFn) -> list[str]:
    actions = draw(st.lists(_simple(), min_size=1, max_size=3))
    listed = [word for words in actions for word in (*words, ";")]
    return [
        "CREATE",
        "RULE",
        "r",
        "AS",
        "ON",
        "INSERT",
        "TO",
        "t",
        "DO",
        "(",
        *listed,
        ")",
    ]


def _holding(depth: int) -> st.SearchStrategy[list[str]]:
    return st.one_of(_routine(depth), _rule())


@st.composite
def scripts(draw: st.DrawFn) -> str:
    """Scripts that PostgreSQL's parser reads."""
    text = draw(st.sampled_from(["", " ", "-- first\n", "/* ; */"]))
    one: st.SearchStrategy[list[str]] = st.one_of(
        _simple(),
        _holding(2),
        st.just([]),
        st.sampled_from(
            [["BEGIN"], ["END"], ["COMMIT"], ["CREATE", "TABLE", "t", "()"]]
        ),
    )
    for words in draw(st.lists(one, max_size=5)):
        for word in words:
            text += word + draw(SEPARATORS)
        text += ";" + draw(st.one_of(st.just(""), SEPARATORS))
    return text


PIECES = st.sampled_from(
    [
        *"'\"$;\\()-*/eE uUnN1_.+\n\r\t&",
        "''",
        "E'",
        "\\'",
        "$$",
        "$a$",
        "$a1$",
        "1$",
        "--",
        "/*",
        "*/",
        "U&'",
        'U&"',
        "\\.\n",
        "\n\\.\n",
        "\\restrict abc\n",
        "COPY t FROM stdin",
        "COPY t TO STDOUT",
        "CREATE ",
        "OR REPLACE ",
        "FUNCTION ",
        "RULE ",
        "BEGIN ",
        "ATOMIC ",
        "END ",
        "COMMIT",
        "-- UP\n",
        "\n-- down\n",
        "-- asyncmigrate: a=b\n",
        "SET TRANSACTION READ ONLY",
        "ALTER ",
        "REINDEX (",
        "INDEX CONCURRENTLY ",
        "é",
        "\ufeff",
        "\ud800",
        "\0",
        "\x0b",
    ]
)
RUBBISH = st.one_of(st.lists(PIECES, max_size=40).map("".join), st.text(max_size=40))
