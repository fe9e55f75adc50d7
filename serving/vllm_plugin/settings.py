"""What `model_loader_extra_config` may hold: the loader's settings, and a few of the plugin's."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Literal, Self, get_args

from serving.loader.errors import BadSettings
from serving.loader.settings import Settings

Sharing = Literal["auto", "broadcast", "each"]
_TEXTS = ("weights", "start_file")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """Where weights are, who reads them, and how."""

    # A path, http(s)://, s3:// or gs://; unless given, the model's own directory.
    weights: str | None = None
    # Who reads with tensor parallelism: see `sharing.py`.
    sharing: Sharing = "auto"
    # Where the record of the start goes, one line of JSON, for a sidecar.
    start_file: str | None = None
    # An unquantised model's every parameter must get weights.
    requires_all: bool = True
    loader: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        for name in _TEXTS:
            if not isinstance(getattr(self, name), str | None) or getattr(self, name) == "":
                raise BadSettings(f"{name} must be text, got {getattr(self, name)!r}")
        if not isinstance(self.requires_all, bool):
            raise BadSettings(f"requires_all must be true or false, got {self.requires_all!r}")
        if self.sharing not in get_args(Sharing):
            raise BadSettings(
                f"sharing must be one of {', '.join(get_args(Sharing))}, got {self.sharing!r}"
            )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings. Raises BadSettings, which for an unknown key names those allowed."""
        own = [item.name for item in fields(cls) if item.name != "loader"]
        known = [*own, *(item.name for item in fields(Settings))]
        for key in values:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise BadSettings(
                    f"model_loader_extra_config: unknown key {key!r}: {hint}"
                    f"Allowed are {', '.join(known)}"
                )
        loader = Settings.of({key: value for key, value in values.items() if key not in own})
        return cls(loader=loader, **{key: values[key] for key in own if key in values})

    def among(self, n_ranks: int, *, is_remote: bool) -> tuple[Settings, bool]:
        """Return how each of `n_ranks` on a machine reads, and whether only the first one does.

        From a local disk each reads, but through the page cache, so that the disk gives each byte
        once. From elsewhere the first one reads and broadcasts.
        """
        if n_ranks == 1:
            return self.loader, False
        if self.sharing == "broadcast" or (self.sharing == "auto" and is_remote):
            return self.loader, True
        if self.loader.direct_io == "auto":
            return replace(self.loader, direct_io="never"), False
        return self.loader, False
