"""The files that a table names, and the version that they make together."""

import hashlib
from pathlib import Path

import pytest

from hublet_router.tablefile.errors import Fault, Faults
from hublet_router.tablefile.source_files import SourceFiles
from hublet_router.tablefile.structure import Text


def named(name: str) -> Text:
    return Text(name, (1, 1))


def test_a_file_is_looked_for_beside_the_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,eu1\n")
    (tmp_path / "b.pem").write_bytes(b"x")
    faults, files = Faults(), SourceFiles(str(tmp_path / "t.yaml"), b"domains: []")
    alone = files.version

    assert files.read(faults, named("a.csv"), "") == b"1,eu1\n"
    assert files.read(faults, named("b.pem"), "") == b"x"
    assert files.read(faults, named(str(tmp_path / "b.pem")), "") == b"x"
    assert files.named == (str(tmp_path / "a.csv"), str(tmp_path / "b.pem"))
    digests = hashlib.sha256(b"1,eu1\n").digest() + hashlib.sha256(b"x").digest()
    assert files.version == hashlib.sha256(b"domains: []" + digests).hexdigest()[:12] != alone
    assert faults.found == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("none.csv", "No such file or directory", id="missing"),
        pytest.param(".", "Is a directory", id="a directory"),
        pytest.param("a\0b", "embedded null byte", id="no name at all"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, name: str, why: str) -> None:
    faults, files = Faults(), SourceFiles(str(tmp_path / "t.yaml"), b"")

    assert files.read(faults, named(name), "write one") is None
    path = str(tmp_path / name)
    assert faults.found == [Fault(1, 1, f"cannot be read: {why}; write one", path)]
    assert files.named == ()
