"""`hublet-router agent`."""

from pathlib import Path

import pytest

from harness import authority
from hublet_router.agent import serve
from hublet_router.agent.serve import Setting
from hublet_router.analysis.fingerprint import fingerprint
from hublet_router.cli.commands import command_line


def test_every_option_reaches_the_agent(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: list[Setting] = []

    async def served(setting: Setting) -> None:
        settings.append(setting)

    monkeypatch.setattr(serve, "serve", served)
    before = fingerprint("x")
    words = ["--listen", "[::1]:1", "--log", "a", "--metrics", ":2", "--shadow", "b"]
    keyed = ["--proxy-status", "--fingerprint-key", str(authority())]
    assert command_line(["agent", "--table", str(table)]) == 0
    assert command_line(["agent", "--table", str(table), *words, *keyed]) == 0
    assert settings == [
        Setting(table, "127.0.0.1:9090"),
        Setting(table, "[::1]:1", Path("a"), ":2", Path("b"), proxy_status=True),
    ]
    assert fingerprint("x") != before
    fingerprint.use(None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--listen", "/no/such/folder/s"], "hublet-router agent: the agent cannot listen at /no/"),
        (["--table", "none.yaml"], "none.yaml:1:1: cannot be read"),
        (["--metrics", "x"], "hublet-router agent: --metrics is 'x', which is not [host]:port"),
        (["--log", "/no/such/log"], "hublet-router agent: --log: /no/such/log cannot be written"),
        (["--fingerprint-key", "/dev/null"], "/dev/null holds 0 bytes, too few for a key"),
    ],
)
def test_what_it_cannot_do_is_a_sentence_and_2(
    table: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    words = ["--table", str(table), "--listen", ":0", *arguments]
    assert command_line(["agent", *words]) == 2
    assert said in capsys.readouterr().err
