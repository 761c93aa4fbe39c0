"""`hublet-router explain`."""

import io
import json
from pathlib import Path

import pytest
from mitmproxy.io import FlowReader

from hublet_router.analysis.explanation import explain
from hublet_router.cli.commands import command_line
from hublet_router.core.judge import decide
from hublet_router.flows.requests import request_with_body
from hublet_router.tablefile import load
from synthetic import UUID, access_token, api_key, personal_access_key, private_app_token

ROOT = Path(__file__).parents[1]
SHIPPED = load(ROOT / "hublets.yaml")
RECORDING = ROOT / "tests" / "flows" / "regular.mitm"
SECRET = "c0ffee5ec2e7"
API = "https://api.hubapi.com"
NAME = "hublet-router explain"
EU1 = f"Authorization: Bearer {private_app_token('eu1')}"

type Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hublets.yaml").write_bytes((ROOT / "hublets.yaml").read_bytes())


def feed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("words", "code", "first"),
    [
        (["-sH", EU1, f"{API}/crm/v3"], 0, "eu1 ← private-app-token"),
        ([f"{API}/?hapikey={api_key('ap1')}"], 0, "ap1 ← api-key"),
        (["-d", f"refresh_token={api_key('eu1')}", f"{API}/oauth/v1/token"], 0,
         "eu1 ← refresh-token"),
        (["-d", f'{{"encodedOAuthRefreshToken": "{personal_access_key("ap1")}"}}',
          f"{API}/localdevauth/v1/auth/refresh"], 3, "refused: unreadable (personal-access-key)"),
        (["api.hubapi.com/"], 0, "na1 ← anonymous"),
        (["-H", "Host: api.hubapi.com", "-H", EU1, "localhost:8080"], 0, "eu1 ← private-app-token"),
        (["--oauth2-bearer", access_token(None), API], 0, "na1 ← legacy (oauth-access-token)"),
        (["-H", EU1, f"{API}/?hapikey={api_key('na1')}"], 3,
         "refused: conflict (private-app-token)"),
        (["http://localhost:8080/"], 3, "refused: foreign-host"),
        (["curl", "-H", EU1, API], 0, "eu1 ← private-app-token"),
        (["--json", f'{{"encodedOAuthRefreshToken": "{personal_access_key("ap1")}"}}',
          f"{API}/localdevauth/v1/auth/refresh"], 0, "ap1 ← personal-access-key"),
        (["--json", f'{{"tokenKey": "{UUID}"}}', "-H", "Content-Encoding: gzip",
          f"{API}/oauth/v2/private-apps/get/access-token-info"], 3,
         "refused: too-large (private-app-token-in-json)"),
    ],
)  # fmt: skip
def test_curl_commands(words: list[str], code: int, first: str, capsys: Said) -> None:
    assert command_line(["explain", *words]) == code
    said = capsys.readouterr().out.splitlines()
    assert said[0] == first
    assert f"table {SHIPPED.version}" in said


def test_help(capsys: Said) -> None:
    for word in ("-h", "--help"):
        assert command_line(["explain", word]) == 0
        assert "Exit status: 0 each request is routed" in capsys.readouterr().out


def test_the_table_of_the_checkout_is_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Said
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert command_line(["explain", API]) == 0
    assert f"table {SHIPPED.version}" in capsys.readouterr().out


def test_another_table(tmp_path: Path, capsys: Said) -> None:
    text = Path("hublets.yaml").read_text().replace("foreign: refuse", "foreign: pass ")
    table = tmp_path / "other.yaml"
    table.write_text(text.partition("examples:")[0])
    assert command_line(["explain", f"--table={table}", "http://localhost:8080/"]) == 0
    assert capsys.readouterr().out.startswith("passed: foreign-host\npolicy foreign: pass\n")


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_standard_input(end: str, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    feed(monkeypatch, end.join(["GET / HTTP/1.1", "Host: api.hubapi.com", EU1, "", ""]))
    assert command_line(["explain", "-"]) == 0
    assert capsys.readouterr().out.startswith("eu1 ← private-app-token\n  private-app-token ")


def test_a_recording_as_json_is_the_live_decision_of_each_request(capsys: Said) -> None:
    with RECORDING.open("rb") as file:
        flows = [*FlowReader(file).stream()]
    assert command_line(["explain", "--format", "json", str(RECORDING)]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == len(flows) > 40
    for line, flow in zip(lines, flows, strict=True):
        seen = request_with_body(flow)  # type: ignore[arg-type]
        decision = decide(SHIPPED, seen).as_json()
        assert {key: line[key] for key in decision} == decision
        status = flow.response.status_code if flow.response else None  # type: ignore[attr-defined]
        assert line == explain(SHIPPED, seen, status).as_json()


@pytest.mark.parametrize(("is_terminal", "reports"), [(True, False), (False, True)])
def test_the_rate_is_printed_unless_the_explanations_are_on_a_terminal(
    is_terminal: bool, reports: bool, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    command_line(["explain", str(RECORDING), str(RECORDING)])
    assert capsys.readouterr().err.count("flows in") == reports


def test_each_of_several_requests_has_a_heading(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    feed(monkeypatch, f"PUT /oauth/v1/access-tokens/{SECRET}?a={SECRET} HTTP/1.1\nhost: {API[8:]}")
    words = ["-", f"me:{SECRET}@localhost/{SECRET}", f"{API}/a%1b/?hapikey={SECRET}"]
    assert command_line(["explain", *words]) == 3
    blocks = capsys.readouterr().out.split("\n\n")
    assert [block.splitlines()[:2] for block in blocks[:-1]] == [
        ["PUT api.hubapi.com/oauth/v1/access-tokens/***",
         "na1 ← legacy (oauth-access-token-in-path)"],
        ["GET to a foreign host", "refused: foreign-host"],
        ["GET api.hubapi.com/***/", "na1 ← legacy (api-key)"],
    ]  # fmt: skip
    assert SECRET not in "".join(blocks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], f"{NAME}: name a URL, a recording, or - for a request on standard input"),
        (["--tabel", "x"], f"{NAME}: word 1 is not a known option; did you mean"),
        (["-H", EU1, str(RECORDING)], f"{NAME}: curl's options belong to a URL, not to a request"),
        (["-H", EU1, "-"], f"{NAME}: curl's options belong to a URL, not to a request"),
        (["-"], f"{NAME}: not an HTTP request: the first line must be like"),
        (["nothing.mitm"], "nothing.mitm: cannot be read: No such file or directory"),
        (["hublets.yaml"], "hublets.yaml: not a whole flow file of mitmproxy, nor a HAR file"),
        (["--table"], f"{NAME}: --table needs a value; add it"),
        (["--format", UUID, API], f"{NAME}: --format is text or json"),
        ([API, "--table", UUID], f"{NAME}: --table: this option is not curl's; put it before"),
        (["--table", "nothing", API], "nothing:1:1: cannot be read: No such file or directory"),
    ],
)  # fmt: skip
def test_mistakes(
    words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    feed(monkeypatch, "")
    assert command_line(["explain", *words]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err[: len(sentence)]) == ("", sentence)
    assert UUID not in said.err


def test_the_checkouts_table_is_used_where_the_working_directory_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.chdir(tmp_path)

    assert command_line(["explain", "-H", EU1, API]) == 0
    assert capsys.readouterr().err == ""


CREDENTIALS = [
    *(f"{name}-{SECRET}" for name in ("pat-eu1", "pat-zz9", "eu1", "zz9", "", "pat-eu1-00000000")),
    *(access_token(name, signature=SECRET.encode()) for name in ("eu1", "zz9", None, SECRET)),
    f"eyJ.{SECRET}.{SECRET}", f"\xe9{SECRET}", f"pat-eu1-{SECRET}" + "0" * 20_000, SECRET,
]  # fmt: skip
WORDS = [
    ["-H", "Authorization: Bearer {}", API],
    ["-H", "Authorization: Bearer {}", f"{API}/?hapikey=na1-0"],
    ["-H", "Authorization: Bearer {}", "-H", "Authorization: Bearer pat-ap1-0", API],
    ["-H", "Authorization:", "Bearer", "{}", API],
    ["-H", "Authorization: {}", "-u", "{}", "-b", "sid={}", "-A", "{}", API],
    ["--oauth2-bearer", "{}", "-X", "{}", API],
    [f"{API}/?hapikey={{}}&other={{}}"],
    [f"{API}/oauth/v1/access-tokens/{{}}"],
    [f"{API}/oauth/v1/refresh-tokens/{{}}?x#{{}}"],
    [f"{API}/oauth/v1/token", "-d", "refresh_token={}", "--data-urlencode", "token={}"],
    [f"{API}/localdevauth/v1/auth/refresh", "-d", '{{"encodedOAuthRefreshToken": "{}"}}'],
    ["https://{}:{}@api.hubapi.com/", "https://{}/{}", "{}"],
    ["-H", "Host: {}", API],
    ["-d", "@{}", API], ["-H", "@{}", API], ["-b", "{}", API], ["-F", "a={}", API],
    ["--{}", API], ["-{}", API], ["--data={}", API, "-Z{}"], ["ftp://{}"],
    ["--json", "{}", API], ["--json", "{}"], ["--format", "{}", API],
]  # fmt: skip


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_law_4_no_output_holds_a_credential(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    # a thousand times the same file
    monkeypatch.setattr("hublet_router.cli.explain.load", lambda path, option: SHIPPED)
    for credential in CREDENTIALS:
        here = [word.format(*[credential] * 2) for word in words]
        raw = f"GET /?hapikey={credential} HTTP/1.1\nHost: {here[-1]}\nX-{credential}\n\n"
        for more in ([], ["--format=json"], ["-"]):
            feed(monkeypatch, raw)
            assert command_line(["explain", *more, *here]) in {0, 2, 3}
    said = capsys.readouterr()
    assert said.out + said.err
    for written in (SECRET, UUID[:18], *CREDENTIALS[6:10]):
        assert written not in said.out + said.err
