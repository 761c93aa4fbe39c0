"""What `make` sets up and refuses, with a fake Python that records its arguments."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the Makefile, and a `python` that makes a venv of programs that do nothing."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        '[ "$2" = venv ] || exit 0\nmkdir -p .venv/bin\n'
        'for name in python hublet-router; do cp "$0" .venv/bin/$name; done\n'
    )
    python.chmod(0o755)
    return tmp_path


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run make in the folder, without what `make test ARGS=...` exports."""
    return subprocess.run(
        ["make", *words], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip


def test_run_installs_what_running_needs_and_names_the_command(checkout: Path) -> None:
    ended = make(checkout, "run", f"PYTHON={checkout}/python", "PORT=1")
    assert ended.returncode == 0, ended.stderr
    calls = (checkout / "calls").read_text()
    assert "--editable .\n" in calls
    assert "[dev]" not in calls
    assert ended.stdout.startswith("setting up .venv")
    assert "the command is .venv/bin/hublet-router" in ended.stdout
    assert calls.endswith("run --listen-port 1 --set hublet_demo=true\n")


def test_bench_adds_what_tests_need_and_both_are_set_up_once(checkout: Path) -> None:
    assert make(checkout, "bench", f"PYTHON={checkout}/python").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-2].endswith("--editable .[dev]")
    assert make(checkout, "bench", "install").returncode == 0
    assert (checkout / "calls").read_text().splitlines() == [*calls, calls[-1]]


@pytest.mark.parametrize("python", ["/no/such/python", "false"], ids=["missing", "too-old"])
def test_a_python_that_does_not_fit_is_refused(checkout: Path, python: str) -> None:
    ended = make(checkout, "install", f"PYTHON={python}")
    assert ended.returncode == 2
    assert f"needs Python 3.12 or newer, and {python} has none" in ended.stderr
    assert not (checkout / ".venv").exists()


def test_help_names_the_port(checkout: Path) -> None:
    assert "(PORT=)" in make(checkout, "help").stdout


@pytest.mark.parametrize("target", ["console", "web"])
def test_a_port_is_passed_on_only_where_it_is_given(checkout: Path, target: str) -> None:
    assert make(checkout, target, f"PYTHON={checkout}/python").returncode == 0
    assert make(checkout, target, "PORT=7").returncode == 0
    *_, free, given = (checkout / "calls").read_text().splitlines()
    assert free.split() == ["demo", f"--{target}", "--"]
    assert given.split() == ["demo", f"--{target}", "--port", "7", "--"]


def test_the_top_level_holds_nothing_but_what_belongs_there() -> None:
    kept = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert {name.partition("/")[0] for name in kept} == {
        *("addon", "hublets.yaml", "tests", "Makefile", "README.md", "pyproject.toml"),
        *("CHANGELOG.md", "LICENSE", ".python-version", ".gitignore", ".ci"),
    }
