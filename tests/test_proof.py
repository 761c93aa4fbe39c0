"""`hublet-router demo`: what it proves, and that it can fail."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness import free_port
from hublet_router.cli.run import script
from hublet_router.core.table import Table
from hublet_router.demo import proof
from hublet_router.tablefile import load

ROOT = Path(__file__).parents[1]


def test_the_proof_holds(capfd: pytest.CaptureFixture[str]) -> None:
    assert proof.prove(script()) == 0
    lines = capfd.readouterr().out.splitlines()
    examples = load(ROOT / "hublets.yaml").examples
    assert lines[0].split() == [
        "credential,", "request", "over", "Hublet", "reason", "Host", "seen", "signature",
    ]  # fmt: skip
    assert len(lines) == 1 + 2 * len(examples) + 1 + 2
    assert all(line.endswith("  ok") for line in lines[1:-2])
    assert lines[-3].startswith("the first one, by a proxy that rewrites Host")
    assert "INVALID" in lines[-3]
    assert lines[-1] == f"{2 * len(examples) + 1} of {2 * len(examples) + 1} as they must be"
    assert "0000-0000" not in "".join(lines)


def test_a_wrong_row_is_called_wrong_and_fails(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def with_wrong_examples(path: Path) -> Table:
        table = load(path)
        first, *rest = table.examples
        refused = next(example for example in rest if example.refused)
        wrong = replace(first, hublet="ap1"), replace(refused, refused="conflict")
        return replace(table, examples=wrong)

    monkeypatch.setattr(proof, "load", with_wrong_examples)
    assert proof.prove(script()) == 1
    lines = capfd.readouterr().out.splitlines()
    assert [line.endswith("  WRONG") for line in lines[1:-2]] == [True, True, True, True, False]
    assert lines[-1] == "1 of 5 as they must be"


def test_a_region_that_is_down_is_a_wrong_row(tmp_path: Path) -> None:
    """The answer is mitmproxy's own page then, and no JSON."""
    text = (ROOT / "hublets.yaml").read_text()
    table_path = tmp_path / "hublets.yaml"
    for demo in ("9441", "9442", "9443"):
        text = text.replace(f"127.0.0.1:{demo}", f"127.0.0.1:{free_port()}")
    table_path.write_text(text)
    table = load(table_path)
    arguments = ("-s", str(script()), "--set", f"hublets={table_path}")
    with proof._mitmdump(tmp_path, *arguments, "--mode", "reverse:https://x.invalid") as port:
        row = proof._row(tmp_path, port, table, table.examples[0], "http")
    assert not row.is_right
    assert row.reason == "status 502"


@pytest.mark.parametrize(
    ("mode", "seconds"), [("no-such-mode", 30), ("regular", 0)], ids=["ended", "slow"]
)
def test_a_proxy_that_does_not_start_ends_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, seconds: int
) -> None:
    monkeypatch.setattr(proof, "START_SECONDS", seconds)
    with (
        pytest.raises(SystemExit, match="mitmdump does not listen; what it said stands above"),
        proof._mitmdump(tmp_path, "--mode", mode),
    ):
        pass
