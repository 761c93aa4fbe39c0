"""What became of a request on another engine, beside what the table decides."""

from dataclasses import replace

import pytest

from hublet_router.core.request import Request
from hublet_router.prove.difference import difference
from hublet_router.prove.upstreams import Arrival
from hublet_router.verify.exchange import Answer
from synthetic import api_key
from test_judge import TABLE

API = "api.hubapi.com"
ASKED = Request(
    "GET",
    (API,),
    f"/x?hapikey={api_key('eu1')}",
    (("host", "api.hubapi.com"), ("x", "y"), ("connection", "close")),
)
GOT = replace(ASKED, headers=ASKED.headers[:2])
EU1, NA1 = "https://127.0.0.1:9442", "https://127.0.0.1:9441"
OK = Answer(200, {}, b"")
FOR_THE_PROXY = replace(ASKED, headers=(*GOT.headers, ("proxy-authorization", "Basic YTpi")))
SPELLED = ASKED.with_fields([("Host", API), ("X_Y", "1")])
LOWERED = GOT.with_fields([("host", API), ("x_y", "1")])
CONFLICT = replace(ASKED, headers=(("authorization", "Bearer pat-na1-0"), *ASKED.headers))


def arrived(request: Request = GOT, at: str = EU1, name: str | None = "api.hubapi.com") -> Arrival:
    return Arrival(at, request, name)


@pytest.mark.parametrize(
    ("asked", "answer", "arrivals", "text"),
    [
        (ASKED, OK, [arrived()], None),
        (CONFLICT, Answer(400, {}, b""), [], None),
        (ASKED, OK, [arrived(at=NA1)], f"arrived at {NA1}, but it is eu1 ← api-key"),
        (CONFLICT, OK, [arrived(CONFLICT)], f"arrived at {EU1}, but it is refused: conflict"),
        (ASKED, OK, [arrived(), arrived()], "arrived 2 times"),
        (ASKED, Answer(400, {}, b""), [], "answered with 400, but it is eu1 ← api-key"),
        (CONFLICT, Answer(401, {}, b""), [], "answered with 401, not 400"),
        (ASKED, OK, [arrived(name=None)], "arrived with another server name"),
        (ASKED, OK, [arrived(replace(GOT, method="PUT"))], "arrived with another method"),
        (ASKED, OK, [arrived(replace(GOT, body=b"x"))], "arrived with another body"),
        (ASKED, OK, [arrived(replace(GOT, target=GOT.target + "&a=b"))],
         "arrived with another target"),
        (ASKED, OK, [arrived(replace(GOT, headers=(*GOT.headers, ("a", "b"))))],
         "arrived with another fields"),
        (SPELLED, OK, [arrived(SPELLED)], None),
        (SPELLED, OK, [arrived(LOWERED)], None),
        (SPELLED, OK, [arrived(GOT.with_fields(SPELLED.headers))],
         "arrived with another fields"),
        (FOR_THE_PROXY, OK, [arrived()], None),
        (FOR_THE_PROXY, OK, [arrived(FOR_THE_PROXY)], "arrived with another fields"),
        (ASKED, OK, [arrived(replace(GOT, hosts=("api.hubspot.com",)))],
         "arrived with another host"),
        (ASKED, OK, [arrived(replace(GOT, target="/"))],
         f"arrived at {EU1}, but it is eu1 ← api-key"),
    ],
    ids=["right", "refused", "astray", "not refused", "twice", "not sent", "another status", "SNI",
         "method", "body", "target", "fields", "spelled", "lower case", "another name",
         "for the proxy", "passed on", "host", "without its credential"],
)  # fmt: skip
def test_what_differs_is_named(
    asked: Request, answer: Answer, arrivals: list[Arrival], text: str | None
) -> None:
    said = difference(TABLE, asked, answer, arrivals)
    assert said == text or (text and said and said.startswith(text))


def test_without_tls_no_server_name_is_asked_for() -> None:
    table = replace(
        TABLE, hublets={name: replace(up, scheme="http") for name, up in TABLE.hublets.items()}
    )
    at = "http://127.0.0.1:9442"
    assert difference(table, ASKED, OK, [arrived(at=at, name=None)]) is None
    assert difference(table, ASKED, OK, [arrived(at=at)]) == "arrived with another server name"
