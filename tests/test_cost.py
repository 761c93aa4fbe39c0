"""The soundness of the bound is checked by walking: `walk` backtracks as `re` does, and counts."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cases import cases
from hublet_router.regex_bounds import graph
from hublet_router.regex_bounds import tree as parse_tree
from hublet_router.regex_bounds.cost import STEPS_ONCE, STEPS_PER_CHARACTER, bound, slow

ANYWHERE = (
    "it can start anywhere, and then repeat without end; begin it with ^, or limit the repeat,"
    " like {1,20}"
)
EMPTY = "it repeats what can be empty; let each round read something"
MULTIPLY = "its repeats and choices multiply; lower the limits in { }, or begin it with ^"
UNKNOWN = "backreferences, conditionals and lookbehinds have no known bound; remove them"
LONG = "it is too long to be checked; lower the limits in { }"


def shared(example: str) -> str:
    return (
        f"two repeats can share a text, like many {example}; put between them what neither can"
        " read, or limit one, like {0,20}"
    )


def inside(example: str) -> str:
    return (
        f"inside a repeat, {example} can be read in more than one way; let the next character"
        " decide how to go on"
    )


ACCEPTED = [
    # of the table as it is shipped, and of the schemes that a table must express
    r"^pat-([a-z]{2}[0-9]{1,3})-",
    r"^([a-z]{2}[0-9]{1,3})-",
    r"^/oauth/(v1|v3|[0-9]{4}-[0-9]{2})/token(/|$)",
    r"^/oauth/v1/token(/|$)",
    r"^/oauth/v1/access-tokens/([^/]+)",
    r"^/localdevauth/v1/auth/refresh$",
    r"^/submissions/v3/integration/(?:secure/)?submit/([0-9]+)/",
    r"^https?://[^@/]+@(?:o[0-9]+\.)?ingest\.([a-z]+)\.testserver/",
    r"^(?!https://[^@/]+@(?:o[0-9]+\.ingest\.)?testserver/)(.)",
    r"^glpat-([A-Za-z0-9_-]{27,300})\.01\.",
    r"(?m)^c:([0-9a-z]+)$",
    r"\nc:([0-9a-z]{1,13})(?:\n[a-z]:[0-9a-z]{1,13}){0,9}.$",
    r"^(fra|dal):",
    r"^sk_([a-z0-9]+)_",
    # one endless repeat, and no way to begin it anew
    r"^([^:]+):",
    r"^(.*)$",
    r"^.*-(eu1|na1)",
    r"^.{0,20}([a-z]+)$",
    r"\A([a-z]+)-",
    r"(?:^|[;,] ?)region=([a-z0-9]+)(?:[;,]|$)",
    r"^\b([a-z]+)\b-",
    r"(?=^[a-z]+-)(eu1)",
    # several, with something between them
    r"^[^.]+\.([a-z]+)\.",
    r"^(\w+)\.(\w+)\.(\w+)$",
    r"^\s*([a-z]+)\s*$",
    r"^Bearer\s+(\w+)",
    r"^.*-([a-z]+)\.",
    r"^(?:[^/]+/)*([a-z]+)$",
    r"^https?://(?:[a-z0-9-]+\.)*([a-z]+)\.example\.com/",
    r"(?m)^(.*)\n(.*)\n(.*)x",
    # not anchored, but what begins anew cannot be repeated
    r"region=([a-z0-9]+)&",
    r"/tokens/([^/]+)/info",
    r"-(eu1|na1)$",
    r"([a-z]{2}[0-9])-",
    "-{1,9}[^-]*(?:bc|bd|be|bf|bg|bh|bi|bj|bk|bl|bm|x)",
    # a repeat in a repeat where the next character always decides
    r"^(?:[a-z0-9-]+\.)+eu1",
    r"^/v[0-9]+(?:/[^/]+)*/(eu1|na1)$",
    r"^(a|ab)*(c)$",  # the parser makes a(?:|b) of it
    r"^(?:[a-z]+-|[0-9]+_)*(x)",
    # flags
    r"(?i)^bearer ([a-z]+)-",
    r"(?s)^[^.]+\.(.*)$",
    r"^(?i:EU)+([^EU])",
    r"(?a)^\w+é+-",
    # lazy, possessive, atomic: no dearer than plain
    r"^(.*?)-(eu1)",
    r"^([a-z]++)-",
    r"^(?>[a-z]+)-(eu1)",
    # several ways to read nothing
    r"^(?:a?)?(?:b?)?(?:c?)?(?:d?)?(?:e?)?(?:f?)?(?:g?)?x",
    # nothing to do
    r"(a)",
    r"^",
    r"$",
    r"(?:a){0}(b)",
]

REFUSED = [
    (r"([a-z]+)-", ANYWHERE),
    (r".*-(eu1)", ANYWHERE),
    (r"\s+$", ANYWHERE),
    (r"(?:^|/)([^,]+),", ANYWHERE),
    (r"(?m)^(?:.|\n)*x", ANYWHERE),
    (r"(?sm)^(.*)x", ANYWHERE),
    (r"(?m)^(\s*)x", ANYWHERE),
    (r"a?^[a-z]*x", ANYWHERE),  # only a ^ that leads is an anchor here
    (r"(?=.*x)a", ANYWHERE),
    (r"(?!.*x)a", ANYWHERE),
    (r"([a-z]++)-", ANYWHERE),
    (r"(?>[a-z]+)-", ANYWHERE),
    (r"(?i)K[a-j\u212a]*x", ANYWHERE),  # the sign of the kelvin is a k
    (r"([a-z]{1,9999})-", ANYWHERE),
    (r"[0-9a-f]{256}-", ANYWHERE),
    (r"^a*a*(b)", shared("'a'")),
    (r"^(.*)x(.*)y", shared("'x'")),
    (r"^a+?b?a+?c", shared("'a'")),
    (r"^[a-z]*\w{1,9999}-", shared("'a'")),
    (r"^(\d+)?[0-9]*x", shared("'0'")),
    (r"^\D*[^\d-]*!", shared("'a'")),
    (r"^\W*\s*x", shared("' '")),
    (r"^.*(?=.*x)y", shared("'a'")),
    (r"(?i)^[k]+(?-i:\u212a+)x", shared("a rare character")),
    (r"(?a)^(?u:\w+)é+-", shared("'é'")),
    (r"^(?:[a-z]+-)*([a-z-]+)!", shared("'a'")),
    (r"^(a+)+(x)$", inside("'a'")),
    (r"^(a|a)*(x)$", inside("'a'")),
    (r"(x+x+)+y", inside("'x'")),
    (r"^([a-z]{1,9999}){1,9999}-", inside("'a'")),
    (r"^(?:a{1,99}b?){1,99}-", inside("'a'")),
    (r"^(?:[a-z]|[a-c]b)*-", inside("'a'")),
    (r"^/(?:[a-y]b|[A-Y]b)*z$", inside("'a'")),  # in any case, as paths are matched
    (r"^[a-z]*[A-Z]*x", shared("'a'")),
    (r"^[^a]*A*x", shared("'A'")),  # as it stands, and not in any case
    (r"^(?:eu1|eu2|na1)*x", inside("'e'")),  # harmless: it is not seen that one way soon ends
    (r"^(?:(?!--).)*x", inside("'-'")),  # harmless, too
    (r"^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]+)$", inside("'a'")),  # and this
    (r"^(?:[a-z]{0,1000}){0,1000}(x)", EMPTY),
    (r"^(?:a*)*x", EMPTY),
    (r"^(?:a?|b){3}x", EMPTY),
    (r"^(?:\b)+x", EMPTY),
    (r"^(?:a|)*+x", EMPTY),
    (r"^(?:^)+x", EMPTY),
    (r"^([a-z]{1,9}){1,9}-", MULTIPLY),
    (r"^" + "a?" * 20 + "a" * 20, MULTIPLY),
    (r"^" + "(?:$|$)" * 20 + r"\b\B", MULTIPLY),
    (r"(?=" + "(?:$|$)" * 20 + r"\b\B)x", MULTIPLY),
    (r".{0,30}.{0,30}x", MULTIPLY),
    (r"^(a)\1", UNKNOWN),
    (r"^(?P<x>a)?(?(x)b|c)", UNKNOWN),
    (r"(?<=/)(eu1)", UNKNOWN),
    (r"(?<!/)(eu1)", UNKNOWN),
    (r"^" + "a" * 2100, LONG),
]


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_a_pattern_whose_work_is_bounded_is_accepted(pattern: str) -> None:
    assert re.compile(pattern)
    assert slow(pattern) is None


@cases(("pattern", "reason"), {row[0][:40]: row for row in REFUSED})
def test_any_other_pattern_is_refused(pattern: str, reason: str) -> None:
    assert re.compile(pattern)
    assert slow(pattern) == reason


@cases(
    ("pattern", "expected"),
    {
        "at each place: to go on, to read it, and to end": ("a", (3, 3)),
        "at each place: to go on, and to try the anchor": ("^a", (4, 2)),
        "an endless repeat": ("^a*b", (7, 4)),
        "a short repeat": ("^a{0,2}b", (8, 2)),
        "begun at each dash, two under way": ("-[^-]*x", (8, 2 + 6 + 3 * 2)),
        "four under way": ("-{1,3}[^-]*x", (14, 2 + 12 + 3 * 4)),
        "one under way, or it is left for good": ("^(?:-b)*b*x", (11, 7)),
    },
)
def test_bound(pattern: str, expected: tuple[int, int]) -> None:
    assert bound(pattern) == expected


# A program that walks as `re` does. What is tried next is on a stack, so no text is too long.
type Code = list[tuple[str, Any]]


def readable(op: str, value: Any, flags: int) -> Callable[[str], bool]:
    """Return the test of a character; exact for ASCII."""
    categories: dict[str, Callable[[str], bool]] = {
        "DIGIT": str.isdigit,
        "SPACE": str.isspace,
        "WORD": lambda character: character.isalnum() or character == "_",
    }
    match op:
        case "ANY":
            return lambda character: bool(flags & re.DOTALL) or character != "\n"
        case "NOT_LITERAL":
            equal = readable("LITERAL", value, flags)
            return lambda character: not equal(character)
        case "CATEGORY":
            name = str(value).removeprefix("CATEGORY_")
            test = categories[name.removeprefix("NOT_")]
            return lambda character: test(character) != name.startswith("NOT_")
        case "IN":
            negate = str(value[0][0]) == "NEGATE"
            tests = [readable(str(kind), each, flags) for kind, each in value[negate:]]
            return lambda character: any(test(character) for test in tests) != negate
    low, high = value if op == "RANGE" else (value, value)
    ignore = flags & re.IGNORECASE
    return lambda character: any(
        low <= ord(each) <= high
        for each in ({character.lower(), character.upper()} if ignore else {character})
    )


def program(items: Any, flags: int) -> Code:
    code: Code = []
    for name, value in items:
        match op := str(name):
            case "AT":
                line = flags & re.MULTILINE and str(value) in {"AT_BEGINNING", "AT_END"}
                code.append(("at", f"{value}_LINE" if line else str(value)))
            case "SUBPATTERN":
                _, more, less, body = value
                code += program(body, (flags | more) & ~less)
            case "ATOMIC_GROUP":
                code.append(("atomic", program(value, flags)))
            case "ASSERT" | "ASSERT_NOT":
                code.append(("look", (op == "ASSERT", program(value[1], flags))))
            case "BRANCH":
                code += choice([program(body, flags) for body in value[1]])
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, body = value
                repeated = repeat(low, high, body, flags, lazy=op == "MIN_REPEAT")
                code += [("atomic", repeated)] if op == "POSSESSIVE_REPEAT" else repeated
            case _:
                code.append(("read", readable(op, value, flags)))
    return code


def choice(codes: list[Code]) -> Code:
    """Try each in order. Jumps are relative."""
    code = codes[-1]
    for before in reversed(codes[:-1]):
        first = [*before, ("go", [len(code) + 1])]
        code = [("go", [1, len(first) + 1]), *first, *code]
    return code


def repeat(low: int, high: int, items: Any, flags: int, *, lazy: bool) -> Code:
    body = program(items, flags)
    if high > 1000:
        order = [1, len(body) + 2]
        rest = [("go", order[::-1] if lazy else order), *body, ("go", [-len(body) - 1])]
    else:
        rest = []
        for _ in range(high - low):
            taken = [*body, *rest]
            order = [1, len(taken) + 1]
            rest = [("go", order[::-1] if lazy else order), *taken]
    return [*body * low, *rest]


def holds(name: str, text: str, at: int) -> bool:
    if name == "AT_BEGINNING_LINE":
        return at == 0 or text[at - 1] == "\n"
    if name.startswith("AT_BEGINNING"):
        return at == 0
    if name.startswith("AT_END"):
        lines = {"AT_END": ("", "\n"), "AT_END_LINE": ("", "\n"), "AT_END_STRING": ("",)}
        return (text[at : at + 1] if name == "AT_END_LINE" else text[at:]) in lines[name]
    around = [
        character.isalnum() or character == "_" for character in text[max(at - 1, 0) : at + 1]
    ]
    words = [*[False] * (at == 0), *around, *[False] * (at == len(text))]
    return (words[0] != words[1]) == (name == "AT_BOUNDARY")


class Walk:
    """What `re` does with a pattern, and how often it tries to read a character on the way."""

    def __init__(self, pattern: str) -> None:
        tree = parse_tree.parse(pattern)
        self.code = program(tree, tree.state.flags)
        self.steps = 0

    def search(self, text: str) -> tuple[int, int] | None:
        """Return the place of the first match."""
        for start in range(len(text) + 1):
            end = self.match(self.code, text, start)
            if end is not None:
                return start, end
        return None

    def exhaust(self, text: str) -> int:
        """Return the steps where no match is good enough: no text can take more."""
        self.steps = 0
        for start in range(len(text) + 1):
            self.match([*self.code, ("read", lambda _: False)], text, start)
        return self.steps

    def match(self, code: Code, text: str, start: int) -> int | None:
        todo = [(0, start)]
        while todo:
            step, at = todo.pop()
            if step == len(code):
                return at
            match code[step]:
                case "read", test:
                    self.steps += 1
                    if at < len(text) and test(text[at]):
                        todo.append((step + 1, at + 1))
                case "at", name:
                    if holds(name, text, at):
                        todo.append((step + 1, at))
                case "go", places:
                    todo.extend((step + place, at) for place in reversed(places))
                case "look", (wanted, ahead):
                    if (self.match(ahead, text, at) is not None) == wanted:
                        todo.append((step + 1, at))
                case _, inner:
                    end = self.match(inner, text, at)
                    if end is not None:
                        todo.append((step + 1, end))
        return None


HOSTILE = [
    *["a", "1", "-", ".", "/", "\n", "ab", "a.", "a-", "a-b.", "/a", "a/", "aa1", " a"],
    *["\nc:1", "c:1\n", "\nc:1\nc:12", "region=", ",region=a", "/tokens/", "/tokens/a", "eu1-"],
    *["https://a@o1.ingest.", "glpat-a.", "glpat-", "o1.ingest.a.", "x", "ax\n", "eyJ.", "_a"],
]


@pytest.mark.parametrize("pattern", ACCEPTED)
def test_no_text_takes_more_steps_than_the_bound(pattern: str) -> None:
    once, each = bound(pattern)
    walk = Walk(pattern)

    for start in ("", "a", "https://", "glpat-", "/v1/", "\nc:1"):
        for middle in HOSTILE:
            for times in (1, 30):
                text = start + middle * times
                assert walk.exhaust(text) <= once + each * (len(text) + 1)


def test_each_way_that_is_under_way_is_counted() -> None:
    pattern = "-{1,9}[^-]*(?:bc|bd|be|bf|bg|bh|bi|bj|bk|bl|bm|x)"
    once, each = bound(pattern)
    text = ("-" * 9 + "b" * 300) * 3

    # Nine ways read each run of b, and at each b try all that can follow.
    assert 150 * len(text) < Walk(pattern).exhaust(text) <= once + each * (len(text) + 1)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"([a-z]+)-", "a"),
        (r".*-(eu1)", "a"),
        (r"(?m)^(?:.|\n)*x", "\n"),
        (r"(?=.*x)a", "a"),
        (r"^a*a*(b)", "a"),
        (r"^(.*)x(.*)y", "x"),
        (r"^.*(?=.*x)y", "a"),
        (r"(?:^|/)([^,]+),", "/"),
        (r"([a-z]{1,9999})-", "a"),
    ],
)
def test_what_is_refused_can_take_long(pattern: str, text: str) -> None:
    walk = Walk(pattern)
    steps = [walk.exhaust(text * length) for length in (40, 80, 160)]

    assert all(longer > 3 * shorter for shorter, longer in pairwise(steps))
    assert slow(pattern)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [(r"^(a+)+(x)$", "a"), (r"^(a|a)*(x)$", "a"), (r"(x+x+)+y", "x"), (r"^(?:a|aa)*b", "a")],
)
def test_what_is_refused_can_take_very_long(pattern: str, text: str) -> None:
    walk = Walk(pattern)

    assert walk.exhaust(text * 12) > 10 * walk.exhaust(text * 6)
    assert slow(pattern)


def around(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = ["*", "+", "?", "{2}", "{0,2}", "{1,3}", "{2,}", "*?", "+?", "??", "{1,2}?"]
    return st.one_of(
        st.builds("".join, st.lists(inner, min_size=2, max_size=4)),
        st.builds(
            "(?:{}){}".format, inner, st.sampled_from([*repeats, "*+", "++", "?+", "{1,3}+"])
        ),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds(
            "({}{})".format, st.sampled_from(["", "?:", "?>", "?=", "?!", "?i:", "?s:"]), inner
        ),
    )


PIECES = ["a", "b", "-", "B", "[ab]", "[^a]", "[^-]", r"\w", r"\W", ".", r"\n", "ab", "[a-b-]", ""]
BORDERS = ["^", "$", r"\b", r"\A", r"\Z"]
PIECE = st.sampled_from(PIECES)
ENDLESS = st.builds(
    "{}{}".format,
    st.sampled_from(PIECES[:11]),
    st.sampled_from(["*", "+", "*?", "+?", "*+", "{1,2}"]),
)
PATTERN = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "(?m)", "(?s)", "(?i)", "(?ms)"]),
    st.sampled_from(["^", "^", "^", "", "(?:^|-)", "(?:^)?", "-", ".*-"]),
    st.recursive(PIECE | ENDLESS | st.sampled_from(BORDERS), around, max_leaves=7),
    st.sampled_from(["", "$", "-", "a", "[ab]*$"]),
)
TEXT = st.text("abB-\n", max_size=4)


@settings(max_examples=300)
@given(PATTERN, TEXT, TEXT, TEXT)
@example("^(?:[^-]+-)*([ab]+)-", "", "ab-", "a")
@example("(?m)^[^-]*-[ab]+\n", "-", "-a\n", "a")
def test_no_way_through_a_text_is_missed(pattern: str, start: str, middle: str, end: str) -> None:
    try:
        once, each = bound(pattern)
    except graph.SlowError:
        assume(False)
    assume(once <= STEPS_ONCE and each <= STEPS_PER_CHARACTER)
    walk = Walk(pattern)

    for times in (1, 4, 16, 64):
        text = start + middle * times + end
        assert walk.exhaust(text) <= once + each * (len(text) + 1)


@given(PATTERN, st.text("abB-\n", max_size=12))
def test_the_walk_is_that_of_the_library(pattern: str, text: str) -> None:
    assume(slow(pattern) is None)
    found = re.search(pattern, text)

    assert Walk(pattern).search(text) == (found.span() if found else None)
