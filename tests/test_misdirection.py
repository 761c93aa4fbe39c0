"""Answers that name another Hublet, and the lines that send requests there."""

from dataclasses import replace

import pytest
import yaml

from hublet_router.analysis.misdirection import (
    AccountMoves,
    Misdirection,
    accounts_in,
    detect_misdirection,
)
from hublet_router.core.decision import Reason, refuse
from hublet_router.core.findings import findings
from hublet_router.core.judge import decide
from hublet_router.core.request import Request
from hublet_router.core.table import Misdirected, Table
from hublet_router.proxy.routing.refusal import answer
from hublet_router.tablefile import loads
from synthetic import access_token, api_key

TEXT = """\
domains: [api.hubapi.com]
hublets:
  na1: {upstream: "https://127.0.0.1:9441"}
  eu1: {upstream: "https://127.0.0.1:9442"}
  ap1: {upstream: "https://127.0.0.1:9443"}
default: na1
credentials:
  - name: oauth-access-token
    in: {header: authorization, scheme: bearer}
    hublet: {protobuf: 9}
  - name: api-key
    in: {query: hapikey}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
accounts:
  ids: [{query: portalId}, {path: "^/accounts/([^/]+)"}, {protobuf: 3}]
  moved: {777: eu1}
misdirected: {status: 488, header: X-HubSpot-Correct-Hublet, json: error.correctHublet}
"""
TABLE = loads(TEXT.encode())
HEADER = "x-hubspot-correct-hublet"
BODY = b'{"error": {"correctHublet": "%s"}}'


def asked(target: str, token: str | None = None) -> Request:
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    return Request("GET", ("api.hubapi.com",), target, headers)


@pytest.mark.parametrize(
    ("status", "value", "body", "expected"),
    [
        (488, "eu1", b"", Misdirection("eu1")),
        (488, " eu1 ", b"", Misdirection("eu1")),
        (488, None, BODY % b"ap1", Misdirection("ap1")),
        (488, "zz9", BODY % b"ap1", Misdirection("ap1")),
        (488, "zz9", b"", Misdirection()),
        (488, None, None, Misdirection()),
        (488, None, b"no JSON", None),
        (421, "eu1", b"", Misdirection("eu1")),
        (421, None, b"", Misdirection()),
        (477, None, b"", Misdirection(None, is_migrating=True)),
        (477, "eu1", b"", Misdirection("eu1", is_migrating=True)),
        (404, "eu1", BODY % b"eu1", None),
    ],
)
def test_detect_misdirection(
    status: int, value: str | None, body: bytes | None, expected: Misdirection | None
) -> None:
    fields = [("server", "x"), *([(HEADER, value)] if value else [])]
    assert detect_misdirection(TABLE, status, fields, body) == expected


def test_detection_without_misdirected_in_the_table() -> None:
    plain = replace(TABLE, misdirected=Misdirected())
    assert detect_misdirection(plain, 421, [(HEADER, "eu1")], BODY % b"eu1") == Misdirection()
    assert detect_misdirection(plain, 488, [(HEADER, "eu1")], b"") is None
    assert (
        detect_misdirection(replace(TABLE, misdirected=Misdirected(488)), 488, [], b"")
        == Misdirection()
    )


def test_477_of_the_table_is_not_a_migration() -> None:
    table = replace(TABLE, misdirected=Misdirected(477, HEADER))
    assert detect_misdirection(table, 477, [(HEADER, "eu1")], b"") == Misdirection("eu1")


def test_a_routers_own_answer_is_ignored() -> None:
    response = answer(refuse(Reason.UNKNOWN_HUBLET), "GET")
    fields = [(name.lower(), value) for name, value in response.headers.items()]
    assert response.status_code == 421
    assert detect_misdirection(TABLE, 421, fields, response.content) is None
    forwarded = [("proxy-status", 'hublet-router; next-hop="na1"; details="legacy"')]
    assert detect_misdirection(TABLE, 421, forwarded, b"") == Misdirection()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Misdirection("eu1"), "eu1"),
        (Misdirection(), "-"),
        (Misdirection("eu1", is_migrating=True), "migrating"),
    ],
)
def test_a_misdirection_as_a_word(answer: Misdirection, text: str) -> None:
    assert str(answer) == text


@pytest.mark.parametrize(
    ("request_", "ids"),
    [
        (asked("/x?portalId=0062515&portalId=62515"), {"62515"}),
        (asked("/accounts/a-b?portalId=7"), {"a-b", "7"}),
        (asked("/x", access_token(None)), {"62515"}),
        (asked(f"/x?portalId={api_key('na1')}&hapikey={api_key('na1')}"), set()),
        (asked("/x?portalId=0123&hapikey=0123"), set()),
        (asked("/x"), set()),
    ],
    ids=[
        "one number",
        "two places",
        "in the credential",
        "law 4: no credential",
        "law 4: nor its number",
        "none",
    ],
)
def test_the_accounts_of_a_request(request_: Request, ids: set[str]) -> None:
    assert accounts_in(findings(TABLE, request_)) == ids
    assert accounts_in(findings(replace(TABLE, accounts=None), request_)) == set()


def fixed(table: Table, lines: list[str]) -> Table:
    """Put the printed lines into the table, as a person would."""
    ours, printed = yaml.safe_load(TEXT), yaml.safe_load("\n".join(lines))
    ours["accounts"]["moved"] |= printed["accounts"]["moved"]
    return loads(yaml.safe_dump(ours).encode())


def test_the_lines_send_each_request_where_its_answer_said() -> None:
    right = {
        asked("/x?portalId=62515"): "eu1",
        asked(f"/x?portalId=1&hapikey={api_key('ap1')}"): "na1",
        asked("/x?portalId=ab:%22c"): "ap1",
        asked("/x?portalId=777"): "ap1",
        asked("/x", access_token("na1")): "eu1",
    }
    moves = AccountMoves(TABLE)
    for request, hublet in right.items():
        moves.add(request, Misdirection(hublet))
    lines = list(moves.lines())
    assert lines == [
        "# For the table, from answers that name another Hublet:",
        "accounts:",
        "  moved:",
        "    62515: eu1  # 2 answers; now na1 ← anonymous",
        "    1: {from: ap1, to: na1}  # 1 answer; now ap1 ← api-key",
        '    "ab:\\"c": ap1  # 1 answer; now na1 ← anonymous',
        "    777: ap1  # 1 answer; now eu1 ← moved",
    ]
    table = fixed(TABLE, lines)
    assert {request: decide(table, request).hublet for request in right} == right


def test_what_cannot_be_fixed_is_a_comment() -> None:
    moves = AccountMoves(TABLE)
    moves.add(asked("/x?portalId=777"), Misdirection("eu1"))  # the table sends it there
    assert list(moves.lines()) == []
    moves.add(asked("/x?portalId=1"), Misdirection("eu1", is_migrating=True))
    moves.add(asked("/x?portalId=1"), Misdirection())
    moves.add(asked("/x"), Misdirection("eu1"))
    moves.add(asked("/x"), Misdirection("eu1"))
    moves.add(asked("/x?portalId=1&portalId=2"), Misdirection("eu1"))
    moves.add(asked("/x?portalId=3"), Misdirection("eu1"))
    moves.add(asked("/x?portalId=3"), Misdirection("ap1"))
    assert list(moves.lines()) == [
        "# For the table, from answers that name another Hublet:",
        "# 3: the answers differ: eu1 (1), ap1 (1)",
        "# 1 answer: an account is being moved; record again later",
        "# 1 answer: no Hublet of the table is named",
        "# 2 answers: no item of `accounts.ids` finds an account in the request",
        "# 1 answer: the request names more than one account",
    ]
