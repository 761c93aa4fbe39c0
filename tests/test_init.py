"""`hublet-router init`: a table to begin with, and the schema that its first line names."""

import json
import re
import resource
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import jsonschema
import pytest
import yaml

from hublet_router.analysis.lint import lint
from hublet_router.cli import init
from hublet_router.cli.commands import command_line
from hublet_router.tablefile import load
from hublet_router.tablefile.structure import SCHEMA


def test_it_writes_a_table_that_is_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert command_line(["init"]) == 0
    said = "hublets.yaml is written; change it, then: hublet-router check\n"
    assert capsys.readouterr().out == said
    assert lint(load(Path("hublets.yaml"))) == []
    assert command_line(["check", "--strict"]) == 0


def test_its_first_line_names_the_schema_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "deep.yaml"
    assert command_line(["init", str(file)]) == 0
    first = file.read_text("utf-8").partition("\n")[0]
    (uri,) = re.findall(r"^# yaml-language-server: \$schema=(file://\S+)$", first)
    schema = json.loads(Path(url2pathname(urlsplit(uri).path)).read_text("utf-8"))

    assert schema == SCHEMA
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(file.read_text("utf-8")))


def test_what_it_holds_as_comments_is_right(tmp_path: Path) -> None:
    """Each piece that a person may uncomment, uncommented."""
    file = tmp_path / "hublets.yaml"
    command_line(["init", str(file)])
    rule = re.sub(r"^  # (?=- name|  paths|  in|  hublet)", "  ", file.read_text(), flags=re.M)
    file.write_text(re.sub(r"^# (?=accounts:|  ids|  moved)", "", rule, flags=re.M))
    table = load(file)

    assert [rule.name for rule in table.rules] == ["api-key", "token", "refresh-token"]
    assert table.accounts
    assert table.accounts.moved.keys() == {"1001"}
    assert len(table.examples) == 4


def test_it_leaves_a_file_alone_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("mine")

    assert command_line(["init", str(file)]) == 2
    assert file.read_text() == "mine"
    sentence = f"{file} is there already and stays as it is; name another file\n"
    assert capsys.readouterr().err == sentence


def test_a_file_that_cannot_be_written_whole_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.yaml"
    monkeypatch.setattr(init, "_STARTER", big := tmp_path / "starter.yaml")
    big.write_text("x" * 9000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))  # as on a disk that is full
    try:
        assert command_line(["init", str(file)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    sentence = f"hublet-router init: {file} cannot be written: File too large\n"
    assert capsys.readouterr().err == sentence
    assert not file.exists()


def test_standard_input_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line(["init", "-"]) == 2
    assert "- is standard input, where a table is read; name a file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "no" / "mine.yaml"
    assert command_line(["init", str(file)]) == 2
    assert f"{file} cannot be written: No such file or directory" in capsys.readouterr().err


def test_the_command_that_it_prints_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command_line(["init", "my table.yaml"]) == 0
    assert capsys.readouterr().out.endswith("then: hublet-router check 'my table.yaml'\n")


def test_schema_prints_what_the_loader_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)

    assert printed == SCHEMA
    assert printed["$id"] == "urn:hublet-router:table"
