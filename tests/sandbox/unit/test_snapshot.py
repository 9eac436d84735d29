import os
from pathlib import Path

import pytest

from ec2_sandbox.client.home import WORLD
from ec2_sandbox.server import snapshot

CONTENT = {"machines": [1, 2, 3]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / WORLD
    snapshot.write(written, CONTENT, moto_version="5.2.5")
    return written


def test_what_was_written_is_read(path: Path) -> None:
    assert snapshot.read(path, moto_version="5.2.5")[0] == CONTENT


def test_it_is_private_and_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0, 1, 60, 130])
def test_a_truncated_one_is_refused(path: Path, kept: int) -> None:
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(snapshot.Unusable, match="damaged"):
        snapshot.read(path, moto_version="5.2.5")


def test_one_flipped_byte_is_refused(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[-3] ^= 1
    path.write_bytes(whole)
    with pytest.raises(snapshot.Unusable, match="checksum"):
        snapshot.read(path, moto_version="5.2.5")


def test_another_moto_is_refused(path: Path) -> None:
    with pytest.raises(snapshot.Unusable, match=r"moto 5\.2\.5"):
        snapshot.read(path, moto_version="5.3.0")


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_never_unpickled(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(snapshot.Unusable, match="others may write"):
        snapshot.read(path, moto_version="5.2.5")


@pytest.mark.skipif(os.name != "posix", reason="links need no rights on POSIX")
def test_a_link_is_never_followed(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(snapshot.Unusable, match="plain file"):
        snapshot.read(link, moto_version="5.2.5")


def test_an_unusable_one_is_kept_aside(path: Path) -> None:
    aside = snapshot.move_aside(path)
    assert not path.exists()
    assert aside.exists()
