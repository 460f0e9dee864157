"""What lies beside a picture in a WebDataset shard: its label, its text, its fields.

Members with the same name up to the first dot are one sample: `01/cat.jpg`, `01/cat.cls`,
`01/cat.txt`, `01/cat.json` (the format's own documentation).
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from pixsieve.sources.places import LISTED
from pixsieve.sources.tables.columns import is_pattern

EXTENSIONS = frozenset(("cls", "txt", "json"))
#: A longer sidecar is none.
MOST_BYTES = 1 << 20
#: Fields that the samples of one archive may have between them.
MOST_FIELDS = 100
#: What may be kept of sidecars: so many bytes, and so many sidecars.
MOST_KEPT = 512 << 20
MOST_SIDECARS = 4_000_000
#: Fields of the JSON that hold the label, the first first.
LABELS = ("label", "class", "cls")
WHOLE = range(-(2**63), 2**63)


def sample_key(name: str) -> str:
    """The name up to the first dot behind its folder: the same for all of one sample."""
    folder, slash, base = name.rpartition("/")
    return f"{folder}{slash}{base.partition('.')[0]}"


def is_sidecar(name: str) -> bool:
    """Whether the name is one of a label, a text or fields."""
    base, _, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() in EXTENSIONS and bool(base) and "." not in base


class Sidecars:
    """The sidecars of one archive."""

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()
        self._samples: dict[str, dict[str, bytes]] = {}
        self._bytes = self._count = 0

    def has_room(self, size: int) -> bool:
        """Whether one of so many bytes can be kept; if not, that is noted."""
        full = self._bytes + size > MOST_KEPT or self._count >= MOST_SIDECARS
        if size > MOST_BYTES or full:
            self.notes["large_sidecars"] += 1
            return False
        return True

    def add(self, name: str, data: bytes) -> None:
        """What one holds; of two with the same name the first counts."""
        extension = name.rpartition(".")[2].lower()
        sample = self._samples.setdefault(sample_key(name), {})
        if extension not in sample:
            sample[extension] = data
            self._bytes += len(data)
            self._count += 1

    def columns(self, names: Sequence[str | None]) -> pl.DataFrame:
        """What the sidecars say of each member: `label`, `txt`, `key`, and the JSON's fields.

        The columns have the type of their values where those agree, else they are text; nested
        values are text in JSON. Without any sidecar there is no column.
        """
        if not self._samples:
            return pl.DataFrame()
        keys = [None if name is None else sample_key(name) for name in names]
        self.notes["not_pictures"] += sum(
            len(self._samples[key]) for key in self._samples.keys() - set(keys)
        )
        rows: list[dict[str, Any]] = []
        known: dict[str, dict[str, Any]] = {}
        for key in keys:
            if key is not None and key in self._samples and key not in known:
                known[key] = self._fields(key)
            rows.append(known.get(key or "", {}))
        if not known:
            return pl.DataFrame()
        return pl.DataFrame([column(name, rows) for name in self._names(known)])

    def _names(self, samples: dict[str, dict[str, Any]]) -> list[str]:
        names = {name: None for sample in samples.values() for name in sample}
        first = [name for name in ("label", "txt", "key") if name in names]
        others = [name for name in names if name not in first]
        self.notes["fields"] += len(others[MOST_FIELDS:])
        return first + others[:MOST_FIELDS]

    def _fields(self, key: str) -> dict[str, Any]:
        sample = self._samples[key]
        fields = self._from_json(sample["json"]) if "json" in sample else {}
        label = _text(sample["cls"]) if "cls" in sample else None
        named = next((name for name in LABELS if fields.get(name) is not None), None)
        if label is None and named is not None:
            label = _label(fields.pop(named))
        fields.pop("label", None)
        if "txt" in sample:
            fields["txt"] = _text(sample["txt"])
        if label:
            fields["label"] = label
        fields["key"] = key
        return fields

    def _from_json(self, data: bytes) -> dict[str, Any]:
        try:
            found = json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            self.notes["broken_sidecars"] += 1
            return {}
        fields: dict[str, Any] = {}
        for name, value in found.items():
            if name:
                fields[_free(plain(name), fields, found)] = value
        return fields


def _free(name: str, *taken: dict[str, Any]) -> str:
    """The name, or one that no column of ours has, nor means several to Polars."""
    if name in LISTED or is_pattern(name):
        name = f"{name}_user"
        while any(name in fields for fields in taken):
            name += "_user"
    return name


def _text(data: bytes) -> str:
    return data.decode("utf-8-sig", errors="replace").strip()


def _label(value: Any) -> Any:
    """Several labels are one text, as annotations have them."""
    if isinstance(value, list):
        return "|".join(sorted({as_text(one) for one in value}))
    return as_text(value)


def plain(text: str) -> str:
    """Without halves of surrogate pairs, which no table can hold."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def as_text(value: Any) -> str:
    """Text as it is, all else as JSON."""
    return plain(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def column(name: str, rows: Sequence[dict[str, Any]]) -> pl.Series:
    """One field of all rows, in the type that its values share."""
    values = [row.get(name) for row in rows]
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Null)
    if name not in ("label", "split", "txt", "key"):
        if kinds == {bool}:
            return pl.Series(name, values, dtype=pl.Boolean)
        if kinds == {int} and all(value is None or value in WHOLE for value in values):
            return pl.Series(name, values, dtype=pl.Int64)
        if kinds <= {int, float} and float in kinds:
            return pl.Series(name, map(_real, values), dtype=pl.Float64)
    texts = [None if value is None else plain(as_text(value)) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def _real(value: float | None) -> float | None:
    try:
        return None if value is None else float(value)
    except OverflowError:
        return float("inf")
