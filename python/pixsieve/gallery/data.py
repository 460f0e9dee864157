"""What a gallery says, before anyone decides how it looks.

Names are kept as they are, hostile ones too: making them safe to show is the work of the template.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from markupsafe import Markup

from pixsieve.audit.whole import Outline
from pixsieve.pages import Card

#: A box as the shares of the picture's sides that its corners lie at, in order around it.
Box = Outline


@dataclass(frozen=True)
class Tag:
    """A short remark."""

    text: str
    #: `good`, `bad`, `note` or nothing.
    tone: str = ""


@dataclass(frozen=True)
class Figure:
    """One picture with what is said below it."""

    card: Card
    #: How the file is called on the page.
    name: str
    label: str | None = None
    #: What the user's own function says of it: text, or HTML that says that it is.
    extra: tuple[str | Markup, ...] = ()
    #: Width and height of the picture that is shown, which may be larger than the image.
    size: tuple[int | None, int | None] | None = None
    boxes: tuple[Box, ...] = ()
    tags: tuple[Tag, ...] = ()


@dataclass(frozen=True)
class Pair:
    """Two pictures to be compared."""

    shape: ClassVar[str] = "pair"
    source: Figure
    target: Figure
    title: str
    tags: tuple[Tag, ...] = ()
    #: What was done to the first to get the second.
    transform: str | None = None
    #: Whether it helps to lay one over the other.
    alike: bool = True

    def figures(self) -> Iterator[Figure]:
        """All pictures."""
        yield from (self.source, self.target)


@dataclass(frozen=True)
class Strip:
    """A picture and those beside it."""

    shape: ClassVar[str] = "strip"
    query: Figure
    others: tuple[Figure, ...]
    title: str
    tags: tuple[Tag, ...] = ()

    def figures(self) -> Iterator[Figure]:
        """All pictures."""
        yield self.query
        yield from self.others


@dataclass(frozen=True)
class Cluster:
    """Pictures that belong together."""

    shape: ClassVar[str] = "cluster"
    title: str
    members: tuple[Figure, ...]
    #: How many more there are.
    left_out: int = 0
    tags: tuple[Tag, ...] = ()
    #: Names with how many images each has, most frequent first.
    counts: tuple[tuple[str, int], ...] = ()

    def figures(self) -> Iterator[Figure]:
        """All pictures."""
        yield from self.members


@dataclass(frozen=True)
class Single:
    """A picture alone."""

    shape: ClassVar[str] = "single"
    figure: Figure

    def figures(self) -> Iterator[Figure]:
        """All pictures."""
        yield self.figure


Item = Pair | Strip | Cluster | Single


@dataclass(frozen=True)
class Content:
    """All that the page of a gallery says."""

    title: str
    #: What it lists and in which order, a sentence or two.
    text: str
    #: What is counted, in the singular.
    unit: str
    total: int
    #: How many there were before labels and sizes were asked for.
    before: int
    #: The call that lists everything; None for a frame of the user's own.
    call: str | None
    #: What to say when there is nothing.
    nothing: str
    items: tuple[Item, ...]
    #: A plot above the pictures.
    plot: Markup | None = None
    #: Says what the colours and lines of the plot are.
    plot_text: str = ""
    input: str = ""
    version: str = ""
    #: The folder that all images share; names are relative to it.
    root: str = ""

    def figures(self) -> Iterator[Figure]:
        """All pictures in the order of the page."""
        for item in self.items:
            yield from item.figures()
