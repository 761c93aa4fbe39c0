"""The official Python client of HubSpot, unchanged, reaches the Hublet of its credential."""

import asyncio
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.discovery.discovery_base import DiscoveryBase

from harness import Stage, Upstream, authority, free_port, read_request
from system_programs import from_npm, needed

TOKEN = "pat-eu1-00000000-0000-0000-0000-000000000000"
REFRESH_TOKEN = "ap1-0000-0000-0000-0000-000000000000"
DEVELOPER_KEY = "eu1-0000-0000-0000-0000-000000000000"


@dataclass
class Connected:
    """How the client is configured, and the Host that it sends then."""

    host: str
    configuration: dict[str, Any] = field(default_factory=dict)


def through_an_explicit_proxy(stage: Stage) -> Connected:
    """CONNECT, and TLS that mitmproxy takes apart: the client talks to api.hubapi.com."""
    stage.table()
    port = stage.proxy(mode="regular")
    configuration = {"proxy": f"http://127.0.0.1:{port}", "ssl_ca_cert": str(authority())}
    return Connected("api.hubapi.com", configuration)


def pointed_at_the_proxy(stage: Stage) -> Connected:
    """`host=`, the one setting for another server; what a user tries first.

    The client then sends that address as Host, and Host is never rewritten. So the table has to
    list it, which is the honest way: what the client asks for is what the table says is routed.
    TLS to the Hublet would ask for 127.0.0.1 too, hence `sni`.
    """
    table = stage.table_text(domains="[127.0.0.1]")
    stage.table(table.replace("'}", "', sni: api.hubapi.com}"))
    port = stage.proxy()
    return Connected(f"127.0.0.1:{port}", {"host": f"http://127.0.0.1:{port}"})


def pointed_at_the_proxy_with_the_public_host(stage: Stage) -> Connected:
    """`host=`, for a Hublet that serves by Host: the public name is a header of each request.

    `api_factory` is the client's own hook for that (`discovery_base.py`). Each access to an API
    makes a new object, so a header set on one of them is gone at the next.
    """
    stage.table()
    port = stage.proxy()

    def with_public_host(package: Any, name: str, configuration: dict[str, Any]) -> Any:
        api = DiscoveryBase._default_api_factory(package, name, configuration)
        api.api_client.set_default_header("Host", "api.hubapi.com")
        return api

    configuration = {"host": f"http://127.0.0.1:{port}", "api_factory": with_public_host}
    return Connected("api.hubapi.com", configuration)


every_connection = pytest.mark.parametrize(
    "connect",
    [
        through_an_explicit_proxy,
        pointed_at_the_proxy,
        pointed_at_the_proxy_with_the_public_host,
    ],
)
type Connect = Callable[[Stage], Connected]


@every_connection
def test_a_private_app_token_reads_the_contacts_of_its_hublet(
    stage: Stage, connect: Connect
) -> None:
    start_hublets(stage, {"results": [{"id": "7", "properties": {"city": "Zürich"}}]})
    connected = connect(stage)
    hubspot = HubSpot(access_token=TOKEN, **connected.configuration)
    page = hubspot.crm.contacts.basic_api.get_page(limit=10, properties=["city", "a&b"])
    assert [(each.id, each.properties) for each in page.results] == [("7", {"city": "Zürich"})]
    assert stage.arrivals() == {"na1": 0, "eu1": 1, "ap1": 0}
    eu1 = Arrived(stage.upstreams["eu1"])
    assert (
        eu1.line
        == "GET /crm/v3/objects/contacts?limit=10&properties=city&properties=a%26b HTTP/1.1"
    )
    assert eu1.fields["host"] == connected.host
    assert eu1.fields["authorization"] == f"Bearer {TOKEN}"
    assert eu1.server_names == ["api.hubapi.com"]


@every_connection
def test_a_refresh_token_is_refreshed_by_its_hublet(stage: Stage, connect: Connect) -> None:
    start_hublets(stage, {"access_token": "new", "refresh_token": REFRESH_TOKEN})
    connected = connect(stage)
    # The access token that ran out is of another Hublet: it must not be looked at, nor sent.
    hubspot = HubSpot(access_token=TOKEN, **connected.configuration)
    tokens = hubspot.oauth.tokens_api.create(
        grant_type="refresh_token",
        client_id="a b",
        client_secret="synthetic&=%",
        refresh_token=REFRESH_TOKEN,
    )
    assert (tokens.access_token, tokens.refresh_token) == ("new", REFRESH_TOKEN)
    assert stage.arrivals() == {"na1": 0, "eu1": 0, "ap1": 1}
    ap1 = Arrived(stage.upstreams["ap1"])
    assert ap1.line == "POST /oauth/v1/token HTTP/1.1"
    assert ap1.fields["host"] == connected.host
    assert ap1.fields["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in ap1.fields
    assert ap1.body == (
        "grant_type=refresh_token&client_id=a+b&client_secret=synthetic%26%3D%25"
        f"&refresh_token={REFRESH_TOKEN}"
    )
    assert ap1.server_names == ["api.hubapi.com"]


@every_connection
def test_a_developer_key_lists_the_subscriptions_of_its_hublet(
    stage: Stage, connect: Connect
) -> None:
    start_hublets(stage, {"results": [{"id": "7", "eventType": "contact.creation"}]})
    connected = connect(stage)
    hubspot = HubSpot(api_key=DEVELOPER_KEY, **connected.configuration)
    subscriptions = hubspot.webhooks.subscriptions_api.get_all(app_id=42)
    assert [each.event_type for each in subscriptions.results] == ["contact.creation"]
    assert stage.arrivals() == {"na1": 0, "eu1": 1, "ap1": 0}
    eu1 = Arrived(stage.upstreams["eu1"])
    assert eu1.line == f"GET /webhooks/v3/42/subscriptions?hapikey={DEVELOPER_KEY} HTTP/1.1"
    assert eu1.fields["host"] == connected.host
    assert "authorization" not in eu1.fields
    assert eu1.server_names == ["api.hubapi.com"]


def test_what_ignores_the_clients_proxy_obeys_the_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`api_request` uses requests, and neither `proxy` nor `ssl_ca_cert` of the configuration."""
    start_hublets(stage, {"results": []})
    stage.table()
    port = stage.proxy(mode="regular")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority()))
    monkeypatch.setenv("NO_PROXY", "")
    hubspot = HubSpot(access_token=TOKEN)
    answer = hubspot.api_request({"path": "/crm/v3/objects/contacts"})
    assert answer.json() == {"results": []}
    assert stage.arrivals() == {"na1": 0, "eu1": 1, "ap1": 0}
    assert Arrived(stage.upstreams["eu1"]).fields["authorization"] == f"Bearer {TOKEN}"


NODE = """
const https = require("https");
const { HttpsProxyAgent } = require("https-proxy-agent");
https.globalAgent = new HttpsProxyAgent(process.env.HTTPS_PROXY);
const headers = { authorization: `Bearer ${process.argv[1]}` };
https.get("https://api.hubapi.com/crm/v3/objects/contacts", { headers }, (answer) => {
  answer.pipe(process.stdout);
});
"""


def test_the_global_agent_of_node_obeys_its_proxy(stage: Stage) -> None:
    modules = from_npm("https-proxy-agent").parent
    start_hublets(stage, {"results": []})
    stage.table()
    ended = subprocess.run(
        [needed("node"), "-e", NODE, TOKEN], capture_output=True, text=True, timeout=30, check=True,
        env={
            "HTTPS_PROXY": f"http://127.0.0.1:{stage.proxy(mode='regular')}",
            "NODE_EXTRA_CA_CERTS": str(authority()), "NODE_PATH": str(modules),
        },
    )  # fmt: skip
    assert json.loads(ended.stdout) == {"results": []}
    assert stage.arrivals() == {"na1": 0, "eu1": 1, "ap1": 0}
    assert Arrived(stage.upstreams["eu1"]).fields["authorization"] == f"Bearer {TOKEN}"


def test_a_demo_hublet_answers_a_list_call(stage: Stage) -> None:
    port = free_port()
    stage.table(
        "domains: [api.hubapi.com]\n"
        f"hublets: {{eu1: {{upstream: 'https://127.0.0.1:{port}'}}}}\n"
        "default: eu1\n"
        "credentials:\n"
        "  - name: private-app-token\n"
        "    in: {header: authorization, scheme: bearer}\n"
        '    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}\n'
    )
    proxy = f"http://127.0.0.1:{stage.proxy(mode='regular', hublet_demo=True)}"
    hubspot = HubSpot(access_token=TOKEN, proxy=proxy, ssl_ca_cert=str(authority()))
    assert hubspot.crm.contacts.basic_api.get_page().results == []
    assert hubspot.crm.contacts.get_all() == []


class Arrived:
    """The one request of an upstream, taken apart."""

    def __init__(self, upstream: Upstream) -> None:
        head, _, body = upstream.only.decode().partition("\r\n\r\n")
        self.line, *lines = head.split("\r\n")
        pairs = [line.split(": ", 1) for line in lines]
        self.fields = {name.lower(): value for name, value in pairs}
        assert len(self.fields) == len(pairs)  # no field came twice, Host least of all
        self.body = body
        self.server_names = upstream.server_names


def start_hublets(stage: Stage, document: object) -> None:
    """Start three that have the certificate of the public name, and answer with a document."""
    for name in ("na1", "eu1", "ap1"):
        answer_json(stage.upstream(name, "api.hubapi.com"), document)


def answer_json(upstream: Upstream, document: object) -> None:
    content = json.dumps(document).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"

    async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await read_request(reader, upstream.connections[-1]):
            upstream.requests.append(request)
            writer.write(head % len(content) + content)
            await writer.drain()

    upstream.behaviour = behaviour
