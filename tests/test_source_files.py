"""The files that a table names, and the version that they make together."""

import hashlib
from pathlib import Path

import pytest

from cases import cases
from harness import authority, confdir
from hublet_router.tablefile import TableError, load
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


@cases(
    ("name", "why"),
    {
        "missing": ("none.csv", "No such file or directory"),
        "a directory": (".", "Is a directory"),
        "no name at all": ("a\0b", "embedded null byte"),
    },
)
def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path, name: str, why: str) -> None:
    faults, files = Faults(), SourceFiles(str(tmp_path / "t.yaml"), b"")

    assert files.read(faults, named(name), "write one") is None
    path = str(tmp_path / name)
    assert faults.found == [Fault(1, 1, f"cannot be read: {why}; write one", path)]
    assert files.named == ()


FIX = "write the certificate of the CA into it, in PEM, or remove 'ca'"


def certificates(folder: Path, content: bytes) -> tuple[str | None, list[Fault]]:
    (folder / "ca.pem").write_bytes(content)
    faults, files = Faults(), SourceFiles(str(folder / "t.yaml"), b"")
    return files.certificates(faults, named("ca.pem")), faults.found


def test_it_keeps_certificates_and_nothing_else(tmp_path: Path) -> None:
    certificate = authority().read_text().strip()
    both = (confdir() / "mitmproxy-ca.pem").read_text()  # with the private key of the CA
    assert "PRIVATE KEY" in both

    assert certificates(tmp_path, f"a note\r\n{certificate}\n".encode()) == (certificate, [])
    assert certificates(tmp_path, both.encode()) == (certificate, [])
    assert certificates(tmp_path, f"{both}\n{certificate}".encode()) == (
        f"{certificate}\n{certificate}",
        [],
    )


@cases(
    "content",
    {
        "empty": b"",
        "DER": b"\x30\x82\x01\x0a",
        "no X.509": b"-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----",
        "no base64": b"-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----",
        "a key": b"-----BEGIN PRIVATE KEY-----\neA==\n-----END PRIVATE KEY-----",
    },
)
def test_a_file_without_a_certificate_is_a_fault(tmp_path: Path, content: bytes) -> None:
    found, faults = certificates(tmp_path, content)

    assert found is None
    sentence = f"holds no certificate that can be read; {FIX}"
    assert faults == [Fault(1, 1, sentence, str(tmp_path / "ca.pem"))]


TABLE = """\
domains: [api.test]
hublets:
  na1: {upstream: "https://na1.test", ca: ca.pem}
  eu1: {upstream: "https://eu1.test"}
default: na1
credentials: [{name: key, in: {query: k}, hublet: {jwt: r}}]
"""


def test_a_table_has_the_certificates_and_their_version(tmp_path: Path) -> None:
    file, ca = tmp_path / "t.yaml", tmp_path / "ca.pem"
    file.write_text(TABLE)
    ca.write_bytes(authority().read_bytes())
    table = load(file)

    assert table.hublets["na1"].ca == authority().read_text().strip()
    assert table.hublets["eu1"].ca is None
    assert table.files == (str(ca),)
    assert "CERTIFICATE" not in repr(table)
    ca.write_bytes(authority().read_bytes() + b"\n# another one\n")
    assert load(file).version != table.version


def test_a_table_without_its_certificates_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(TABLE)
    with pytest.raises(TableError) as caught:
        load(file)

    assert caught.value.messages == [
        f"{tmp_path / 'ca.pem'}:1:1: cannot be read: No such file or directory; {FIX}"
    ]
