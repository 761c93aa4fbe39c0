"""The certificates that a Hublet's upstream is verified with, as its file has them."""

from pathlib import Path

import pytest

from harness import authority, confdir
from hublet_router.tablefile import TableError, load
from hublet_router.tablefile.certificates import read_certificates
from hublet_router.tablefile.errors import Fault, Faults
from hublet_router.tablefile.source_files import SourceFiles
from hublet_router.tablefile.structure import Text

FIX = "write the certificate of the CA into it, in PEM, or remove 'ca'"


def read(folder: Path, content: bytes) -> tuple[str | None, list[Fault]]:
    (folder / "ca.pem").write_bytes(content)
    faults, files = Faults(), SourceFiles(str(folder / "t.yaml"), b"")
    return read_certificates(faults, Text("ca.pem", (1, 1)), files), faults.found


def test_it_keeps_certificates_and_nothing_else(tmp_path: Path) -> None:
    certificate = authority().read_text().strip()
    both = (confdir() / "mitmproxy-ca.pem").read_text()  # with the private key of the CA
    assert "PRIVATE KEY" in both

    assert read(tmp_path, f"a note\r\n{certificate}\n".encode()) == (certificate, [])
    assert read(tmp_path, both.encode()) == (certificate, [])
    assert read(tmp_path, f"{both}\n{certificate}".encode()) == (
        f"{certificate}\n{certificate}",
        [],
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\x30\x82\x01\x0a", id="DER"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----", id="no X.509"
        ),
        pytest.param(b"-----BEGIN CERTIFICATE-----\n=\n-----END CERTIFICATE-----", id="no base64"),
        pytest.param(b"-----BEGIN PRIVATE KEY-----\neA==\n-----END PRIVATE KEY-----", id="a key"),
    ],
)
def test_a_file_without_a_certificate_is_a_fault(tmp_path: Path, content: bytes) -> None:
    certificates, faults = read(tmp_path, content)

    assert certificates is None
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
