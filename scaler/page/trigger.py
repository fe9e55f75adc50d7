"""The trigger as it was understood, in the words of its keys: what was set, what is in force."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from scaler.page.tree import Child, tag
from scaler.page.view import SettingView


def trigger_panel(settings: tuple[SettingView, ...]) -> Element | None:
    """Return the panel; None for a trigger that can't be used."""
    if not settings:
        return None
    rows = (tag("div", tag("dt", each.key), tag("dd", *_texts(each))) for each in settings)
    return tag("div", tag("h2", "Trigger"), tag("dl", rows, class_="keys"), class_="panel wide")


def _texts(setting: SettingView) -> Iterator[Child]:
    if setting.key == "query":
        yield tag("code", setting.in_force)
    elif setting.set_to is None:
        default = setting.in_force if setting.default is None else setting.default
        yield from (default, tag("span", " (default)", class_="quiet"))
        if setting.default is not None:
            yield from (tag("span", " → in force: ", class_="quiet"), setting.in_force)
    elif setting.set_to == setting.in_force:
        yield setting.in_force
    else:
        yield from (setting.set_to, tag("span", " → in force: ", class_="quiet"), setting.in_force)
