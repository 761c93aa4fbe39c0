"""Hold each module to its own test file: every line and branch, by that file alone."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What is a part of something is tested with it, and two modules have one name.
ELSEWHERE = {
    "__main__": "commands",
    "addons": "requirements",
    "proxy.commands": "console_commands",
    "prove.dump": "proof",
    "prove.haproxy_engine": "proof",
}


def main() -> int:
    """Run each test file with the coverage of its module; return 1 where something is missed."""
    package = ROOT / "addon" / "hublet_router"
    missed = 0
    for module in sorted(path for path in package.rglob("*.py") if path.name != "__init__.py"):
        name = ".".join(module.relative_to(package.parent).with_suffix("").parts)
        test = ROOT / "tests" / f"test_{ELSEWHERE.get(name.partition('.')[2], module.stem)}.py"
        command = [
            sys.executable, "-m", "pytest", "-q", str(test), f"--cov={name}",
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
