"""What an answer says of its decision."""

import pytest

from hublet_router.core.decision import Decision, Reason, refuse, route
from hublet_router.verify.exchange import Answer
from hublet_router.verify.verdict import Said, agrees, said_by
from test_judge import TABLE


def answer(proxy_status: str = "", status: int = 200, **fields: str) -> Answer:
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    return Answer(status, given | ({"proxy-status": proxy_status} if proxy_status else {}), b"")


EU1 = 'hublet-router; next-hop="eu1"; details="credential"'
CONFLICT = 'hublet-router; error=http_request_error; details="conflict"'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (answer(EU1), Said("eu1", "credential", 200)),
        (answer(CONFLICT, 400), Said(None, "conflict", 400)),
        (answer(f"cdn; details=\"x\", {EU1}"), Said("eu1", "credential", 200)),
        (answer(f"{CONFLICT}, {EU1}"), Said("eu1", "credential", 200)),
        (answer("hublet-router;next-hop=eu1;details=credential"), Said("eu1", "credential", 200)),
        (answer('my-hublet-router; next-hop="eu1"'), Said(None, None, 200)),
        (answer('hublet-router-2; next-hop="eu1"'), Said(None, None, 200)),
        (answer("hublet-router"), Said(None, None, 200)),
        (answer(), Said(None, None, 200)),
    ],
    ids=["routed", "refused", "beside another", "two of ours", "tokens", "another proxy",
         "one more", "no parameters", "nothing"],
)  # fmt: skip
def test_the_last_member_of_ours_counts(given: Answer, said: Said) -> None:
    assert said_by(given) == said


def test_a_header_of_the_hublets_own_names_it() -> None:
    given = answer(EU1, x_hublet="na1")
    assert said_by(given, "X-Hublet") == Said("na1", "credential", 200)
    assert said_by(given, "x-other") == Said(None, "credential", 200)


ROUTED = route(TABLE, "eu1", Reason.CREDENTIAL, "api-key")
REFUSED = refuse(Reason.CONFLICT, "api-key", TABLE.version)


@pytest.mark.parametrize(
    ("decision", "said", "header", "same"),
    [
        (ROUTED, Said("eu1", "credential", 500), None, True),
        (ROUTED, Said("na1", "credential", 200), None, False),
        (ROUTED, Said("eu1", "moved", 200), None, False),
        (ROUTED, Said(None, None, 200), None, False),
        (ROUTED, Said("eu1", None, 200), None, False),
        (ROUTED, Said("eu1", None, 200), "x", True),
        (ROUTED, Said("na1", None, 200), "x", False),
        (ROUTED, Said("eu1", "moved", 200), "x", False),
        (REFUSED, Said(None, "conflict", 400), None, True),
        (REFUSED, Said(None, "stray", 400), None, False),
        (REFUSED, Said(None, "conflict", 500), None, False),
        (REFUSED, Said("eu1", "conflict", 400), None, False),
        (REFUSED, Said(None, None, 400), "x", True),
        (REFUSED, Said(None, None, 200), "x", False),
    ],
)
def test_both_must_say_the_same(
    decision: Decision, said: Said, header: str | None, same: bool
) -> None:
    assert agrees(said, decision, TABLE, header) is same


@pytest.mark.parametrize(
    ("said", "text", "is_silent"),
    [
        (Said("eu1", "credential", 200), "eu1 ← credential", False),
        (Said("eu1\x1b", None, 200), "eu1\\x1b", False),
        (Said(None, "stray", 400), "refused: stray (400)", False),
        (Said(None, "credential", 200), "names no Hublet: credential (200)", False),
        (Said(None, None, 404), "nothing (404)", True),
    ],
)
def test_it_is_shown_in_a_line(said: Said, text: str, is_silent: bool) -> None:
    assert (said.summary, said.is_silent) == (text, is_silent)
