import re

import pytest

from cases import cases
from hublet_router.core.lookup import Rule
from hublet_router.core.places import Cookie, Form, Header, Host, Json, Path, Place, Query
from hublet_router.core.readers import Base64, Jwt, Protobuf, Reader, Regex
from hublet_router.tablefile.errors import Faults
from hublet_router.tablefile.rules import parse_pattern, parse_rules
from hublet_router.tablefile.structure import SCHEMA, Checker, Text
from hublet_router.tablefile.yaml_file import compose


def read(text: str) -> tuple[tuple[Rule, ...], list[str]]:
    """Return the rules of a list and their faults, in the order of the file."""
    faults = Faults()
    node = compose(faults, text.encode())
    assert node
    part = SCHEMA["properties"]["credentials"]
    rules = parse_rules(faults, Checker(faults).check(node, part, "'credentials'") or ())
    found = sorted(faults.found, key=lambda fault: (fault.line, fault.column))
    return rules, [f"{fault.line}:{fault.column}: {fault.text}" for fault in found]


def rule(where: str = "{query: k}", how: str = '{regex: "^(a)"}', paths: str = "^/") -> str:
    return f'- name: key\n  paths: "{paths}"\n  in: {where}\n  hublet: {how}'


@pytest.mark.parametrize(
    ("where", "places"),
    [
        ("{header: X-Key}", (Header("x-key"),)),
        ("{header: X_Key}", (Header("x-key"),)),
        ("{header: authorization, scheme: Bearer}", (Header("authorization", "bearer"),)),
        ("{scheme: basic, header: [a, b]}", (Header("a", "basic"), Header("b", "basic"))),
        ("{query: hapikey}", (Query("hapikey"),)),
        ("{query: [code, token]}", (Query("code"), Query("token"))),
        ("{cookie: sid}", (Cookie("sid"),)),
        ("{form: [code, token]}", (Form("code"), Form("token"))),
        ("{json: a.b}", (Json("a.b"),)),
        ('{host: "^api-([a-z]+)[.]"}', (Host(re.compile("^api-([a-z]+)[.]")),)),
        ('{path: "^/x/([^/]+)"}', (Path(re.compile("^/x/([^/]+)", re.IGNORECASE)),)),
    ],
)
def test_places(where: str, places: tuple[Place, ...]) -> None:
    (found,), sentences = read(rule(where))

    assert found.places == places
    assert sentences == []


@pytest.mark.parametrize(
    ("how", "reader"),
    [
        ('{regex: "^([a-z]+)-"}', Regex(re.compile("^([a-z]+)-"))),
        ("{protobuf: 9}", Protobuf(9)),
        ('{protobuf: "9"}', Protobuf(9)),
        ("{protobuf: 536870911}", Protobuf(536870911)),
        ("{jwt: customer.region}", Jwt("customer.region")),
        ('{jwt: "https://example.com/region"}', Jwt("https://example.com/region")),
        ('{base64: "^([a-z]+):"}', Base64(re.compile("^([a-z]+):"))),
        (
            '{base64: "^([a-z]+):", of: "^key-([^.]+)"}',
            Base64(re.compile("^([a-z]+):"), re.compile("^key-([^.]+)")),
        ),
    ],
)
def test_readers(how: str, reader: Reader) -> None:
    (found,), sentences = read(rule(how=how))

    assert found.reader == reader
    assert sentences == []


def test_rules_keep_their_order_and_their_paths() -> None:
    rules, sentences = read(
        "- {name: b, in: {query: k}, hublet: {protobuf: 9}}\n"
        '- {name: a, paths: "^/oauth/", in: {query: k}, hublet: {jwt: r}}'
    )

    assert sentences == []
    assert [(found.name, found.paths) for found in rules] == [
        ("b", None),
        ("a", re.compile("^/oauth/", re.IGNORECASE)),
    ]


ONE_PLACE = "'in' must hold exactly one of header, query, cookie, form, json, path, host"
ONE_READER = "'hublet' must hold exactly one of regex, protobuf, jwt, base64"
PART = "'of' belongs to 'base64'; remove it"
HEADER = "'header' of 'in' must be the name of a header, without spaces and colon"
FIELD = "'protobuf' of 'hublet' must be the number of a protobuf field, like 9"
NAME = "a letter or digit, then up to 62 letters, digits, '-', '_' or '.'"
GROUPS = "put ( ) around the part that is wanted, and write (?: ) for every other group"


@cases(
    ("text", "sentences"),
    {
        "empty list": ("[]", ["1:1: 'credentials' is an empty list; name at least one"]),
        "duplicate key": (
            rule() + "\n  name: x",
            ["5:3: 'name' is defined twice in a credential rule; keep one"],
        ),
        "duplicate key of in": (
            rule("{query: k, query: k}"),
            ["3:18: 'query' is defined twice in 'in'; keep one"],
        ),
        "a name with a space": (
            "- name: a b\n  in: {query: k}\n  hublet: {jwt: r}",
            [f"1:9: 'name' of a credential rule must be {NAME}"],
        ),
        "twice": (f"{rule()}\n{rule()}", ["5:9: rule 'key' is defined twice; rename one"]),
        "paths": (
            rule(paths="("),
            [
                "2:10: 'paths' is not a regular expression: missing ), unterminated subpattern"
                " at position 0"
            ],
        ),
        "form without paths": (
            "- name: key\n  in: {form: code}\n  hublet: {jwt: r}",
            ["2:7: a rule that reads a body needs 'paths'; say which have one"],
        ),
        "json without paths": (
            "- name: key\n  in: {json: code}\n  hublet: {jwt: r}",
            ["2:7: a rule that reads a body needs 'paths'; say which have one"],
        ),
        "no place": (rule("{}"), [f"3:7: {ONE_PLACE}"]),
        "two kinds of place": (rule("{header: a, query: b}"), [f"3:7: {ONE_PLACE}"]),
        "only a scheme": (rule("{scheme: bearer}"), [f"3:7: {ONE_PLACE}"]),
        "scheme of a query": (
            rule("{query: k, scheme: bearer}"),
            ["3:18: 'scheme' belongs to 'header'; remove it"],
        ),
        "scheme of a path": (
            rule('{path: "^/(a)", scheme: bearer}'),
            ["3:23: 'scheme' belongs to 'header'; remove it"],
        ),
        "header with a space": (rule("{header: X Key}"), [f"3:16: {HEADER}"]),
        "header with its colon": (rule('{header: "X-Key:"}'), [f"3:16: {HEADER}"]),
        "header twice": (rule("{header: [a, A]}"), ["3:20: 'A' is named twice; keep one"]),
        "form twice": (rule("{form: [a, b, a]}"), ["3:21: 'a' is named twice; keep one"]),
        "no parameter": (
            rule("{query: []}"),
            ["3:15: 'query' of 'in' is an empty list; name at least one"],
        ),
        "a mapping": (rule("{query: {a: b}}"), ["3:15: 'query' of 'in' must be a list"]),
        "parameters that are no text": (
            rule("{query: [a, 010, [b]]}"),
            [
                "3:19: 'query' of 'in' must be text, but YAML reads '010' as a number;"
                ' write "010" in quotes',
                "3:24: 'query' of 'in' must be text",
            ],
        ),
        "path without group": (
            rule('{path: "^/x/"}'),
            [f"3:14: 'path' must have exactly one group, not 0: {GROUPS}"],
        ),
        "path with two groups": (
            rule('{path: "^/(x)/(y)"}'),
            [f"3:14: 'path' must have exactly one group, not 2: {GROUPS}"],
        ),
        "list of paths": (rule("{path: [a]}"), ["3:14: 'path' of 'in' must be text"]),
        "no reader": (rule(how="{}"), [f"4:11: {ONE_READER}"]),
        "two readers": (rule(how='{regex: "(a)", protobuf: 9}'), [f"4:11: {ONE_READER}"]),
        "regex without group": (
            rule(how='{regex: "^pat-"}'),
            [f"4:19: 'regex' must have exactly one group, not 0: {GROUPS}"],
        ),
        "regex with two groups": (
            rule(how='{regex: "^(pat)-(eu1)"}'),
            [f"4:19: 'regex' must have exactly one group, not 2: {GROUPS}"],
        ),
        "broken regex": (
            rule(how='{regex: "[a"}'),
            ["4:19: 'regex' is not a regular expression: unterminated character set at position 0"],
        ),
        "an escape that YAML reads": (
            rule(how=r'{regex: "\b(eu1)"}'),
            [
                "4:19: 'regex' holds '\\x08', a control character, which no request has in a"
                " credential; in double quotes write \\\\ for each \\, or use single quotes"
            ],
        ),
        "base64 without group": (
            rule(how='{base64: "^a"}'),
            [f"4:20: 'base64' must have exactly one group, not 0: {GROUPS}"],
        ),
        "a part without group": (
            rule(how='{base64: "^(a)", of: "^key-"}'),
            [f"4:32: 'of' must have exactly one group, not 0: {GROUPS}"],
        ),
        "a part of a regex": (rule(how='{regex: "^(a)", of: "^(b)"}'), [f"4:27: {PART}"]),
        "only a part": (rule(how='{of: "^(b)"}'), [f"4:11: {ONE_READER}"]),
        **{
            f"protobuf {number}": (rule(how=f"{{protobuf: {number}}}"), [f"4:22: {FIELD}"])
            for number in ("0", "011", "-9", "nine", "9.0", "~", "536870912")
        },
        "three faults of one rule": (
            rule("{header: X Key}", '{regex: "a"}', "("),
            [
                "2:10: 'paths' is not a regular expression: missing ), unterminated subpattern"
                " at position 0",
                f"3:16: {HEADER}",
                f"4:19: 'regex' must have exactly one group, not 0: {GROUPS}",
            ],
        ),
    },
)
def test_faults(text: str, sentences: list[str]) -> None:
    assert read(text)[1] == sentences


# Where the kind is missing because it is misspelled, a second sentence says what is allowed.
@cases(
    ("text", "sentence"),
    {
        "place nearly right": (
            rule("{headr: authorization}"),
            "3:8: unknown key 'headr' in 'in'; did you mean 'header'?",
        ),
        "no such place": (
            rule("{body: x}"),
            "3:8: unknown key 'body' in 'in'; known are header, query, cookie, form, json, path,"
            " host, scheme",
        ),
        "in is text": (rule("hapikey"), "3:7: 'in' must be a mapping of keys to values"),
        "reader nearly right": (
            rule(how="{regexp: (a)}"),
            "4:12: unknown key 'regexp' in 'hublet'; did you mean 'regex'?",
        ),
        "hublet is text": (rule(how="9"), "4:11: 'hublet' must be a mapping of keys to values"),
    },
)
def test_a_misspelled_kind_is_reported_with_what_is_allowed(text: str, sentence: str) -> None:
    assert sentence in read(text)[1]


def test_a_scheme_that_no_header_can_have_is_reported() -> None:
    assert read(rule('{header: authorization, scheme: "Bearer token"}'))[1] == [
        "3:39: 'scheme' of 'in' must be the word before the text in the header, like bearer"
    ]


def wrong_groups(count: int) -> list[str]:
    return [
        f"1:1: 'regex' must have exactly one group, not {count}: put ( ) around the part that is"
        " wanted, and write (?: ) for every other group"
    ]


@cases(
    ("text", "groups", "pattern", "sentences"),
    {
        "one group": ("^a(b)", 1, "^a(b)", []),
        "one group that counts": ("^a(?:c|d)(b)", 1, "^a(?:c|d)(b)", []),
        "a named group": ("^a(?P<region>b)", 1, "^a(?P<region>b)", []),
        "no group is wanted": ("^a", None, "^a", []),
        "any number of groups": ("(a)(b)", None, "(a)(b)", []),
        "no group": ("^ab", 1, None, wrong_groups(0)),
        "two groups": ("(a)(b)", 1, None, wrong_groups(2)),
        "open group": (
            "(a",
            1,
            None,
            [
                "1:1: 'regex' is not a regular expression: missing ), unterminated subpattern at"
                " position 0"
            ],
        ),
        "a repetition that no machine can count": (
            "a{99999999999}",
            None,
            None,
            ["1:1: 'regex' is not a regular expression: the repetition number is too large"],
        ),
        "a search that can take long": (
            "(a+)-",
            1,
            None,
            [
                "1:1: 'regex' can take a very long time on hostile text: it can start anywhere, and"
                " then repeat without end; begin it with ^, or limit the repeat, like {1,20}"
            ],
        ),
        "a repeat in a repeat": (
            "^(a+)+$",
            None,
            None,
            [
                "1:1: 'regex' can take a very long time on hostile text: inside a repeat, 'a' can"
                " be read in more than one way; let the next character decide how to go on"
            ],
        ),
        "what will mean something else": (
            "[[a]",
            None,
            None,
            ["1:1: 'regex' is not a regular expression: Possible nested set at position 1"],
        ),
        "slow, and two groups": ("(a+)-(b)", 1, None, wrong_groups(2)),
    },
)
def test_patterns(text: str, groups: int | None, pattern: str | None, sentences: list[str]) -> None:
    faults = Faults()
    found = parse_pattern(faults, Text(text, (1, 1)), "'regex'", groups)

    assert (found.pattern if found else None) == pattern
    assert [f"{fault.line}:{fault.column}: {fault.text}" for fault in faults.found] == sentences


def test_a_pattern_that_is_nested_too_deep_is_reported() -> None:
    faults = Faults()

    assert parse_pattern(faults, Text("(?:" * 2000 + "a" + ")" * 2000, (1, 1)), "'regex'") is None
    assert faults.found[0].text.startswith("'regex' is not a regular expression: ")


@pytest.mark.parametrize(
    ("where", "how", "sentence"),
    [
        ("{header: Host}", '{regex: "^(a)"}', "3:16: HTTP/2 has no header 'host', so"),
        ("{query: k}", '{regex: "^(a){2}"}', "4:19: 'regex' does not mean the same to every"),
    ],
)
def test_what_does_not_hold_everywhere_is_refused(where: str, how: str, sentence: str) -> None:
    (found,) = read(rule(where, how))[1]
    assert found.startswith(sentence)
