"""What the Worker's bundle holds, and what neither Cloudflare nor workerd can do."""

import json
import re
import tomllib
from dataclasses import replace

import pytest

from cases import cases
from hublet_router.core.table import Move, Table
from hublet_router.export.bundle import Bundle, ExportError
from hublet_router.export.worker import MAX_MOVED, bundle, configuration, limits
from hublet_router.tablefile import loads
from shipped_table import SHIPPED

TABLE = """
domains: [api.example.com, "*.eu.example.com"]
hublets:
  na1: {{upstream: "{na1}"}}
  eu1: {{upstream: "https://eu1.example.com"}}
default: na1
policy: {{foreign: {foreign}}}
credentials:
  - {{name: key, in: {{query: key}}, hublet: {{regex: '{regex}'}}}}
"""


def table(
    na1: str = "https://na1.example.com", foreign: str = "refuse", regex: str = "^([a-z0-9]+)-"
) -> Table:
    return loads(TABLE.format(na1=na1, foreign=foreign, regex=regex).encode())


def text_of(files: Bundle, name: str) -> str:
    return files[name].decode()


def overrides(files: Bundle) -> dict[str, str]:
    hublets = json.loads(text_of(files, "program.json"))["hublets"]
    return {name: it["override"] for name, it in hublets.items()}


def test_a_table_that_cloudflare_can_route_by_is_ready_to_deploy() -> None:
    files = bundle(table())
    assert [*limits(table())] == []
    assert overrides(files) == {"na1": "na1.example.com", "eu1": "eu1.example.com"}
    wrangler = tomllib.loads(text_of(files, "wrangler.toml"))
    assert wrangler["main"] in files
    assert wrangler["routes"] == [
        {"pattern": "*.eu.example.com/*", "zone_name": "example.com"},
        {"pattern": "api.example.com/*", "zone_name": "example.com"},
    ]
    assert wrangler["workers_dev"] is wrangler["preview_urls"] is False  # names past the routes


@pytest.mark.parametrize(
    ("na1", "why"),
    [
        ("https://10.0.0.1", "is at an IP address"),
        ("http://na1.example.com", "speaks http"),
        ("https://na1.example.com:8443", "has a port"),
        ('https://na1.example.com", sni: "upstream', "has an sni"),
        ("https://na1.example.org", "is in another zone than *.eu.example.com"),
    ],
)
def test_what_cloudflare_cannot_do_is_named_with_its_line(na1: str, why: str) -> None:
    (limit,) = limits(table(na1))
    assert limit.startswith("4:8: Hublet na1 ")
    assert why in limit
    files = bundle(table(na1))
    assert tomllib.loads(text_of(files, "wrangler.toml")) == {}
    assert overrides(files)["eu1"] == "eu1.example.com"
    if "zone" not in why:
        assert overrides(files)["na1"] == "na1.hublets.invalid"  # it reaches nothing


def test_an_authority_of_ones_own_is_nothing_to_cloudflare() -> None:
    before = table()
    hublets = {name: replace(it, ca="PEM") for name, it in before.hublets.items()}
    after = replace(before, hublets=hublets)
    assert all("has a ca" in it for it in limits(after))
    assert bundle(after)["ca-na1.pem"] == b"PEM"


@cases(
    ("wrong", "sentence"),
    {
        "foreign": (table(foreign="pass"), "policy: foreign: pass sends requests to hosts"),
        "pattern": (table(regex="^(?:ab|c){900}(x)"), "takes more than 2000 steps"),
    },
)
def test_what_no_worker_can_do_is_refused(wrong: Table, sentence: str) -> None:
    with pytest.raises(ExportError, match=re.escape(sentence)):
        bundle(wrong)


def test_more_accounts_than_a_worker_holds_are_refused() -> None:
    assert SHIPPED.accounts
    moved = {str(number): Move("eu1") for number in range(MAX_MOVED + 1)}
    many = replace(SHIPPED, accounts=replace(SHIPPED.accounts, moved=moved))
    with pytest.raises(ExportError, match="100,001 have moved"):
        bundle(many)


def test_two_exports_give_the_same_bytes() -> None:
    assert bundle(SHIPPED) == bundle(SHIPPED)


def test_every_file_that_a_configuration_names_is_there() -> None:
    for files in (bundle(SHIPPED), bundle(table(), b"PEM")):
        assert all(files.values())
        named = set(re.findall(r'embed "([^"]+)"', text_of(files, "config.capnp")))
        assert named <= files.keys()


def test_the_hublets_of_the_demo_are_played_unless_their_ca_is_given() -> None:
    assert "demo.js" in text_of(bundle(SHIPPED), "config.capnp")
    real = bundle(SHIPPED, b"PEM")
    assert "demo.js" not in text_of(real, "config.capnp")
    assert 'address = "127.0.0.1:9442"' in text_of(real, "config.capnp")
    assert real["ca.pem"] == b"PEM"


def test_each_hublet_has_a_service_for_each_host_with_its_name_for_tls() -> None:
    text = TABLE.format(
        na1='https://10.0.0.1", sni: "na1.internal.example', foreign="refuse", regex="^(a)"
    )
    text += "examples: [{request: {url: 'https://x.eu.example.com/'}, hublet: na1}]"
    config = configuration(loads(text.encode()), ["y.eu.example.com", "foreign.example"])
    bindings = re.findall(r'\(name = "(\S+ \S+)", service = "(\S+ \S+)"\)', config)
    assert bindings == [
        (f"{override} {host}", f"{upstream} {sni or host}")
        for override, upstream, sni in (
            ("na1.hublets.invalid", "https://10.0.0.1:443", "na1.internal.example"),
            ("eu1.example.com", "https://eu1.example.com:443", ""),
        )
        for host in ("api.example.com", "x.eu.example.com", "y.eu.example.com")
    ]
    assert 'certificateHost = "na1.internal.example"' in config
    assert "foreign.example" not in config
