"""The manual's workflow of GitHub and its hook of pre-commit, step by step."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.record import FOLDER, save
from test_flows import read
from ui import ROOT

BIN = Path(sys.executable).parent
MANUAL = (ROOT / "addon" / "docs" / "tools.md").read_text("utf-8")
WORKFLOW, HOOKS = re.findall(r"^```yml\n(.*?)^```$", MANUAL, re.DOTALL | re.MULTILINE)
STEPS: list[dict[str, Any]] = yaml.safe_load(WORKFLOW)["jobs"]["table"]["steps"]
RUN = [step["run"] for step in STEPS if "run" in step]
CHECK, RESIDENCY, COVERAGE, DIFF = (
    next(it for it in RUN if word in it) for word in ("--strict", "residency", "coverage", "diff")
)
TEST = """\
def test_it(hublet_decide):
    assert hublet_decide("GET", "https://api.hubapi.com/x?hapikey=eu1-0000-0000").hublet == "eu1"
"""


def run(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program with what is installed here, and the plugin, however old the installation."""
    env = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTEST_ADDOPTS": "-p hublet_router.testing.plugin",
        "PRE_COMMIT_HOME": str(repository.parent / "pre-commit"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
    }
    return subprocess.run(
        words, cwd=repository, capture_output=True, text=True, check=False, timeout=120, env=env
    )


def git(repository: Path, *words: str) -> None:
    person = ("-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "commit.gpgsign=false")
    ended = run(repository, "git", *person, *words)
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """What the first two steps of the workflow make: a clone with its main, and Python."""
    folder = tmp_path / "repository"
    (folder / "traffic").mkdir(parents=True)
    shutil.copy(ROOT / "hublets.yaml", folder)
    recorded = [it for it in read(FOLDER / "reverse.mitm") if it.comment == "eu1 ← api-key"]
    save(recorded, folder / "traffic" / "one.mitm")
    (folder / "test_it.py").write_text(TEST)
    (folder / ".pre-commit-config.yaml").write_text(HOOKS)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "all")
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD")
    return folder


def step(repository: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does on Linux: `bash -e`."""
    return run(repository, "bash", "-e", "-c", command)


@pytest.mark.parametrize("command", RUN)
def test_each_step_passes_where_all_is_well(repository: Path, command: str) -> None:
    ended = step(repository, command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "::error" not in ended.stdout


def test_the_steps_before_are_those_that_the_test_stands_in_for() -> None:
    assert [step["uses"].partition("@")[0] for step in STEPS if "uses" in step] == [
        "actions/checkout", "actions/setup-python",
    ]  # fmt: skip


def test_a_change_that_routes_elsewhere_is_seen_by_each_step(repository: Path) -> None:
    table = repository / "hublets.yaml"
    text = table.read_text()
    head, mark, _ = text.partition("\nexamples:")
    assert mark
    table.write_text(head.replace("^([a-z]{2}[0-9]{1,3})-", "^eu1-([0-9a-z]{4})-") + "\n")
    ended = step(repository, RESIDENCY)
    assert (ended.returncode, "::error " in ended.stdout) == (1, True), ended.stdout
    ended = step(repository, DIFF)
    assert ended.returncode == 1
    assert " becomes " in ended.stdout
    ended = step(repository, CHECK)
    assert ended.returncode == 1
    assert "::error file=hublets.yaml,line=" in ended.stdout
    table.write_text(head.replace("^([a-z]{2}[0-9]{1,3})-", "^key-(eu1)-") + "\n")
    ended = step(repository, COVERAGE)
    assert ended.returncode == 1
    assert "<failure " in (repository / "coverage.xml").read_text()


def test_the_hook_refuses_a_bad_table(repository: Path) -> None:
    good = run(repository, "pre-commit", "run", "--all-files")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "check the table of Hublets" in good.stdout
    table = repository / "hublets.yaml"
    table.write_text(table.read_text().replace("default: na1", "default: na7"))
    second = shutil.copy(table, repository / "hublets.staging.yaml")
    git(repository, "add", ".")
    bad = run(repository, "pre-commit", "run")
    assert bad.returncode == 1
    for name in (table.name, Path(second).name):
        assert f"{name}:" in bad.stdout
    assert "default names Hublet 'na7'" in bad.stdout
