"""Hold each module to its tests: every line and branch, by the files that are named after it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What is a part of something is tested with it, two modules have one name, and what is between a
# client and an upstream is tested on the wire, by what it does there.
ELSEWHERE = {
    "__main__": "commands",
    "addons": "requirements",
    "core.request": "places api coverage",
    "proxy.commands": "console_commands",
    "prove.dump": "proof",
    "prove.haproxy_engine": "proof",
}


def main() -> int:
    """Run the tests of each module, or of those that are named; return 1 where one is missed."""
    package = ROOT / "addon" / "hublet_router"
    missed = 0
    words = sys.argv[1:]
    for module in sorted(path for path in package.rglob("*.py") if path.name != "__init__.py"):
        name = ".".join(module.relative_to(package.parent).with_suffix("").parts)
        if words and not name.endswith(tuple(words)):
            continue
        named = ELSEWHERE.get(name.partition(".")[2], module.stem)
        tests = [f"tests/test_{it}.py" for it in named.split()]
        command = [
            sys.executable, "-m", "pytest", "-q", *tests, f"--cov={name}",
            "-p", "no:hublet_router.testing.plugin",  # it would be imported before it is measured
            "--cov-branch", "--cov-report=term-missing:skip-covered", "--cov-fail-under=100",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        print(f"{'ok    ' if ended.returncode == 0 else 'MISSED'} {name}", flush=True)
        if ended.returncode:
            missed += 1
            print(ended.stdout)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
