"""`hublet-router run`."""

import sys
from pathlib import Path

import pytest
from mitmproxy.io import FlowReader

import forked
from harness import confdir
from hublet_router.cli import run
from hublet_router.cli.commands import command_line
from hublet_router.proxy.options import OPTIONS

ROOT = Path(__file__).parents[1]


@pytest.fixture
def passed_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `run` hands to mitmdump; test_start.py runs the whole."""
    words: list[str] = []
    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", words.extend)
    return words


def test_run_is_mitmdump_with_the_faithful_options(passed_on: list[str]) -> None:
    assert run.run(["--set", "hublets=x.yaml"]) == 0
    assert passed_on == [
        "-s", str(ROOT / "addon" / "router.py"),
        "--set", "flow_detail=0",
        "--set", "onboarding=false",
        "--set", "listen_host=127.0.0.1",
        "--mode", "reverse:https://unrouted.invalid",
        "--set", "hublets=x.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["--table", "my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["-", "-p1"], ["--set", "hublets=-", "-p1"]),
        (["--table=my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["-p1", "~u x"], ["-p1", "~u x"]),
        (["-p1", "~u x.yaml"], ["-p1", "~u x.yaml"]),
        (["-p1", "my.yaml", "-q"], ["--set", "hublets=my.yaml", "-p1", "-q"]),
        (["--set", "hublets=my.yaml"], ["--set", "hublets=my.yaml"]),
        (["-p1", "--table", "my.yaml", "-q"], ["--set", "hublets=my.yaml", "-p1", "-q"]),
        (["-p1", "--table=my.yaml"], ["--set", "hublets=my.yaml", "-p1"]),
    ],
    ids=" ".join,
)
def test_the_table_comes_first(passed_on: list[str], words: list[str], passed: list[str]) -> None:
    run.run(words)
    assert passed_on[-len(passed) :] == passed
    assert "reverse:https://unrouted.invalid" in passed_on[-len(passed) - 1]


@pytest.mark.parametrize(
    "words",
    [
        ["--mode", "regular"],
        ["--mode=regular"],
        ["-m", "regular"],
        ["-mregular"],
        ["--set", "mode=regular"],
        ["--set=mode=regular"],
    ],
    ids=" ".join,
)
def test_run_takes_the_mode_of_its_user(passed_on: list[str], words: list[str]) -> None:
    run.run(words)
    assert "reverse:https://unrouted.invalid" not in passed_on
    assert passed_on[-len(words) :] == words


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (
            "confdir=/dev/null/x",
            "confdir /dev/null/x cannot be written: Not a directory; name a folder that can, with",
        ),
        ("certs=a.example=.", ". cannot be read: Is a directory"),
        (
            "ssl_verify_upstream_trusted_ca=none.pem",
            "ssl_verify_upstream_trusted_ca: none.pem cannot be read: No such file or directory;",
        ),
    ],
)
def test_a_file_that_mitmproxy_cannot_use_is_a_sentence(option: str, sentence: str) -> None:
    options = [option] if "confdir" in option else [f"confdir={confdir()}", option]
    words = [word for it in options for word in ("--set", it)]
    table = ROOT / "hublets.yaml"
    ended = forked.run("hublet-router", "run", table, "--listen-port", "0", *words)
    said = ended.stdout + ended.stderr
    assert ended.returncode == 2
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [["--table"], ["--table="], ["-p1", "--table"]], ids=" ".join)
def test_a_table_without_a_file_is_an_error(
    passed_on: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["run", *words]) == 2
    assert capsys.readouterr().err == "hublet-router run: --table needs a file; name one\n"
    assert passed_on == []


@pytest.mark.parametrize(
    "words", [["a.yaml", "--table=b.yml"], ["a.yaml", "-p1", "b.yml"]], ids=" ".join
)
def test_two_tables_are_an_error(
    passed_on: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["run", *words]) == 2
    said = capsys.readouterr().err
    assert said == "hublet-router run: two tables, a.yaml and b.yml; name one\n"
    assert passed_on == []


@pytest.mark.parametrize("words", [["--help"], ["my.yaml", "-h"]], ids=" ".join)
def test_help_begins_with_our_own_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    def mitmdump(arguments: list[str]) -> None:
        print("Arguments:", *arguments)
        sys.exit(1)  # as it does

    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", mitmdump)
    assert run.run(words) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: hublet-router run [TABLE] [MITMDUMP'S ARGUMENTS]\n")
    assert said.endswith("\nArguments of mitmdump:\n\nArguments: --help\n")
    assert [option.name for option in OPTIONS if f"\n    {option.name} (default" not in said] == []
    assert max(map(len, said.splitlines())) <= 100


def test_mitmdumps_own_help_follows() -> None:
    ended = forked.run("hublet-router", "run", "--help", cwd=ROOT)
    assert "--set option[=value]" in ended.stdout.split("Arguments of mitmdump:")[1]


@pytest.mark.parametrize("word", ["--set=listen_host=::1", "listen_host=0.0.0.0"])
def test_the_users_address_takes_the_place_of_loopback(passed_on: list[str], word: str) -> None:
    run.run(["--set", word] if "--set" not in word else [word])
    assert [it for it in passed_on if "listen_host" in it] == [word]


@pytest.mark.parametrize(
    "words", [["--set", "onboarding=true"], ["--set=onboarding=true"]], ids=" ".join
)
def test_run_sets_no_option_that_its_user_sets(passed_on: list[str], words: list[str]) -> None:
    run.run(words)
    assert [word for word in passed_on if "onboarding" in word] == words[-1:]
    assert "flow_detail=0" in passed_on


def test_the_script_of_the_wheel_is_preferred(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    packed = tmp_path / "script" / "router.py"
    packed.parent.mkdir()
    packed.touch()
    monkeypatch.setattr(run, "__file__", str(tmp_path / "cli" / "run.py"))
    assert run.script() == packed


def test_a_signal_while_it_starts_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_: list[str]) -> None:
        sys.exit(143)

    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", ended)
    with pytest.raises(SystemExit, match="143"):
        run.run([])


def test_mitmproxys_classes_are_as_before_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, during = FlowReader.stream, []
    monkeypatch.setattr("mitmproxy.tools.main.mitmdump", lambda _: during.append(FlowReader.stream))
    run.run([])
    assert during != [plain]
    assert FlowReader.stream is plain


def test_a_start_that_fails_is_an_error(tmp_path: Path) -> None:
    table = tmp_path / "none.yaml"
    words = "run", table, "--listen-port", "0", "--set", f"confdir={confdir()}"
    ended = forked.run("hublet-router", *words)
    assert ended.returncode == 2
    assert "none.yaml" in ended.stderr + ended.stdout
    assert "listening" not in ended.stderr + ended.stdout
