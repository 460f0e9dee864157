"""Fabrics: tartans, stripes, twills, knits, prints and brocades, flat, draped or folded."""

# mypy: disable-error-code="no-any-return"
# NumPy types what it indexes and computes as Any.

from math import cos, sin

import numpy as np

from pixsieve.demo.canvas import Canvas, Field
from pixsieve.demo.colour import Colour, hsv, mix
from pixsieve.demo.noise import fractal, gaussian, sample


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws a piece of cloth, or two that overlap."""
    _lay(rng, canvas, np.ones(canvas.shape, np.float32))
    if rng.random() < 0.3:
        patch = canvas.whole()
        slope = rng.uniform(-1, 1)
        edge = canvas.height * rng.uniform(0.35, 0.75) + slope * (patch.x - canvas.width / 2)
        edge = edge + 5 * np.sin(patch.x / rng.uniform(8, 40))
        below = np.clip(patch.y - edge, 0, 1)
        canvas.pixels *= (1 - 0.6 * np.exp(-np.abs(patch.y - edge + 4) / 8))[..., None]
        _lay(rng, canvas, below)


def _lay(rng: np.random.Generator, canvas: Canvas, share: Field) -> None:
    u, v, shade = _drape(rng, canvas)
    palette = _pick_palette(rng)
    cloth = _PATTERNS[rng.choice(len(_PATTERNS), p=_SHARES)](rng, u, v, palette)
    thread = canvas.short / rng.uniform(40, 110)
    weave = 1 + rng.uniform(0.04, 0.25) * np.sin(u * 6.28 / thread) * np.sin(v * 6.28 / thread)
    canvas.whole().blend(share, cloth * (shade * weave)[..., None])


def _pick_palette(rng: np.random.Generator) -> list[Colour]:
    hue = rng.random()
    step = rng.choice((0.03, 0.08, 0.33, 0.5))
    vivid = rng.uniform(0.05, 0.95)
    values = rng.permutation(
        (rng.uniform(0.1, 0.4), rng.uniform(0.4, 0.75), rng.uniform(0.75, 1), rng.random())
    )
    return [
        hsv(hue + i * step, vivid * rng.uniform(0.4, 1.1), value) for i, value in enumerate(values)
    ]


def _drape(rng: np.random.Generator, canvas: Canvas) -> tuple[Field, Field, Field]:
    """Cloth coordinates in pixels and the light on its folds."""
    patch = canvas.whole()
    angle = rng.choice((0.0, 0.0, rng.uniform(-0.8, 0.8)))
    x, y = patch.x - canvas.width / 2, patch.y - canvas.height / 2
    far = 1 + rng.uniform(-0.5, 0.5) * y / canvas.height + rng.uniform(-0.4, 0.4) * x / canvas.width
    x, y = x / far, y / far
    u, v = x * cos(angle) + y * sin(angle), y * cos(angle) - x * sin(angle)
    depth = rng.choice((0.2, 0.6, 1.0, 1.6))
    folds = fractal(
        rng, canvas.shape, (rng.uniform(0.7, 5), rng.uniform(0.7, 6)), octaves=2, gain=0.4
    )
    if rng.random() < 0.3:
        folds = 0.5 + 0.5 * np.sin(u / canvas.short * rng.uniform(10, 40) + 5 * folds)
    relief = np.gradient(folds, axis=1) + np.gradient(folds, axis=0)
    shade = np.clip(rng.uniform(0.75, 1.05) + depth * 11 * relief / rng.uniform(1, 2), 0.2, 1.6)
    bend = depth * canvas.short * 0.12
    return (
        (u + bend * folds).astype(np.float32),
        (v - bend * folds).astype(np.float32),
        shade.astype(np.float32),
    )


def _bands(rng: np.random.Generator, at: Field, count: int, period: float) -> Field:
    """Which of the colours 0..3 lies at a place, in bands of random width that repeat."""
    edges = np.sort(rng.random(count))
    order = np.append(rng.integers(4, size=count), 0)
    return order[np.searchsorted(edges, (at / period) % 1.0)]


def _tartan(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    period = rng.uniform(35, 170)
    colours = np.stack(palette)
    seed = int(rng.integers(2**31))
    warp = _bands(np.random.Generator(np.random.PCG64(seed)), u, 7, period)
    weft = _bands(np.random.Generator(np.random.PCG64(seed)), v, 7, period)
    over = (np.floor((u + v) / rng.uniform(2, 5)) % 2)[..., None]
    blend = rng.uniform(0.5, 1)
    even = 0.5 * colours[warp] + 0.5 * colours[weft]
    return even + blend * (np.where(over > 0, colours[warp], colours[weft]) - even)


def _stripes(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    axis = u if rng.random() < 0.5 else v
    if rng.random() < 0.3:  # zigzag
        other = v if axis is u else u
        wide = rng.uniform(12, 60)
        axis = axis + rng.uniform(0.4, 1.2) * np.abs(other % wide - wide / 2)
    return np.stack(palette)[_bands(rng, axis, int(rng.integers(2, 9)), rng.uniform(15, 140))]


def _twill(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    """Herringbone, houndstooth or denim."""
    wide, fine = rng.uniform(14, 60), rng.uniform(4, 14)
    lean = np.where(np.floor(u / wide) % 2 > 0, u, -u) if rng.random() < 0.6 else u
    rib = 0.5 + 0.5 * np.sin((lean + v) * 6.28 / fine)
    worn = fractal(rng, u.shape, (3, 3), octaves=4)
    share = np.clip((rib - 0.5) * rng.uniform(1, 5) + 0.5, 0, 1)[..., None]
    return (palette[0] + share * (palette[1] - palette[0])) * (0.75 + 0.5 * worn[..., None])


def _knit(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    """Columns of V-shaped stitches, with a motif of coloured stitches."""
    wide = rng.uniform(8, 26)
    tall = wide * rng.uniform(0.6, 0.9)
    across = u / wide - np.floor(u / wide) - 0.5
    along = v / tall + np.abs(across) * 1.2
    height = 1 - np.abs(along - np.floor(along) - 0.5) * 1.5
    round_ = height * (1 - (np.abs(np.abs(across) - 0.25) * 3) ** 2)
    motif = rng.integers(0, 2, (9, 12)).astype(np.float32) * (rng.random() < 0.7)
    motif = np.concatenate((motif, motif[:, ::-1]), axis=1) * int(rng.integers(1, 3))
    picked = sample(motif, along, u / wide)
    return (
        np.stack(palette)[picked.astype(int)] * np.clip(0.35 + 0.75 * round_, 0.15, 1.2)[..., None]
    )


def _dots(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    pitch = rng.uniform(14, 70)
    row = np.floor(v / pitch)
    shifted = u / pitch + 0.5 * (row % 2)
    column = np.floor(shifted)
    power = rng.choice((1.0, 2.0, 2.0, 6.0))
    x, y = np.abs(shifted - column - 0.5), np.abs(v / pitch - row - 0.5)
    far = (x**power + y**power) ** (1 / power)
    inside = np.clip((rng.uniform(0.2, 0.42) - far) * pitch + 0.5, 0, 1)[..., None]
    ring = np.clip((0.12 - far) * pitch + 0.5, 0, 1)[..., None] * (rng.random() < 0.5)
    spots = (
        np.stack(palette[1:])[((row + 2 * column) % 3).astype(int)]
        if rng.random() < 0.4
        else palette[1]
    )
    cloth = palette[0] + inside * (spots - palette[0])
    return cloth + ring * (palette[2] - cloth)


def _brocade(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    """A mirrored ornament of noise, repeated."""
    size = 96
    half = fractal(rng, (size, size // 2), (rng.uniform(2, 5), rng.uniform(1, 3)), octaves=3)
    tile = np.concatenate((half, half[:, ::-1]), axis=1)
    repeat = rng.uniform(45, 150)
    value = sample(tile, v * size / repeat, u * size / repeat)
    levels = np.clip((value[..., None] - np.array((0.35, 0.52, 0.66))) * 14, 0, 1)
    cloth = np.broadcast_to(palette[0], (*u.shape, 3))
    for level in range(int(rng.integers(1, 4))):
        cloth = cloth + levels[..., level, None] * (palette[level + 1] - cloth)
    return cloth


def _print(rng: np.random.Generator, u: Field, v: Field, palette: list[Colour]) -> Field:
    """Batik and marbled prints: contour lines of warped noise."""
    cells = rng.uniform(2, 5)
    warp = fractal(rng, u.shape, (cells, cells), octaves=2)
    field = fractal(rng, u.shape, (cells, cells), octaves=3) + 0.004 * (
        rng.uniform(-2, 2) * u + rng.uniform(-2, 2) * v
    )
    wave = 0.5 + 0.5 * np.sin((field + 0.5 * warp) * rng.uniform(8, 40))
    share = np.clip((wave - 0.5) * rng.uniform(2, 9) + 0.5, 0, 1)[..., None]
    second = (
        mix(palette[1], palette[2], 0.5) + (warp[..., None] > 0.5) * (palette[3] - palette[1]) * 0.6
    )
    cloth = palette[0] + share * (second - palette[0])
    return gaussian(cloth.astype(np.float32), 0.6)


_PATTERNS = (_tartan, _stripes, _twill, _knit, _dots, _brocade, _print)
_SHARES = (0.28, 0.14, 0.16, 0.24, 0.1, 0.05, 0.03)
