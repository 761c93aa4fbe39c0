"""`hublet-router diff`: ten changes of a table, each planted, found, and none invented."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import fromstring

import pytest
import yaml
from mitmproxy.http import Headers, HTTPFlow, Request
from mitmproxy.net.http.http1 import assemble_request
from mitmproxy.test import tflow

from cases import cases
from flows.record import (
    FOLDER,
    MISDIRECTED,
    RECORDINGS,
    SHIPPED,
    record_misdirected,
    save,
)
from hublet_router.cli.commands import command_line
from hublet_router.flows.files import read_flows
from synthetic import access_token, api_key, private_app_token
from test_secrets import SECRET, forms_of

OLD = """\
domains: [api.hubapi.com, api.hubspot.com]
hublets:
  na1: {upstream: "https://10.0.0.1"}
  eu1: {upstream: "https://10.0.0.2"}
  ap1: {upstream: "https://10.0.0.3"}
default: na1
policy: {legacy: default, anonymous: default}
credentials:
  - name: private-app-token
    in: {header: authorization, scheme: bearer}
    hublet: {regex: "^pat-([a-z]{2}[0-9]{1,3})-"}
  - name: oauth-access-token
    in: {header: authorization, scheme: bearer}
    hublet: {protobuf: 9}
  - name: api-key
    in: {query: hapikey}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
  - name: refresh-token
    paths: "^/oauth/"
    in: {form: refresh_token}
    hublet: {regex: "^([a-z]{2}[0-9]{1,3})-"}
accounts:
  ids: [{query: portalId}]
  moved: {1: {from: na1, to: eu1}}
"""


def recorded(name: str, path: str, token: str = "", *, host: str = "", body: str = "") -> HTTPFlow:
    """A flow as a file has it; its id is a name that a test can look for."""
    fields = [(b"Host", (host or "api.hubapi.com").encode())]
    if token:
        fields.append((b"Authorization", f"Bearer {token}".encode()))
    method = "POST" if body else "GET"
    flow = tflow.tflow(req=Request.make(method, "https://upstream.example", body), resp=True)
    flow.request.headers = Headers(fields)  # not before: the URL would be written over Host
    flow.request.data.path = path.encode("latin-1")
    flow.id = name
    return flow


TRAFFIC = [
    recorded("pat of na1", "/crm/v3", private_app_token("na1")),
    recorded("pat of eu1", "/crm/v3", private_app_token("eu1")),
    recorded("pat of zz9", "/crm/v3", private_app_token("zz9")),
    recorded("access token of ap1", "/crm/v3", access_token("ap1")),
    recorded("old access token", "/crm/v3", access_token(None)),
    recorded("key of eu1", f"/x?hapikey={api_key('eu1')}"),
    recorded("old key", f"/x?hapikey={api_key(None)}"),
    recorded("two keys", f"/x?hapikey={api_key('eu1')}&hapikey={api_key('ap1')}"),
    recorded("refresh token of ap1", "/oauth/v1/token", body=f"refresh_token={api_key('ap1')}"),
    recorded("form of account 2", "/forms?portalId=2"),
    recorded("key of account 1", f"/x?portalId=1&hapikey={api_key('na1')}"),
    recorded("nothing", "/"),
    recorded("other domain", "/", host="api.hubspot.com"),
    recorded("foreign", "/", host="api.example.com"),
]

type Edit = Callable[[str], str]


class Case(NamedTuple):
    """A change of the table, and the requests that it concerns: their kind, and how they change."""

    edit: tuple[str, str]
    changes: dict[tuple[str, str], set[str]]


CASES = {
    "a Hublet is added": Case(
        ("  ap1:", '  zz9: {upstream: "https://10.0.0.9"}\n  ap1:'),
        {
            ("refused: unknown-hublet (private-app-token)", "zz9 ← private-app-token"): {
                "pat of zz9"
            }
        },
    ),
    "a Hublet has another address": Case(
        ("https://10.0.0.3", "https://10.0.0.33"),
        {
            (
                f"ap1 ← {rule} at https://10.0.0.3:443 (sni: client)",
                f"ap1 ← {rule} at https://10.0.0.33:443 (sni: client)",
            ): {name}
            for rule, name in (
                ("oauth-access-token", "access token of ap1"),
                ("refresh-token", "refresh token of ap1"),
            )
        },
    ),
    "a Hublet has another server name": Case(
        ('"https://10.0.0.3"', '"https://10.0.0.3", sni: ap1.example'),
        {
            (
                f"ap1 ← {rule} at https://10.0.0.3:443 (sni: client)",
                f"ap1 ← {rule} at https://10.0.0.3:443 (sni: ap1.example)",
            ): {name}
            for rule, name in (
                ("oauth-access-token", "access token of ap1"),
                ("refresh-token", "refresh token of ap1"),
            )
        },
    ),
    "credentials without a Hublet are refused": Case(
        ("legacy: default", "legacy: refuse"),
        {
            ("na1 ← legacy (oauth-access-token)", "refused: legacy (oauth-access-token)"): {
                "old access token"
            },
            ("na1 ← legacy (api-key)", "refused: legacy (api-key)"): {"old key"},
        },
    ),
    "the default is another Hublet": Case(
        ("default: na1", "default: eu1"),
        {
            ("na1 ← legacy (oauth-access-token)", "eu1 ← legacy (oauth-access-token)"): {
                "old access token"
            },
            ("na1 ← legacy (api-key)", "eu1 ← legacy (api-key)"): {"old key"},
            ("na1 ← anonymous", "eu1 ← anonymous"): {
                "form of account 2",
                "nothing",
                "other domain",
            },
        },
    ),
    "a pattern no longer reads all it did": Case(
        ("^pat-([a-z]{2}[0-9]{1,3})-", "^pat-(eu1)-"),
        {
            ("na1 ← private-app-token", "na1 ← legacy (private-app-token)"): {"pat of na1"},
            (
                "refused: unknown-hublet (private-app-token)",
                "na1 ← legacy (private-app-token)",
            ): {"pat of zz9"},
        },
    ),
    "a rule has another name": Case(
        ("name: api-key", "name: developer-key"),
        {
            ("eu1 ← api-key", "eu1 ← developer-key"): {"key of eu1"},
            ("na1 ← legacy (api-key)", "na1 ← legacy (developer-key)"): {"old key"},
            ("refused: conflict (api-key)", "refused: conflict (developer-key)"): {"two keys"},
            ("eu1 ← moved (api-key)", "eu1 ← moved (developer-key)"): {"key of account 1"},
        },
    ),
    "a rule looks at fewer paths": Case(
        ('"^/oauth/"', '"^/oauth/v3/"'),
        {("ap1 ← refresh-token", "na1 ← anonymous"): {"refresh token of ap1"}},
    ),
    "an account has moved": Case(
        ("{1: {from: na1, to: eu1}}", "{1: {from: na1, to: eu1}, 2: ap1}"),
        {("na1 ← anonymous", "ap1 ← moved"): {"form of account 2"}},
    ),
    "a domain is gone": Case(
        (", api.hubspot.com", ""),
        {("na1 ← anonymous", "refused: foreign-host"): {"other domain"}},
    ),
    "the first of two credentials decides": Case(
        ("legacy: default", "conflict: first, legacy: default"),
        {("refused: conflict (api-key)", "eu1 ← api-key"): {"two keys"}},
    ),
    "only the text of the table changes": Case(("default: na1", "default: na1  # ours"), {}),
}

GROUP = re.compile(r"[0-9]+ requests?\n- (.*)\n\+ (.*)\n((?:  .*\n?)+)")


class Files(NamedTuple):
    """Two tables and the traffic."""

    old: Path
    new: Path
    flows: Path

    def diff(self, *words: str) -> int:
        return command_line(["diff", *words, *map(str, self)])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    files = Files(*(tmp_path / name for name in ("old.yaml", "new.yaml", "flows.mitm")))
    files.old.write_text(OLD)
    files.new.write_text(OLD)
    save(TRAFFIC, files.flows)
    return files


@cases("case", CASES)
def test_a_planted_change_is_found_and_none_is_invented(
    case: Case, files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert OLD.count(case.edit[0]) == 1
    files.new.write_text(OLD.replace(*case.edit))
    changed = {name for names in case.changes.values() for name in names}
    code = 1 if changed else 0
    assert files.diff() == code
    said = capsys.readouterr().out
    assert said.startswith(f"{len(changed)} of {len(TRAFFIC)} requests would change\n")
    assert {
        (old, new): set(re.findall(r"\(flow (.*)\)", examples))
        for old, new, examples in GROUP.findall(said)
    } == case.changes
    assert files.diff("--format=json") == code
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [it["flow"] for it in objects] == [it.id for it in TRAFFIC if it.id in changed]


def test_ci_gets_each_kind_of_change(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    assert files.diff("--format=junit") == 0
    assert fromstring(capsys.readouterr().out).attrib["failures"] == "0"
    files.new.write_text(OLD.replace("anonymous: default", "anonymous: refuse"))
    assert files.diff("--format=github") == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("::error title=hublet-router diff%3A change::")
    assert ": na1 ← anonymous becomes refused: anonymous: GET https://api.hubapi.com/" in line
    assert files.diff("--format=junit") == 1
    assert fromstring(capsys.readouterr().out).attrib["failures"] == "1"


def test_an_object_says_all(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    files.new.write_text(OLD.replace("legacy: default", "legacy: refuse"))
    files.diff("--format=json")
    said = capsys.readouterr()
    key = json.loads(said.out.splitlines()[1])
    tables = [key[side].pop("table") for side in ("old", "new")]
    assert all(re.fullmatch("[0-9a-f]{12}", version) for version in tables)
    assert len(set(tables)) == 2
    assert key == {
        "flow": "old key",
        "method": "GET",
        "url": "https://api.hubapi.com/x?hapikey=***",
        "old": {
            "action": "route",
            "hublet": "na1",
            "upstream": "https://10.0.0.1:443",
            "reason": "legacy",
            "credential": "api-key",
        },
        "new": {
            "action": "refuse",
            "hublet": None,
            "upstream": None,
            "reason": "legacy",
            "credential": "api-key",
        },
    }
    assert re.fullmatch(r"14 flows in .* a second\n", said.err)


@pytest.mark.parametrize("name", RECORDINGS)
def test_the_shipped_table_changes_nothing_of_what_was_recorded_with_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = str(SHIPPED)
    assert command_line(["diff", shipped, shipped, str(FOLDER / name)]) == 0
    assert re.fullmatch("0 of [0-9]+ requests would change\n", capsys.readouterr().out)


@pytest.mark.parametrize("words", [(), ("--format", "json")], ids=["for people", "for programs"])
def test_law_4_a_credential_is_masked_that_only_one_of_the_tables_knows(
    words: tuple[str, ...], files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = (
        ("in-query", "{query: key}", f"/x?key=eu1-{SECRET}"),
        ("in-path", '{path: "^/tokens/([^/]+)"}', f"/tokens/eu1-{SECRET}/x"),
        ("in-account", "{query: portalId}", f"/x?portalId=eu1-{SECRET}"),
    )
    more = "".join(
        f'  - {{name: {name}, in: {place}, hublet: {{regex: "^([a-z]{{2}}[0-9])-"}}}}\n'
        for name, place, _ in rules
    )
    files.new.write_text(OLD.replace("accounts:", f"{more}accounts:"))
    flows = [recorded(name, path) for name, _, path in rules]
    flows += [
        recorded("bearer", "/", f"pat-eu1-{SECRET}"),
        recorded("userinfo", f"/x?key=eu1-{SECRET}", host=f"user:{SECRET}@api.hubapi.com"),
        recorded("form", "/oauth/", body=f"refresh_token=eu1-{SECRET}"),
    ]
    for flow in flows:
        assert flow.response
        flow.response.status_code = 421
        flow.response.headers["x-right"] = "ap1"
    save(flows, files.flows)
    files.new.write_text(files.new.read_text() + "misdirected: {header: x-right}\n")
    assert files.diff(*words) == 1
    swapped = Files(files.new, files.old, files.flows)
    assert swapped.diff(*words) == 1
    said = capsys.readouterr()
    assert "key=***" in said.out
    assert "/tokens/***/x" in said.out
    assert not [form for form in forms_of(SECRET) if form in said.out + said.err]


@pytest.mark.parametrize("words", [(), ("--format", "json")], ids=["for people", "for programs"])
def test_law_4_what_neither_table_knows_is_not_shown_either(
    words: tuple[str, ...], files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    flows = [
        recorded("foreign", f"/t/{SECRET}?x={SECRET}", host="api.example.com"),
        recorded("no rule", f"/x?access_token={SECRET}"),
    ]
    save(flows, files.flows)
    policy = "anonymous: refuse, foreign: pass"
    files.new.write_text(OLD.replace("anonymous: default", policy))
    assert files.diff(*words) == 1
    said = capsys.readouterr().out
    assert "https://api.example.com/***" in said
    assert "https://api.hubapi.com/x?access_token=***" in said
    assert SECRET not in said


def test_no_control_character_of_a_client_reaches_the_terminal(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.new.write_text(OLD.replace("default: na1", "default: eu1"))
    flow = recorded("id\x1b[2J", "/a\x9d0;b\x9c\xe9")
    flow.request.method = f"{SECRET}\x9b"
    save([flow], files.flows)
    assert files.diff() == 1
    said = capsys.readouterr().out
    assert SECRET not in said
    assert all(line.isprintable() for line in said.splitlines())
    assert files.diff("--format=json") == 1
    change = json.loads(capsys.readouterr().out)
    assert (change["flow"], change["method"]) == ("id\x1b[2J", "***")


# wrong-Hublet answers


def requests_and_answers(path: Path) -> list[object]:
    return [
        (assemble_request(it.request), it.response and (it.response.status_code, it.response.text))
        for it in read_flows([path])
    ]


def test_the_script_makes_the_file_of_wrong_answers_again(tmp_path: Path) -> None:
    record_misdirected(tmp_path)
    before = requests_and_answers(FOLDER / MISDIRECTED)
    assert len(before) == 7
    assert requests_and_answers(tmp_path / MISDIRECTED) == before, "run tests/flows/record.py again"


def test_the_lines_that_it_prints_make_exactly_the_wrongly_sent_requests_move(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, flows = str(SHIPPED), str(FOLDER / MISDIRECTED)
    assert command_line(["diff", old, old, flows]) == 0
    said = capsys.readouterr().out
    printed = yaml.safe_load(said.partition("\n\n")[2])
    assert printed == {"accounts": {"moved": {5893: "eu1"}}}
    table = yaml.safe_load(SHIPPED.read_text())
    table["accounts"]["moved"] |= printed["accounts"]["moved"]
    new = tmp_path / "fixed.yaml"
    new.write_text(yaml.safe_dump(table))
    assert command_line(["diff", "--format=json", old, str(new), flows]) == 1
    moving = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {(it["old"]["hublet"], it["new"]["hublet"]) for it in moving} == {("na1", "eu1")}
    expected = [
        it.id for it in read_flows([Path(flows)]) if it.metadata.get("hublet_misdirected") == "eu1"
    ]
    assert len(expected) == 2
    assert [it["flow"] for it in moving] == expected
    assert command_line(["diff", str(new), str(new), flows]) == 0
    said = capsys.readouterr().out
    assert "accounts:" not in said
    assert "# 1 answer: an account is being moved" in said


def test_a_filter_selects_what_is_compared(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.new.write_text(OLD.replace("default: na1", "default: eu1"))
    assert files.diff("--filter", "~m POST") == 0
    said = capsys.readouterr().out
    assert said.startswith("0 of 1 request would change")
    assert files.diff("--filter", "~d hubspot.com") == 1
    assert "1 of 1 request would change" in capsys.readouterr().out


def test_a_request_of_a_har_file_is_named_by_its_entry(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    files.new.write_text(OLD.replace("default: na1", "default: eu1"))
    request = {"method": "GET", "url": "https://api.hubapi.com/"}
    files.flows.write_text(json.dumps({"log": {"entries": [{"request": request}]}}))
    assert files.diff() == 1
    assert "  GET https://api.hubapi.com/ (entry 1)" in capsys.readouterr().out.splitlines()
    assert files.diff("--format=json") == 1
    assert json.loads(capsys.readouterr().out)["flow"] == "entry 1"
