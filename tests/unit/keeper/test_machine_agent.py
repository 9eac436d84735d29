"""What is said where a machine cannot be asked, by the very lines of shell that run there."""

import os
from pathlib import Path

import pytest

from spotkeeper.errors import CredentialsProblem, NotFound, SpotkeeperError, Unreachable
from spotkeeper.keeper.machine_agent import MachineAgent
from spotkeeper.ssh.shell import Login

#: Runs the line on this computer, with the programs of a folder alone.
SSH = '#!/bin/sh\nfor line; do :; done\nPATH={there} exec /bin/sh -c "$line"\n'
SAYS = "#!/bin/sh\necho '{words}' >&2\nexit {code}\n"
PLAIN = ("mktemp", "cat", "sed", "rm", "sha256sum")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a machine's programs."""
    found, here = tmp_path / "there", tmp_path / "here"
    for folder in (found, here):
        folder.mkdir()
    for name in PLAIN:
        [path] = [p for each in ("/usr/bin", "/bin") if (p := Path(each, name)).exists()][:1]
        (found / name).symlink_to(path)
    (found / "sh").symlink_to("/bin/sh")
    program(here, "ssh", SSH.format(there=found))
    monkeypatch.setenv("PATH", f"{here}{os.pathsep}{os.environ['PATH']}")
    return found


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def login(tmp_path: Path) -> Login:
    return Login("192.0.2.1", "ubuntu", "i-1", tmp_path / "train")


YES, NO = "#!/bin/sh\nexit 0\n", "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({}, "train has no python3"),
        ({"python3": NO}, "train has a python3 older than 3.9"),
        ({"python3": YES, "sudo": NO}, "train lets its login user become root by no sudo"),
        ({"python3": YES, "sudo": YES, "sha256sum": NO}, "train did not receive the agent whole"),
        (
            {"python3": YES, "sudo": SAYS.format(words="Read-only file system", code=0)},
            "The agent of train gave no answer: Read-only file system",
        ),
    ],
)
def test_a_machine_that_cannot_have_the_agent_says_why(
    there: Path, tmp_path: Path, programs: dict[str, str], said: str
) -> None:
    for name, text in programs.items():
        program(there, name, text)
    with pytest.raises(SpotkeeperError) as caught:
        MachineAgent(login(tmp_path)).install()
    assert caught.value.message.startswith(said)


def test_no_agent_is_laid_down_on_this_computer_itself(
    there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("python3", "sudo"):
        program(there, name, f"#!/bin/sh\necho > {tmp_path / 'ran'}\n")
    monkeypatch.setenv("SPOTKEEPER_ROOT", str(tmp_path))
    with pytest.raises(SpotkeeperError, match="without a jail") as caught:
        MachineAgent(login(tmp_path)).install()
    assert "bubblewrap" in caught.value.paragraph()
    assert not (tmp_path / "ran").exists()


def test_a_machine_without_an_agent_has_had_no_run(there: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No command was ever run on train"):
        MachineAgent(login(tmp_path)).status()


def test_what_a_login_shell_says_first_is_no_answer(there: Path, tmp_path: Path) -> None:
    answer = 'echo "Welcome to {}"; echo \'{"schema": 1, "end": 3}\'; printf "a\\nb"'
    program(there.parent / "here", "ssh", f"#!/bin/sh\n{answer}\n")
    assert MachineAgent(login(tmp_path)).logs() == ({"schema": 1, "end": 3}, b"a\nb")


def test_a_file_that_came_in_pieces_does_not_stay(there: Path, tmp_path: Path) -> None:
    for name, text in {"python3": YES, "sudo": YES, "sha256sum": NO}.items():
        program(there, name, text)
    program(there, "mktemp", f"#!/bin/sh\necho {tmp_path}/arriving\n")
    with pytest.raises(SpotkeeperError):
        MachineAgent(login(tmp_path)).install()
    assert not (tmp_path / "arriving").exists()


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("ubuntu@192.0.2.1: Permission denied (publickey).", CredentialsProblem),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", Unreachable),
    ],
)
def test_ssh_s_own_trouble_is_no_fault_of_the_agent(
    there: Path, tmp_path: Path, words: str, kind: type[SpotkeeperError]
) -> None:
    program(there.parent / "here", "ssh", SAYS.format(words=words, code=255))
    with pytest.raises(kind) as caught:
        MachineAgent(login(tmp_path)).status()
    assert "train" in caught.value.paragraph()
