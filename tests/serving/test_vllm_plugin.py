"""What of the plugin needs neither vLLM nor torch: settings, versions, registration."""

import subprocess
import sys

import pytest

from serving.loader.errors import BadSettings, LoadError
from serving.vllm_plugin.settings import PluginSettings
from serving.vllm_plugin.versions import require_supported


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": "s3://a/b"}, "unknown key 'weight': did you mean 'weights'"),
        ({"zzz": 1}, "unknown key 'zzz': Allowed are weights, sharing, start_file"),
        ({"weights": ""}, "weights must be text"),
        ({"sharing": "some"}, "sharing must be one of auto, broadcast, each, got 'some'"),
        ({"requires_all": 1}, "requires_all must be true or false"),
        ({"read_threads": 0}, "read_threads must be from 1 to 256, got 0"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name(given: dict[str, object], said: str):
    with pytest.raises(BadSettings, match=said):
        PluginSettings.of(given)


@pytest.mark.parametrize(
    ("sharing", "ranks", "is_remote", "direct_io", "is_sent"),
    [
        ("auto", 1, True, "auto", False),
        ("auto", 2, True, "auto", True),
        ("auto", 2, False, "never", False),
        ("each", 2, True, "never", False),
        ("broadcast", 2, False, "auto", True),
    ],
)
def test_ranks_share_what_is_read(
    sharing: str, ranks: int, *, is_remote: bool, direct_io: str, is_sent: bool
):
    settings, sent = PluginSettings.of({"sharing": sharing}).among(ranks, is_remote=is_remote)
    assert (settings.direct_io, sent) == (direct_io, is_sent)


@pytest.mark.parametrize("version", ["0.32.0", "0.32.1+cpu", "0.33.0rc1"])
def test_a_version_of_the_range_is_taken(version: str):
    require_supported(version)


@pytest.mark.parametrize("version", ["0.31.9", "0.34.0", "1.0", "dev", "0.x"])
def test_another_version_is_refused_with_the_range(version: str):
    with pytest.raises(LoadError, match=r"from 0\.32 to before 0\.34, this is"):
        require_supported(version)


REGISTER = """
import sys
from serving.vllm_plugin import register as plugin
plugin.register(); plugin.register()
assert "torch" not in sys.modules and "vllm" not in sys.modules, "registering is light"
assert sum(type(finder).__name__ == "_Finder" for finder in sys.meta_path) == 1
sys.meta_path[:] = [f for f in sys.meta_path if type(f).__name__ != "_Finder"]
seen = []
plugin._when_imported("colorsys", lambda module: seen.append(module.__name__))
assert seen == []
import colorsys
assert seen == ["colorsys"] and colorsys.rgb_to_hsv(1, 0, 0) == (0.0, 1.0, 1)
plugin._when_imported("colorsys", lambda module: seen.append("again"))
assert seen == ["colorsys", "again"]
"""


def test_registering_imports_nothing_and_waits_for_vllms_loaders():
    found = subprocess.run(
        [sys.executable, "-c", REGISTER], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stderr
