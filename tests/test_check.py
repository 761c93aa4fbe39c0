"""`hublet-router check`."""

import json
import re
from io import BytesIO, TextIOWrapper
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
import yaml
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.test import tflow

from flows.record import FOLDER, MISDIRECTED, save
from hublet_router.cli.commands import command_line
from shipped_table import SHIPPED
from synthetic import private_app_token
from test_flows import read

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "hublets.yaml"
REVERSE = FOLDER / "reverse.mitm"
SOUND = (
    f"sound: 3 Hublets, {len(SHIPPED.rules)} credential rules,"
    f" {len(SHIPPED.examples)} examples, table 0123456789ab"
)
SUSPICIOUS = b"""\
domains: [api.example.org]
hublets: {eu1: {upstream: "https://127.0.0.1:9441"}}
default: eu1
credentials:
  - {name: key, in: {query: key}, hublet: {regex: "^([a-z]{2}[0-9])-"}}
"""
WARNING = "rule 'key' has no example that shows it naming a Hublet; add one"
SECRET = "c0ffee5ec2e7"


def test_a_table_may_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"hublets: 5\n")))
    code, said = ask(capsys, "-")
    assert code == 1
    assert said[0].startswith("-:1:1: the table has no 'domains'")


def ask(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[str]]:
    """Return the exit status and the lines on standard output; the other has the rate alone."""
    code = command_line(["check", *map(str, words)])
    said = capsys.readouterr()
    assert re.fullmatch("([0-9]+ flows? in [0-9.]+ s: [0-9,]+ a second\n)?", said.err)
    return code, re.sub("table [0-9a-f]{12}", "table 0123456789ab", said.out).splitlines()


@pytest.fixture
def suspicious(tmp_path: Path) -> Path:
    path = tmp_path / "suspicious.yaml"
    path.write_bytes(SUSPICIOUS)
    return path


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """Requests with secrets where credentials can stand."""
    recorded = []
    for field in ("authorization", "cookie", "x-api-key"):
        for value in (SECRET, f"Bearer {SECRET}", f"Basic {SECRET}", f"sid={SECRET}"):
            flow = tflow.tflow()
            flow.request.headers = Headers(
                [(b"host", b"api.hubapi.com"), (field.encode(), value.encode())]
            )
            flow.request.data.path = f"/?hapikey={SECRET}&token=eu1-{SECRET}".encode()
            recorded.append(flow)
    return save(recorded, tmp_path / "flows")


def test_a_sound_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert ask(capsys) == (0, [f"hublets.yaml: {SOUND}"])
    assert ask(capsys, TABLE, "--strict") == (0, [f"{TABLE}: {SOUND}"])
    assert ask(capsys, "--format", "json") == (0, [])
    monkeypatch.chdir(ROOT / "tests")  # the default table may also stand in the checkout
    assert ask(capsys) == (0, [f"{TABLE}: {SOUND}"])


def test_several_tables(capsys: pytest.CaptureFixture[str], suspicious: Path) -> None:
    bad = ROOT / "tests" / "bad.yaml"
    code, lines = ask(capsys, suspicious, bad, TABLE)
    assert code == 1
    assert lines[0] == f"{suspicious}:5:5: warning: {WARNING}"
    assert lines[2].startswith(f"{bad}:3:19: ")
    assert lines[-1] == f"{TABLE}: {SOUND}"
    assert ask(capsys, suspicious, TABLE)[0] == 0
    code, lines = ask(capsys, "--format", "github", bad, suspicious)
    assert code == 1
    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 4 + ["::warning"]
    code, lines = ask(capsys, "--format", "junit", suspicious, TABLE, "--strict")
    assert code == 1
    assert lines[0] == '<testsuite name="hublet-router check" tests="3" failures="1">'


def test_every_fault_of_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(SUSPICIOUS.replace(b"default: eu1", b"default: eu2\nx: y"))
    code, lines = ask(capsys, path)

    assert code == 1
    assert [line.partition("; ")[0] for line in lines] == [
        f"{path}:3:10: default names Hublet 'eu2', but 'hublets' lists eu1",
        f"{path}:4:1: unknown key 'x' in the table",
    ]
    assert json.loads(ask(capsys, path, "--format", "json")[1][0]) == {
        "file": str(path),
        "line": 3,
        "column": 10,
        "level": "fault",
        "text": "default names Hublet 'eu2', but 'hublets' lists eu1; add it or fix the name",
    }


def test_a_fault_of_a_file_beside_the_table(
    capsys: pytest.CaptureFixture[str], suspicious: Path
) -> None:
    moved = suspicious.with_name("moved.csv")
    moved.write_text("1,eu2\n")
    suspicious.write_bytes(SUSPICIOUS + b"accounts: {ids: [{query: id}], file: moved.csv}\n")
    sentence = "'eu2' is not listed in 'hublets'; add it or fix the name"

    assert ask(capsys, suspicious) == (1, [f"{moved}:1:3: {sentence}"])


@pytest.mark.parametrize("words", [["nothing.yaml"], ["--table", "nothing.yaml"]], ids=" ".join)
def test_a_missing_table_is_an_error(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert command_line(["check", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nothing.yaml:1:1: cannot be read: No such file")


@pytest.mark.parametrize("option", ["--coverage", "--moved", "--residency"])
def test_a_table_among_recordings(
    option: str, capsys: pytest.CaptureFixture[str], flows: Path, suspicious: Path
) -> None:
    assert command_line(["check", option, str(flows), str(suspicious)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"{suspicious} is a table; put it before {option}\n"


def test_a_recording_among_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """It may be large, and YAML takes a second for a megabyte of HAR."""
    assert command_line(["check", "recorded.har"]) == 2
    said = "recorded.har is a recording; put it behind --coverage, after the table\n"
    assert capsys.readouterr().err == said


def test_warnings(capsys: pytest.CaptureFixture[str], suspicious: Path) -> None:
    lines = [
        f"{suspicious}:5:5: warning: {WARNING}",
        f"{suspicious}: sound: 1 Hublet, 1 credential rule, 0 examples, table 0123456789ab;"
        " 1 warning",
    ]
    assert ask(capsys, suspicious) == (0, lines)
    assert ask(capsys, suspicious, "--strict") == (1, lines)
    code, (line,) = ask(capsys, suspicious, "--format", "json")
    assert code == 0
    assert json.loads(line) == {
        "file": str(suspicious),
        "line": 5,
        "column": 5,
        "level": "warning",
        "text": WARNING,
    }


def test_coverage_of_recorded_flows(
    capsys: pytest.CaptureFixture[str], suspicious: Path, flows: Path
) -> None:
    code, lines = ask(capsys, TABLE, "--coverage", flows)
    printed = lines[1 + len(SHIPPED.rules) + len(SHIPPED.hublets) :]
    assert code == 1
    assert lines[0] == f"{TABLE}: {SOUND}"
    assert re.match(".*hublets.yaml:[0-9]+:8: unused: no request went to Hublet 'na1'$", lines[1])
    assert printed[:5] == [
        "12 requests: 12 stray",
        "`stray: refuse` refuses 12 requests",
        "what no rule explains, most frequent first:",
        "       12  query hapikey: 8 to 15 characters of a-z 0-9",
        "       12  query token: 16 to 31 characters of a-z 0-9 -",
    ]
    suspicious.write_bytes(
        SUSPICIOUS.replace(b"default: eu1", b"policy: {legacy: refuse, anonymous: refuse}")
    )
    assert ask(capsys, suspicious, "--coverage", flows)[1][3:] == [
        f"{suspicious}:2:16: unused: no request went to Hublet 'eu1'",
        f"{suspicious}:5:5: unused: no request used rule 'key'",
        "12 requests: 12 foreign-host",
        "nothing is left that no rule explains",
    ]


def test_law_4_coverage_prints_no_secret(capsys: pytest.CaptureFixture[str], flows: Path) -> None:
    _, lines = ask(capsys, TABLE, "--coverage", flows)
    _, objects = ask(capsys, TABLE, "--format=json", "--coverage", flows, flows)

    assert lines[-1].startswith("        1  header authorization")
    assert json.loads(objects[-1])["level"] == "unexplained"
    assert json.loads(objects[-1])["count"] == 2
    assert SECRET not in "\n".join(lines + objects)


def test_a_missing_recording(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = command_line(["check", str(TABLE), "--coverage", str(tmp_path / "x")])

    assert code == 2
    assert capsys.readouterr().err == f"{tmp_path}/x: cannot be read: No such file or directory\n"


def test_moved_prints_the_accounts_that_answers_send_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorded = FOLDER / MISDIRECTED
    code, lines = ask(capsys, TABLE, "--moved", recorded)
    assert code == 1
    assert yaml.safe_load("\n".join(lines[1:])) == {"accounts": {"moved": {5893: "eu1"}}}
    _, lines = ask(capsys, TABLE, "--format=json", "--moved", recorded, recorded)
    moved = [it for it in map(json.loads, lines) if it["level"] == "moved"]
    text = "account 5893 has moved to eu1"
    assert moved == [{"level": "moved", "text": text, "account": "5893", "hublet": "eu1"}]
    code, lines = ask(capsys, TABLE, "--moved", REVERSE)
    assert (code, lines[-1]) == (0, "no answer names another Hublet for an account")


@pytest.fixture
def astray(tmp_path: Path) -> tuple[Path, HTTPFlow]:
    """A recording in which one request of eu1's went to na1."""
    flows = read(REVERSE)
    flow = next(it for it in flows if it.comment == "eu1 ← api-key")
    flow.metadata["hublet"] = "na1"
    return save(flows, tmp_path / "astray.mitm"), flow


def test_every_request_in_its_region_is_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, (_, line) = ask(capsys, TABLE, "--residency", REVERSE, FOLDER / "regular.mitm")
    assert code == 0
    assert line.startswith("0 of ")
    assert ", 0 with a recorded Hublet" not in line


def test_a_request_in_the_wrong_region_is_status_1(
    capsys: pytest.CaptureFixture[str], astray: tuple[Path, HTTPFlow]
) -> None:
    recording, flow = astray
    code, lines = ask(capsys, TABLE, "--residency", recording)
    sentence = "went to na1; by its credentials: eu1 ← api-key"
    url = "https://api.hubapi.com/integrations/v1/me?hapikey=***"
    assert code == 1
    assert lines[1:] == [
        f"GET {url}, flow {flow.id}: {sentence}",
        f"1 of {len(read(REVERSE))} requests in the wrong region; 82 with a recorded Hublet, 0 that"
        " cannot be read",
    ]
    code, (line,) = ask(capsys, TABLE, "--format", "json", "--residency", recording)
    assert code == 1
    assert json.loads(line) == {
        "level": "residency", "text": f"GET {url}, flow {flow.id}: {sentence}",
        "flow": flow.id, "method": "GET", "url": url,
    }  # fmt: skip


def test_a_filter_selects_the_flows(
    capsys: pytest.CaptureFixture[str], astray: tuple[Path, HTTPFlow]
) -> None:
    recording, _ = astray
    code, (_, line) = ask(capsys, TABLE, "--residency", recording, "--filter", "~m POST")
    assert code == 0
    assert len(read(REVERSE)) > int(line.split()[2]) > 0


ONLY_UNUSED = ["--coverage", REVERSE, "--filter", "~c 200 & ~comment '^eu1 ← private'"]


@pytest.mark.parametrize(
    ("words", "code", "passed"),
    [
        (["--coverage", REVERSE, "--filter", "~comment legacy"], 1, []),
        ([*ONLY_UNUSED], 0, ["coverage"]),
        ([*ONLY_UNUSED, "--strict"], 1, ["coverage"]),
        (["--moved", REVERSE], 0, ["accounts that moved"]),
        (["--moved", FOLDER / MISDIRECTED], 1, []),
        (["--residency", REVERSE], 0, ["residency"]),
    ],
    ids=["unexplained", "only unused", "unused, strictly", "none moved", "moved", "in its region"],
)
def test_coverage_and_moves_can_fail(
    capsys: pytest.CaptureFixture[str], words: list[object], code: int, passed: list[str]
) -> None:
    ended, lines = ask(capsys, TABLE, *words, "--format", "github")
    assert (ended, any(it.startswith("::error ") for it in lines)) == (code, code == 1)
    ended, lines = ask(capsys, TABLE, *words, "--format", "junit")
    suite = fromstring("\n".join(lines))
    assert (ended, suite.attrib["failures"] != "0") == (code, code == 1)
    names = [case.attrib["name"].partition(f"{TABLE}: ")[2] for case in suite]
    assert [it for it in names if it and it != "sound"][:1] == passed


def test_strays_are_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flow = next(it for it in read(REVERSE) if it.comment == "eu1 ← api-key")
    flow.request.headers["x-token"] = private_app_token("na1")
    recording = save([flow], tmp_path / "stray.mitm")
    code, lines = ask(capsys, TABLE, "--coverage", recording, "--format", "json")
    (stray,) = [it for it in map(json.loads, lines) if it["level"] == "stray"]
    assert (code, stray["count"], stray["policy"]) == (1, 1, "refuse")


def test_accounts_of_which_answers_differ_are_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    flows = read(FOLDER / MISDIRECTED) + read(FOLDER / MISDIRECTED)
    for flow in flows[len(flows) // 2 :]:
        if flow.response:
            if "x-hubspot-correct-hublet" in flow.response.headers:
                flow.response.headers["x-hubspot-correct-hublet"] = "ap1"
            flow.response.content = (flow.response.content or b"").replace(b"eu1", b"ap1")
    recording = save(flows, tmp_path / "differ.mitm")
    code, lines = ask(capsys, TABLE, "--moved", recording, "--format", "json")
    (moved,) = map(json.loads, lines)
    assert (code, moved["hublet"]) == (1, None)
    assert moved["text"] == "account 5893 has moved to one of several Hublets"


def test_a_name_that_is_nearly_listed_is_no_failure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, suspicious: Path
) -> None:
    suspicious.write_bytes(SUSPICIOUS.replace(b"[a-z]{2}", b"[A-Z]{2}"))
    flow = tflow.tflow()
    flow.request.host_header, flow.request.path = "api.example.org", "/?key=EU1-0"
    recorded = save([flow], tmp_path / "flows.mitm")
    _, lines = ask(capsys, suspicious, "--coverage", recorded, "--format", "github")
    (near,) = [line for line in lines if "check%3A near" in line]
    assert near.startswith("::warning ")
    said = "\n".join(ask(capsys, suspicious, "--coverage", recorded)[1])
    assert "in 1 request, a name is another case of 'eu1'; if it is the same, list it in" in said
