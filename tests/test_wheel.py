"""A new user's tour with the wheel in a fresh environment, as its commands are typed."""

import json
import os
import site
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from harness import confdir, free_port, wait_for
from system_programs import needed
from ui import ROOT

KEY = "X-Api-Key: acme_eu_0123456789abcdef"
URL = "https://api.example.com/v1/items"


class Fresh:
    """An environment that has the wheel, and what it needs, but not this checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        self.env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.env |= {"PATH": f"{self.bin}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    def say(self, *words: str) -> str:
        """Return what a command that must succeed prints."""
        ended = self.run(*words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    it = Fresh(tmp_path_factory.mktemp("tour"))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    offline = ("--quiet", "--no-deps", "--no-index")
    it.say(
        *pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(it.folder), str(ROOT)
    )
    (wheel,) = it.folder.glob("hublet_router-*.whl")
    venv.create(it.folder / "venv", symlinks=True)
    (packages,) = it.folder.glob("venv/lib/python*/site-packages")
    # A folder on the path: what it has is found, and its own .pth files are not read.
    (packages / "needed.pth").write_text(f"{site.getsitepackages()[0]}\n")
    it.say(*pip, "--python", str(it.bin / "python"), "install", *offline, str(wheel))
    return it


def test_what_runs_is_the_wheel(fresh: Fresh) -> None:
    program = "import hublet_router; print(hublet_router.__file__)"
    assert fresh.say("python", "-c", program).startswith(str(fresh.folder))
    assert fresh.say("hublet-router", "--version").startswith("hublet-router 0.")


def test_the_tour(fresh: Fresh) -> None:
    table = fresh.folder / "hublets.yaml"
    assert "hublet-router check" in fresh.say("hublet-router", "init")
    assert fresh.run("hublet-router", "init").returncode == 2  # it stays as it is
    text = table.read_text()
    for hublet in ("us", "eu"):  # as a person edits what is there
        text = text.replace(f"//{hublet}.internal.example.com", f"//127.0.0.1:{free_port()}")
    table.write_text(text)
    assert ": sound: 2 Hublets, " in fresh.say("hublet-router", "check", "--strict")
    port = free_port()
    log = fresh.folder / "log"
    command = [
        "hublet-router", "run", "--listen-port", str(port),
        "--set", "hublet_demo=true", "--set", f"confdir={confdir()}",
    ]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(
            command, cwd=fresh.folder, env=fresh.env, stdout=file, stderr=file,
            executable=fresh.bin / "hublet-router",
        )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or "listening at" in log.read_text())
        curl = (needed("curl"), "--silent", "--max-time", "20", "-H", KEY)
        host = ("-H", "Host: api.example.com", f"http://127.0.0.1:{port}/v1/items")
        assert json.loads(fresh.say(*curl, *host))["hublet"] == "eu"
    finally:
        process.terminate()
        process.wait(30)
    assert f"GET {URL}: eu ← api-key, 200" in log.read_text()
    assert fresh.say("hublet-router", "explain", "curl", "-H", KEY, URL).startswith(
        "eu ← api-key\n"
    )


def test_the_plugin_is_found(fresh: Fresh) -> None:
    folder = fresh.folder / "plugin"
    folder.mkdir()
    fresh.say("hublet-router", "init", "plugin/hublets.yaml")
    (folder / "test_it.py").write_text(
        f"def test_it(hublet_decide):\n    assert hublet_decide('GET', '{URL}').hublet == 'us'\n"
    )
    pytest_ = ("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder))
    assert "1 passed" in fresh.say(*pytest_, str(folder))
