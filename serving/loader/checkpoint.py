"""A checkpoint that is open: its files' headers, checked, and the files themselves."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from serving.loader.errors import BadCheckpoint, Incomplete, NotFound
from serving.loader.header import (
    PREFIX_BYTES,
    FileLayout,
    TensorEntry,
    header_bytes,
    parse_header,
)
from serving.loader.index import MAX_INDEX_BYTES, Index, parse_index, require_agreement
from serving.loader.readers.opening import folder_at, pace_of, read_threads
from serving.loader.readers.pace import Pace
from serving.loader.readers.source import Folder, Source, read_all
from serving.loader.settings import Settings

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
_NAMES_SHOWN = 5


@dataclass(slots=True)
class Checkpoint:
    """Files that are open, with the layout of each, in the order in which they are read."""

    label: str
    layouts: tuple[FileLayout, ...]
    sources: Mapping[str, Source]
    pace: Pace
    read_threads: int
    is_remote: bool
    warnings: tuple[str, ...] = ()

    @property
    def tensors(self) -> dict[str, TensorEntry]:
        """Every tensor by its name."""
        return {entry.name: entry for layout in self.layouts for entry in layout.tensors}

    @property
    def names(self) -> frozenset[str]:
        """The names of all tensors."""
        return frozenset(self.tensors)

    @property
    def n_bytes(self) -> int:
        """The bytes of all tensors."""
        return sum(entry.n_bytes for layout in self.layouts for entry in layout.tensors)

    def require(self, names: Collection[str], *, tied: Mapping[str, str] | None = None) -> None:
        """Raise Incomplete unless every name is there.

        `tied` are tensors that are stored once under another name: name to that name.
        """
        tied = tied or {}
        there = self.names
        lacking = sorted(
            name for name in names if name not in there and tied.get(name) not in there
        )
        if lacking:
            shown = ", ".join(lacking[:_NAMES_SHOWN])
            more = f" and {len(lacking) - _NAMES_SHOWN} more" if len(lacking) > _NAMES_SHOWN else ""
            raise Incomplete(
                f"{self.label}: {len(lacking)} of {len(set(names))} tensors that the model needs "
                f"aren't there: {shown}{more}"
            )

    def unneeded(self, names: Collection[str]) -> tuple[str, ...]:
        """Return the tensors that are there and aren't among `names`."""
        return tuple(sorted(self.names.difference(names)))


@contextlib.contextmanager
def open_checkpoint(address: str, settings: Settings | None = None) -> Iterator[Checkpoint]:
    """Open what is at `address`: a folder, an index or one file, for as long as the block lasts.

    A folder without an index is its one `model.safetensors`; a local one is all its safetensors
    files. Raises BadCheckpoint, NotFound and other kinds of LoadError.
    """
    settings = settings or Settings()
    pace = pace_of(settings)
    folder, name = folder_at(address, settings, pace)
    sources: dict[str, Source] = {}
    try:
        yield _opened(folder, name, settings, pace, sources)
    finally:
        pace.stop.set()
        for source in sources.values():
            source.close()
        folder.close()


def _opened(
    folder: Folder, name: str | None, settings: Settings, pace: Pace, sources: dict[str, Source]
) -> Checkpoint:
    index, files = _files(folder, name)
    threads = read_threads(folder, settings)
    with ThreadPoolExecutor(min(threads, len(files)), "prewarm-open") as pool:
        # A source that opened is closed even when another one fails.
        for opening in [pool.submit(_open_into, folder, file, sources) for file in files]:
            opening.result()
        layouts = tuple(pool.map(lambda file: _layout(file, sources[file]), files))
    warnings: tuple[str, ...] = ()
    if index is not None:
        require_agreement(index, layouts)
        warnings = _warnings(index, layouts)
    else:
        _require_one_place(layouts)
    return Checkpoint(
        folder.label,
        layouts,
        sources,
        pace,
        threads,
        folder.is_remote,
        warnings,
    )


def _open_into(folder: Folder, file: str, sources: dict[str, Source]) -> None:
    sources[file] = folder.open(file)


def _files(folder: Folder, name: str | None) -> tuple[Index | None, tuple[str, ...]]:
    if name is not None and not name.endswith(".json"):
        return None, (name,)
    try:
        index = _index(folder, name or INDEX_NAME)
    except NotFound:
        if name is not None:
            raise
        return None, _files_without_index(folder)
    return index, index.shards


def _files_without_index(folder: Folder) -> tuple[str, ...]:
    names = folder.names()
    if names is None:
        return (SINGLE_NAME,)
    found = tuple(file for file in names if file.endswith(".safetensors"))
    if not found:
        raise NotFound(f"{folder.label}: holds no safetensors files")
    return found


def _index(folder: Folder, name: str) -> Index:
    source = folder.open(name)
    try:
        return parse_index(source.label, read_all(source, MAX_INDEX_BYTES))
    except ValueError as exc:
        raise BadCheckpoint(str(exc)) from exc
    finally:
        source.close()


def _layout(file: str, source: Source) -> FileLayout:
    prefix = bytearray(min(PREFIX_BYTES, source.n_bytes))
    source.read_into(0, memoryview(prefix))
    header = bytearray(header_bytes(file, bytes(prefix), source.n_bytes))
    source.read_into(PREFIX_BYTES, memoryview(header))
    return parse_header(file, bytes(header), source.n_bytes)


def _warnings(index: Index, layouts: Collection[FileLayout]) -> tuple[str, ...]:
    total = sum(entry.n_bytes for layout in layouts for entry in layout.tensors)
    if index.total_bytes is None or index.total_bytes == total:
        return ()
    return (f"{index.file}: total_size is {index.total_bytes}, its tensors have {total} bytes",)


def _require_one_place(layouts: Collection[FileLayout]) -> None:
    places: dict[str, str] = {}
    for layout in layouts:
        for entry in layout.tensors:
            if entry.name in places:
                raise BadCheckpoint(
                    f"tensor {entry.name!r} is in two files: {places[entry.name]} and "
                    f"{layout.file}; without {INDEX_NAME} nobody can tell which one is meant"
                )
            places[entry.name] = layout.file
