"""`hublet-router explain`."""

import io
import json
import re
from pathlib import Path

import pytest
from mitmproxy.io import FlowReader
from mitmproxy.test import tflow

from flows.record import save
from hublet_router.analysis.explanation import explain
from hublet_router.analysis.masking import mask_request
from hublet_router.cli.commands import command_line
from hublet_router.core.judge import decide
from hublet_router.flows.requests import request_with_body
from shipped_table import SHIPPED
from synthetic import UUID, access_token, api_key, personal_access_key, private_app_token
from test_har import PRODUCERS, with_request

ROOT = Path(__file__).parents[1]
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
         "refused: unreadable (private-app-token-in-json)"),
        ([f"curl {API} -H '{EU1}'"], 0, "eu1 ← private-app-token"),
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
    first, *rows = capsys.readouterr().out.splitlines()
    assert first == "eu1 ← private-app-token"
    assert [row for row in rows if row.startswith("  private-app-token  ")]


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
        then = line.pop("recorded")
        assert (then["hublet"], then["reason"], then["credential"], then["table"]) == tuple(
            flow.metadata.get(f"hublet{key}") for key in ("", "_reason", "_credential", "_table")
        )
        assert (then["action"] == "route") is ("hublet" in flow.metadata)
        assert (line.pop("flow"), line.pop("status")) == (flow.id, status)
        url = f"{line.pop('method')} {line.pop('url')}"
        assert url == mask_request(SHIPPED, seen, flow.request.scheme)  # type: ignore[attr-defined]
        assert line == explain(SHIPPED, seen, status).as_json()


def test_a_recording_shows_what_was_decided_then_and_what_would_be_now(
    tmp_path: Path, capsys: Said
) -> None:
    text = Path("hublets.yaml").read_text().partition("\nexamples:")[0]
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("\ndefault: na1", "\ndefault: eu1"))
    command_line(["explain", "--table", str(other), "--filter", "~c 200", str(RECORDING)])
    blocks = [block.splitlines() for block in capsys.readouterr().out.split("\n\n")[:-1]]
    then = {tuple(line.partition(", table ")[0] for line in block[1:3]) for block in blocks}
    assert ("recorded: na1 ← anonymous", "eu1 ← anonymous") in then
    assert ("recorded: eu1 ← private-app-token", "eu1 ← private-app-token") in then
    head = r"[A-Z]+ https://[a-z0-9.-]+/\S* → 200 \(flow [0-9a-f-]{36}\)"
    assert [block[0] for block in blocks if not re.fullmatch(head, block[0])] == []


def test_a_filter_selects(capsys: Said) -> None:
    assert command_line(["explain", "--format=json", "--filter=~c 421", str(RECORDING)]) == 3
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines
    assert {line["status"] for line in lines} == {421}
    assert command_line(["explain", "--filter", f"~{SECRET}", str(RECORDING)]) == 2
    assert SECRET not in capsys.readouterr().err


def test_entries_of_a_har_file_are_named_by_their_numbers(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "x.har"
    path.write_text(json.dumps({"log": {"entries": [{}, PRODUCERS["Insomnia"][0]]}}))
    assert command_line(["explain", str(path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("GET https://api.hubapi.com/integrations/v1/me?hapikey=***&***=***")
    assert said.out.splitlines()[0].endswith(" (entry 2)")
    assert said.err.startswith(f"{path}: entry 1 is left out: it has no request\n")
    command_line(["explain", "--format=json", str(path)])
    line = json.loads(capsys.readouterr().out)
    assert (line["flow"], line["status"], line["recorded"]) == ("entry 2", None, None)


def test_what_a_recording_lacks_is_a_hint(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "x.har"
    lacks_body = with_request(f"{API}/oauth/v1/token", "POST", bodySize=90)
    answer = {"response": {"status": 401}}
    sanitised = with_request(f"{API}/crm/v3") | answer
    path.write_text(json.dumps({"log": {"entries": [lacks_body, sanitised]}}))
    assert command_line(["explain", "--format=json", str(path)]) == 3
    body, credential = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert body["reason"] == "too-large"
    assert body["hint"].startswith("The recording lacks its body, which a rule reads:")
    assert credential["reason"] == "anonymous"
    assert credential["hint"] == (
        "Nothing named a Hublet, so na1 was a guess: 401 may mean another. Browsers leave"
        " credentials out of HAR files, unless a person asks for them: it may have had one."
    )


LOGGED = {
    "time": "2026-01-31T12:00:00.000+00:00", "flow": "5b2ccbbd-c0f6-4f0c-b0f4-0f6ac0b8e2a4",
    "domain": "api.hubapi.com", "method": "GET", "path": "/crm/***", "action": "refuse",
    "hublet": None, "upstream": None, "reason": "unknown-hublet",
    "credential": "private-app-token", "table": "ffffffffffff", "named": "zz9", "accounts": ["1"],
    "fingerprint": "77d0f9f0a8b5", "status": 421,
}  # fmt: skip


@pytest.mark.parametrize("way", ["file", "standard input"])
def test_lines_of_the_decision_log(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    path = tmp_path / "decisions.jsonl"
    text = f"{json.dumps(LOGGED)}\nno line\n{json.dumps(LOGGED | {'status': 200})}\n"
    path.write_text(text)
    feed(monkeypatch, text)
    word = str(path) if way == "file" else "-"
    assert command_line(["explain", "--filter", "~c 421", word]) == 3
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "GET https://api.hubapi.com/crm/*** → 421 (flow 5b2ccbbd-c0f6-4f0c-b0f4-0f6ac0b8e2a4)",
        "recorded: refused: unknown-hublet (private-app-token), table ffffffffffff",
        "refused: unknown-hublet (private-app-token)",
        "  private-app-token  in the log  names zz9, which is not listed",
        "  accounts           in the log  1: not among those that moved",
        "table ffffffffffff",
        "Another table decided than this one: a log has no credential to decide anew.",
        "",
    ]
    name = str(path) if way == "file" else "standard input"
    assert said.err.startswith(f"{name}: line 2 is left out: it is none of a decision log\n")


def test_no_control_character_of_a_recording_reaches_the_terminal(
    tmp_path: Path, capsys: Said
) -> None:
    log, flows = tmp_path / "decisions.jsonl", tmp_path / "flows.mitm"
    odd = "\x1b[2J\x9b"
    names = dict.fromkeys(("flow", "domain", "method", "path", "credential", "named", "table"), odd)
    log.write_text(json.dumps(LOGGED | names | {"hublet": odd, "accounts": [odd]}))
    flow = tflow.tflow()
    flow.id = odd
    keys = ("hublet", "hublet_credential", "hublet_table")
    flow.metadata = dict.fromkeys(keys, odd) | {"hublet_reason": "moved"}
    save([flow], flows)
    assert command_line(["explain", str(log), str(flows)]) == 3
    assert [it for it in capsys.readouterr().out.splitlines() if not it.isprintable()] == []


@pytest.mark.parametrize("command", ["diff", "redact"])
def test_other_commands_refuse_a_decision_log(command: str, tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps(LOGGED) + "\n")
    words = ["hublets.yaml", "hublets.yaml", str(path)] if command == "diff" else [str(path), "out"]
    assert command_line([command, *words]) == 2
    assert f"{path}: a decision log, which has no credential to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "first"),
    [
        (f"curl '{API}/crm' \\\n  -H '{EU1}' | jq .", "eu1 ← private-app-token"),
        (f"$ curl -s {API} -H $'{EU1}'", "eu1 ← private-app-token"),
        (f'curl ^"{API}/?a=b^&c^" ^\r\n  -H ^"{EU1}^"', "eu1 ← private-app-token"),
        (json.dumps({"log": {"entries": [PRODUCERS["Charles"][0]]}}), "GET https://api.hubapi"),
    ],
    ids=["of a POSIX shell", "at a prompt", "of Windows", "HAR"],
)
def test_whole_commands_and_recordings_on_standard_input(
    text: str, first: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    feed(monkeypatch, text)
    assert command_line(["explain", "-"]) == 0
    assert capsys.readouterr().out.startswith(first)


def test_flows_on_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    raw = io.TextIOWrapper(io.BytesIO(RECORDING.read_bytes()))
    monkeypatch.setattr("sys.stdin", raw)
    command_line(["explain", "--filter", "~m POST", "-"])
    assert set(re.findall(r"^(\w+) https:", capsys.readouterr().out, re.MULTILINE)) == {"POST"}


def test_requests_of_one_command_have_options_of_their_own(capsys: Said) -> None:
    assert command_line(["explain", "-H", EU1, API, "--next", API]) == 0
    said = capsys.readouterr().out
    assert [block.splitlines()[1] for block in said.split("\n\n")[:-1]] == [
        "eu1 ← private-app-token",
        "na1 ← anonymous",
    ]


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (["--frob", "-H", EU1, API], ". Without it: eu1 ← private-app-token\n"),
        (["-H", EU1, "--frob", "x", API], ". Without it: eu1 ← private-app-token\n"),
        (["-H", EU1, "--frob", "x"], "with its value if it has one\n"),
        (["--frob", "--frub", API], "with its value if it has one\n"),
        (["--frob", "-Gd", "@nothing", API], "with its value if it has one\n"),
    ],
)
def test_an_unknown_word_says_what_would_be_decided_without_it(
    words: list[str], end: str, capsys: Said
) -> None:
    assert command_line(["explain", *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(end)


@pytest.mark.parametrize(("is_terminal", "reports"), [(True, False), (False, True)])
def test_the_rate_is_printed_unless_the_explanations_are_on_a_terminal(
    is_terminal: bool, reports: bool, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    command_line(["explain", str(RECORDING), str(RECORDING)])
    assert capsys.readouterr().err.count("flows in") == reports


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        f"curl -H '{EU1}' {API}\r\n",
        f"GET / HTTP/1.1\r\nHost: {API[8:]}\r\n{EU1}\r\n\r\n",
        json.dumps({"log": {"entries": [{"request": {"method": "GET", "url": API, "headers": [
            dict(zip(("name", "value"), EU1.split(": "), strict=True))]}}]}}),
    ],
    ids=["command", "request", "HAR"],
)  # fmt: skip
def test_a_text_may_begin_with_a_byte_order_mark(
    text: str, encoding: str, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    """As Windows writes one, and its PowerShell writes UTF-16."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode(encoding))))
    assert command_line(["explain", "-"]) == 0
    assert "eu1 ← private-app-token" in capsys.readouterr().out


def test_each_of_several_requests_has_a_heading(
    monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    target = f"/oauth/v1/access-tokens/{SECRET}?a={SECRET}"
    feed(monkeypatch, f"{SECRET} {target} HTTP/1.1\nhost: {API[8:]}")
    words = ["-", f"me:{SECRET}@localhost/{SECRET}", f"{API}/a%1b/?hapikey={SECRET}"]
    assert command_line(["explain", *words]) == 3
    blocks = capsys.readouterr().out.split("\n\n")
    assert [block.splitlines()[:2] for block in blocks[:-1]] == [
        ["*** api.hubapi.com/oauth/v1/access-tokens/***?a=***",
         "na1 ← legacy (oauth-access-token-in-path)"],
        ["GET to a foreign host", "refused: foreign-host"],
        ["GET api.hubapi.com/***/?hapikey=***", "na1 ← legacy (api-key)"],
    ]  # fmt: skip
    assert SECRET not in "".join(blocks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], f"{NAME}: name a URL, a recording, or - for what is on standard input"),
        (["--tabel", "x"], f"{NAME}: word 1 is no option of curl 8; did you mean --table?"),
        (["-H", EU1, str(RECORDING)], f"{NAME}: curl's options belong to a URL, not to a request"),
        (["-H", EU1, f"curl {API}"], f"{NAME}: curl's options belong to a URL, not to a request"),
        (["-H", EU1, "-"], f"{NAME}: curl's options belong to a URL, not to a request"),
        (["-"], f"{NAME}: standard input is empty; give it a curl command, a request or"),
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
    monkeypatch.setattr("hublet_router.cli.explain.load_table", lambda path: SHIPPED)
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


@pytest.mark.parametrize(
    ("word", "is_said"), [("capture.zip", True), (API, False), ("api.hubapi.com/x", False)]
)
def test_a_word_that_is_no_file_is_read_as_a_url(word: str, is_said: bool, capsys: Said) -> None:
    assert command_line(["explain", word]) == (3 if is_said else 0)
    sentence = "a word is no file that is here, so it is read as a URL\n"
    assert capsys.readouterr().err == (sentence if is_said else "")
