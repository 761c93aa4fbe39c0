"""The table at the root of the repository, read once."""

from pathlib import Path

from hublet_router.tablefile import load

SHIPPED = load(Path(__file__).parents[1] / "hublets.yaml")
