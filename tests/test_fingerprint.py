"""What stands for a credential, under the key of this process or of a file."""

import io
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.exceptions import OptionsError

from harness import Stage, bearer, wait_for
from hublet_router.analysis.fingerprint import Fingerprints, KeyFileError, fingerprint
from hublet_router.cli.commands import command_line
from hublet_router.proxy.addon import _use_key
from synthetic import private_app_token


@given(one=st.text(), other=st.text())
def test_law_4_a_fingerprint_differs_between_credentials_and_says_nothing_else(
    one: str, other: str
) -> None:
    assert re.fullmatch("[0-9a-f]{12}", fingerprint(one))
    assert (fingerprint(one) == fingerprint(other)) is (one == other)


def test_any_text_has_one() -> None:
    assert fingerprint("\ud800") != fingerprint("\ud801")  # JSON can hold lone surrogates


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text("0123456789abcdef\n")
    return file


def test_two_with_the_key_of_a_file_agree_and_two_without_do_not(key: Path) -> None:
    one, other = Fingerprints(), Fingerprints()
    assert one("x") != other("x")
    one.use(key)
    key.write_text(key.read_text().strip())  # the end of the line is no part of it
    other.use(key)
    assert one("x") == other("x") == "297df0327770"
    other.use(None)
    assert one("x") != other("x")


def test_a_key_that_is_too_short_is_a_sentence_and_the_old_one_stays(key: Path) -> None:
    it = Fingerprints()
    before = it("x")
    key.write_text("too short\n")
    with pytest.raises(KeyFileError, match=r"key holds 9 bytes, too few .*; write one with: "):
        it.use(key)
    assert it("x") == before


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read: No such file or directory; write one with: "), ("x", "holds 1 bytes")],
)
def test_an_option_that_names_no_key_is_a_sentence(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    file = tmp_path / "key"
    if content:
        file.write_text(content)
    with pytest.raises(OptionsError, match=f"hublet_fingerprint_key: {file} {sentence}"):
        _use_key(str(file))


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode(errors="surrogateescape")))
    )


def test_the_command_prints_what_the_log_shows_after_any_start(
    stage: Stage,
    key: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage.regions("eu1")
    log = tmp_path / "log"
    stage.proxy(hublet_log=str(log), hublet_fingerprint_key=str(key))
    stage.get("/", bearer("eu1"))
    wait_for(log.read_text)
    typed("\ufeff" + bearer("eu1").rpartition(" ")[2] + "\r\n", monkeypatch)  # as Windows has it
    assert command_line(["fingerprint", "--key", str(key)]) == 0
    assert f'"fingerprint": "{capsys.readouterr().out.strip()}"' in log.read_text()
    assert key.read_text().strip() not in log.read_text()
    stage.set_option(hublet_fingerprint_key=None)


@pytest.mark.parametrize(
    ("text", "secret", "sentence"),
    [
        ("\n", "0123456789abcdef", "standard input is empty; give it one credential"),
        ("pat-eu1-\udcff\n", "0123456789abcdef", "input is not UTF-8; give it one credential"),
        (private_app_token("eu1"), "short", "holds 5 bytes, too few for a key"),
        (
            private_app_token("eu1"),
            None,
            "key cannot be read: No such file or directory; write one with: openssl",
        ),
    ],
    ids=["no credential", "no text", "a short key", "no key"],
)
def test_the_command_says_what_is_missing(
    tmp_path: Path,
    text: str,
    secret: str | None,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "key"
    if secret:
        file.write_text(secret)
    typed(text, monkeypatch)
    assert command_line(["fingerprint", "--key", str(file)]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert not said.out


def test_on_a_terminal_it_asks_and_does_not_show(
    key: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _: "x")
    assert command_line(["fingerprint", "--key", str(key)]) == 0
    it = Fingerprints()
    it.use(key)
    assert capsys.readouterr().out == it("x") + "\n"


def test_control_d_gives_no_credential(
    key: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(_: str) -> str:
        raise EOFError

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", end)
    assert command_line(["fingerprint", "--key", str(key)]) == 2
    assert "standard input is empty" in capsys.readouterr().err
