"""The plugin of pytest: the manual's example, and each fixture."""

import re
import tomllib
from pathlib import Path

import pytest

from ui import ROOT

pytest_plugins = ["pytester"]

MANUAL = (ROOT / "addon" / "docs" / "tools.md").read_text("utf-8")
EXAMPLE, API = re.findall(r"^```python\n(.*?)^```$", MANUAL, re.DOTALL | re.MULTILINE)
# Loaded by its name, like the entry point: what is installed here may be older than that.
PLUGIN = ("-p", "hublet_router.testing.plugin")
FREE = "# a table of its own\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> Path:
    """A folder with the shipped table, and a relative file of accounts."""
    text = (ROOT / "hublets.yaml").read_text()
    (pytester.path / "hublets.yaml").write_text(text)
    return pytester.path


def test_the_example_of_the_manual_passes(project: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(EXAMPLE)
    pytester.runpytest_subprocess(*PLUGIN, "-W", "error").assert_outcomes(passed=4)


def test_the_python_of_the_manual_runs(project: Path, pytester: pytest.Pytester) -> None:
    (project / "api.py").write_text(API)
    ended = pytester.runpython(project / "api.py")
    assert ended.ret == 0
    assert ended.outlines[:2] == ["eu1 ← private-app-token"] * 2


def test_each_fixture_uses_the_table_of_the_ini_file(
    project: Path, pytester: pytest.Pytester
) -> None:
    (project / "tables").mkdir()
    (project / "hublets.yaml").rename(project / "tables" / "mine.yaml")
    pytester.makeini("[pytest]\nhublet_table = tables/mine.yaml\n")
    pytester.makepyfile(
        """
        URL = "https://api.hubapi.com/"

        def test_table(hublet_table):
            assert set(hublet_table.hublets) == {"na1", "eu1", "ap1"}

        def test_decide(hublet_decide):
            assert hublet_decide("GET", URL).hublet == "na1"

        def test_proxy(hublet_proxy):
            assert hublet_proxy.send("GET", URL).hublet == "na1"
            assert len(hublet_proxy.requests) == 1

        def test_the_next_one_begins_empty(hublet_proxy):
            assert hublet_proxy.requests == []
        """
    )
    pytester.runpytest_inprocess(*PLUGIN).assert_outcomes(passed=4)


def test_a_missing_table_says_how_to_name_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(hublet_table): pass")
    result = pytester.runpytest_inprocess(*PLUGIN)
    result.assert_outcomes(errors=1)
    sentence = "*hublets.yaml:1:1: cannot be read: *; name a table with hublet_table in pytest's*"
    result.stdout.fnmatch_lines([sentence])


def test_pytest_finds_it_by_its_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name = PLUGIN[1]
    assert project["entry-points"]["pytest11"] == {name: name}
