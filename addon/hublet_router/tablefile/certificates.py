"""The certificates of a CA that a Hublet's upstream is verified with."""

import re
import ssl

from .errors import Faults
from .source_files import SourceFiles
from .structure import Text

_CERTIFICATE = re.compile(
    "-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\\s]+-----END CERTIFICATE-----", re.ASCII
)
_FIX = "write the certificate of the CA into it, in PEM, or remove 'ca'"


def read_certificates(faults: Faults, name: Text, files: SourceFiles) -> str | None:
    """Return the certificates of a PEM file and nothing else that it holds, such as a key."""
    content = files.read(faults, name, _FIX)
    if content is None:
        return None
    certificates = "\n".join(_CERTIFICATE.findall(content.decode("latin-1")))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):
        faults.add((1, 1), f"holds no certificate that can be read; {_FIX}", files.path(name))
        return None
    return certificates
