"""What the report says, before anyone decides how it looks.

Names are kept as they are, hostile ones too: making them safe to show is the work of `text` and of
the template.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from markupsafe import Markup

from pixsieve.pages import Card

Item = TypeVar("Item")


@dataclass(frozen=True)
class Member:
    """An image of a duplicate group."""

    card: Card
    kind: str
    similarity: float | None
    representative: bool
    keep: bool
    #: What was done to the representative, where that is known.
    transform: str | None = None


@dataclass(frozen=True)
class Group:
    """Duplicates of one image, which comes first."""

    number: int
    size: int
    #: How many members are of which kind; the representative is not counted.
    kinds: dict[str, int]
    similarity_min: float | None
    labels: tuple[str, ...]
    splits: tuple[str, ...]
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Pair:
    """A leak: an image of a later split and its duplicate in an earlier one."""

    split_from: str
    split_to: str
    kind: str
    similarity: float | None
    source: Card
    target: Card
    #: What was done to the source, where that is known.
    transform: str | None = None

    @property
    def labels_differ(self) -> bool:
        """Whether both have a label, and not the same."""
        return None not in (self.source.label, self.target.label) and (
            self.source.label != self.target.label
        )


@dataclass(frozen=True)
class Suspect:
    """An image whose neighbors say another label."""

    card: Card
    label: str
    suggested_label: str | None
    score: float
    agreement: float
    neighbors: tuple[Card, ...]
    #: Which kind of duplicate carries another label, if one does.
    conflict: str | None = None


@dataclass(frozen=True)
class Stranger:
    """An outlier and what comes nearest to it."""

    card: Card
    nearest: Card
    similarity: float
    score: float
    percentile: float
    #: Whether it shows next to nothing.
    plain: bool = False


@dataclass(frozen=True)
class Cluster:
    """A component."""

    number: int
    size: int
    similarity_min: float
    similarity_max: float
    #: The most frequent labels with their counts, most frequent first.
    labels: tuple[tuple[str, int], ...]
    cards: tuple[Card, ...]

    @property
    def left_out(self) -> int:
        """How many of its images are not shown."""
        return self.size - len(self.cards)


@dataclass(frozen=True)
class Footage:
    """A run of frames that two videos share."""

    kind: str
    #: Of the two videos.
    names: tuple[str, ...]
    #: From when to when, in each.
    spans: tuple[str, ...]
    frames: int
    similarity: float
    #: Some frames, each of the first video before the one it matches, and their times.
    cards: tuple[tuple[Card, str], ...]


@dataclass(frozen=True)
class Repeated:
    """A cluster of pictures that show nothing, or the same next to nothing."""

    size: int
    #: Whether they are blank or nearly so.
    empty: bool
    cards: tuple[Card, ...]

    @property
    def left_out(self) -> int:
        """How many of its images are not shown."""
        return self.size - len(self.cards)


@dataclass(frozen=True)
class Look:
    """A flagged image, and its value of the statistic that the flag judges."""

    card: Card
    value: float


@dataclass(frozen=True)
class Broken:
    """An image that could not be read, or not wholly."""

    card: Card
    error_code: str
    detail: str | None


@dataclass(frozen=True)
class Section(Generic[Item]):
    """One kind of finding: the worst of it, and how to get all of it."""

    key: str
    title: str
    #: What is counted, in the singular.
    unit: str
    total: int
    #: The call that lists everything.
    call: str
    #: What it means and in which order it comes, a sentence or two.
    text: str
    #: What to say when there is nothing.
    nothing: str
    items: tuple[Item, ...] = ()


@dataclass(frozen=True)
class Number:
    """One number of the row at the top."""

    value: int
    noun: str
    #: Key of the section that shows it.
    section: str | None = None


@dataclass(frozen=True)
class Setting:
    """A setting in force."""

    name: str
    value: str
    changed: bool


@dataclass(frozen=True)
class Plot:
    """A drawing and its title."""

    title: str
    drawn: Markup


@dataclass(frozen=True)
class ClassRow:
    """How many images a class has, and what was found among them."""

    label: str
    images: int
    #: Those that could go.
    duplicates: int
    #: Those whose label is in doubt.
    mislabels: int
    outliers: int
    invalid: int


@dataclass(frozen=True)
class Hue:
    """What a colour of the map stands for."""

    #: The class of its points in the style sheet.
    colour: str
    #: None: what has no colour of its own.
    label: str | None
    images: int
    #: How many classes share the colour of the others; 0: its images have no label.
    classes: int = 0


@dataclass(frozen=True)
class Plane:
    """The map: what looks alike lies close together."""

    drawn: Markup
    #: How many images have a place on it, and how many of them are drawn.
    total: int
    points: int
    #: The images whose points have a picture, by row.
    pictured: tuple[int, ...]
    #: Empty where there are no labels.
    hues: tuple[Hue, ...] = ()
    #: Whether outliers are marked.
    ringed: bool = False


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    title: str
    input: str
    #: The folder that all images share; names are relative to it.
    root: str
    date: str | None
    version: str
    facts: tuple[tuple[str, str], ...]
    seconds: tuple[tuple[str, float], ...]
    settings: tuple[Setting, ...]
    numbers: tuple[Number, ...]
    #: The lines of the summary, each with the call that lists what it counts.
    lines: tuple[tuple[str, str | None], ...]
    duplicates: Section[Group]
    leaks: Section[Pair]
    mislabels: Section[Suspect]
    outliers: Section[Stranger]
    components: Section[Cluster]
    #: One per flag.
    looks: tuple[Section[Look], ...]
    invalid: Section[Broken]
    placeholders: Section[Repeated]
    #: Of each statistic.
    statistics: tuple[Plot, ...] = ()
    similarities: Plot | None = None
    #: Largest first.
    classes: tuple[ClassRow, ...] = ()
    #: How many classes there are.
    labels: int = 0
    confusion: Plot | None = None
    plane: Plane | None = None
    #: None where there are no videos.
    videos: Section[Footage] | None = None

    def shown(self) -> Iterator[int]:
        """The images whose pictures the page shows, in its order, as often as it shows them."""
        for group in self.duplicates.items:
            yield from (member.card.image for member in group.members)
        for run in self.videos.items if self.videos else ():
            yield from (card.image for card, _ in run.cards)
        for pair in self.leaks.items:
            yield from (pair.source.image, pair.target.image)
        for suspect in self.mislabels.items:
            yield from (suspect.card.image, *(card.image for card in suspect.neighbors))
        for stranger in self.outliers.items:
            yield from (stranger.card.image, stranger.nearest.image)
        for cluster in self.components.items:
            yield from (card.image for card in cluster.cards)
        for repeated in self.placeholders.items:
            yield from (card.image for card in repeated.cards)
        for section in self.looks:
            yield from (look.card.image for look in section.items)
