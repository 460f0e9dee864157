"""The boundary to Rust, and its reference.

Every argument is required and keyword-only; Python holds the defaults. Only paths, bytes,
scalars and contiguous arrays cross. Functions with `progress` run on threads of their own,
without the GIL; `progress(done, total)` is called about every 50 ms on the calling thread, and
Ctrl-C (on Python's main thread) or an exception raised by `progress` stops them within a
picture or a tile and is raised unchanged.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, Self, TypeAlias, TypedDict, final, type_check_only

import numpy as np
from numpy.typing import NDArray

_Progress: TypeAlias = Callable[[int, int], object]

__all__ = [
    "DEBUG_BUILD",
    "STATISTICS",
    "Exchange",
    "Model",
    "ModelError",
    "Pictures",
    "Tree",
    "__version__",
    "cell_radii",
    "connected_components",
    "decode",
    "encode_jpeg",
    "encode_png",
    "exact_neighbors",
    "extract",
    "hnsw_neighbors",
    "load_model",
    "pixel_digests",
    "query_neighbors",
    "rank_cells",
    "register_pairs",
    "search_cells",
    "star_groups",
    "train_cells",
    "walk",
    "write_thumbnails",
]

__version__: str
DEBUG_BUILD: bool
"""Compiled without optimisation: ten times slower."""

class ModelError(RuntimeError):
    """The model, or the runtime that executes it, cannot do what was asked."""

@type_check_only
class WalkResult(TypedDict):
    """What `walk` found, sorted by path (bytewise)."""

    paths: list[str]
    """Relative to the root; surrogate escapes stand for bytes that are not UTF-8."""
    sizes: NDArray[np.uint64]
    """Bytes."""
    modified: NDArray[np.int64]
    """Modification time in nanoseconds since 1970."""
    denied: list[str]
    """Folders that could not be read."""
    skipped_hidden: int
    skipped_links: int
    """Symlinks to files or folders that are listed under their own names, and dangling ones."""
    skipped_other: int
    """Files that neither their name nor their first bytes call a picture."""
    skipped_special: int
    """Sockets, FIFOs and devices."""
    skipped_runs: int
    """Work directories of earlier runs: their thumbnails are no pictures of the collection."""

@type_check_only
class Registrations(TypedDict):
    """How the second picture of each pair lies on the first; one row per pair, in their order.

    One of the two is taken to be a part of the other, at least 0.4 times as wide and high, turned
    or flipped.
    """

    correlation: NDArray[np.float32]
    """Of the luminance where they overlap, -1..1; 0 where one of them is flat."""
    detail: NDArray[np.float32]
    """The same of edges and texture: copies lie near 1, look-alikes near 0."""
    texture: NDArray[np.float32]
    """The same of what only the single pixels of the signatures show."""
    tilt: NDArray[np.float32]
    """Degrees by which one is tilted against the other: 0, 4 or 8, either way."""
    orientation: list[str]
    """What takes the first to the second: `none`, `flip_h`, `flip_v`, `rot180`, `transpose`,
    `rot90` (anticlockwise), `rot270` or `transverse`."""
    area: NDArray[np.float32]
    """The share of the larger picture that the other one shows."""
    grown: NDArray[np.bool_]
    """Whether the second picture shows more than the first."""

@type_check_only
class Extraction(TypedDict):
    """One row per image of the pictures given to `extract`, in the same order, unless noted."""

    digest: NDArray[np.uint8]
    """(n, 32) BLAKE3 of the bytes, or, of a part or a frame, of size and pixels; zeros where there
    are none."""
    size: NDArray[np.uint64]
    """Bytes of the picture's file; 0 where it has none."""
    width: NDArray[np.uint32]
    """Of the upright picture, or of the part of it; 0 where unknown."""
    height: NDArray[np.uint32]
    source_width: NDArray[np.uint32]
    """Of the whole picture."""
    source_height: NDArray[np.uint32]
    format: list[str | None]
    """By content, lower case: `jpeg`, `png`, …; of frames the codec."""
    error: list[str | None]
    """As in `invalid_instances()`, or None. `truncated` rows are decoded all the same."""
    detail: list[str | None]
    statistics: NDArray[np.float32]
    """(n, len(STATISTICS)); NaN where the picture was not decoded."""
    signatures: NDArray[np.uint8]
    """(n, 32, 32) luminance, the whole picture stretched to 32 x 32; zeros where not decoded."""
    rows: NDArray[np.uint32]
    """(m,) the rows that have an embedding, ascending."""
    embeddings: NDArray[np.float32]
    """(m, d), of `rows`."""
    seconds: dict[str, float]
    """Time spent per stage, summed over threads: read, hash, decode, resize, statistics, embed."""

STATISTICS: list[str]
"""Names of the statistics columns, in the order of `Extraction["statistics"]`."""

@final
class Model:
    """A checked model with one session per worker."""

    @property
    def dim(self) -> int: ...
    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
    @property
    def takes_any_size(self) -> bool: ...

@final
class Pictures:
    """Pictures, where each lies, and which parts of it are images; `len` counts the pictures."""

    def __new__(
        cls,
        *,
        files: Sequence[str],
        names: Sequence[str],
        places: NDArray[np.uint64],
        firsts: NDArray[np.uint64],
        boxes: NDArray[np.float64],
        kinds: NDArray[np.uint8],
        clip: bool,
        margins: tuple[float, float, float],
    ) -> Pictures:
        """What to read.

        Args:
            files: What to open for each picture; several may lie in one file.
            names: What users call each picture; only the extension is made use of.
            places: (n, 5): kind, offset, stored bytes, size, CRC-32. Kind 0 is a whole file, 1 so
                many stored bytes from the offset on, 2 a member of a zip whose local header is at
                the offset, 3 what the exchange brings.
            firsts: (n + 1,): the images of a picture are those from its number to the next.
            boxes: (m, 8): corners of each image in its picture, x and y, clockwise.
            kinds: (m,): 1 if they are shares of width and height, 2 if the box is rotated, 4 if
                the image is the whole picture, in sums.
            clip: Whether boxes may reach beyond the picture and are cut there.
            margins: Added left and right as a share of the width, above and below as a share of
                the height, and on each side in pixels; as far as the picture goes.

        Raises:
            ValueError: If lengths or numbers do not fit.
        """
    def __len__(self) -> int: ...
    @property
    def images(self) -> int: ...

@final
class Exchange:
    """Where pictures are handed over during one job, by threads of the caller's.

    `put`, `put_pixels` and `put_failure` bring a picture of kind 3, each once, and wait while
    enough is waiting; they give False once nobody wants any more. `take` gives, within so many
    seconds, the number of a picture that Rust cannot decode, its bytes, its extension and the
    short side below which it need not be decoded (None: in full); each is to be answered by
    `answer` or `refuse`. `close` ends the job without a result.
    """

    def __new__(cls) -> Exchange: ...
    def put(self, *, picture: int, data: bytes) -> bool: ...
    def put_pixels(self, *, picture: int, pixels: NDArray[np.uint8], codec: str) -> bool: ...
    def put_failure(self, *, picture: int, code: str, detail: str) -> bool: ...
    def take(self, *, seconds: float) -> tuple[int, bytes, str | None, int | None] | None: ...
    def answer(
        self,
        *,
        picture: int,
        pixels: NDArray[np.uint8],
        codec: str,
        width: int,
        height: int,
        damage: str | None,
        seconds: float,
    ) -> None: ...
    def refuse(self, *, picture: int, code: str, detail: str, seconds: float) -> None: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...

def load_model(
    *,
    runtime: str,
    path: str,
    input_name: str | None,
    output_name: str | None,
    layout: str,
    channels: str,
    dtype: str,
    height: int,
    width: int,
    mean: Sequence[float],
    std: Sequence[float],
    padding: int,
    resize: str,
    filter_down: str,
    filter_up: str,
    pool: str | None,
    normalize: bool,
    device: str,
    num_threads: int,
    batch_size: int,
) -> Model: ...
def walk(
    *,
    root: str,
    extensions: Sequence[str],
    hidden: bool,
    exclude: str | None,
    progress: _Progress | None,
) -> WalkResult: ...
def extract(
    *,
    pictures: Pictures,
    exchange: Exchange,
    model: Model,
    views: Sequence[str],
    min_file_size: int,
    min_width: int,
    min_height: int,
    max_side: int,
    max_pixels: int,
    stretch: str,
    thumbnails: str | None,
    thumbnail_side: int,
    num_threads: int,
    progress: _Progress | None,
) -> Extraction:
    """Reads, decodes, measures and embeds every image.

    `views` are plain, mirror and large (one and a half times the model's input size); uniform
    borders are cut off before each, and the embeddings of all are averaged. A picture that cannot
    be read or decoded is a row with an error code; it is decoded once for all its images.
    ModelError if the model fails, or gives a value that is not finite; OSError if a thumbnail
    cannot be written.
    """

def pixel_digests(
    *,
    pictures: Pictures,
    exchange: Exchange,
    max_side: int,
    max_pixels: int,
    stretch: str,
    num_threads: int,
    progress: _Progress | None,
) -> list[bytes | None]:
    """BLAKE3 of size and pixels of each upright, fully decoded image; None if undecodable."""

def write_thumbnails(
    *,
    pictures: Pictures,
    exchange: Exchange,
    targets: Sequence[str],
    side: int,
    max_side: int,
    max_pixels: int,
    stretch: str,
    num_threads: int,
    progress: _Progress | None,
) -> list[str | None]:
    """Writes a JPEG of at most `side` pixels on its longer side for each image.

    Written to a temporary name and renamed; parent folders are made. Returns None or the error
    per image; a picture that cannot be decoded is no failure of the call.
    """

def decode(
    *, data: bytes, extension: str | None, max_side: int, max_pixels: int, stretch: str
) -> NDArray[np.uint8]:
    """(h, w, 3) upright RGB, alpha flattened on white; ValueError `code: detail` if undecodable."""

def encode_jpeg(*, pixels: NDArray[np.uint8], quality: int) -> bytes:
    """(h, w, 3) RGB in, 4:2:0 baseline JPEG out."""

def encode_png(*, pixels: NDArray[np.uint8]) -> bytes: ...
def exact_neighbors(
    *,
    vectors: NDArray[np.float32],
    k: int,
    distance: str,
    num_threads: int,
    progress: _Progress | None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The true k nearest neighbors of every row among the other rows.

    Returns neighbors and similarities, both (n, min(k, n - 1)), each row by falling similarity,
    ties by row number. Self is left out by row number. `distance` is one of cosine, euclidean,
    l1, linf, canberra, braycurtis, jensenshannon (as SciPy defines them). Similarity is the
    cosine itself, else 1 / (1 + distance). A row that is not finite is a ValueError; so is a row
    of zeros under cosine, and a negative value or a row that sums to zero under jensenshannon.
    """

def query_neighbors(
    *,
    queries: NDArray[np.float32],
    vectors: NDArray[np.float32],
    k: int,
    distance: str,
    num_threads: int,
    progress: _Progress | None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The true k nearest rows of `vectors` for every query; nothing is left out as self."""

def hnsw_neighbors(
    *,
    vectors: NDArray[np.float32],
    k: int,
    distance: str,
    seed: int,
    ef_construction: int,
    ef_search: int,
    num_threads: int,
    progress: _Progress | None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """As `exact_neighbors`, approximately. `distance` is cosine or euclidean.

    A row for which fewer than k were found is filled up with row number 4294967295 and
    similarity NaN.
    """

@type_check_only
class _Space(Protocol):
    """Vectors among which neighbors are looked for."""

    @property
    def vectors(self) -> NDArray[np.float32] | NDArray[np.float16]:
        """(n, d), C-contiguous; may be memory-mapped."""
    @property
    def distance(self) -> str:
        """`cosine` or `euclidean`."""
    @property
    def centre(self) -> NDArray[np.float32]:
        """(d,) what is taken from each vector before euclidean distances are measured."""

def train_cells(
    *, sample: _Space, count: int, num_threads: int, progress: _Progress | None
) -> NDArray[np.float32]:
    """(count, d) centroids by k-means, of cells of like size, in the space of the sample.

    Its vectors have length one for cosine, and are less the centre for euclidean.

    Raises:
        ValueError: If there are fewer vectors than cells, or one is not finite, or all zeros with
            cosine; the message has its row.
    """

@final
class Tree:
    """Centroids of cells, in groups, so that few are compared with each vector."""

    def __new__(cls, *, centroids: NDArray[np.float32], num_threads: int) -> Self: ...
    def nearest(
        self, *, rows: _Space, probes: int, num_threads: int, progress: _Progress | None
    ) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
        """(n, probes) the nearest cells of each row, and how far the row is from their borders.

        Nearest first, nearly without a miss; borders are those of the first cell, whose own is 0.
        Where fewer were looked at, the first cell stands in, with an infinite distance.

        Raises:
            ValueError: As `train_cells`, or if there are fewer cells than `probes`.
        """
    def visits(
        self,
        *,
        rows: _Space,
        reach: NDArray[np.float32],
        probes: int,
        num_threads: int,
        progress: _Progress | None,
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Rows, and the cells besides their own whose borders are within the row's reach.

        At most probes - 1 a row, sorted by row.

        Raises:
            ValueError: As `nearest`.
        """

def search_cells(
    *,
    rows: _Space,
    offsets: NDArray[np.uint64],
    queries: _Space | None,
    visitors: NDArray[np.uint32] | None,
    visitor_offsets: NDArray[np.uint64] | None,
    lists: NDArray[np.uint64],
    first: int,
    last: int,
    num_threads: int,
    progress: _Progress | None,
) -> None:
    """Adds neighbors to running lists, in place, from the cells `first` to `last` (excluded).

    Rows are sorted by cell: those of cell c are from `offsets[c]` to `offsets[c + 1]`. Without
    visitors the rows of each cell are compared with each other. With visitors, which are sorted
    by the cell that they visit in the same way, these are compared with the rows of that cell;
    they are rows of other cells, and both lists grow, or they are `queries`, which alone have
    lists. `lists` (n, kept), zeros in the beginning, are what `rank_cells` reads.

    Raises:
        ValueError: If arrays do not fit each other.
    """

def cell_radii(*, lists: NDArray[np.uint64], k: int) -> NDArray[np.float32]:
    """(n,) how far the k-th neighbor of each list is, in the space; infinite if there is none."""

def rank_cells(
    *,
    rows: _Space,
    queries: _Space | None,
    first: int,
    lists: NDArray[np.uint64],
    k: int,
    num_threads: int,
    progress: _Progress | None,
) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """The k nearest rows in the lists of some rows, or queries, from number `first` on.

    By exact similarity; filled up as by `hnsw_neighbors`.

    Raises:
        ValueError: If arrays do not fit each other.
    """

def connected_components(
    *, size: int, edges_from: NDArray[np.uint32], edges_to: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """(size,) for each row the smallest row number of its component."""

def register_pairs(
    *,
    signatures: NDArray[np.uint8],
    pairs_from: NDArray[np.uint32],
    pairs_to: NDArray[np.uint32],
    num_threads: int,
    progress: _Progress | None,
) -> Registrations:
    """Lays the pictures of each pair over each other, by their (n, 1024) signatures.

    Raises:
        ValueError: If an array is not contiguous, a signature has another length, or a pair names
            a row that is not there.
    """

def star_groups(
    *,
    priority: NDArray[np.uint32],
    edges_from: NDArray[np.uint32],
    edges_to: NDArray[np.uint32],
) -> NDArray[np.uint32]:
    """Greedy stars: (n,) for each row the row that represents it, itself if none does.

    Rows are visited in `priority` (a permutation of 0..n, best first); a row not yet taken
    becomes a representative and takes each row not yet taken that shares an edge (in either
    direction) with it. So every member has an edge to its representative.
    """
