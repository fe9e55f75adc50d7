from pathlib import Path

import pytest

from scaler.adapters.credentials import SecretFile, basic_authorization
from scaler.errors import HistoryUnavailable


def failure(secret: SecretFile) -> str:
    with pytest.raises(HistoryUnavailable) as caught:
        secret.read()
    assert caught.value.reason == "missing-file"
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_secret_comes_without_the_newline_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2\n")
    assert SecretFile(path).read() == "hunter2"


def test_a_secret_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    secret = SecretFile(path)
    assert secret.read() == "first"
    path.write_text("second!")
    assert secret.read() == "second!"


def test_kubernetes_swaps_a_link_and_the_new_secret_is_read(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "token").write_text(version)
    link = tmp_path / "..data"
    link.symlink_to(tmp_path / "one")
    secret = SecretFile(link / "token")
    assert secret.read() == "one"
    fresh = tmp_path / "..data_tmp"
    fresh.symlink_to(tmp_path / "two")
    fresh.rename(link)
    assert secret.read() == "two"


def test_a_missing_secret_names_its_path(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert failure(SecretFile(path)) == f"can't read {path}: No such file or directory"


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"hunter2\nX-Other: 1", b"hunter2\r\nx", b"\xff\xfehunter2", b"h" * 70_000],
)
def test_what_is_not_one_line_is_refused_without_being_shown(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    secret = SecretFile(path)
    assert "hunter2" not in failure(secret) + repr(secret)
    assert "hhh" not in failure(secret)


def test_a_file_that_was_bad_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("")
    secret = SecretFile(path)
    failure(secret)
    path.write_text("good")
    assert secret.read() == "good"


def test_a_secret_is_not_in_its_repr(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2")
    secret = SecretFile(path)
    secret.read()
    assert "hunter2" not in repr(secret)


def test_basic_authorization_is_base64_of_utf_8() -> None:
    assert basic_authorization("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
