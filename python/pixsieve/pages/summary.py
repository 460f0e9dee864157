"""The summary as a notebook shows it."""

from pixsieve.audit import Audit
from pixsieve.pages.write import environment


def summary_html(audit: Audit) -> str:
    """The lines of `summary()`, as a piece of HTML for a light or a dark page."""
    template = environment("pixsieve.pages").get_template("summary.html.j2")
    return template.render(input=str(audit.info.get("input", "")), lines=audit.summarize().lines)
