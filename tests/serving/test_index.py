import json
from collections.abc import Mapping

import pytest

from serving.loader.errors import BadCheckpoint
from serving.loader.header import FileLayout, TensorEntry
from serving.loader.index import Index, parse_index, require_agreement

FILE = "model.safetensors.index.json"


def layout(file: str, *names: str) -> FileLayout:
    return FileLayout(file, 0, tuple(TensorEntry(name, "U8", (0,), 0, 0) for name in names))


def parse(value: object) -> Index:
    return parse_index(FILE, json.dumps(value).encode())


def test_shards_are_listed_once_and_in_order():
    index = parse(
        {"weight_map": {"b": "2.safetensors", "a": "1.safetensors", "c": "1.safetensors"}}
    )
    assert index.shards == ("1.safetensors", "2.safetensors")
    assert index.total_bytes is None


def test_the_total_is_what_the_index_says():
    value = {"metadata": {"total_size": 7}, "weight_map": {"a": "1.safetensors"}}
    assert parse(value).total_bytes == 7


@pytest.mark.parametrize(
    "shard",
    [
        "../evil.safetensors",
        "/etc/passwd",
        "a/b.safetensors",
        "a\\b.safetensors",
        "..",
        "",
        "http://host/w.safetensors",
        ".hidden.safetensors",
        "w.bin",
        "a\n.safetensors",
        "%2e%2e%2fw.safetensors",
        7,
        None,
    ],
)
def test_a_shard_that_could_leave_the_folder_is_refused(shard: object):
    with pytest.raises(BadCheckpoint, match="the plain name of a file beside the index"):
        parse({"weight_map": {"a": shard}})


@pytest.mark.parametrize(
    "value", [[], {}, {"weight_map": []}, {"weight_map": {}}, {"weight_map": "a"}]
)
def test_an_index_without_a_map_is_refused(value: object):
    with pytest.raises(BadCheckpoint, match="has no weight_map"):
        parse(value)


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff", b'{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}', b"[" * 99_999],
)
def test_an_index_that_is_no_json_is_refused(content: bytes):
    with pytest.raises(BadCheckpoint, match="isn't the JSON it must be"):
        parse_index(FILE, content)


AGREED = {"a": "1.safetensors", "b": "2.safetensors"}


def agree(files: Mapping[str, str], *layouts: FileLayout) -> None:
    require_agreement(Index(FILE, files, None), layouts)


def test_an_index_that_says_what_the_files_say_is_taken():
    agree(AGREED, layout("1.safetensors", "a"), layout("2.safetensors", "b"))


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (["a"], [], "2.safetensors: lacks tensor 'b'"),
        (["a", "c"], ["b"], "1.safetensors: holds tensor 'c', which .* says is nowhere"),
        (["b"], ["a"], "1.safetensors: holds tensor 'b', which .* says is in 2.safetensors"),
        (["a"], ["b", "a"], "'a' is in two files: 1.safetensors and 2.safetensors"),
    ],
)
def test_an_index_that_says_otherwise_is_refused(first: list[str], second: list[str], says: str):
    with pytest.raises(BadCheckpoint, match=says):
        agree(AGREED, layout("1.safetensors", *first), layout("2.safetensors", *second))
