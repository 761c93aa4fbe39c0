"""What an operator sends elsewhere."""

import pytest
from mitmproxy.test import tflow

from harness import TABLE
from hublet_router.analysis.fingerprint import fingerprint
from hublet_router.core.decision import Decision, Reason
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.proxy.overrides import Overrides
from hublet_router.tablefile import loads
from synthetic import api_key, private_app_token

HUBLETS = "".join(f"  {name}: {{upstream: 'http://{name}.example'}}\n" for name in ("na1", "eu1"))
BOTH = loads(TABLE.format(domains="[api]", hublets=HUBLETS, default="na1", more="").encode())
ONE = loads(
    TABLE.format(
        domains="[api]", hublets="  na1: {upstream: 'http://na1.example'}", default="na1", more=""
    ).encode()
)
TOKEN, KEY = private_app_token("na1"), api_key("na1")
PINNED = {TOKEN: "eu1"}


def request(target: str = "/", token: str | None = TOKEN, host: str = "api") -> Request:
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    return Request("GET", (host,), target, headers)


def overridden(
    pins: dict[str, str], seen: Request, table: object = BOTH
) -> tuple[Decision, Decision]:
    overrides = Overrides()
    # now, not when this file is imported: another test may set another key in between
    overrides.pins = {fingerprint(credential): hublet for credential, hublet in pins.items()}
    decision = decide(BOTH, seen)
    return decision, overrides.apply(ONE if table is ONE else BOTH, tflow.tflow(), seen, decision)


def test_a_pinned_credential_goes_where_the_operator_says() -> None:
    before, after = overridden(PINNED, request())
    assert (before.hublet, before.reason) == ("na1", Reason.CREDENTIAL)
    assert (after.hublet, after.reason) == ("eu1", Reason.PINNED)
    assert after.upstream == BOTH.hublets["eu1"]
    assert after.credential == "private-app-token"


def test_it_beats_a_refusal() -> None:
    seen = request(f"/?hapikey={api_key('eu1')}")
    before, after = overridden(PINNED, seen)
    assert before.reason is Reason.CONFLICT
    assert (after.hublet, after.reason) == ("eu1", Reason.PINNED)


@pytest.mark.parametrize(
    "seen",
    [request(token=None), request(token=private_app_token("eu1")), request(host="elsewhere")],
    ids=["no credential", "another credential", "a host that is not ours"],
)
def test_nothing_else_is_touched(seen: Request) -> None:
    before, after = overridden(PINNED, seen)
    assert after is before


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (f"/?hapikey={api_key('zz9')}", Reason.UNKNOWN_HUBLET),
        (f"/?hapikey={api_key('na1')}", Reason.CONFLICT),
        (f"/?x={api_key('na1')}", Reason.STRAY),
    ],
    ids=["unlisted", "of another Hublet", "stray"],
)
def test_law_1_a_pin_overrides_no_other_credential(target: str, reason: Reason) -> None:
    _, after = overridden(PINNED, request(target))
    assert (after.upstream, after.reason) == (None, reason)


def test_a_pin_to_the_hublet_that_a_credential_names_changes_nothing() -> None:
    _, after = overridden({TOKEN: "na1"}, request())
    assert (after.hublet, after.reason) == ("na1", Reason.CREDENTIAL)


def test_law_1_two_pins_that_differ_are_a_conflict() -> None:
    pins = {**PINNED, KEY: "na1"}
    _, after = overridden(pins, request(f"/?hapikey={KEY}"))
    assert (after.upstream, after.reason) == (None, Reason.CONFLICT)


def test_law_5_a_hublet_that_is_gone_is_no_upstream() -> None:
    _, after = overridden(PINNED, request(), ONE)
    assert (after.upstream, after.reason) == (None, Reason.UNKNOWN_HUBLET)


def test_a_flow_that_is_resent_goes_where_the_operator_says() -> None:
    overrides, flow = Overrides(), tflow.tflow()
    assert not overrides
    overrides.resent[flow] = "eu1"
    assert overrides
    seen = request(token=None)
    decision = decide(BOTH, seen)
    assert overrides.apply(BOTH, flow, seen, decision).hublet == "eu1"
    assert overrides.apply(BOTH, tflow.tflow(), seen, decision) is decision
    assert overrides.apply(ONE, flow, seen, decision).reason is Reason.UNKNOWN_HUBLET
