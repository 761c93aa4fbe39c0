"""What is suspicious in a table that loads."""

from pathlib import Path

import pytest

from cases import cases
from hublet_router.analysis.lint import lint
from hublet_router.core.findings import MAX_CREDENTIAL
from hublet_router.tablefile import load, loads
from shipped_table import ROOT, TABLES

BEARER = "{header: authorization, scheme: bearer}"
PAT = '{regex: "^pat-([a-z]{2}[0-9])-"}'
ANY = '{regex: "^[a-z]+-([a-z]{2}[0-9])-"}'
LAST = '{regex: "-([a-z]{2}[0-9])$"}'
NO_EXAMPLE = "has no example that shows it naming a Hublet; add one"
TO_DO = "move it up, add an example that it decides, or remove it"


def rule(name: str, where: str, how: str, paths: str | None = None) -> str:
    limit = f', paths: "{paths}"' if paths else ""
    return f"  - {{name: {name}, in: {where}, hublet: {how}{limit}}}\n"


def example(query: str, outcome: str = "hublet: eu1", **headers: str) -> str:
    url = f"https://api.example.com/?{query}"
    return f'  - {{request: {{url: "{url}", headers: {headers}}}, {outcome}}}\n'


def remarks(*rules: str, examples: str = "", more: str = "", eu1: str = "9442") -> list[str]:
    """Return the remarks about a table, each with its place."""
    table = (
        "domains: [api.example.com]\n"
        "hublets:\n"
        '  na1: {upstream: "https://127.0.0.1:9441"}\n'
        f'  eu1: {{upstream: "https://127.0.0.1:{eu1}"}}\n'
        f"default: na1\n{more}credentials:\n{''.join(rules)}"
        f"{'examples:' if examples else ''}\n{examples}"
    )
    return [f"{line}:{column}: {text}" for (line, column), text in lint(loads(table.encode()))]


def about_rules(*rules: str, examples: str = "", more: str = "") -> list[str]:
    return [
        text for text in remarks(*rules, examples=examples, more=more) if "Hublet 'eu1'" not in text
    ]


def test_each_warning_about_a_suspicious_table() -> None:
    assert len(lint(load(ROOT / "tests" / "suspicious.yaml"))) == 6


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_no_warning_about_a_good_table(path: Path) -> None:
    shared = (
        "Hublet '3w5e11264sgsf' has the same upstream as '1'; if they are one, list it in 'aliases'"
        " of '1', so that the two names are no conflict"
    )
    assert [it.text for it in lint(load(path)) if it.text != shared] == []


def test_a_table_without_examples_is_asked_for_them() -> None:
    table = load(TABLES[0])
    text = TABLES[0].read_bytes()
    found = lint(loads(text[: text.index(b"examples:")]))
    assert [it.text for it in found] == [
        "no example leads to Hublet 'ap1'; add one, or remove the Hublet",
        *(f"rule '{rule.name}' {NO_EXAMPLE}" for rule in table.rules),
    ]


@cases(
    ("examples", "paths"),
    {
        "none": ("", None),
        "one that names none": (example("k=0000", "hublet: na1"), None),
        "another place": (example("other=pat-eu1-", "hublet: na1"), None),
        "another path": (example("k=pat-eu1-", "hublet: na1"), "^/oauth/"),
        "a foreign host": (
            example("k=pat-eu1-", "refused: foreign-host", host="foreign.example"),
            None,
        ),
        "too long to be read": (
            example(f"k=pat-eu1-{'x' * MAX_CREDENTIAL}", "refused: too-large"),
            None,
        ),
    },
)
def test_a_rule_that_no_example_shows(examples: str, paths: str | None) -> None:
    found = about_rules(rule("it", "{query: k}", PAT, paths), examples=examples)
    assert found == [f"7:5: rule 'it' {NO_EXAMPLE}"]


def test_an_example_whose_body_cannot_be_read_shows_no_rule() -> None:
    unreadable = example("", "refused: too-large").replace("}}", '}, body: "' + "x" * 65537 + '"}')
    found = about_rules(rule("it", "{form: k}", PAT, "^/"), examples=unreadable)
    assert found == [f"7:5: rule 'it' {NO_EXAMPLE}"]


def test_no_warning_about_a_rule_that_an_example_shows() -> None:
    shown = example("k=pat-eu1-")
    assert about_rules(rule("it", "{query: k}", PAT), examples=shown) == []


def test_a_header_may_be_written_with_underscores() -> None:
    shown = example("", x_key="pat-eu1-")
    assert about_rules(rule("it", "{header: [X-Key, x_other]}", PAT), examples=shown) == []


def test_a_rule_that_an_earlier_one_always_takes_from() -> None:
    found = about_rules(
        rule("broad", BEARER, ANY),
        rule("narrow", BEARER, PAT),
        examples=example("", authorization="Bearer pat-eu1-"),
    )
    assert found == [
        "8:5: rule 'narrow' decides none of its examples: on line 10, 'broad' comes first and"
        f" names the same Hublet; {TO_DO}"
    ]


def test_rules_that_contradict_each_other() -> None:
    found = about_rules(
        rule("first", "{query: k}", ANY),
        rule("second", "{query: k}", LAST),
        examples=example("k=pat-eu1-eu1") + example("k=pat-eu1-na1"),
    )
    assert found == [
        "8:5: rule 'second' decides none of its examples: on line 11, 'first' comes first and"
        f" names another Hublet; {TO_DO}"
    ]


def test_an_example_that_a_rule_decides_ends_the_warning() -> None:
    found = about_rules(
        rule("first", "{query: k}", ANY),
        rule("second", "{query: k}", LAST),
        examples=example("k=pat-eu1-na1") + example("k=0-eu1"),
    )
    assert found == []


def test_rules_for_other_places_or_paths_are_not_compared() -> None:
    found = about_rules(
        rule("first", "{query: k}", ANY),
        rule("second", "{query: j}", ANY),
        rule("third", "{query: k}", ANY, "^/oauth/"),
        examples=example("k=pat-eu1-"),
    )
    assert found == [f"8:5: rule 'second' {NO_EXAMPLE}", f"9:5: rule 'third' {NO_EXAMPLE}"]


UNREACHED = ["4:8: no example leads to Hublet 'eu1'; add one, or remove the Hublet"]


@cases(
    ("examples", "more", "found"),
    {
        "no example": ("", "", UNREACHED),
        "an example": (example("k=pat-eu1-"), "", []),
        "a conflict": (example("k=pat-eu1-&k=pat-na1-", "refused: conflict"), "", []),
        "an account has moved": ("", "accounts: {ids: [{query: id}], moved: {1: eu1}}\n", []),
        "an account has moved elsewhere": (
            "",
            "accounts: {ids: [{query: id}], moved: {1: na1}}\n",
            UNREACHED,
        ),
    },
)
def test_a_hublet_that_no_example_leads_to(examples: str, more: str, found: list[str]) -> None:
    every = remarks(rule("it", "{query: k}", PAT), examples=examples, more=more)
    assert [text for text in every if "Hublet 'eu1'" in text] == found


def test_two_hublets_with_one_upstream() -> None:
    shown = example("k=pat-eu1-")
    assert remarks(rule("it", "{query: k}", PAT), examples=shown, eu1="9441") == [
        "4:8: Hublet 'eu1' has the same upstream as 'na1'; if they are one, list it in 'aliases' of"
        " 'na1', so that the two names are no conflict"
    ]


# apache/apisix, issue 3306, and traefik/traefik, issue 10918: reports from other routers' users.
def test_a_known_incident_is_warned_of() -> None:
    found = about_rules(
        *(rule(f"r{at}", "{query: k}", PAT) for at in range(50)),
        examples=example("k=pat-eu1-"),
    )
    assert "rule 'r49' decides none of its examples: on line 58, 'r0' comes first" in found[48]
