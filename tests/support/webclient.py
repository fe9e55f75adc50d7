"""A page from a server on loopback."""

import asyncio
from dataclasses import dataclass

import requests


@dataclass(frozen=True)
class Page:
    status: int
    text: str


async def get(url: str) -> Page:
    """Return the page; the request runs in a thread, so that the loop can answer it."""
    response = await asyncio.to_thread(requests.get, url, timeout=5)
    return Page(response.status_code, response.text)
