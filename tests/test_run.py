"""`hublet-router run`."""

from pathlib import Path

import pytest

from hublet_router.cli import run

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
        "--listen-host", "127.0.0.1",
        "--set", "flow_detail=0",
        "--set", "onboarding=false",
        "--mode", "reverse:https://unrouted.invalid",
        "--set", "hublets=x.yaml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["--table", "my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["--table=my.yaml", "-p1"], ["--set", "hublets=my.yaml", "-p1"]),
        (["-p1", "~u x"], ["-p1", "~u x"]),
        (["--table"], ["--table"]),  # mitmdump says that it does not know it
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
        ["-nr", "flows"],
        ["-r", "flows"],
        ["--rfile", "flows"],
        ["--no-server"],
    ],
    ids=" ".join,
)
def test_run_takes_the_mode_of_its_user_and_none_to_read_a_file(
    passed_on: list[str], words: list[str]
) -> None:
    run.run(words)
    assert "reverse:https://unrouted.invalid" not in passed_on
    assert passed_on[-len(words) :] == words


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
