"""A bundle of files."""

from pathlib import Path

import pytest

from hublet_router.export.bundle import differences, filled, write

BUNDLE = {"a.cfg": b"a", "problems/b.json": b"{}"}


def test_what_is_written_is_as_it_was_made(tmp_path: Path) -> None:
    write(BUNDLE, tmp_path / "new")
    write(BUNDLE, tmp_path / "new")
    assert list(differences(BUNDLE, tmp_path / "new")) == []


def test_each_file_that_differs_is_named(tmp_path: Path) -> None:
    write(BUNDLE, tmp_path)
    (tmp_path / "a.cfg").write_bytes(b"b")
    (tmp_path / "problems/b.json").unlink()
    (tmp_path / "beside").touch()
    assert list(differences(BUNDLE, tmp_path)) == [
        f"{tmp_path}/a.cfg is not what the table makes",
        f"{tmp_path}/problems/b.json is missing",
    ]


def test_a_template_needs_a_value_for_each_of_its_names() -> None:
    assert "room=int(512) " in filled("spoe.conf", room=512)
    with pytest.raises(KeyError, match="room"):
        filled("spoe.conf")
