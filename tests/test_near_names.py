import pytest

from hublet_router.analysis.coverage import Coverage
from hublet_router.analysis.explanation import explain
from hublet_router.analysis.near_names import near_name
from hublet_router.core.request import Request
from hublet_router.tablefile import loads
from synthetic import jwt

TABLE = loads(b"""
domains: [api.test]
hublets:
  eu: {upstream: "https://eu.test"}
  eu1: {upstream: "https://eu1.test", aliases: [Frankfurt]}
  us: {upstream: "https://us.test"}
default: us
credentials: [{name: token, in: {header: authorization, scheme: bearer}, hublet: {jwt: region}}]
""")


def nearly(what: str, known: str, hublet: str) -> str:
    fix = f"if it is the same, list it in 'aliases' of Hublet '{hublet}'"
    return f"a name is {what} '{known}'; {fix}"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("eu", None),
        ("Frankfurt", None),
        ("EU", nearly("another case of", "eu", "eu")),
        ("Eu1", nearly("another case of", "eu1", "eu1")),
        ("FRANKFURT", nearly("another case of", "Frankfurt", "eu1")),
        ("eu-central-1", nearly("a longer form of", "eu", "eu")),
        ("EU1a", nearly("a longer form of", "eu1", "eu1")),
        ("frankfurt-2", nearly("a longer form of", "Frankfurt", "eu1")),
        ("eu10", nearly("a longer form of", "eu", "eu")),
        ("ap1", None),
        ("e", None),
        ("", None),
    ],
)
def test_a_name_that_is_nearly_listed(name: str, sentence: str | None) -> None:
    assert near_name(TABLE, name) == sentence


def asked(region: str) -> Request:
    return Request(
        "GET", ("api.test",), "/", (("authorization", f"Bearer {jwt({'region': region})}"),)
    )


def test_explain_says_so_and_shows_nothing_of_the_name() -> None:
    explanation = explain(TABLE, asked("eu-secret-5ec2e7"))

    assert explanation.decision.reason == "unknown-hublet"
    assert explanation.hint == (
        "A name is a longer form of 'eu'; if it is the same, list it in 'aliases' of Hublet 'eu'."
    )
    assert "5ec2e7" not in explanation.as_text()
    assert explain(TABLE, asked("eu")).hint is None


def test_coverage_counts_them() -> None:
    coverage = Coverage(TABLE)
    for region in ("EU", "EU", "eu", "asia", "us-east-1"):
        coverage.add(asked(region))

    assert coverage.near.most_common() == [
        (nearly("another case of", "eu", "eu"), 2),
        (nearly("a longer form of", "us", "us"), 1),
    ]
