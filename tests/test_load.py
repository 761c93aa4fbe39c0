import hashlib
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases import cases
from hublet_router import tablefile
from hublet_router.core.judge import decide
from hublet_router.core.table import Move
from hublet_router.tablefile import TableError
from hublet_router.tablefile.load import load, loads, table_path

SHIPPED = Path(__file__).parent.parent / "hublets.yaml"
TABLE = """\
domains: [api.test]
hublets: {na1: {upstream: "https://na1.test"}, eu1: {upstream: "https://eu1.test"}}
default: na1
credentials: [{name: key, in: {query: k}, hublet: {regex: "^([a-z0-9]+)-"}}]
"""


def with_example(example: str, policy: str = "{}") -> bytes:
    """Return a table whose line 6 holds that example, from column 12 on."""
    return f"{TABLE}policy: {policy}\nexamples: [{example}]\n".encode()


def test_the_version_is_the_beginning_of_the_files_sha_256(tmp_path: Path) -> None:
    file = tmp_path / "hublets.yaml"
    file.write_text(TABLE)
    version = hashlib.sha256(TABLE.encode()).hexdigest()[:12]

    assert load(file).version == version
    assert loads(TABLE.encode()).version == version


def test_the_version_of_a_known_text() -> None:
    assert loads(TABLE.encode()).version == "476e9eff3f94"


@pytest.mark.parametrize("change", ["# a comment\n", "\n", " "])
def test_every_byte_of_the_file_counts_for_its_version(change: str) -> None:
    assert loads((TABLE + change).encode()).version != loads(TABLE.encode()).version


def test_what_the_package_offers() -> None:
    assert (tablefile.load, tablefile.loads, tablefile.table_path) == (load, loads, table_path)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "none.yaml"
    with pytest.raises(TableError) as caught:
        load(file)

    assert str(caught.value) == (
        f"{file}:1:1: cannot be read: No such file or directory; name another file"
    )
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_the_fault_of_a_missing_file_names_the_option_of_its_caller(tmp_path: Path) -> None:
    sentence = "; name a table with --table FILE, or write one: hublet-router init$"
    with pytest.raises(TableError, match=sentence):
        load(tmp_path / "none.yaml", option="--table FILE")
    with pytest.raises(TableError, match=r"; name a table with --table FILE$"):
        load(tmp_path, option="--table FILE")


def test_the_default_table_is_the_checkouts_where_the_working_directory_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/a/home")

    assert table_path("hublets.yaml") == SHIPPED.resolve()
    assert table_path(Path("hublets.yaml")) == SHIPPED.resolve()
    assert table_path("other.yaml") == Path("other.yaml")
    assert table_path("~/t.yaml") == Path("/a/home/t.yaml")
    Path("hublets.yaml").write_text("")
    assert table_path("hublets.yaml") == Path("hublets.yaml")


def test_an_installed_package_has_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    module = sys.modules["hublet_router.tablefile.load"]
    monkeypatch.setattr(module, "__file__", str(tmp_path / "a/b/c/load.py"))

    assert table_path("hublets.yaml") == Path("hublets.yaml")


def test_a_directory_is_reported(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        load(tmp_path)

    assert str(caught.value) == (
        f"{tmp_path}:1:1: cannot be read: Is a directory; name another file"
    )


def test_a_fault_of_a_file_names_it(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("")
    with pytest.raises(TableError) as caught:
        load(file)

    assert str(caught.value) == f"{file}:1:1: the file is empty; it must hold a table"


def test_a_fault_of_a_text_has_the_usual_name() -> None:
    with pytest.raises(TableError, match=r"^hublets\.yaml:1:1: the file is empty"):
        loads(b"")


WITH_FILE = f"{TABLE}accounts: {{ids: [{{query: id}}], file: moved.csv}}\n"


def test_a_file_of_accounts_is_looked_for_beside_the_table(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        f"{WITH_FILE}examples: [{{request: {{url: 'https://api.test/?id=7'}}, hublet: eu1}}]\n"
    )
    rows = tmp_path / "moved.csv"
    rows.write_text("7,eu1\n")
    table = load(file)

    assert table.accounts
    assert (table.accounts.moved, table.files) == ({"7": Move("eu1")}, (str(rows),))
    digest = hashlib.sha256(rows.read_bytes()).digest()
    assert table.version == hashlib.sha256(file.read_bytes() + digest).hexdigest()[:12]
    rows.write_text("7,eu1\n8,eu1\n")
    assert load(file).version != table.version


def test_a_missing_file_of_accounts_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(WITH_FILE)
    with pytest.raises(TableError) as caught:
        load(file)

    assert str(caught.value) == (
        f"{tmp_path / 'moved.csv'}:1:1: cannot be read: No such file or directory;"
        " write lines of account,hublet into it, or remove 'file' from 'accounts'"
    )


def test_accounts_in_the_table_need_no_file() -> None:
    text = f"{TABLE}accounts: {{ids: [{{query: id}}], moved: {{7: eu1}}}}\n".encode()

    assert loads(text).version == hashlib.sha256(text).hexdigest()[:12]


@pytest.mark.parametrize(
    ("example", "policy"),
    [
        ("{request: {url: 'https://api.test/?k=eu1-x'}, hublet: eu1}", "{}"),
        ("{request: {url: 'https://api.test/?k=x'}, hublet: na1}", "{}"),
        ("{request: {url: https://api.test/}, hublet: na1}", "{}"),
        ("{request: {url: 'https://api.test/?k=zz9-x'}, refused: unknown-hublet}", "{}"),
        ("{request: {url: 'https://api.test/?k=zz9-x'}, hublet: na1}", "{unknown: default}"),
        ("{request: {url: 'https://api.test/?k=eu1-x&k=na1-x'}, refused: conflict}", "{}"),
        ("{request: {url: 'https://api.test/?k=eu1-x&k=na1-x'}, hublet: eu1}", "{conflict: first}"),
        ("{request: {url: https://other.test/}, refused: foreign-host}", "{}"),
        ("{request: {url: 'https://api.test/?k=x'}, refused: legacy}", "{legacy: refuse}"),
        ("{request: {url: https://api.test/}, refused: anonymous}", "{anonymous: refuse}"),
        (f"{{request: {{url: 'https://api.test/?k={'x' * 16385}'}}, refused: too-large}}", "{}"),
    ],
)
def test_examples_that_hold(example: str, policy: str) -> None:
    assert len(loads(with_example(example, policy)).examples) == 1


@cases(
    ("example", "policy", "wrong"),
    {
        "another Hublet": (
            "{request: {url: 'https://api.test/?k=eu1-x'}, hublet: na1}",
            "{}",
            "must go to na1, but it goes to eu1 (credential)",
        ),
        "the default": (
            "{request: {url: 'https://api.test/?k=x'}, hublet: eu1}",
            "{}",
            "must go to eu1, but it goes to na1 (legacy)",
        ),
        "refused": (
            "{request: {url: 'https://api.test/?k=zz9-x'}, hublet: eu1}",
            "{}",
            "must go to eu1, but it is refused (unknown-hublet)",
        ),
        "not refused": (
            "{request: {url: https://api.test/}, refused: anonymous}",
            "{}",
            "must be refused (anonymous), but it goes to na1 (anonymous)",
        ),
        "refused for another reason": (
            "{request: {url: 'https://api.test/?k=zz9-x'}, refused: conflict}",
            "{}",
            "must be refused (conflict), but it is refused (unknown-hublet)",
        ),
        "passed, not routed": (
            "{request: {url: https://other.test/}, hublet: eu1}",
            "{foreign: pass}",
            "must go to eu1, but it goes to the host that it names (foreign-host)",
        ),
        "passed, not refused": (
            "{request: {url: https://other.test/}, refused: foreign-host}",
            "{foreign: pass}",
            "must be refused (foreign-host), but it goes to the host that it names (foreign-host)",
        ),
    },
)
def test_examples_that_fail(example: str, policy: str, wrong: str) -> None:
    with pytest.raises(TableError) as caught:
        loads(with_example(example, policy))

    assert str(caught.value) == (
        f"hublets.yaml:6:12: this example {wrong}; fix the rules or the example"
    )


def test_every_failing_example_is_reported() -> None:
    text = f"""{TABLE}
examples:
  - {{request: {{url: "https://api.test/?k=eu1-x"}}, hublet: na1}}
  - {{request: {{url: "https://api.test/?k=eu1-x"}}, hublet: eu1}}
  - {{request: {{url: "https://api.test/?k=na1-x"}}, hublet: eu1}}
"""
    with pytest.raises(TableError) as caught:
        loads(text.encode())

    assert [(fault.line, fault.column) for fault in caught.value.faults] == [(7, 5), (9, 5)]


def test_the_shipped_table_loads() -> None:
    table = load(SHIPPED)

    assert {"api.hubapi.com", "api.hubspot.com"} <= table.domains
    assert table.default == "na1"
    assert all(upstream.host == "127.0.0.1" for upstream in table.hublets.values())


def test_every_rule_of_the_shipped_table_decides_an_example() -> None:
    table = load(SHIPPED)
    deciding = {decide(table, example.request).credential for example in table.examples}

    assert {rule.name for rule in table.rules} <= deciding


def test_every_hublet_of_the_shipped_table_is_in_an_example() -> None:
    table = load(SHIPPED)

    assert set(table.hublets) <= {example.hublet for example in table.examples}


def outcome(text: bytes) -> str:
    try:
        return loads(text).version
    except TableError:
        return "refused"


@given(text=st.binary() | st.text("adehilmnostu1:-[]{}\"' \n,.").map(str.encode))
def test_no_text_makes_loads_raise_anything_but_a_table_error(text: bytes) -> None:
    with pytest.raises(TableError, match=r"^hublets\.yaml:[0-9]+:[0-9]+: "):
        loads(text)


@given(at=st.integers(0, len(TABLE)), junk=st.sampled_from([*"\0:-[]{}\"'&*!|>%@#,? \n\t", "é"]))
def test_no_slip_of_the_finger_makes_loads_raise_anything_else(at: int, junk: str) -> None:
    text = (TABLE[:at] + junk + TABLE[at:]).encode()
    version = hashlib.sha256(text).hexdigest()[:12]

    # Some slips leave a table, most do not; nothing else can become of one.
    assert outcome(text) in {version, "refused"}
