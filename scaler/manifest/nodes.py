"""YAML values with the line that each starts on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A YAML value and the line it starts on. What isn't there is a node too: its value is None."""

    value: "Value"
    line: int
    text: str = ""  # a scalar, as written

    @property
    def is_given(self) -> bool:
        """Whether there is a value; null is none."""
        return self.value is not None

    @property
    def entries(self) -> "Mapping[str, Node]":
        """The entries of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "tuple[Node, ...]":
        """The items of a list; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def kind(self) -> str:
        """What the value is, in the words of YAML's users."""
        return _KINDS[type(self.value)]

    @property
    def whole(self) -> int | None:
        """The value as a whole number, None when it is none."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def get(self, *path: str) -> "Node":
        """Return the node at the end of `path`; one that isn't given where the path breaks off."""
        node = self
        for key in path:
            node = node.entries.get(key, Node(None, node.line))
        return node


Value: TypeAlias = str | int | float | bool | tuple[Node, ...] | dict[str, Node] | None
_KINDS: dict[type, str] = {
    str: "text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
