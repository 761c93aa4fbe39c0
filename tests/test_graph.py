import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router.regex_bounds.graph import Graph, SlowError, literal_start
from hublet_router.regex_bounds.tree import ANY


def characters(reads: int) -> str:
    """Show a set: its characters, `>` for those outside Latin-1, `<` for the beginning."""
    latin = "".join(chr(code) for code in range(256) if reads >> code & 1)
    return latin + "_" * (reads >> 256 & 1) + ">" * (reads >> 257 & 1) + "<" * (reads >> 258)


def drawn(pattern: str) -> list[tuple[str, dict[int, int]]]:
    """Show all positions but the first one, and the first one's ways under the name `search`."""
    graph = Graph(pattern)
    assert graph.reads[0] == ANY
    ways = [dict(then) for then in graph.then]
    return [
        ("search", ways[0]),
        *zip(map(characters, graph.reads[1:]), ways[1:], strict=True),
    ]


END = ("", dict[int, int]())
SEARCH = ("search", {0: 1, 1: 1})


@cases(
    ("pattern", "expected"),
    {
        "in a row": ("ab", [SEARCH, ("a", {2: 1}), ("b", {3: 1}), END]),
        "optional": ("a?b", [("search", {0: 1, 1: 1, 2: 1}), ("a", {2: 1}), ("b", {3: 1}), END]),
        "choice": (
            "ab|cd",
            [
                ("search", {0: 1, 1: 1, 3: 1}),
                ("a", {2: 1}),
                ("b", {5: 1}),
                ("c", {4: 1}),
                ("d", {5: 1}),
                END,
            ],
        ),
        "empty in two ways": ("a(?:|b|)", [SEARCH, ("a", {2: 1, 3: 2}), ("b", {3: 1}), END]),
        "optional twice": ("(?:a?)?", [("search", {0: 1, 1: 1, 2: 2}), ("a", {2: 1}), END]),
        "endless": ("a+", [SEARCH, ("a", {1: 1, 2: 1}), END]),
        "endless or none": ("a*?", [("search", {0: 1, 1: 1, 2: 1}), ("a", {1: 1, 2: 1}), END]),
        "copies": (
            "a{0,2}",
            [("search", {0: 1, 1: 1, 3: 1}), ("a", {2: 1, 3: 1}), ("a", {3: 1}), END],
        ),
        "at least two copies": (
            "a{2,4}",
            [SEARCH, ("a", {2: 1}), ("a", {3: 1, 5: 1}), ("a", {4: 1, 5: 1}), ("a", {5: 1}), END],
        ),
        "no copy": ("a{0}b", [SEARCH, ("b", {2: 1}), END]),
        "many copies": ("a{201}", [SEARCH, ("a", {1: 1, 2: 1}), END]),
        "endless in endless": (
            "(?:a+b)++",
            [SEARCH, ("a", {1: 1, 2: 1}), ("b", {1: 1, 3: 1}), END],
        ),
        "two ways to one more round": ("(?:a+)+", [SEARCH, ("a", {1: 2, 2: 1}), END]),
        "look ahead": (
            "(?=a)b",
            [("search", {0: 1, 1: 1, 3: 1}), ("a", {2: 1}), END, ("b", {4: 1}), END],
        ),
        "not ahead": ("(?!a)", [("search", {0: 1, 1: 1, 3: 1}), ("a", {2: 1}), END, END]),
        # The parser makes a(?:|) of a|a, so each round ends in two ways.
        "twice": ("(?:a|a)*", [("search", {0: 1, 1: 1, 2: 1}), ("a", {1: 2, 2: 2}), END]),
        "atomic": ("(?>(a))", [SEARCH, ("a", {2: 1}), END]),
        "anchor": ("^a", [SEARCH, ("<", {2: 1}), ("a", {3: 1}), END]),
        "beginning": (r"(?m)\Aa", [SEARCH, ("<", {2: 1}), ("a", {3: 1}), END]),
        "of a line": ("(?m)^a", [SEARCH, ("\n<", {2: 1}), ("a", {3: 1}), END]),
        "anchor in a choice": (
            "(?:^|-)a",
            [("search", {0: 1, 1: 1, 2: 1}), ("<", {3: 1}), ("-", {3: 1}), ("a", {4: 1}), END],
        ),
        "an anchor that is repeated is none": (
            "(?:^a){1,2}",
            [SEARCH, ("a", {2: 1, 3: 1}), ("a", {3: 1}), END],
        ),
        "an anchor too late": ("a^b", [SEARCH, ("a", {2: 1}), ("b", {3: 1}), END]),
        "borders are thought to hold": (r"\ba$", [SEARCH, ("a", {2: 1}), END]),
    },
)
def test_drawing(pattern: str, expected: list[tuple[str, dict[int, int]]]) -> None:
    assert drawn(pattern) == expected


@pytest.mark.parametrize(
    ("pattern", "blocks"),
    [
        ("ab", [(range(3, 4), False), (range(2, 3), False), (range(1, 2), False)]),
        ("a*b", [(range(3, 4), False), (range(2, 3), False), (range(1, 2), True)]),
        ("(?:ab)*", [(range(3, 4), False), (range(1, 3), True)]),
        ("(?:a+b+)*c", [(range(4, 5), False), (range(3, 4), False), (range(1, 3), True)]),
    ],
)
def test_blocks(pattern: str, blocks: list[tuple[range, bool]]) -> None:
    assert [*Graph(pattern).blocks()] == [*blocks, (range(1), True)]


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        (r"(a)\1", "backreferences, conditionals"),
        (r"(a)?(?(1)b)", "backreferences, conditionals"),
        ("(?<=a)b", "backreferences, conditionals"),
        ("(?:a?){2}", "it repeats what can be empty"),
        ("(?:a{200}){2}a{9}" + "a" * 1800, "it is too long"),
    ],
)
def test_what_cannot_be_drawn(pattern: str, beginning: str) -> None:
    assert re.compile(pattern)
    with pytest.raises(SlowError, match=f"^{beginning}"):
        Graph(pattern)


@pytest.mark.parametrize(
    ("pattern", "like"),
    [
        (r"(?a)(?u:\w)", r"\w"),
        (r"(?a:\w)", r"(?a)\w"),
        ("(?i:a)", "(?i)a"),
        ("(?i)(?-i:a)", "a"),
        ("(?s:.)", "(?s)."),
        ("(?s)(?-s:(.))", "."),
    ],
)
def test_the_flags_of_a_group(pattern: str, like: str) -> None:
    assert Graph(pattern).reads[1] == Graph(like).reads[1]


@pytest.mark.parametrize(
    ("pattern", "start"),
    [
        ("^/oauth/v1/", "/oauth/v1/"),
        (r"^/a\.b/([^/]+)", "/a.b/"),
        ("^/oauth/(v1|v3)/token", "/oauth/"),
        ("^/keys?/", "/key"),
        ("^/a{2}", "/"),
        ("^/a|^/b", "/"),
        ("^(?:/a|/b)", "/"),
        ("^/é", "/é"),
        ("(?x) ^ /a /b  # a comment", "/a/b"),
        ("^", ""),
        ("^^/a", ""),
        ("", ""),
        ("/oauth/", ""),
        (r"\A/oauth/", ""),
        ("(^/oauth/)", ""),
        ("(?i)^/oauth/", ""),
        ("^(?i:/oauth/)", ""),
        ("(?m)^/oauth/", ""),
        ("(?m:^/oauth/)", ""),
        (r"\b/oauth/", ""),
    ],
)
def test_literal_start(pattern: str, start: str) -> None:
    assert literal_start(re.compile(pattern)) == start


ATOMS = ("^", "$", "|", "a", "b", "/", "[ab]", "(a)", "(?:a|b)", "a?", "b*", "(?i:a)", "(?m:^)")
FLAGS = ("", "(?i)", "(?m)", "(?s)", "(?x)")


@given(
    flags=st.sampled_from(FLAGS),
    atoms=st.lists(st.sampled_from(ATOMS), max_size=6).map("".join),
    text=st.text("abA/\n"),
)
def test_every_match_begins_with_the_literal_start(flags: str, atoms: str, text: str) -> None:
    try:
        pattern = re.compile(f"{flags}^{atoms}")
    except re.error:
        return
    start = literal_start(pattern)
    for seen in (text, start + text):
        if pattern.search(seen):
            assert seen.startswith(start)
