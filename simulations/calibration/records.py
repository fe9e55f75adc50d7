"""Sweep files to flat records: JSON results of `vllm bench serve`, or a CSV of the same fields."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulations.calibration.errors import BadSweep

MAX_FILE_BYTES = 256 * 1024 * 1024  # --save-detailed keeps every token's time
SUFFIXES = (".json", ".jsonl", ".csv")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """The fields of one benchmark run as written, and what messages call it."""

    where: str
    fields: Mapping[str, Any]


def read_records(paths: Sequence[Path]) -> tuple[Record, ...]:
    """Return the records of files, and of the files in folders. Raises `BadSweep`."""
    found = tuple(record for path in _files(paths) for record in _read(path))
    if not found:
        raise BadSweep("no benchmark result was given; name the files that --save-result wrote")
    return found


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            # vLLM writes NAME.pytorch.json beside a result: the same run in another form.
            inside = sorted(
                each
                for each in path.iterdir()
                if each.suffix.lower() in SUFFIXES and not each.name.endswith(".pytorch.json")
            )
            if not inside:
                raise BadSweep(f'"{path}" holds no .json, .jsonl or .csv file')
            yield from inside
        elif path.suffix.lower() in SUFFIXES:
            yield path
        else:
            raise BadSweep(
                f'"{path}" is not allowed; allowed are a folder and names that end in '
                f"{', '.join(SUFFIXES)}"
            )


def _read(path: Path) -> Iterator[Record]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise BadSweep(f"{path}: more than {MAX_FILE_BYTES // 1024**2} MiB")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSweep(f"{path} can't be read: {exc}") from exc
    if path.suffix.lower() == ".csv":
        yield from _of_csv(path, text)
    else:
        yield from _of_json(path, text)


def _of_json(path: Path, text: str) -> Iterator[Record]:
    """Yield the objects of a file: one, a list, or one after another as --append-result writes."""
    decoder, place, found = json.JSONDecoder(), 0, []
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        try:
            value, place = decoder.raw_decode(text, place)
        except ValueError as exc:
            raise BadSweep(f"{path} is no JSON: {exc}") from exc
        found += value if isinstance(value, list) else [value]
    for number, value in enumerate(found, start=1):
        where = str(path) if len(found) == 1 else f"{path}, result {number}"
        if not isinstance(value, dict):
            raise BadSweep(f"{where} is no object; needed is what vllm bench serve writes")
        yield Record(where=where, fields=value)


def _of_csv(path: Path, text: str) -> Iterator[Record]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, row in enumerate(csv.DictReader(lines), start=1):
        if None in row:
            raise BadSweep(f"{path}, row {number}: more values than columns")
        fields = {name: value for name, value in row.items() if value}
        yield Record(where=f"{path}, row {number}", fields=fields)
