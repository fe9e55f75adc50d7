"""HTML and SVG as a tree: text and attributes are escaped when it is written, without exception.

There is no way to put raw markup into a tree, so nothing that a user can write becomes any. Script
and style elements, whose content HTML does not escape, are refused unless they are empty.
"""

from collections.abc import Iterable
from typing import TypeAlias
from xml.etree.ElementTree import Element, tostring

Child: TypeAlias = Element | str | None
Value: TypeAlias = str | int | float | bool | None
RAW_TEXT = frozenset({"script", "style"})


def tag(kind: str, /, *children: Child | Iterable[Child], **attributes: Value) -> Element:
    """Return an element. `class_` is class, `data_at` is data-at; None and False leave one out."""
    element = Element(kind)
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = "" if value is True else _text(value)
        element.set(key.rstrip("_").replace("_", "-"), shown)
    for child in children:
        if child is None or isinstance(child, str | Element):
            _append(element, child)
        else:
            for each in child:
                _append(element, each)
    return element


def page_bytes(root: Element) -> bytes:
    """Return a whole document in UTF-8."""
    return ("<!doctype html>\n" + fragment(root)).encode("utf-8", "replace")


def fragment(root: Element) -> str:
    """Return the text of a tree. Raises ValueError for text in a script or style element."""
    for element in root.iter():
        if element.tag in RAW_TEXT and (element.text or len(element)):
            raise ValueError(f"<{element.tag}> must be empty: its content would not be escaped")
    return tostring(root, encoding="unicode", method="html")


def _append(element: Element, child: Child) -> None:
    if child is None:
        return
    if isinstance(child, Element):
        element.append(child)
    elif len(element):
        element[-1].tail = (element[-1].tail or "") + child
    else:
        element.text = (element.text or "") + child


def _text(value: str | float) -> str:
    """Return an attribute's text; numbers are coordinates, a tenth of a unit is exact enough."""
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
