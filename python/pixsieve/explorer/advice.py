"""The decisions that follow from a finding, for who agrees with it."""

from pixsieve.audit.decisions import DROP, KEEP, RELABEL, Choice
from pixsieve.explorer.views import View


def advised(view: View, item: int) -> list[Choice]:
    """What is advised for an item; nothing where that is the reviewer's alone to say."""
    name = view.kind.name
    if view.kind.advice is None:
        return []
    if name == "duplicates":
        rows = view.rows_of(item)
        part = view.rows[rows.start : rows.stop].select("image", "keep").rows()
        kept = tuple(image for image, keep in part if keep)
        rest = tuple(image for image, keep in part if not keep)
        return [Choice(kept, KEEP, name), Choice(rest, DROP, name)]
    if name == "leaks":
        return [Choice((int(view.rows["image_to"][item]),), DROP, name)]
    images = tuple(view.images_of(item))
    if name == "mislabels":
        label = view.rows["suggested_label"][item]
        return [] if label is None else [Choice(images, RELABEL, name, label)]
    return [Choice(images, DROP, name)]
