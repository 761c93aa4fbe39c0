"""The bundle for HAProxy: what is in it, and what it refuses to be."""

import json
import subprocess
from pathlib import Path

import pytest

from cases import cases
from harness import authority
from hublet_router.core.problem import ANSWERS
from hublet_router.export.bundle import ExportError, write
from hublet_router.export.haproxy import Setting, bundle
from hublet_router.tablefile import loads
from system_programs import needed

TABLE = """\
domains: [api.hubapi.com]
default: eu1
{policy}
hublets:
  eu1: {{{hublet}}}
credentials:
  - {{name: key, in: {{query: hapikey}}, hublet: {{regex: "^([a-z]{{2}}[0-9]{{1,3}})-"}}}}
"""
SETTING = Setting(["127.0.0.1:9090", "unix@/run/agent"], ["127.0.0.1:8080", ":8443"])


def made(hublet: str, setting: Setting = SETTING, policy: str = "") -> dict[str, bytes]:
    return dict(bundle(loads(TABLE.format(hublet=hublet, policy=policy).encode()), setting))


def server(hublet: str, setting: Setting = SETTING) -> str:
    """The line of a Hublet's server, of a configuration that HAProxy takes."""
    text = made(hublet, setting)["haproxy.cfg"].decode()
    (line,) = [it.strip() for it in text.splitlines() if it.startswith("  server upstream")]
    return line.removeprefix("server upstream ")


CLIENT = "ca-file @system-ca sni var(txn.hublet.sni) verifyhost unrouted.invalid alpn http/1.1"


@cases(
    ("hublet", "words"),
    {
        "http": ('upstream: "http://10.0.0.1:81"', "10.0.0.1:81"),
        "localhost": ('upstream: "http://localhost"', "localhost:80"),
        "address": ('upstream: "https://10.0.0.1"', f"10.0.0.1:443 ssl verify required {CLIENT}"),
        "IPv6": ('upstream: "https://[::1]:8443"', f"[::1]:8443 ssl verify required {CLIENT}"),
        "name": (
            'upstream: "https://a.example"',
            f"a.example:443 resolvers system init-addr last,libc,none ssl verify required {CLIENT}",
        ),
        "the upstream's name": (
            'upstream: "https://a.example", sni: upstream',
            "a.example:443 resolvers system init-addr last,libc,none ssl verify required ca-file"
            " @system-ca sni str(a.example) verifyhost a.example alpn http/1.1",
        ),
        "another name": (
            'upstream: "https://10.0.0.1", sni: b.example',
            "10.0.0.1:443 ssl verify required ca-file @system-ca sni str(b.example) verifyhost"
            " b.example alpn http/1.1",
        ),
    },
)
def test_a_hublet_is_a_server_whose_name_is_verified(hublet: str, words: str) -> None:
    assert server(hublet) == words


def test_names_are_looked_up_only_where_there_are_some() -> None:
    for upstream, is_name in (("https://10.0.0.1", False), ("https://a.example", True)):
        text = made(f'upstream: "{upstream}"')["haproxy.cfg"].decode()
        assert ("\nresolvers system\n" in text) is is_name


def test_a_ca_of_ones_own_comes_along(tmp_path: Path) -> None:
    setting = SETTING._replace(authority=authority())
    files = made('upstream: "https://10.0.0.1"', setting)
    assert files["ca.pem"] == authority().read_bytes()
    assert b"ca-file ca.pem" in files["haproxy.cfg"]


@pytest.mark.parametrize(
    "hublet",
    ['upstream: "https://10.0.0.1"', 'upstream: "https://[::1]"', 'upstream: "http://localhost"',
     'upstream: "https://name.invalid", sni: upstream'],
)  # fmt: skip
def test_haproxy_takes_it_from_wherever_it_is_started(tmp_path: Path, hublet: str) -> None:
    setting = SETTING._replace(authority=authority(), body_limit=65536)
    write(made(hublet, setting), tmp_path / "b")
    checked = subprocess.run(
        [needed("haproxy"), "-c", "-f", tmp_path / "b" / "haproxy.cfg"],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr
    unresolved = checked.stderr.count("could not resolve address 'name.invalid'")
    assert checked.stderr.count("WARNING") == unresolved == hublet.count("name.invalid")


@pytest.mark.parametrize(("limit", "size"), [(None, 16384), (10000, 26384), (65536, 81920)])
def test_the_buffer_holds_a_head_and_the_body_that_is_asked_for(
    limit: int | None, size: int
) -> None:
    files = made('upstream: "http://10.0.0.1"', SETTING._replace(body_limit=limit))
    assert f"tune.bufsize {size}\n" in files["haproxy.cfg"].decode()
    assert f"room=int({size - 1024})" in files["spoe.conf"].decode()


def test_every_refusal_has_its_document() -> None:
    files = made('upstream: "http://10.0.0.1"')
    documents = {
        name: json.loads(content) for name, content in files.items() if name.endswith(".json")
    }
    assert {(it["reason"], it["status"]) for it in documents.values()} == {
        *((reason.value, answer[0].value) for reason, answer in ANSWERS.items()),
        ("unreadable", 415),
    }
    for name, it in documents.items():
        assert name == f"problems/{it['reason']}-{it['status']}.json"


@cases(
    ("hublet", "policy", "sentence"),
    {
        "an address for a name": (
            'upstream: "https://10.0.0.1", sni: upstream',
            "",
            "5:8: Hublet eu1 is verified by its address, and HAProxy verifies names only; give it"
            " an sni that its certificate holds",
        ),
        "foreign: pass": (
            'upstream: "http://10.0.0.1"',
            "policy: {foreign: pass}",
            "policy: foreign: pass sends requests to hosts that the table does not name, and"
            " HAProxy knows no others; write foreign: refuse",
        ),
    },
)
def test_what_haproxy_cannot_do_is_a_sentence(hublet: str, policy: str, sentence: str) -> None:
    with pytest.raises(ExportError) as caught:
        made(hublet, policy=policy)
    assert str(caught.value) == sentence


def test_the_ca_of_a_hublet_counts_for_its_server_alone(tmp_path: Path) -> None:
    (tmp_path / "eu.pem").write_bytes(authority().read_bytes())
    text = TABLE.format(hublet='upstream: "https://10.0.0.1", ca: eu.pem', policy="")
    text = text.replace("credentials:", '  na1: {upstream: "https://10.0.0.2"}\ncredentials:')
    table = loads(text.encode(), name=str(tmp_path / "t.yaml"))
    files = bundle(table, SETTING)

    assert files["ca-eu1.pem"].decode() == table.hublets["eu1"].ca
    assert "ca-na1.pem" not in files
    lines = [it for it in files["haproxy.cfg"].decode().splitlines() if "server upstream" in it]
    assert ["ca-eu1.pem" in it for it in lines] == [True, False]
    assert ["@system-ca" in it for it in lines] == [False, True]
