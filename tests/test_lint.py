"""What is suspicious in a table that loads."""

from pathlib import Path

import pytest

from hublet_router.explain.lint import lint
from hublet_router.tablefile import load, loads

ROOT = Path(__file__).parents[1]
TABLES = [ROOT / "hublets.yaml", *sorted((ROOT / "tests" / "tables").glob("*.yaml"))]
BEARER = "{header: authorization, scheme: bearer}"
PAT = '{regex: "^pat-([a-z]{2}[0-9])-"}'
NO_EXAMPLE = "has no example that shows it naming a Hublet; add one"


def rule(name: str, where: str, how: str, paths: str | None = None) -> str:
    limit = f', paths: "{paths}"' if paths else ""
    return f"  - {{name: {name}, in: {where}, hublet: {how}{limit}}}\n"


def table(*rules: str, more: str = "", domain: str = "api.example.com") -> bytes:
    return (
        f'domains: ["{domain}"]\n'
        "hublets:\n"
        '  na1: {upstream: "https://127.0.0.1:9441"}\n'
        '  eu1: {upstream: "https://127.0.0.1:9442"}\n'
        "default: na1\n"
        f"{more}"
        "credentials:\n" + "".join(rules)
    ).encode()


def example(request: str, hublet: str = "eu1") -> str:
    return f"examples:\n  - {{request: {request}, hublet: {hublet}}}\n"


def said(text: bytes, about: str = "rule") -> list[str]:
    """All remarks but those about examples, each with its place."""
    return [
        f"{line}:{column}: {what}"
        for (line, column), what in lint(loads(text))
        if NO_EXAMPLE not in what and what.startswith(about)
    ]


def test_a_suspicious_table() -> None:
    assert len(lint(load(ROOT / "tests" / "suspicious.yaml"))) == 7


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_a_good_table_gives_no_warning(path: Path) -> None:
    assert lint(load(path)) == []


def test_without_its_examples_only_those_are_missed() -> None:
    text = TABLES[0].read_bytes()
    found = lint(loads(text[: text.index(b"examples:")]))
    assert len(found) == 12
    assert all(NO_EXAMPLE in remark.text for remark in found)


@pytest.mark.parametrize(
    ("where", "how"),
    [
        (BEARER, PAT),
        (BEARER, "{protobuf: 9}"),
        ("{header: [x-key, y-key]}", "{jwt: customer.region}"),
        ("{header: authorization}", '{regex: "^DSN [a-z]+-([a-z]{2}[0-9])"}'),
        ("{header: authorization}", '{regex: "pat-([a-z]{2}[0-9])-"}'),
        ("{header: private-token}", '{base64: "\\nc:([a-z0-9]+)\\n"}'),
        ("{query: dsn}", '{regex: "^https://[^@]+@o[0-9]+[.]ingest[.](?:(eu1|na1)[.])"}'),
        ("{cookie: sid}", '{regex: "^([a-z]{2}[0-9]):[^;]+$"}'),
        ('{path: "^/v1/([^/]+)/?$"}', '{regex: "^([a-z]{2}[0-9])-[^-]+$"}'),
        ('{path: "^/(?!v1)[^/]+/([^/]+)$"}', '{regex: "^([a-z]{2}[0-9])$"}'),
        ('{path: "^/v1/([0-9]+)/"}', '{regex: "^(?=1)([0-9])$"}'),
    ],
)
def test_a_rule_as_they_should_be_is_only_asked_for_an_example(where: str, how: str) -> None:
    assert [remark.text for remark in lint(loads(table(rule("a", where, how))))] == [
        f"rule 'a' {NO_EXAMPLE}"
    ]


PATHS = ": a path begins with '/', has no query, and is seen decoded, without '//', '..' and ';'"
COOKIE = "a cookie holds no ';', and no spaces or quotes at its ends"
GROUP = "the group of 'path' must match all of it, and 'paths' the path"
FIELD = "a field holds one line of Latin-1 text, without spaces at its ends"


@pytest.mark.parametrize(
    ("where", "how", "paths", "what"),
    [
        pytest.param(
            "{query: k}", PAT, "^oauth/", f"has 'paths' that match no path, like 'oauth/'{PATHS}",
            id="a path that begins without its slash",
        ),
        pytest.param(
            "{query: k}", PAT, "^/x[?]y", f"has 'paths' that match no path, like '/x?y'{PATHS}",
            id="a path with a query",
        ),
        pytest.param(
            "{query: k}", '{regex: "x^(a)"}', None,
            "reads no text that was made from its pattern, like 'xa'; mend it",
            id="an anchor too late",
        ),
        pytest.param(
            "{cookie: [sid, s]}", '{regex: "^x;([a-z]{2}[0-9])"}', None,
            f"has no sample that can stand in cookie sid, like 'x;aa0': {COOKIE}",
            id="a cookie with a semicolon",
        ),
        pytest.param(
            '{path: "^/t/([^/]+)"}', '{regex: "^x/([a-z]{2}[0-9])"}', None,
            f"has no sample that can stand in path, like 'x/aa0': {GROUP}",
            id="a group without the slash that its reader needs",
        ),
        pytest.param(
            '{path: "^/t/([^/]+)$"}', PAT, "^/oauth/",
            f"has no sample that can stand in path, like 'pat-aa0-': {GROUP}",
            id="two patterns for different paths",
        ),
        pytest.param(
            "{header: x-key}", '{regex: "^x\\\\n([a-z]{2}[0-9])"}', None,
            f"has no sample that can stand in header x-key, like 'x\\naa0': {FIELD}",
            id="a header with a line break",
        ),
        pytest.param(
            "{query: k}", f'{{regex: "^{"0123456789" * 11}x{{16384}}([a-z]{{2}}[0-9])"}}', None,
            f"has no sample that can stand in query k, like '{'0123456789' * 10}…':"
            " of a credential, 16 KiB are read",
            id="a credential that is too long",
        ),
        pytest.param(
            BEARER, '{regex: "^Bearer pat-([a-z]{2}[0-9])-"}', None,
            "reads what follows 'bearer', and asks for that once more, like 'Bearer pat-na1-';"
            " take it out of the pattern",
            id="a scheme twice",
        ),
        pytest.param(
            "{header: authorization}", PAT, None,
            "reads 'pat-na1-', but nothing behind a scheme, like 'Bearer pat-na1-'; name the"
            " scheme, or show with an example that there is none",
            id="a scheme that is forgotten",
        ),
        pytest.param(
            "{query: k}", '{regex: "^(EU1|NA1)-"}', None,
            "names none of the table's Hublets, but others, like 'EU1'; mend it",
            id="names of no Hublet",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_work(where: str, how: str, paths: str | None, what: str) -> None:
    assert said(table(rule("it", where, how, paths))) == [f"7:5: rule 'it' {what}"]


@pytest.mark.parametrize(
    ("where", "how", "request_"),
    [
        (BEARER, '{regex: "^Bearer pat-([a-z]{2}[0-9])-"}', "Bearer Bearer pat-eu1-"),
        ("{header: authorization}", PAT, "pat-eu1-"),
    ],
)
def test_an_example_is_the_better_proof(where: str, how: str, request_: str) -> None:
    shown = example(f'{{url: "https://api.example.com/", headers: {{authorization: {request_}}}}}')
    assert lint(loads(table(rule("it", where, how), more=shown))) == []


def test_a_header_that_many_servers_drop() -> None:
    text = table(rule("it", "{header: [x-key, x_strategy_token]}", PAT))
    assert said(text) == [
        "7:5: rule 'it' looks for the header 'x_strategy_token', and many servers drop a '_' in"
        " such a name; is it 'x-strategy-token'?"
    ]


def test_a_rule_that_earlier_ones_always_take() -> None:
    text = table(
        rule("broad", BEARER, '{regex: "^[a-z]+-([a-z]{2}[0-9])-"}'),
        rule("narrow", BEARER, PAT),
        rule("not-quite", BEARER, '{regex: "^[a-z0-9]+-([a-z]{2}[0-9])-"}'),
        rule("elsewhere", "{query: k}", PAT),
    )
    assert said(text) == [
        "8:5: rule 'narrow' loses each of its 18 samples to 'broad', like 'pat-na1-'; move it up,"
        " or take it out"
    ]


def test_a_rule_that_two_others_take_between_them() -> None:
    text = table(
        rule("letters", "{query: k}", '{regex: "^[a-z]+-([a-z]{2}[0-9])$"}'),
        rule("digits", "{query: k}", '{regex: "^[0-9]+-([a-z]{2}[0-9])$"}'),
        rule("either", "{query: k}", '{regex: "^(?:[a-z]+|[0-9]+)-([a-z]{2}[0-9])$"}'),
    )
    (sentence,) = said(text)
    assert sentence.startswith("9:5: rule 'either' loses each of its ")
    assert " samples to 'digits' and 'letters', like 'a-na1'; " in sentence


def test_rules_that_read_one_credential_in_two_ways() -> None:
    text = table(
        rule("front", "{query: k}", '{regex: "^([a-z]{2}[0-9])-"}'),
        rule("back", "{query: k}", '{regex: "-([a-z]{2}[0-9])$"}'),
        rule("whole", "{header: authorization}", '{regex: "-([a-z]{2}[0-9])$"}'),
        rule("behind", "{header: authorization, scheme: key}", '{regex: "^([a-z]{2}[0-9])-"}'),
    )
    assert said(text) == [
        "7:5: rule 'front' reads 'na1' in 'na1--xx0', but 'back' reads 'xx0': 'front' decides;"
        " let one match less, or show it with an example",
        "10:5: rule 'behind' reads 'na1' in 'na1--xx0', but 'whole' reads 'xx0': it is refused;"
        " let one match less, or show it with an example",
    ]


def test_an_example_shows_that_rules_disagree_on_purpose() -> None:
    text = table(
        rule("front", "{query: k}", '{regex: "^([a-z]{2}[0-9])-"}'),
        rule("any", "{query: k}", '{regex: "^(.)"}'),
        more=example('{url: "https://api.example.com/?k=eu1-0000"}'),
    )
    assert said(text, "rule 'front'") == []


def test_rules_that_agree_say_nothing() -> None:
    text = table(
        rule("any", "{query: k}", '{regex: "^[a-z]+-([a-z]{2}[0-9])-"}'),
        rule("token", "{query: k}", "{protobuf: 9}"),
        rule("web", "{query: k}", "{jwt: region}"),
        rule("other", "{query: j}", '{regex: "([a-z]{2}[0-9])$"}'),
    )
    assert said(text) == []


NOWHERE = (
    "4:8: nothing leads to Hublet 'eu1': no rule can read that name, no account has moved there,"
    " and it is not the default"
)


@pytest.mark.parametrize(
    ("how", "more", "remarks"),
    [
        ('{regex: "^(na[0-9])-"}', "", [NOWHERE]),
        ('{regex: "^([a-z]{2}[0-9])-"}', "", []),
        ('{regex: "^(?!x)(na[0-9])-"}', "", []),
        ('{regex: "^(na[0-9])-"}', "accounts: {ids: [{query: id}], moved: {1: eu1}}\n", []),
        ('{regex: "^(na[0-9])-"}', "accounts: {ids: [{query: id}], moved: {1: na1}}\n", [NOWHERE]),
        (
            '{regex: "^(na[0-9])-"}',
            "accounts: {ids: [{query: id}], moved: {1: eu1}}\n"
            + example('{url: "https://api.example.com/?id=1"}'),
            [],
        ),
    ],
)
def test_a_hublet_that_nothing_leads_to(how: str, more: str, remarks: list[str]) -> None:
    assert said(table(rule("it", "{query: k}", how), more=more), "nothing") == remarks


def test_a_domain_of_any_label() -> None:
    text = table(rule("it", BEARER, PAT), domain="*.example.com")
    assert said(text) == []
    assert said(text, "nothing") == []


# What users of other routers reported of tables that load; the others are in test_traps.py.
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # apache/apisix, issue 3306
        pytest.param(
            table(rule("it", "{header: http_h_x_strategy_token}", PAT)),
            "rule 'it' looks for the header 'http_h_x_strategy_token', and many servers drop a '_'",
            id="header-name-never-matches",
        ),
        # traefik/traefik, issue 10918
        pytest.param(
            table(*(rule(f"r{at}", "{query: k}", PAT) for at in range(50))),
            "rule 'r49' loses each of its 18 samples to 'r0', like 'pat-na1-'; move it up, or",
            id="shadowed-rule",
        ),
    ],
)
def test_a_trap_is_told(text: bytes, sentence: str) -> None:
    assert any(remark.text.startswith(sentence) for remark in lint(loads(text)))
