"""What `make test` does where a program is missing."""

import subprocess
from pathlib import Path

import pytest

from system_programs import from_npm, needed

NEEDS = Path(__file__).parent / "needs"


def run(folder: Path, user: int, apt: str, *needs: str) -> tuple[int, str, list[str]]:
    """Its exit code, what it said, and how it called an apt-get that does as we say."""
    log = folder / "log"
    log.touch()
    for name, script in {"id": f"echo {user}", "apt-get": f'echo "$@" >> {log}; {apt}'}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    ended = subprocess.run(
        ["/bin/sh", NEEDS, *needs],
        env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stderr, log.read_text().splitlines()


def test_root_installs_what_is_missing_and_only_that(tmp_path: Path) -> None:
    code, _, (update, install) = run(tmp_path, 0, ":", "id=coreutils", "none=some", "no=more")
    assert code == 0
    assert update.endswith(" update")
    assert install.endswith(" install --yes --no-install-recommends some more")


def test_nothing_is_done_where_nothing_is_missing(tmp_path: Path) -> None:
    assert run(tmp_path, 0, "exit 1", "id=coreutils") == (0, "", [])


def test_without_root_a_sentence_names_what_is_missing(tmp_path: Path) -> None:
    assert run(tmp_path, 1000, ":", "none=some") == (
        0, "tests that run none are left out; to have them: sudo apt-get install some\n", [],
    )  # fmt: skip


def test_what_cannot_be_installed_fails_so_that_nothing_is_skipped_in_ci(tmp_path: Path) -> None:
    assert run(tmp_path, 0, "exit 100", "none=some")[0] == 100


def test_a_missing_program_is_named() -> None:
    assert Path(needed("sh")).is_absolute()
    with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed; "):
        needed("no-such-program")
    with pytest.raises(pytest.skip.Exception, match="no-such-package is not installed "):
        from_npm("no-such-package")
