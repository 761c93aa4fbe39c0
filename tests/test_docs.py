"""The README and the manual are true: their commands are run, their links and words are checked."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness import authority
from hublet_router.cli.run import UNROUTED
from hublet_router.core.decision import Reason
from hublet_router.tablefile import loads
from refresh_docs import BIN, PAGES, README, Sessions, blocks, sessions, yaml_blocks
from ui import ROOT

TEXTS = {page: page.read_text("utf-8") for page in PAGES}
ALL = "\n".join(TEXTS.values())
BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.fixture(scope="module")
def running() -> Iterator[Sessions]:
    with sessions() as it:
        yield it


@pytest.mark.parametrize(
    ("page", "block"), BLOCKS, ids=[f"{page.name} {it.splitlines()[0]}" for page, it in BLOCKS]
)
def test_a_block_shows_what_its_commands_print(page: Path, block: str, running: Sessions) -> None:
    assert running.fresh(block).splitlines() == block.splitlines(), "run `make readme`"


def test_make_run_starts_what_the_blocks_are_run_with() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "hublet-router run --listen-port $(PORT) --set hublet_demo=true" in makefile


def prose(text: str) -> list[str]:
    """The sentences of a page outside code, tables, lists and headings."""
    text = re.sub(r"^```.*?^```$|<!--.*?-->", "", text, flags=re.DOTALL | re.MULTILINE)
    paragraphs = [
        " ".join(paragraph.split())
        for paragraph in re.split(r"\n\s*\n", text)
        if not re.match(r"\s*(\||#|[-*] |[0-9]+\. |!\[|  )", paragraph)
    ]
    return [it for paragraph in paragraphs for it in re.split(r"(?<=[.?!])\s+", paragraph) if it]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    sentences = prose(TEXTS[page])
    assert sum(len(it.split()) for it in sentences) / len(sentences) <= 20


def test_the_readme_is_short() -> None:
    assert len(TEXTS[README].splitlines()) < 250


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).replace(" ", "-") for it in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(TEXTS[page])
    targets = [(page.parent / file if file else page, anchor) for file, anchor in links]
    assert [it for it, _ in targets if not it.exists()] == []
    assert [(it, anchor) for it, anchor in targets if anchor and anchor not in anchors(it)] == []


def test_every_page_of_the_manual_is_linked_from_the_readme() -> None:
    linked = {(ROOT / file).resolve() for file, _ in LINK.findall(TEXTS[README]) if file}
    assert set(PAGES) - {README} <= linked


WORKAROUND = re.compile(r"^\| .* \| .* \| `([\w/]+\.py)`(.*) \|$", re.MULTILINE)


@pytest.mark.parametrize(
    ("file", "rest"), WORKAROUND.findall(TEXTS[ROOT / "addon" / "docs" / "design.md"])
)
def test_a_workaround_is_where_the_design_says(file: str, rest: str) -> None:
    (module,) = [it for it in (ROOT / "addon").rglob("*.py") if it.as_posix().endswith(f"/{file}")]
    source = module.read_text("utf-8")
    assert [name for name in re.findall(r"`(\w+)`", rest) if name not in source] == []


def test_every_reason_is_explained() -> None:
    table = TEXTS[ROOT / "addon" / "docs" / "table.md"]
    assert [reason for reason in Reason if f"| `{reason}` |" not in table] == []


def test_every_option_is_explained() -> None:
    listed = subprocess.run(
        [BIN / "mitmdump", "-s", ROOT / "addon" / "router.py", "--options"],
        capture_output=True, text=True, timeout=60, cwd=ROOT, check=True,
    )  # fmt: skip
    options = re.findall(r"^(hublet\w*):", listed.stdout, re.MULTILINE)
    assert options
    assert set(re.findall(r"^\| `(hublet\w*)` \|", TEXTS[README], re.MULTILINE)) == set(options)
    assert UNROUTED in ALL


WHOLE, *PARTS = [block for page in PAGES for block in yaml_blocks(page)]


def test_the_example_of_a_table_is_one() -> None:
    assert set(loads(WHOLE.encode()).hublets) == {"us", "eu"}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.partition("\n")[0])
def test_a_part_of_a_table_fits_into_one(part: str, tmp_path: Path) -> None:
    """Each key of the part takes the place of the shipped table's own."""
    table = yaml.safe_load((ROOT / "hublets.yaml").read_text())
    del table["examples"]  # they would not hold for other rules
    (tmp_path / "eu-ca.pem").write_bytes(authority().read_bytes())
    text = yaml.safe_dump(table | yaml.safe_load(part)).encode()
    loads(text, name=str(tmp_path / "hublets.yaml"))
