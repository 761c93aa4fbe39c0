"""`hublet-router completion`, as bash and fish run it."""

import subprocess
from pathlib import Path

import pytest

from hublet_router.cli.commands import command_line
from system_programs import needed

SHELL = '_hublet_router; printf "%s\\n" "${COMPREPLY[@]}"'


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "completion.bash"
    assert command_line(["completion", "bash"]) == 0
    path.write_text(capsys.readouterr().out)
    return path


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    given = f'COMP_WORDS=(hublet-router "$@"); COMP_CWORD={len(words)}'
    program = f"set -u; source {script}; {given}; {SHELL}"
    ended = subprocess.run(
        ["bash", "-c", program, "-", *words], capture_output=True, text=True, check=True, timeout=30
    )
    return ended.stdout.split()


WORDS = pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ch"], ["check"]),
        (["--v"], ["--version"]),
        (["check", "--res"], ["--residency"]),
        (["check", "--s"], ["--strict"]),
        (["run", "--ta"], ["--table"]),
        (["run", "my.yaml", "--listen-p"], ["--listen-port"]),
        (["explain", "--data-u"], ["--data-urlencode"]),
        (["explain", "--fo"], ["--format", "--form"]),
        (["explain", "--compressed-"], ["--compressed-ssh"]),
        (["fingerprint", "--s"], []),  # its help names an option of another command
        (["diff", "old.yaml", ""], []),
    ],
    ids=" ".join,
)


@WORDS
def test_words_are_completed(script: Path, words: list[str], offered: list[str]) -> None:
    assert set(completed(script, *words)) >= set(offered)
    assert bool(completed(script, *words)) == bool(offered)


def test_other_words_are_files(script: Path) -> None:
    ended = subprocess.run(
        ["bash", "-c", f"source {script}; complete -p hublet-router"],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert ended.stdout == "complete -o default -F _hublet_router hublet-router\n"


def test_every_command_is_offered(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offered = completed(script, "")
    with pytest.raises(SystemExit):
        command_line(["--help"])
    listed = capsys.readouterr().out.partition("COMMAND\n")[2].split("options:")[0]
    commands = [
        line.split()[0] for line in listed.splitlines() if line[:5].strip() and line.strip()
    ]
    assert {"run", "explain", "check", "completion"} <= set(offered)
    assert set(commands) <= set(offered)


def test_zsh_takes_it_through_its_own_emulation(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["completion", "zsh"]) == 0
    zsh = capsys.readouterr().out
    command_line(["completion", "bash"])
    assert zsh == "autoload -Uz bashcompinit && bashcompinit\n" + capsys.readouterr().out


@WORDS
def test_fish_completes_the_same_words(
    words: list[str], offered: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command_line(["completion", "fish"]) == 0
    path = tmp_path / "completion.fish"
    path.write_text(capsys.readouterr().out)
    ended = subprocess.run(
        [needed("fish"), "--no-config", "-c", f"source {path}; complete -C $argv[1]",
         " ".join(["hublet-router", *words])],
        capture_output=True, text=True, check=True, timeout=30, cwd=tmp_path,
    )  # fmt: skip
    completed = [line.split("\t")[0] for line in ended.stdout.splitlines()]
    assert {it for it in completed if it != path.name} >= set(offered)
    assert not offered or path.name not in completed
    assert (words[-1] != "") or completed == [path.name]
