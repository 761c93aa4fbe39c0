"""What reaches the upstream, byte for byte."""

import pytest

from cases import cases
from harness import Stage, bearer, request

ODD_HEADS = {
    "casing": b"GET /a HTTP/1.1\r\nhOsT: API.HubApi.com:8080\r\nX-ODD: 1\r\nx-odd: 2\r\n",
    "duplicates and empty": b"GET /a HTTP/1.1\r\nHost: api.hubapi.com\r\nA: 1\r\nB: \r\nA: 2\r\n",
    "percent-encoding": b"GET /a%2fb/%7e?q=%2f&c=1+2&%20 HTTP/1.1\r\nHost: api.hubapi.com\r\n",
    "non-ASCII": b"GET /caf\xc3\xa9/\xff?\xe9 HTTP/1.1\r\nHost: api.hubapi.com\r\nN: \xe9\xff\r\n",
    "path": b"GET //x/../y;p?? HTTP/1.1\r\nHost: api.hubapi.com.\r\n",
    "delete": b"DELETE /a HTTP/1.1\r\nHost: api.hubapi.com\r\nAccept-Encoding: br, zstd\r\n",
}


@cases("head", ODD_HEADS)
@pytest.mark.parametrize("front", [None, "api.hubapi.com"], ids=["http", "https"])
def test_law_3_only_the_connection_target_changes(
    stage: Stage, head: bytes, front: str | None
) -> None:
    stage.upstream("na1", "api.hubapi.com")
    eu1 = stage.upstream("eu1", "api.hubapi.com")
    stage.table()
    stage.proxy()
    raw = head + bearer("eu1").encode() + b"\r\n\r\n"
    with stage.client(front) as client:
        assert client.send(raw).hublet == "eu1"
    assert eu1.only == raw
    assert stage.arrivals() == {"na1": 0, "eu1": 1}


def test_a_form_that_was_read_for_its_credential_arrives_as_it_was_sent(stage: Stage) -> None:
    _, eu1 = stage.regions("na1", "eu1")
    stage.proxy()
    body = b"grant_type=refresh%5ftoken&a=\xe9%ff+&&refresh_token=eu1-0000&=x\r\n"
    raw = request("POST", "/oauth/v1/token", body=body)
    assert stage.send(raw).hublet == "eu1"
    assert eu1.only == raw


def test_an_ipv6_address_is_a_domain_in_any_spelling(stage: Stage) -> None:
    stage.upstream("na1")
    eu1 = stage.upstream("eu1")
    stage.table(stage.table_text(domains='["[2001:db8::1]"]'))
    stage.proxy()
    hosts = ["[2001:db8::1]", "[2001:DB8:0:0::1]:8443"]
    for host in hosts:
        assert stage.get("/a", bearer("eu1"), host=host).hublet == "eu1"
    assert eu1.requests == [request("GET", "/a", bearer("eu1"), host=host) for host in hosts]
    refused = stage.get("/a", bearer("eu1"), host="[2001:db8::2]")
    assert refused.problem["reason"] == "foreign-host"
