"""The decisions that follow from a finding, for who agrees with it."""

from collections.abc import Mapping

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


def undecided(choices: list[Choice], decided: Mapping[int, str]) -> list[Choice]:
    """Advice as it fits what was decided before, which it never overrides.

    Where the image to keep was dropped before, as in the list of leaks, the first that was not is
    kept in its place: the advice of two lists together must not lose every copy.

    Args:
        choices: What is advised for one item.
        decided: What holds of images: `keep`, `drop` or `relabel`.
    """
    kept = [image for one in choices if one.decision == KEEP for image in one.images]
    lost = bool(kept) and all(decided.get(image) == DROP for image in kept)
    fitting = []
    for one in choices:
        images = [image for image in one.images if image not in decided]
        if (
            lost
            and one.decision == DROP
            and not any(decided.get(image) in (KEEP, RELABEL) for image in one.images)
        ):
            images, spared = images[1:], images[:1]
            fitting.append(Choice(tuple(spared), KEEP, one.finding))
        fitting.append(Choice(tuple(images), one.decision, one.finding, one.new_label))
    return [one for one in fitting if one.images]
