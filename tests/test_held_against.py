"""`hublet-router check` with recordings, to the exit status that CI sees."""

import json
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowWriter

from flows.record import FOLDER, MISDIRECTED
from hublet_router.cli.commands import command_line
from synthetic import private_app_token
from test_flows import read
from ui import ROOT

SHIPPED = ROOT / "hublets.yaml"
REVERSE = FOLDER / "reverse.mitm"


def write(path: Path, flows: Iterable[HTTPFlow]) -> Path:
    with path.open("wb") as file:
        for flow in flows:
            FlowWriter(file).add(flow)
    return path


@pytest.fixture
def astray(tmp_path: Path) -> tuple[Path, HTTPFlow]:
    """A recording in which one request of eu1's went to na1."""
    flows = read(REVERSE)
    flow = next(it for it in flows if it.comment == "eu1 ← api-key")
    flow.metadata["hublet"] = "na1"
    return write(tmp_path / "astray.mitm", flows), flow


def check(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = command_line(["check", *map(str, words)])
    return code, capsys.readouterr().out


def test_every_request_in_its_region_is_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out = check(capsys, SHIPPED, "--residency", REVERSE, FOLDER / "regular.mitm")
    assert code == 0
    assert out.splitlines()[1].startswith("0 of ")
    assert ", 0 with a recorded Hublet" not in out


def test_a_request_in_the_wrong_region_is_status_1(
    capsys: pytest.CaptureFixture[str], astray: tuple[Path, HTTPFlow]
) -> None:
    recording, flow = astray
    code, out = check(capsys, SHIPPED, "--residency", recording)
    sentence = "went to na1; by its credentials: eu1 ← api-key"
    url = "https://api.hubapi.com/integrations/v1/me?hapikey=***"
    assert code == 1
    assert out.splitlines()[1:] == [
        f"GET {url}, flow {flow.id}: {sentence}",
        f"1 of {len(read(REVERSE))} requests in the wrong region; 82 with a recorded Hublet, 0 that"
        " cannot be read",
    ]
    code, out = check(capsys, SHIPPED, "--format", "json", "--residency", recording)
    assert (code, json.loads(out)) == (
        1,
        {
            "level": "residency", "text": f"GET {url}, flow {flow.id}: {sentence}",
            "flow": flow.id, "method": "GET", "url": url,
        },
    )  # fmt: skip


def test_a_filter_selects_the_flows(
    capsys: pytest.CaptureFixture[str], astray: tuple[Path, HTTPFlow]
) -> None:
    recording, _ = astray
    code, out = check(capsys, SHIPPED, "--residency", recording, "--filter", "~m POST")
    assert code == 0
    assert len(read(REVERSE)) > int(out.splitlines()[1].split()[2]) > 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--coverage", REVERSE, "--filter", "~comment legacy"], 1),
        (["--coverage", REVERSE, "--filter", "~c 200 & ~comment '^eu1 ← private'"], 0),
        (["--coverage", REVERSE, "--filter", "~c 200 & ~comment '^eu1 ← private'", "--strict"], 1),
        (["--moved", REVERSE], 0),
        (["--moved", FOLDER / MISDIRECTED], 1),
    ],
    ids=["unexplained", "only unused", "unused, strictly", "none moved", "moved"],
)
def test_coverage_and_moves_can_fail(
    capsys: pytest.CaptureFixture[str], words: list[object], code: int
) -> None:
    ended, out = check(capsys, SHIPPED, *words, "--format", "github")
    assert (ended, "::error " in out) == (code, code == 1)
    ended, out = check(capsys, SHIPPED, *words, "--format", "junit")
    assert (ended, fromstring(out).attrib["failures"] != "0") == (code, code == 1)


def test_strays_are_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    flow = next(it for it in read(REVERSE) if it.comment == "eu1 ← api-key")
    flow.request.headers["x-token"] = private_app_token("na1")
    recording = write(tmp_path / "stray.mitm", [flow])
    code, out = check(capsys, SHIPPED, "--coverage", recording, "--format", "json")
    (stray,) = [it for it in map(json.loads, out.splitlines()) if it["level"] == "stray"]
    assert (code, stray["count"], stray["policy"]) == (1, 1, "refuse")


def test_accounts_of_which_answers_differ_are_found(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    flows = read(FOLDER / MISDIRECTED) + read(FOLDER / MISDIRECTED)
    for flow in flows[len(flows) // 2 :]:
        if flow.response:
            for name in ("x-hubspot-correct-hublet",):
                if name in flow.response.headers:
                    flow.response.headers[name] = "ap1"
            flow.response.content = (flow.response.content or b"").replace(b"eu1", b"ap1")
    recording = write(tmp_path / "differ.mitm", flows)
    code, out = check(capsys, SHIPPED, "--moved", recording, "--format", "json")
    (moved,) = [json.loads(line) for line in out.splitlines()]
    assert (code, moved["hublet"]) == (1, None)
    assert moved["text"] == "account 5893 has moved to one of several Hublets"
