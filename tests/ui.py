"""What a person looks at: what `make console` and `make web` run, and the manual's filters."""

import re
import subprocess
import sys
from pathlib import Path

from harness import confdir, free_port

ROOT = Path(__file__).parents[1]
MANUAL = (ROOT / "addon" / "docs" / "console.md").read_text("utf-8")
FILTERS = [
    (filter_, in_mitmweb or filter_)
    for filter_, in_mitmweb in re.findall(
        r"^\| .* \| `(~.*)` \| (?:`(~.*)`|the same) \|$", MANUAL, re.MULTILINE
    )
]
DEMO_PORTS = ("9441", "9442", "9443")


def demo_table(folder: Path) -> tuple[Path, dict[str, str]]:
    """Write the shipped table with free ports; return it, and which port stands for which."""
    text = (ROOT / "hublets.yaml").read_text()
    names = {str(free_port()): shown for shown in DEMO_PORTS}
    for taken, shown in names.items():
        text = text.replace(f"127.0.0.1:{shown}", f"127.0.0.1:{taken}")
    table = folder / "hublets.yaml"
    table.write_text(text)
    return table, names


def recipe(target: str, table: Path, *options: str) -> str:
    """Return the shell command of a target, with further options; its proxy takes any port."""
    more = " ".join([f"--set hublets={table}", f"--set confdir={confdir()}", *options])
    made = subprocess.run(
        ["make", "--silent", "--dry-run", f"--assume-old={sys.prefix}/runs", target,
         f"VENV={sys.prefix}", "PORT=0", f"ARGS={more}"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return f"exec {made.stdout}"
