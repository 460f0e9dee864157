"""Boats: sails, trawlers and freighters on open water, in bays and harbours."""

# mypy: disable-error-code="no-any-return"
# NumPy types what it indexes and computes as Any.

import numpy as np

from pixsieve.demo.canvas import Canvas, Field, Point
from pixsieve.demo.colour import Colour, hsv, jitter, mix, rgb
from pixsieve.demo.noise import fractal, line
from pixsieve.demo.scenes.sky import Light, paint_sky, pick_light

_WATERS = ("1f5f7a", "2b6f8f", "17404f", "3f8f8a", "5a6f78", "1a3560", "52a6a8", "4b5d55")


def draw(rng: np.random.Generator, canvas: Canvas) -> None:
    """Draws water with one to nine boats."""
    light = pick_light(rng)
    horizon = canvas.height * rng.uniform(0.15, 0.7)
    paint_sky(rng, canvas, light, horizon)
    if rng.random() < 0.5:
        _paint_coast(rng, canvas, light, horizon)
    water = mix(
        jitter(rng, rgb(_WATERS[rng.integers(len(_WATERS))]), 0.06),
        light.middle,
        rng.uniform(0.1, 0.5),
    )
    _paint_water(rng, canvas, light, horizon, water * light.strength)
    _paint_fleet(rng, canvas, light, horizon)
    if rng.random() < 0.25:
        _paint_beach(rng, canvas, light)


def _paint_water(
    rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float, water: Colour
) -> None:
    patch = canvas.patch(0, horizon + 2, canvas.width, canvas.height)
    depth = (patch.y - horizon + 2) / (canvas.height - horizon)
    waves = _waves(rng, canvas, patch.y - horizon + 4, patch.x)
    roughness = rng.uniform(0.15, 0.7)
    base = mix(light.haze, water, 0.45) + np.sqrt(depth)[..., None] * (
        water - mix(light.haze, water, 0.45)
    )
    patch.blend(np.ones_like(waves), base * (1 + roughness * (waves - 0.5))[..., None])
    spread = canvas.width * rng.uniform(0.03, 0.2) * (0.4 + depth)
    path = np.exp(-(((patch.x - light.x * canvas.width) / spread) ** 2))
    glitter = np.clip((waves - rng.uniform(0.45, 0.7)) * 5, 0, 1)
    patch.blend(rng.uniform(0.2, 0.9) * glitter * path, light.sun)
    if rng.random() < 0.4:
        foam = np.clip((waves - 0.82) * 8, 0, 1) * depth
        patch.blend(foam, mix(light.haze, rgb("ffffff"), 0.7) * light.strength)


def _waves(rng: np.random.Generator, canvas: Canvas, below: Field, x: Field) -> Field:
    """Noise on a plane that runs to the horizon: far waves are small and flat."""
    size = (256, 256)
    swell = fractal(rng, size, (16, 16), octaves=4, gain=0.65, ridged=bool(rng.random() < 0.5))
    near = canvas.height * rng.uniform(0.5, 1.5) / np.maximum(below, 1)
    across = (x - canvas.width * rng.uniform(0, 1)) * near * rng.uniform(0.25, 0.8)
    along = 60 * near * rng.uniform(0.6, 2)
    rows = np.broadcast_to(along, across.shape)
    columns = across + rng.uniform(0, 1) * rows
    return swell[np.floor(rows).astype(int) % size[0], np.floor(columns).astype(int) % size[1]]


def _paint_coast(rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float) -> None:
    land = (
        hsv(rng.uniform(0.05, 0.4), rng.uniform(0.1, 0.5), rng.uniform(0.2, 0.5)) * light.strength
    )
    tall = canvas.height * rng.uniform(0.04, 0.3)
    edge = (
        horizon
        + 3
        - tall
        * np.clip(line(rng, canvas.width, rng.uniform(1, 4)) * 1.6 - rng.uniform(0, 0.7), 0, 1)
    )
    rough = fractal(rng, canvas.shape, (30, 30), octaves=3)
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    colour = mix(light.haze, land, rng.uniform(0.3, 1)) * (0.65 + 0.7 * rough[..., None])
    canvas.whole().blend(np.clip(y - edge[None], 0, 1) * (y < horizon + 3), colour)
    if rng.random() < 0.3:
        x, base = canvas.width * rng.uniform(0.1, 0.9), horizon + 2
        high, wide = canvas.short * rng.uniform(0.15, 0.35), canvas.short * 0.02
        tower = [
            (x - wide, base),
            (x - wide * 0.6, base - high),
            (x + wide * 0.6, base - high),
            (x + wide, base),
        ]
        canvas.polygon(tower, rgb("f2efe6") * light.strength)
        canvas.box(
            x - wide * 0.8,
            base - high * 0.6,
            x + wide * 0.8,
            base - high * 0.4,
            rgb("b8322a") * light.strength,
        )
        canvas.ellipse(x, base - high, wide, wide, rgb("fff2b0"))


def _paint_fleet(rng: np.random.Generator, canvas: Canvas, light: Light, horizon: float) -> None:
    count = int(rng.choice((1, 1, 1, 2, 2, 3, 4, 6, 9)))
    room = canvas.height - horizon
    big = rng.uniform(0.25, 0.62) / np.sqrt(count)
    kind = int(rng.integers(3))
    depths = np.sort(rng.uniform(0.03, 0.75, count)) if count > 1 else rng.uniform(0.1, 0.6, 1)
    for depth in depths:
        size = canvas.short * big * (0.45 + depth)
        at = (float(canvas.width * rng.uniform(0.1, 0.9)), float(horizon + room * depth))
        if rng.random() < 0.25:
            kind = int(rng.integers(3))
        (_sailboat, _trawler, _freighter)[kind](rng, canvas, light, at, float(size))


def _hull(rng: np.random.Generator, canvas: Canvas, light: Light, at: Point, size: Point) -> Colour:
    (x, y), (half, deep) = at, size
    facing = 1 if rng.random() < 0.5 else -1
    colour = hsv(rng.random(), rng.uniform(0, 0.75), rng.uniform(0.15, 0.95)) * light.strength
    shadow = canvas.patch(x - 1.2 * half, y, x + 1.2 * half, y + 2.5 * deep)
    wobble = np.sin(shadow.y * 1.7 + rng.uniform(0, 6)) * 0.06 * half
    away = np.abs(shadow.x - x + wobble) - half * 0.9 * np.clip(
        1 - (shadow.y - y) / (3 * deep), 0, 1
    )
    shadow.blend(np.clip(0.5 - away / 3, 0, 1) * 0.55, colour * 0.4)
    points = [
        (x - facing * half, y - deep),
        (x + facing * half * 1.15, y - deep * rng.uniform(1, 1.5)),
        (x + facing * half * 0.85, y + deep * 0.3),
        (x - facing * half * 0.9, y + deep * 0.3),
    ]
    canvas.polygon(points, colour)
    canvas.stroke(
        points[0],
        points[1],
        max(1.0, deep * 0.18),
        mix(colour, rgb("ffffff"), 0.6) * light.strength,
    )
    canvas.stroke(points[3], points[2], max(1.0, deep * 0.3), colour * 0.45)
    return colour


def _sailboat(
    rng: np.random.Generator, canvas: Canvas, light: Light, at: Point, size: float
) -> None:
    x, y = at
    half, deep = size * rng.uniform(0.28, 0.4), size * rng.uniform(0.07, 0.12)
    tall = size * rng.uniform(0.8, 1.2)
    _hull(rng, canvas, light, at, (half, deep))
    lean = rng.uniform(-0.12, 0.12) * tall
    top, foot = (x + lean, y - deep - tall), (x, y - deep)
    canvas.stroke(foot, top, max(1.2, size * 0.015), rgb("4a3b2c") * light.strength)
    cloth = rgb("f7f3e8") if rng.random() < 0.6 else hsv(rng.random(), rng.uniform(0.3, 0.75), 0.85)
    for side, reach in ((1, rng.uniform(0.6, 1.0)), (-1, rng.uniform(0.4, 1.1))):
        if side == -1 and rng.random() < 0.25:
            continue
        clew = (x + side * half * reach, y - deep * 1.6)
        sail = [(top[0] + side * 2, top[1] + 2), clew, (x + side * 2, y - deep * 1.8)]
        canvas.polygon(sail, cloth * light.strength * (1.0 if side == 1 else 0.82))
        for share in (0.35, 0.65):
            seam = [
                (a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]))
                for a, b in ((sail[0], sail[2]), (sail[0], sail[1]))
            ]
            canvas.stroke(seam[0], seam[1], 1.0, cloth * light.strength * 0.7)


def _trawler(
    rng: np.random.Generator, canvas: Canvas, light: Light, at: Point, size: float
) -> None:
    x, y = at
    half, deep = size * rng.uniform(0.35, 0.5), size * rng.uniform(0.12, 0.2)
    _hull(rng, canvas, light, at, (half, deep))
    cabin, high = half * rng.uniform(0.25, 0.45), size * rng.uniform(0.15, 0.28)
    left = x + half * rng.uniform(-0.7, 0.2)
    paint = jitter(rng, rgb("efe9dc"), 0.1) * light.strength
    canvas.box(left, y - deep - high, left + cabin, y - deep, paint)
    canvas.box(left - 2, y - deep - high * 1.12, left + cabin + 2, y - deep - high, paint * 0.55)
    for share in (0.12, 0.55):
        canvas.box(
            left + cabin * share,
            y - deep - high * 0.8,
            left + cabin * (share + 0.3),
            y - deep - high * 0.45,
            rgb("26323d"),
        )
    for _ in range(int(rng.integers(1, 4))):
        foot = x + half * rng.uniform(-0.8, 0.8)
        mast = (foot + size * rng.uniform(-0.15, 0.15), y - deep - size * rng.uniform(0.3, 0.65))
        canvas.stroke((foot, y - deep), mast, max(1.2, size * 0.02), rgb("5b4632") * light.strength)
        canvas.stroke(mast, (x + half * rng.uniform(-1, 1), y - deep), 1.0, rgb("2b2b2b"))


def _freighter(
    rng: np.random.Generator, canvas: Canvas, light: Light, at: Point, size: float
) -> None:
    x, y = at
    half, deep = size * rng.uniform(0.6, 0.85), size * rng.uniform(0.09, 0.16)
    _hull(rng, canvas, light, at, (half, deep))
    block = half * 0.16
    for column in range(int(rng.integers(4, 9))):
        left = x - half * 0.75 + column * block * 1.08
        for level in range(int(rng.integers(1, 5))):
            paint = hsv(
                rng.choice((0.02, 0.08, 0.33, 0.58, 0.6, 0.12)),
                rng.uniform(0.3, 0.85),
                rng.uniform(0.4, 0.9),
            )
            bottom = y - deep - level * block * 0.55
            canvas.box(left, bottom - block * 0.5, left + block, bottom, paint * light.strength)
    tower = x + half * 0.72
    canvas.box(
        tower - block,
        y - deep - block * 3.2,
        tower + block * 0.4,
        y - deep,
        rgb("f0eee8") * light.strength,
    )
    canvas.box(
        tower - block,
        y - deep - block * 2.8,
        tower + block * 0.4,
        y - deep - block * 2.4,
        rgb("27343f"),
    )


def _paint_beach(rng: np.random.Generator, canvas: Canvas, light: Light) -> None:
    sand = jitter(rng, rgb("cdb48a"), 0.1) * light.strength
    slope = np.linspace(0, rng.uniform(-0.2, 0.2), canvas.width, dtype=np.float32)
    edge = canvas.height * (
        rng.uniform(0.78, 0.92) + slope + 0.06 * line(rng, canvas.width, 2, octaves=3)
    )
    grains = fractal(rng, canvas.shape, (40, 40), octaves=2, gain=0.9)
    y = np.arange(canvas.height, dtype=np.float32)[:, None]
    inland = y - edge[None]
    canvas.whole().blend(np.clip(inland, 0, 1), sand * (0.75 + 0.4 * grains[..., None]))
    canvas.whole().blend(np.clip(1 - np.abs(inland) / 4, 0, 0.8), rgb("ffffff") * light.strength)
