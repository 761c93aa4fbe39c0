"""Two decisions of one request, and what many of them come to."""

from dataclasses import replace

import pytest

from hublet_router.analysis.comparison import EXAMPLES, Changes, described, differ
from hublet_router.core.decision import Action, Decision, Reason, refuse
from hublet_router.core.table import Upstream

EU1 = Upstream("https", "10.20.0.4", 8443)
LIVE = Decision(Action.ROUTE, "eu1", EU1, Reason.CREDENTIAL, "api-key", "0123456789ab")
REFUSED = refuse(Reason.UNKNOWN_HUBLET, "api-key", "ba9876543210")


@pytest.mark.parametrize(
    "new",
    [
        LIVE._replace(action=Action.PASS),
        LIVE._replace(hublet="na1"),
        LIVE._replace(upstream=replace(EU1, port=443)),
        LIVE._replace(upstream=replace(EU1, sni="upstream")),
        LIVE._replace(upstream=replace(EU1, http2=False)),
        LIVE._replace(reason=Reason.MOVED),
        LIVE._replace(credential="old-key"),
    ],
    ids=["action", "Hublet", "upstream", "server name", "HTTP/2", "reason", "rule"],
)
def test_whatever_a_request_would_notice_is_a_change(new: Decision) -> None:
    assert differ(LIVE, new)


def test_the_version_of_the_table_is_none_nor_is_where_it_says_so() -> None:
    assert not differ(LIVE, LIVE._replace(table="0", upstream=replace(EU1, at=(7, 7))))


def test_an_upstream_is_shown_where_nothing_else_would_show_the_change() -> None:
    assert described(LIVE, REFUSED) == ("eu1 ← api-key", "refused: unknown-hublet (api-key)")
    moved = LIVE._replace(upstream=replace(EU1, host="10.20.0.5", sni="upstream", http2=False))
    assert described(LIVE, moved) == (
        "eu1 ← api-key at https://10.20.0.4:8443 (sni: client)",
        "eu1 ← api-key at https://10.20.0.5:8443 (sni: upstream, http2: false)",
    )
    by_account = LIVE._replace(reason=Reason.MOVED)
    assert described(LIVE, by_account) == ("eu1 ← api-key", "eu1 ← moved (api-key)")
    elsewhere = moved._replace(hublet="na1")
    assert described(LIVE, elsewhere) == ("eu1 ← api-key", "na1 ← api-key")


def test_the_most_frequent_kind_comes_first_with_its_first_examples() -> None:
    changes = Changes()
    changes.requests = 12
    changes.add(LIVE, LIVE._replace(hublet="na1"), "GET /0")
    for number in range(EXAMPLES + 2):
        changes.add(LIVE, REFUSED, f"GET /{number}")
    assert changes.count == EXAMPLES + 3
    assert (
        "\n".join(changes.lines())
        == """\
6 of 12 requests would change

5 requests
- eu1 ← api-key
+ refused: unknown-hublet (api-key)
  GET /0
  GET /1
  GET /2
  and 2 more

1 request
- eu1 ← api-key
+ na1 ← api-key
  GET /0"""
    )


def test_no_change_is_a_line_too() -> None:
    changes = Changes()
    changes.requests = 1
    assert changes.lines() == ["0 of 1 request would change"]
