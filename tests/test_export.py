"""`hublet-router export`."""

from pathlib import Path
from typing import Any

import pytest

from flows.record import FOLDER
from haproxy_stage import TABLE
from harness import authority
from hublet_router.cli.commands import command_line
from hublet_router.export.bundle import ExportError
from hublet_router.tablefile import load

ROOT = Path(__file__).parents[1]
SHIPPED = str(ROOT / "hublets.yaml")
EXAMPLES = 'examples: [{request: {url: "https://api.hubapi.com/"}, hublet: na1}]\n'


def haproxy(table: Path, folder: Path, *more: str) -> int:
    return command_line(["export", "haproxy", str(folder), "--table", str(table), *more])


def worker(folder: str, *more: str) -> int:
    return command_line(["export", "worker", folder, *more])


def test_two_exports_are_the_same_and_another_table_or_option_is_a_difference(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "edge"
    assert haproxy(table, folder) == 0
    assert haproxy(table, folder, "--check") == 0
    assert capsys.readouterr().out == ""
    assert haproxy(table, folder, "--check", "--agent", "10.1.1.1:9090") == 1
    table.write_text(TABLE.replace("10.0.0.3", "10.0.0.4"))
    assert haproxy(table, folder, "--check") == 1
    line = f"{folder}/haproxy.cfg is not what the table makes\n"
    said = capsys.readouterr()
    assert said.out == line * 2
    assert (
        said.err
        == "to write it, leave out --check and --prove; the other options are those of its export\n"
        * 2
    )


def test_agents_binds_body_and_ca_are_options(table: Path, tmp_path: Path) -> None:
    words = ["--agent", "a:1", "--agent", "unix@b", "--bind", ":443 ssl crt x.pem", "--bind", ":80"]
    limits = ["--body-limit", "65536", "--ca", str(authority())]
    assert haproxy(table, tmp_path, *words, *limits) == 0
    text = (tmp_path / "haproxy.cfg").read_text()
    assert "  server agent1 a:1\n  server agent2 unix@b\n" in text
    assert "  bind :443 ssl crt x.pem\n  bind :80\n" in text
    assert "tune.bufsize 81920" in text
    assert (tmp_path / "ca.pem").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--agent", "foo"], "argument --agent: 'foo' is neither host:port nor unix@PATH"),
        (["--agent", "unix@/a b"], "argument --agent: 'unix@/a b' is neither host:port nor"),
        (["--bind", " "], "argument --bind: it is empty; write an address and its port"),
        (["--body-limit", "0"], "argument --body-limit: '0' is no number of bytes from 1 to 65536"),
        (["--body-limit", "65537"], "argument --body-limit: '65537' is no number of bytes from"),
        (["--body-limit", "16k"], "argument --body-limit: '16k' is no number of bytes from 1"),
    ],
)
def test_an_option_that_haproxy_would_not_take_is_a_sentence(
    table: Path, tmp_path: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        haproxy(table, tmp_path / "edge", *words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "edge").exists()


@pytest.mark.parametrize("engine", ["haproxy", "worker"])
def test_a_ca_without_a_certificate_is_a_sentence(
    engine: str, table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", engine, str(tmp_path / "edge"), "--table", str(table), "--ca", str(table)]
    assert command_line(words) == 2
    sentence = f"hublet-router export: --ca: {table} holds no certificate that can be read; name"
    assert capsys.readouterr().err.startswith(sentence)
    assert not (tmp_path / "edge").exists()


def test_a_folder_that_is_a_file_is_a_sentence(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert haproxy(table, table) == 2
    sentence = f"{table}/problems cannot be written: Not a directory\n"
    assert capsys.readouterr().err.endswith(sentence)


def test_what_an_engine_cannot_do_is_said_with_its_table(
    table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.write_text(TABLE + "policy: {foreign: pass}\n")
    assert haproxy(table, tmp_path / "edge") == 2
    assert capsys.readouterr().err.startswith(f"hublet-router export: {table}: policy: foreign")
    assert not (tmp_path / "edge").exists()


def test_a_bundle_is_written_and_is_what_the_table_makes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "edge")
    assert worker(folder, "--table", SHIPPED) == 0
    assert worker(folder, "--table", SHIPPED, "--check") == 0
    output = capsys.readouterr()
    assert output.out == ""
    line, column = load(Path(SHIPPED)).hublets["na1"].at
    sentence = "Hublet na1 is at an IP address, and an override takes only names"
    assert f"{SHIPPED}:{line}:{column}: {sentence}" in output.err
    assert "so wrangler.toml deploys nothing" in output.err


def test_a_bundle_of_another_table_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker(str(tmp_path), "--table", SHIPPED)
    other = str(ROOT / "tests" / "tables" / "livechat.yaml")
    assert worker(str(tmp_path), "--table", other, "--check") == 1
    assert f"{tmp_path}/program.json is not what the table makes" in capsys.readouterr().out


def test_what_no_worker_can_do_is_said_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "hublets.yaml"
    table.write_text(
        Path(SHIPPED).read_text("utf-8").replace("foreign: refuse ", "foreign: pass ")
        .replace("    refused: foreign-host", "    hublet: na1").partition("\nexamples:")[0]
    )  # fmt: skip
    assert worker(str(tmp_path / "edge"), "--table", str(table)) == 2
    assert "write foreign: refuse" in capsys.readouterr().err
    assert not (tmp_path / "edge").exists()


def test_a_proof_asks_examples_and_recordings_and_prints_what_differs(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    faults: list[str] = []

    async def prove(*given: Any) -> tuple[int, list[str]]:
        asked[:] = [name for name, _ in given[-1]]
        if not faults:
            return len(asked), []
        if faults == ["?"]:
            raise ExportError("the engine is missing")
        return len(asked), faults

    monkeypatch.setattr("hublet_router.prove.proof.prove", prove)
    folder = tmp_path / "edge"
    table.write_text(
        f'{TABLE}examples: [{{request: {{url: "https://api.hubapi.com/"}}, hublet: na1}}]\n'
    )
    assert haproxy(table, folder) == 0
    assert haproxy(table, folder, "--prove", str(FOLDER / "reverse.mitm")) == 0
    assert {name.partition(" ")[0] for name in asked} == {"example", "flow"}
    said = f"{len(asked)} requests, each decided and forwarded as the table says\n"
    assert capsys.readouterr().err.endswith(said)
    faults.append("flow 1: it went elsewhere")
    assert haproxy(table, folder, "--prove") == 1
    assert capsys.readouterr().out == "flow 1: it went elsewhere\n"
    faults[:] = ["?"]
    assert haproxy(table, folder, "--prove") == 2
    assert capsys.readouterr().err == "hublet-router export: the engine is missing\n"
