"""Files to and from a machine that really runs, by the user's own OpenSSH, rsync and tar."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.guest_machines import GuestMachine, GuestWorld, need

import ec2_sandbox
from spotkeeper.errors import BadInput, CredentialsProblem, NotFound, SpotkeeperError, Unreachable
from spotkeeper.ssh import transfer
from spotkeeper.ssh.remote import follow_remote, run_remote
from spotkeeper.ssh.shell import Login

NAMES = ("a file", "new\nline", "-dash", "# no comment", "*", "ü'\"$(id)", ".hidden", "\udcff")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuestMachine]:
    need("bwrap", "ssh")
    with ec2_sandbox.Sandbox(scenario="calm", guests="jailed", speed=1) as sandbox:
        yield GuestWorld(sandbox, tmp_path_factory.mktemp("guests")).machine()


@pytest.fixture(scope="module")
def login(machine: GuestMachine, tmp_path_factory: pytest.TempPathFactory) -> Login:
    return Login(
        address=machine.described()["PublicIpAddress"],
        user="ubuntu",
        instance_id=machine.id,
        known_hosts=tmp_path_factory.mktemp("known 'hosts'") / "train",
        identity=machine.world.key,
        port=machine.login()["port"],
    )


@pytest.fixture(params=["rsync", "tar"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By rsync, and as if this computer had none."""
    if request.param == "rsync":
        need("rsync")
    else:
        monkeypatch.setattr(transfer, "_has_rsync", lambda: False)
    return str(request.param)


def filled(folder: Path) -> Path:
    """A folder with everything that a folder may hold."""
    for name in NAMES:
        (folder / "sub" / name).mkdir(parents=True)
        (folder / "sub" / name / name).write_text(ascii(name))
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("sub/a file/a file")
    (folder / "broken").symlink_to("/nowhere")
    (folder / "tool").write_text("#!/bin/sh\n")
    (folder / "tool").chmod(0o755)
    (folder / "read only").mkdir()
    (folder / "read only" / "file").write_text("kept")
    (folder / "read only").chmod(0o555)
    os.mkfifo(folder / "pipe")
    os.utime(folder / "tool", (1_000_000_000.0, 1_000_000_000.5))
    return folder


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """What it holds: kind, mode, time, content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in folder.rglob("*"):
        entry = path.lstat()
        if path.is_fifo():
            continue
        content = path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        time = 0 if path.is_symlink() else int(entry.st_mtime)
        found[str(path.relative_to(folder))] = (oct(entry.st_mode), time, content)
    return found


def quiet(_: str) -> None:
    """Nobody listens."""


@pytest.mark.one_in(2)
def test_a_folder_goes_there_and_comes_back_as_it_was(
    login: Login, way: str, tmp_path: Path
) -> None:
    source = filled(tmp_path / "source")
    there = f"here 'and' {way}"
    transfer.push(login, source, there, told=quiet)
    transfer.pull(login, there, tmp_path / "back", told=quiet)
    assert state(tmp_path / "back") == state(source)

    (source / "tool").write_text("#!/bin/sh\necho again\n")
    transfer.push(login, source, there, told=quiet)
    transfer.pull(login, f"{there}/tool", tmp_path / "back", told=quiet)
    assert (tmp_path / "back/tool").read_text() == "#!/bin/sh\necho again\n"


@pytest.mark.usefixtures("way")
def test_what_is_no_more_goes_on_request_and_what_changed_its_kind_is_replaced(
    login: Login, tmp_path: Path
) -> None:
    source = filled(tmp_path / "source")
    transfer.push(login, source, "mirror", told=quiet)
    assert transfer.superfluous(login, source, "mirror") == []
    for name in ("sub/-dash", "sub/new\nline"):
        shutil.rmtree(source / name)
    (source / "link").unlink()
    (source / "link").mkdir()
    (source / "link" / "new").touch()
    shutil.rmtree(source / "empty")
    (source / "empty").write_text("a file now")

    gone = transfer.superfluous(login, source, "mirror")
    assert gone == ["empty", "link", "sub/-dash", "sub/new\nline"]
    transfer.remove(login, "mirror", gone)
    transfer.push(login, source, "mirror", told=quiet)
    transfer.pull(login, "mirror", tmp_path / "back", told=quiet)
    assert state(tmp_path / "back") == state(source)
    transfer.remove(login, "mirror", transfer.superfluous(login, source, "mirror", ["tool"]))
    assert run_remote(login, ("ls", "-A", "mirror"))[1] == b"tool\n"


@pytest.mark.usefixtures("way")
@pytest.mark.soak
def test_no_link_leads_out_of_the_folder(login: Login, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    source = tmp_path / "source"
    (source / "link").mkdir(parents=True)
    (source / "link" / "file").write_text("theirs")
    (source / "file").write_text("theirs")
    run_remote(login, ("sh", "-c", "mkdir -p ways out && rm -rf ways/* && ln -s ../out ways/link"))
    transfer.push(login, source, "ways", told=quiet)
    assert run_remote(login, ("ls", "out"))[1] == b""

    local = tmp_path / "local"
    local.mkdir()
    (local / "link").symlink_to(outside)
    (local / "file").symlink_to(outside / "file")
    transfer.pull(login, "ways", local, told=quiet)
    assert (local / "link" / "file").read_text() == (local / "file").read_text() == "theirs"
    assert (outside / "file").read_text() == "mine"


@pytest.mark.usefixtures("way")
@pytest.mark.soak
def test_the_mode_of_the_folder_that_is_filled_stays(login: Login, tmp_path: Path) -> None:
    """A home that everybody may write to lets nobody in by ssh any more."""
    source = tmp_path / "open to all"
    source.mkdir()
    (source / "file").touch()
    source.chmod(0o777)
    transfer.push(login, source, "~", told=quiet)
    assert run_remote(login, ("stat", "-c", "%a", "."))[1] not in {b"777\n", b""}
    tmp_path.chmod(0o700)
    run_remote(login, ("sh", "-c", "mkdir -p wide && chmod 777 wide"))
    transfer.pull(login, "wide", tmp_path, told=quiet)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("way")
@pytest.mark.one_in(2)
def test_what_is_not_there_or_no_folder_is_told_by_its_name(login: Login, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run_remote(login, ("sh", "-c", "touch plain"))
    with pytest.raises(SpotkeeperError, match=r"plain.*(File exists|Not a directory)"):
        transfer.push(login, tmp_path / "file", "plain", told=quiet)
    with pytest.raises(SpotkeeperError, match="cannot create directory"):
        transfer.push(login, tmp_path / "file", "/proc/nothing", told=quiet)
    for place in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nothing")):
        with pytest.raises(BadInput, match="cannot be a folder"):
            transfer.pull(login, "plain", place, told=quiet)
    with pytest.raises(NotFound, match=r"There is no \./nothing on train"):
        transfer.pull(login, "nothing", tmp_path, told=quiet)
    with pytest.raises(SpotkeeperError, match="No such file"):
        transfer.push(login, tmp_path / "nothing", "x", told=quiet)


@pytest.mark.one_in(2)
def test_a_connection_lost_in_the_middle_leaves_no_half_file_and_a_repeat_completes_it(
    login: Login, way: str, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(1 << 20) * 64)

    def cut(_: str) -> None:
        found = subprocess.run(
            ["pgrep", "-f", f"^ssh .*{login.known_hosts}"], capture_output=True, check=False
        )
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    with pytest.raises(Unreachable, match="connection to train was lost") as lost:
        transfer.push(login, source, f"cut by {way}", told=cut)
    assert ("begins anew" in lost.value.next_step) == (way == "tar")
    if way == "rsync":
        assert run_remote(login, ("ls", f"cut by {way}"))[1] == b""
    transfer.push(login, source, f"cut by {way}", told=quiet)
    _, size, _ = run_remote(login, ("stat", "-c", "%s", f"cut by {way}/big"))
    assert int(size) == 64 << 20


def test_words_and_input_arrive_to_the_byte_and_the_code_comes_back(login: Login) -> None:
    words = ["a b", "", "$HOME", "'", "new\nline", "*", "-n", "ü"]
    script = 'printf "%s\\0" "$@"; echo told >&2; exit 255'
    code, out, err = run_remote(login, ("sh", "-c", script, "sh", *words))
    assert out == b"".join(os.fsencode(word) + b"\0" for word in words)
    assert (code, err) == (255, b"told\n")
    data = bytes(range(256)) * 5_000
    assert run_remote(login, ("cat",), stdin=data) == (0, data, b"")
    followed = follow_remote(login, ("sh", "-c", "echo first; sleep 0.1; echo last; exit 3"))
    assert [next(followed), next(followed)] == [b"first\n", b"last\n"]
    with pytest.raises(StopIteration) as ended:
        next(followed)
    assert ended.value.value == (3, b"", b"")


def test_who_cannot_get_in_is_told_why_and_what_to_do(login: Login, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-qt", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    public = " ".join(stranger.with_suffix(".pub").read_text().split()[:2])
    (tmp_path / "train").write_text(f"{login.instance_id} {public}\n")
    cases = (
        (replace(login, known_hosts=tmp_path / "train"), CredentialsProblem, "ssh-keygen -R i-"),
        (replace(login, identity=stranger), CredentialsProblem, "ssh-add"),
        (replace(login, port=1), Unreachable, "spot show train"),
        (replace(login, address="no-such-host.invalid"), Unreachable, "spot show train"),
    )
    for wrong, kind, step in cases:
        for call in (
            lambda wrong=wrong: run_remote(wrong, ("true",)),
            lambda wrong=wrong: list(follow_remote(wrong, ("true",))),
            lambda wrong=wrong: transfer.push(wrong, stranger, "x", told=quiet),
            lambda wrong=wrong: transfer.pull(wrong, "x", tmp_path, told=quiet),
        ):
            with pytest.raises(kind) as problem:
                call()
            assert "train" in problem.value.message
            assert step in problem.value.next_step
