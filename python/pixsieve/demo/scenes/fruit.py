"""Fruit: still lifes on tables, bowls from above, market stalls and single fruits."""

from dataclasses import dataclass
from math import cos, sin

import numpy as np

from pixsieve.demo.canvas import Canvas, Point, rotated
from pixsieve.demo.colour import Colour, hsv, jitter, mix
from pixsieve.demo.noise import fractal, gaussian, sample


@dataclass(frozen=True)
class Kind:
    """What fruits of one kind share."""

    colour: Colour
    blush: Colour
    long: float
    """Length over width."""
    pear: float
    """How much thinner the stalk's end is."""
    speckle: float
    gloss: float
    leaf: bool
    size: float = 1.0


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws fruit."""
    (_table, _table, _bowl, _stall, _single)[rng.integers(5)](rng, canvas)


def _pick_kind(rng: np.random.Generator) -> Kind:
    hue, blush, long, pear, speckle, size = (
        (0.98, 0.16, 1.0, 0.0, 0.25, 1.0),  # apple
        (0.28, 0.22, 1.0, 0.0, 0.3, 1.0),  # green apple
        (0.08, 0.09, 1.0, 0.0, 0.5, 1.0),  # orange
        (0.145, 0.17, 1.35, 0.0, 0.4, 0.85),  # lemon
        (0.2, 0.12, 1.3, 0.45, 0.35, 1.1),  # pear
        (0.8, 0.75, 1.15, 0.0, 0.1, 0.65),  # plum
        (0.05, 0.98, 1.0, 0.0, 0.2, 0.9),  # peach
        (0.3, 0.33, 1.25, 0.1, 0.6, 1.7),  # melon
        (0.0, 0.95, 1.0, 0.0, 0.05, 0.4),  # cherry
        (0.27, 0.8, 1.1, 0.0, 0.05, 0.38),  # grape
        (0.12, 0.3, 2.6, 0.0, 0.2, 0.8),  # banana, nearly
    )[rng.integers(11)]
    shift = rng.uniform(-0.02, 0.02)
    return Kind(
        colour=hsv(hue + shift, rng.uniform(0.6, 0.95), rng.uniform(0.45, 0.95)),
        blush=hsv(blush + shift, rng.uniform(0.5, 0.9), rng.uniform(0.5, 0.95)),
        long=long * rng.uniform(0.92, 1.1),
        pear=pear,
        speckle=speckle,
        gloss=rng.uniform(0.1, 0.9),
        leaf=bool(rng.random() < 0.4),
        size=size,
    )


def _paint_fruit(
    rng: np.random.Generator,
    canvas: Canvas,
    kind: Kind,
    at: Point,
    radius: float,
    *,
    sun: Point,
) -> None:
    """One fruit as a lit ellipsoid with a skin of noise."""
    x, y = map(float, at)
    patch = canvas.around(x, y, radius * kind.long * 1.05)
    if not patch.pixels.size:
        return
    angle = rng.uniform(-0.6, 0.6) - 1.57 if kind.long < 2 else rng.uniform(-0.7, 0.7)
    along, across = rotated(patch, x, y, angle)
    along, across = along / (radius * kind.long), across / radius
    if kind.long > 2:
        across = across + 0.5 * along * along - 0.2
    across = across / (1 - kind.pear * np.clip(along + 0.3, 0, 1))
    far = along * along + across * across
    up = np.sqrt(np.clip(1 - far, 0, 1))
    nx, ny = (patch.x - x) / radius, (patch.y - y) / radius
    lambert = np.clip(nx * sun[0] + ny * sun[1] + up * 0.75, 0, 1.3)
    skin = fractal(rng, far.shape, (rng.uniform(1, 3), rng.uniform(1, 3)), octaves=4, gain=0.6)
    grain = 1 - kind.speckle * 0.35 * rng.random(far.shape, dtype=np.float32)
    colour = kind.colour + np.clip(1.6 * skin - 0.5, 0, 1)[..., None] * (kind.blush - kind.colour)
    lit = (0.22 + 0.85 * lambert) * grain
    spot = np.exp(-(((nx - 0.4 * sun[0]) ** 2 + (ny - 0.4 * sun[1]) ** 2) / 0.03)) * kind.gloss
    edge = np.clip((1 - np.sqrt(far)) * radius + 0.5, 0, 1)
    patch.blend(edge, np.clip(colour * lit[..., None] + spot[..., None], 0, 1))
    reach = 0.85 * radius * kind.long
    foot = (x + reach * cos(angle), y + reach * sin(angle))
    _paint_stalk(rng, canvas, kind, foot, radius)


def _paint_stalk(
    rng: np.random.Generator,
    canvas: Canvas,
    kind: Kind,
    foot: Point,
    radius: float,
) -> None:
    if rng.random() < 0.35 or (kind.speckle < 0.1 and not kind.leaf):
        return
    tip = (foot[0] + radius * rng.uniform(-0.3, 0.3), foot[1] - radius * rng.uniform(0.2, 0.5))
    canvas.stroke(foot, tip, max(1.2, radius * 0.08), hsv(0.08, 0.6, 0.25))
    if kind.leaf:
        green = hsv(rng.uniform(0.25, 0.36), rng.uniform(0.5, 0.8), rng.uniform(0.25, 0.6))
        turn, size = rng.uniform(-0.8, 0.8), radius * rng.uniform(0.3, 0.55)
        canvas.ellipse(
            tip[0] + size * cos(turn),
            tip[1] + size * sin(turn),
            size,
            size * 0.4,
            green,
            angle=turn,
        )


def _pick_sun(rng: np.random.Generator) -> Point:
    return float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.9, 0.1))


def _paint_shadow(canvas: Canvas, x: float, y: float, radius: float, sun: Point) -> None:
    patch = canvas.around(x, y, radius * 2.5)
    dx, dy = patch.x - x + sun[0] * radius * 0.8, patch.y - y
    patch.pixels[...] *= (
        1 - 0.65 * np.exp(-((dx / (1.2 * radius)) ** 2 + (dy / (0.4 * radius)) ** 2))
    )[..., None]


def _paint_wood(rng: np.random.Generator, canvas: Canvas, top: float) -> None:
    """A table top in perspective: planks, cloth or stone."""
    patch = canvas.patch(0, top + 2, canvas.width, canvas.height)
    shape = patch.pixels.shape[:2]
    if not all(shape):
        return
    kind = rng.integers(3)
    base = hsv(rng.uniform(0.03, 0.12), rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.75))
    if kind == 0:
        base = hsv(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.2, 0.95))
    near = canvas.height / np.maximum(patch.y - top + canvas.height * 0.25, 1)
    grain = fractal(rng, (160, 160), (3, 40) if kind == 1 else (8, 8), octaves=4, gain=0.6)
    rows = np.broadcast_to(near * 150, shape)
    columns = (patch.x - canvas.width / 2) * near * 0.5
    shade = 0.6 + 0.6 * sample(grain, rows, columns)
    if kind == 1:
        plank = np.floor(columns / rng.uniform(20, 50))
        shade = (
            shade
            * (0.85 + 0.2 * (plank % 3))
            * (np.abs(columns / 30 - np.round(columns / 30)) > 0.015)
        )
    elif kind == 0 and rng.random() < 0.5:
        pitch = rng.uniform(8, 30)
        shade = shade * np.where(
            (np.floor(rows / pitch) + np.floor(columns / pitch)) % 2 > 0, 1.15, 0.75
        )
    patch.blend(np.ones(shape, np.float32), base * shade[..., None])


def _paint_wall(rng: np.random.Generator, canvas: Canvas) -> None:
    wall = hsv(rng.random(), rng.uniform(0, 0.6), rng.uniform(0.06, 0.9))
    cells = rng.uniform(1, 4)
    stains = fractal(rng, canvas.shape, (cells, cells), octaves=5)
    x = np.linspace(rng.uniform(0.4, 1.2), rng.uniform(0.4, 1.2), canvas.width, dtype=np.float32)
    canvas.pixels[:] = wall * (0.7 + 0.5 * stains[..., None]) * x[None, :, None]
    if rng.random() < 0.3:  # the light of a window
        patch = canvas.whole()
        slope, wide = rng.uniform(-0.5, 0.5), canvas.width * rng.uniform(0.15, 0.3)
        u = patch.x - canvas.width * rng.uniform(0.2, 0.7) + slope * patch.y
        panes = (
            (np.abs(u) < wide) & (np.abs(u) > wide * 0.06) & (patch.y % (canvas.height * 0.28) > 5)
        )
        canvas.pixels += gaussian(panes.astype(np.float32), 1.5)[..., None] * rng.uniform(0.1, 0.3)


def _table(rng: np.random.Generator, canvas: Canvas) -> None:
    _paint_wall(rng, canvas)
    top = canvas.height * rng.uniform(0.3, 0.7)
    _paint_wood(rng, canvas, top)
    sun = _pick_sun(rng)
    if rng.random() < 0.35:
        _paint_jug(rng, canvas, top, sun)
    kinds = [_pick_kind(rng) for _ in range(int(rng.integers(1, 5)))]
    count = int(rng.integers(2, 13))
    size = canvas.short * rng.uniform(0.28, 0.5) / np.sqrt(count)
    middle, spread = canvas.width * rng.uniform(0.35, 0.65), canvas.width * rng.uniform(0.15, 0.35)
    feet = np.sort(rng.uniform(top + 0.1 * canvas.height, canvas.height * 0.95, count))
    for foot in feet:
        kind = kinds[rng.integers(len(kinds))]
        radius = size * kind.size * rng.uniform(0.85, 1.15)
        x = middle + spread * rng.uniform(-1, 1)
        for _ in range(1 if kind.size > 0.5 else int(rng.integers(3, 9))):
            at = (
                (x, foot)
                if kind.size > 0.5
                else (x + rng.normal(0, radius), foot + rng.normal(0, radius * 0.5))
            )
            _paint_shadow(canvas, at[0], at[1], radius, sun)
            _paint_fruit(rng, canvas, kind, (at[0], at[1] - 0.8 * radius), radius, sun=sun)


def _paint_jug(rng: np.random.Generator, canvas: Canvas, top: float, sun: Point) -> None:
    x, foot = canvas.width * rng.uniform(0.15, 0.85), top + canvas.height * 0.1
    tall, wide = canvas.height * rng.uniform(0.3, 0.6), canvas.short * rng.uniform(0.08, 0.16)
    patch = canvas.patch(x - 2 * wide, foot - tall, x + 2 * wide, foot)
    t = (foot - patch.y) / tall
    half = wide * (0.75 + 0.45 * np.sin(t * rng.uniform(3, 5) + rng.uniform(0, 1)))
    across = (patch.x - x) / half
    lit = 0.35 + 0.6 * np.clip(np.sqrt(np.clip(1 - across**2, 0, 1)) * 0.7 + across * sun[0], 0, 1)
    inside = np.clip((1 - np.abs(across)) * half, 0, 1) * ((t > 0) & (t < 1))
    patch.blend(
        inside, hsv(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.4, 0.95)) * lit[..., None]
    )


def _bowl(rng: np.random.Generator, canvas: Canvas) -> None:
    """A dish from above."""
    _paint_wood(rng, canvas, -canvas.height * rng.uniform(0.5, 3))
    x, y = canvas.width * rng.uniform(0.4, 0.6), canvas.height * rng.uniform(0.4, 0.6)
    rim = canvas.short * rng.uniform(0.33, 0.6)
    glaze, sun = hsv(rng.random(), rng.uniform(0, 0.7), rng.uniform(0.3, 1)), _pick_sun(rng)
    _paint_shadow(canvas, x, y + rim * 0.6, rim, sun)
    flat = rng.uniform(0.6, 1)
    canvas.ellipse(x, y, rim, rim * flat, glaze)
    canvas.ellipse(x, y, rim * 0.9, rim * 0.9 * flat, glaze * 0.65, soft=4)
    kinds = [_pick_kind(rng) for _ in range(int(rng.integers(1, 4)))]
    size = rim * rng.uniform(0.2, 0.42)
    for _ in range(int(rng.integers(5, 20))):
        turn, far = rng.uniform(0, 6.28), rim * 0.68 * np.sqrt(rng.random())
        kind = kinds[rng.integers(len(kinds))]
        _paint_fruit(
            rng,
            canvas,
            kind,
            (x + far * cos(turn), y + far * flat * sin(turn)),
            size * min(kind.size, 1.1),
            sun=sun,
        )


def _stall(rng: np.random.Generator, canvas: Canvas) -> None:
    """Heaps of fruit, box beside box."""
    canvas.pixels[:] = hsv(rng.uniform(0.05, 0.12), 0.4, rng.uniform(0.1, 0.4))
    sun = _pick_sun(rng)
    boxes = int(rng.integers(1, 4))
    size = canvas.short * rng.uniform(0.07, 0.16)
    for box in range(boxes):
        kind = _pick_kind(rng)
        radius = size * float(np.clip(kind.size, 0.6, 1.2))
        left, right = canvas.width * box / boxes, canvas.width * (box + 1) / boxes
        pitch = radius * rng.uniform(1.5, 1.9)
        for row in range(int(canvas.height / (pitch * 0.85)) + 2):
            for column in range(int((right - left) / pitch) + 1):
                x = left + (column + 0.5 * (row % 2)) * pitch + rng.normal(0, radius * 0.12)
                _paint_fruit(
                    rng,
                    canvas,
                    kind,
                    (x, row * pitch * 0.85),
                    radius * rng.uniform(0.9, 1.1),
                    sun=sun,
                )
        if box:
            canvas.box(
                left - size * 0.25,
                0,
                left + size * 0.25,
                canvas.height,
                jitter(rng, hsv(0.09, 0.5, 0.55)),
            )


def _single(rng: np.random.Generator, canvas: Canvas) -> None:
    _paint_wall(rng, canvas)
    if rng.random() < 0.7:
        _paint_wood(rng, canvas, canvas.height * rng.uniform(0.4, 0.7))
    canvas.pixels[:] = gaussian(canvas.pixels, rng.uniform(0.5, 4))
    sun, kind = _pick_sun(rng), _pick_kind(rng)
    for _ in range(int(rng.choice((1, 1, 2, 3)))):
        radius = canvas.short * rng.uniform(0.18, 0.36) / max(kind.long * 0.8, 1)
        x, y = canvas.width * rng.uniform(0.3, 0.7), canvas.height * rng.uniform(0.45, 0.65)
        _paint_shadow(canvas, x, y + radius * 0.85, radius, sun)
        _paint_fruit(rng, canvas, kind, (x, y), radius, sun=sun)
    canvas.pixels[:] = np.clip(mix(canvas.pixels, canvas.pixels**1.2, rng.random()), 0, 1)
