"""`hublet-router redact`."""

import json
import os
import re
from pathlib import Path

import pytest

from flows.record import save
from hublet_router.cli.commands import command_line
from hublet_router.core.decision import Decision
from hublet_router.core.judge import decide
from hublet_router.flows.files import read_flows
from hublet_router.flows.requests import request_with_body
from shipped_table import SHIPPED
from test_files import HAR
from test_redact_flow import flow

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "hublets.yaml"
REFUSED = """
domains: [api.hubapi.com]
default: na1
hublets: {na1: {upstream: "https://127.0.0.1:1"}}
credentials:
  - {name: x, in: {header: authorization, scheme: bearer}, hublet: {regex: "^(secretname)-"}}
"""
RECORDED = ROOT / "tests" / "flows" / "regular.mitm"


def redact(*words: object) -> int:
    return command_line(["redact", "--table", str(TABLE), *map(str, words)])


def decisions(path: Path) -> list[Decision]:
    return [decide(SHIPPED, request_with_body(it)) for it in read_flows([path])]


def test_a_copy_with_the_same_decisions_and_other_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert redact(RECORDED, out) == 0
    assert decisions(out) == decisions(RECORDED)
    assert [it.id for it in read_flows([out])] == [it.id for it in read_flows([RECORDED])]
    said = capsys.readouterr()
    assert said.out == ""
    count = len(decisions(out))
    rate, summary, *_ = said.err.splitlines()
    assert re.fullmatch(rf"{count} flows in [0-9.]+ s: [0-9,]+ a second", rate)
    assert summary == f"{count} flows, each decided as before; credentials replaced:"
    assert re.search(r"[0-9] private-app-token\n", said.err)
    assert list(tmp_path.iterdir()) == [out]


def test_each_run_has_a_key_of_its_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert redact(RECORDED, tmp_path / name) == 0
    one, two = (next(read_flows([tmp_path / name])).request for name in ("one", "two"))
    assert one.headers["authorization"] != two.headers["authorization"]


def test_a_filter_selects_what_is_copied(tmp_path: Path) -> None:
    assert redact(RECORDED, tmp_path / "out", "--filter", "~c 421") == 0
    statuses = [it.response and it.response.status_code for it in read_flows([tmp_path / "out"])]
    assert statuses
    assert set(statuses) == {421}


def test_har_and_bodies(tmp_path: Path) -> None:
    har = tmp_path / "flows.har"
    entry = json.loads(json.dumps(HAR["log"]["entries"][0]))
    entry["response"]["content"] = {"size": 5, "mimeType": "text/plain", "text": "hello"}
    har.write_text(json.dumps({"log": {"entries": [entry]}}))
    for option, content in ((), b""), (("--bodies",), b"hello"):
        assert redact(har, tmp_path / "out", "--force", *option) == 0
        (it,) = read_flows([tmp_path / "out"])
        assert it.response
        assert it.response.content == content


def test_a_decision_that_would_change_is_reported_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = flow("/crm?q=5ec2e75ec2e7", ("authorization", "Bearer secretname-1"))
    recorded, out = save([flow(), bad, flow()], tmp_path / "recorded"), tmp_path / "out"
    out.write_text("before")
    table = tmp_path / "table.yaml"
    table.write_text(REFUSED)
    assert redact(recorded, out, "--force", "--table", table) == 1
    assert out.read_text() == "before"
    said = capsys.readouterr().err
    assert said.startswith(
        f"flow {bad.id} would be decided differently: GET http://api.hubapi.com/crm?q=***;"
        " refused: unknown-hublet (x); x in header authorization bearer: names one that is not"
        " listed\n3 flows in "
    )
    assert said.endswith(
        f" a second\n1 of 3 flows; {out} is not written; to leave such flows out, give --filter"
        " '!~u PATH', with the path of their URL\n"
    )
    assert set(tmp_path.iterdir()) == {recorded, out, table}


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("in", "in", "in: is IN itself; name another OUT"),
        ("in", "there", "there: exists already; name another OUT, or say --force"),
        ("in", "", " is a folder; name a file in it"),
        ("in", "new.har", "new.har: OUT is a flow file, no HAR; name one such as safe.mitm"),
        ("in", "-", "-: is no file that can be replaced; name another OUT"),
        ("in", "no/where", "no/where: cannot be written: No such file or directory"),
        ("nothing", "out", "nothing: cannot be read: No such file or directory"),
        ("there", "out", "there: not a whole flow file of mitmproxy, nor a HAR file"),
        ("cut", "out", "cut: cut off or damaged after 91 flows; record it again, or copy"),
    ],
)
def test_errors(
    source: str, target: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_bytes(RECORDED.read_bytes())
    (tmp_path / "cut").write_bytes(RECORDED.read_bytes()[:-1])
    (tmp_path / "there").write_text("no flows")
    before = set(tmp_path.iterdir())
    assert redact(tmp_path / source, target if target == "-" else tmp_path / target) == 2
    assert sentence in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_target_that_is_no_file_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --force and as root, /dev/null would become a file."""
    fifo = tmp_path / "out"
    os.mkfifo(fifo)
    assert redact(RECORDED, fifo, "--force") == 2
    assert "out: is no file that can be replaced; name another OUT" in capsys.readouterr().err
    assert fifo.is_fifo()


def test_a_target_that_is_a_link_stays_one(tmp_path: Path) -> None:
    out, real = tmp_path / "out", tmp_path / "real"
    real.touch()
    out.symlink_to(real)
    assert redact(RECORDED, out, "--force") == 0
    assert out.is_symlink()
    assert decisions(real) == decisions(RECORDED)


def test_a_recording_without_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").touch()
    assert redact(tmp_path / "in", tmp_path / "out") == 0
    said = "0 flows, each decided as before; no credential to replace\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_bad_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = ROOT / "tests" / "bad.yaml"
    assert redact(RECORDED, tmp_path / "out", "--table", bad) == 2
    assert f"{bad}:3:19: 'upstream'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_control_c_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hublet_router.cli.redact.watched_flows", interrupted)
    assert redact(RECORDED, tmp_path / "out") == 130
    assert list(tmp_path.iterdir()) == []


def test_an_entry_of_a_har_file_is_named_by_its_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    header = {"name": "Authorization", "value": "Bearer secretname-1"}
    request = {"method": "GET", "url": "https://api.hubapi.com/x", "headers": [header]}
    har, table = tmp_path / "recorded.har", tmp_path / "table.yaml"
    har.write_text(json.dumps({"log": {"entries": [{"request": request}]}}))
    table.write_text(REFUSED)
    assert redact(har, tmp_path / "out", "--table", table) == 1
    assert capsys.readouterr().err.startswith("entry 1 would be decided differently: GET ")
