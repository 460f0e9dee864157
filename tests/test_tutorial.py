"""The tutorial runs, and tells what it says."""

from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

TUTORIAL = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    notebook = nbformat.read(TUTORIAL, as_version=4)
    folder = tmp_path_factory.mktemp("tutorial")
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    # Raises what a cell raises.
    client.execute()
    assert (folder / "cleaned.csv").stat().st_size
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(cells: list[Any], code: str) -> list[dict[str, str]]:
    """What the cell with this code shows."""
    (cell,) = (cell for cell in cells if code in cell.source)
    return [output.get("data", {}) for output in cell.outputs]


def test_every_page_is_displayed_once(cells):
    galleries = [cell for cell in cells if "_gallery(" in cell.source]
    assert len(galleries) == 4
    for cell in galleries:
        pages = [output["data"].get("text/html", "") for output in cell.outputs]
        assert sum("<iframe" in page for page in pages) == 1


def test_the_run_shows_bars_and_the_summary(cells):
    bars, summary = outputs(cells, "ps.run(")
    assert "<progress" in bars["text/html"]
    assert "audit.mislabels()" in summary["text/html"]


def test_nothing_is_complained_of(cells):
    for cell in cells:
        assert not [output for output in cell.outputs if output.get("name") == "stderr"]


def test_it_is_kept_without_outputs():
    notebook = nbformat.read(TUTORIAL, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
