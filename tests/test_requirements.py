"""What is missing is said in a sentence, wherever the addon or the command starts."""

import ast
import logging
import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from hublet_router import requirements

ROOT = Path(__file__).parents[1]


def test_here_nothing_is_missing() -> None:
    assert requirements.missing() == []


@pytest.mark.parametrize(
    ("module", "stands_in", "sentence"),
    [
        ("yaml", None, r"hublet-router needs PyYAML, and it is not installed; run: .+ PyYAML"),
        ("mitmproxy.version", None, r"needs mitmproxy 12.+, and here it is not installed; run: .+"),
        ("mitmproxy.version", SimpleNamespace(VERSION="11.1.3"), "mitmproxy 12.2.3 .+ is 11.1.3;"),
        ("mitmproxy.version", SimpleNamespace(VERSION="12.2.2"), "mitmproxy 12.2.3 .+ is 12.2.2;"),
        ("mitmproxy.version", SimpleNamespace(VERSION="13.0.0"), "mitmproxy 12.2.3 .+ is 13.0.0;"),
    ],
    ids=["no PyYAML", "no mitmproxy", "old mitmproxy", "old patch", "new mitmproxy"],
)  # fmt: skip
def test_a_missing_package_is_a_sentence_with_the_command_that_fixes_it(
    monkeypatch: pytest.MonkeyPatch, module: str, stands_in: object, sentence: str
) -> None:
    monkeypatch.setitem(sys.modules, module, stands_in)
    (said,) = requirements.missing()
    assert re.search(sentence, said)


def test_an_old_python_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    (said,) = requirements.missing()
    assert said.startswith("hublet-router needs Python 3.12 or newer, and this is 3.11; run: ")


def test_an_old_python_can_read_what_it_has_to_say() -> None:
    """Nothing that is newer than Python 3.8 stands in the files that run before the check."""
    for name in (
        "router.py",
        *(f"hublet_router/{it}.py" for it in ("__init__", "addons", "requirements")),
    ):
        ast.parse((ROOT / "addon" / name).read_text(), feature_version=(3, 8))


def addons(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what a first import offers; an earlier test may have loaded the script."""
    monkeypatch.delitem(sys.modules, "hublet_router.addons", raising=False)
    found: list[object] = runpy.run_module("hublet_router.addons")["addons"]
    return found


def test_the_addon_logs_an_error_and_loads_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with caplog.at_level(logging.ERROR):
        assert addons(monkeypatch) == []
    assert "hublet-router needs PyYAML" in caplog.text


def test_with_everything_there_the_addon_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    (addon,) = addons(monkeypatch)
    assert getattr(addon, "name", None) == "hublet-router"
