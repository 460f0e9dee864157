"""What a notebook shows of audits, galleries and runs."""

import sys

import pixsieve
from gallery_case import hostile, three_alike
from notebook_case import Shown, ipython
from report_case import Page, draw


def test_a_notebook_shows_the_page_in_a_frame(tmp_path):
    small = three_alike(tmp_path)
    gallery = small.vis.duplicates_gallery(tmp_path)
    shown = Page(gallery._repr_html_())
    assert shown.tags == ["iframe"]
    attributes = dict(shown.attributes)
    assert attributes["srcdoc"] == gallery.read_text(encoding="utf-8")
    assert attributes["sandbox"] == "allow-scripts"
    gallery.unlink()
    assert gallery._repr_html_() is None
    assert gallery.parent._repr_html_() is None


def test_a_notebook_shows_it_once(tmp_path, monkeypatch):
    small = three_alike(tmp_path)
    shown: list[Shown] = []
    monkeypatch.setitem(sys.modules, "IPython", ipython(shown))
    gallery = small.vis.duplicates_gallery(tmp_path)
    pages = [one.values[0] for one in shown if "<iframe" in one.values[0]]
    assert len(pages) == 1
    assert gallery._repr_html_() is None
    sys.modules["IPython"].get_ipython().execution_count += 1
    assert gallery._repr_html_().startswith("<iframe")
    shown.clear()
    small.vis.duplicates_gallery(tmp_path, show=False)
    assert not [one for one in shown if "<iframe" in one.values[0]]


def test_a_notebook_shows_bars(tmp_path, monkeypatch):
    shown: list[Shown] = []
    monkeypatch.setitem(sys.modules, "IPython", ipython(shown))
    (tmp_path / "in").mkdir()
    for seed in range(3):
        draw(seed).save(tmp_path / "in" / f"{seed}.png")
    pixsieve.run(tmp_path / "in", work_dir=tmp_path / "out", device="cpu")
    (bars,) = shown
    last = bars.values[-1]
    assert '<progress value="3" max="3"' in last
    assert "3 of 3 images" in last
    assert last.count("<progress") > 1
    shown.clear()
    pixsieve.load(tmp_path / "out")
    pixsieve.run(tmp_path / "in", work_dir=tmp_path / "quiet", device="cpu", progress=False)
    assert not shown


def test_a_notebook_shows_the_summary_of_an_audit(tmp_path):
    audit = hostile(tmp_path)
    text = audit._repr_html_()
    page = Page(text)
    for line in audit.summarize().lines:
        assert line.text in page.text
        assert line.call is None or line.call in page.text
    assert "script" not in page.tags
    assert pixsieve.create(tmp_path / "none")._repr_html_() is None
    (tmp_path / "<img src=x>").mkdir()
    draw(1).save(tmp_path / "<img src=x>" / "a.png")
    odd = pixsieve.run(tmp_path / "<img src=x>", work_dir=tmp_path / "odd", progress=False)
    assert "&lt;img src=x&gt;" in odd._repr_html_()
