"""The table at the root of the repository, read once, and the files of all tables that are here."""

from pathlib import Path

from hublet_router.tablefile import load

ROOT = Path(__file__).parents[1]
SHIPPED = load(ROOT / "hublets.yaml")
TABLES = [ROOT / "hublets.yaml", *sorted((ROOT / "tests" / "tables").glob("*.yaml"))]
