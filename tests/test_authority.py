"""The file of a CA that an option names."""

from pathlib import Path

import pytest

from harness import authority
from hublet_router.tablefile.authority import fault_of_authority

FIX = "; name a file with the certificate of the CA, in PEM"


def test_a_certificate_is_no_fault() -> None:
    assert fault_of_authority(authority()) is None
    assert fault_of_authority(str(authority())) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("none", "cannot be read: No such file or directory"),
        ("", "cannot be read: Is a directory"),
        ("text", "holds no certificate that can be read"),
    ],
)
def test_each_other_file_is_a_sentence(name: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    file = tmp_path / name
    assert fault_of_authority(file) == f"{file} {fault}{FIX}"
