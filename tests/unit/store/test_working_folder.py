"""Which files of a folder are the code: as git tells, and where it cannot tell."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from spotkeeper.errors import BadInput
from spotkeeper.store import working_folder
from spotkeeper.store.working_folder import IGNORE_FILE, WorkingFolder

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
ODD = "blank and\nline.py"


def git(folder: Path, *arguments: str) -> None:
    who = (
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.com",
        "-c",
        "protocol.file.allow=always",
    )
    home = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    subprocess.run(
        ["git", *who, *arguments], cwd=folder, env=home, check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Tracked, untracked and ignored files, and all that is left out everywhere."""
    folder = tmp_path / "project"
    for name in ("train.py", "src/model.py", ODD, "data/big.bin", "._train.py", "gone.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "link.py").symlink_to("train.py")
    (folder / ".gitignore").write_text("data/\n*.ckpt\n.venv/\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    (folder / "gone.py").unlink()
    (folder / "new.py").write_text("untracked")
    (folder / "last.ckpt").write_text("ignored")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "python").write_text("ignored and made again")
    return folder


@needs_git
def test_the_code_is_what_git_would_keep(repository: Path) -> None:
    code = WorkingFolder(repository)
    assert [str(each) for each in code.files()] == [
        ".gitignore",
        ODD,
        "link.py",
        "new.py",
        "src/model.py",
        "train.py",
    ]
    assert code.ignored() == ["data", "last.ckpt"]
    assert code.commit().endswith("-dirty")


@needs_git
@pytest.mark.parametrize(
    ("patterns", "left_out"),
    [
        ("# words\n\n*.py\n", {ODD, "link.py", "new.py", "src/model.py", "train.py"}),
        ("/*.py", {ODD, "link.py", "new.py", "train.py"}),
        ("src/", {"src/model.py"}),
        ("src/*.py\n/train.py", {"src/model.py", "train.py"}),
        ("rc\nrain.py", set()),
    ],
)
def test_what_its_own_file_names_is_no_code(
    repository: Path, patterns: str, left_out: set[str]
) -> None:
    before = {str(each) for each in WorkingFolder(repository).files()}
    (repository / IGNORE_FILE).write_text(patterns)
    after = {str(each) for each in WorkingFolder(repository).files()}
    assert before - after == left_out


@needs_git
def test_of_a_folder_within_a_repository_the_code_is_what_is_in_it(repository: Path) -> None:
    assert WorkingFolder(repository / "src").files() == [Path("model.py")]


@needs_git
def test_the_files_of_a_submodule_are_code_too(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    (other / "deep").mkdir(parents=True)
    (other / "deep" / "lib.py").write_text("x")
    git(other, "init", "-q")
    git(other, "add", ".")
    git(other, "commit", "-qm", "first")
    git(repository, "submodule", "--quiet", "add", str(other), "vendor")
    assert Path("vendor/deep/lib.py") in WorkingFolder(repository).files()
    git(repository, "submodule", "--quiet", "deinit", "--force", "vendor")
    for listed in (WorkingFolder(repository).files, WorkingFolder(repository).known):
        with pytest.raises(BadInput, match="its submodule vendor was not fetched") as refused:
            listed()
        assert "`git submodule update --init vendor`" in refused.value.next_step
    (repository / IGNORE_FILE).write_text("vendor/\n")
    assert Path("train.py") in WorkingFolder(repository).files()


POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)


@needs_git
def test_pointers_of_lfs_are_no_files(repository: Path) -> None:
    (repository / "model.pt").write_text(POINTER)
    code = WorkingFolder(repository)
    assert Path("model.pt") in code.files()
    (repository / ".gitattributes").write_text("*.pt filter=lfs diff=lfs merge=lfs -text\n")
    for listed in (code.files, code.known):
        with pytest.raises(BadInput, match=r"pointers of Git LFS: model\.pt") as refused:
            listed()
        assert "`git lfs pull`" in refused.value.next_step
    (repository / IGNORE_FILE).write_text("*.pt\n")
    assert Path("model.pt") not in code.files()
    (repository / IGNORE_FILE).unlink()
    (repository / "model.pt").write_text("fetched" * 200)
    assert Path("model.pt") in code.files()


def test_what_its_own_file_names_is_not_pushed_and_not_deleted_either(tmp_path: Path) -> None:
    for name in ("a.py", "raw.bin", ".venv"):
        (tmp_path / name).touch()
    folder = WorkingFolder(tmp_path)
    assert folder.known() is None
    (tmp_path / IGNORE_FILE).write_text("*.bin\n")
    assert folder.known() == [Path(IGNORE_FILE), Path(".venv"), Path("a.py")]
    assert folder.ignores(["old.bin", "old.py"]) == {"", "old.bin"}


@needs_git
def test_a_copy_is_the_code_and_its_links_and_modes(repository: Path, tmp_path: Path) -> None:
    (repository / "train.py").chmod(0o755)
    WorkingFolder(repository).copy_to(tmp_path / "copy")
    copied = sorted(
        str(p.relative_to(tmp_path / "copy")) for p in (tmp_path / "copy").rglob("*.py")
    )
    with pytest.raises(BadInput, match="cannot be copied: File exists"):
        WorkingFolder(repository).copy_to(repository / "train.py")
    assert copied == [ODD, "link.py", "new.py", "src/model.py", "train.py"]
    assert (tmp_path / "copy" / "link.py").readlink() == Path("train.py")
    assert (tmp_path / "copy" / "train.py").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("what", ["no repository", "a damaged index", "no git"])
def test_where_git_cannot_tell_all_is_code_but_what_is_made_again(
    what: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "no repository":
        shutil.rmtree(repository / ".git")
    elif what == "a damaged index":
        (repository / ".git" / "index").write_bytes(b"not an index")
    else:
        monkeypatch.setenv("PATH", "/nowhere")
    os.mkfifo(repository / "pipe")
    code = WorkingFolder(repository)
    assert [str(each) for each in code.files()] == [
        ".gitignore",
        ODD,
        "data/big.bin",
        "last.ckpt",
        "link.py",
        "new.py",
        "src/model.py",
        "train.py",
    ]
    assert code.ignored() == []
    assert bool(code.warning()) == (what != "no repository")


def test_a_folder_that_is_no_code_is_refused_and_the_biggest_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working_folder, "MOST_BYTES", 5_000_000)
    for number in range(8):
        (tmp_path / f"{number}.bin").write_bytes(b"x" * number * 1_000_000)
    with pytest.raises(BadInput, match="holds 28 MB, and code may have 5 MB") as refused:
        WorkingFolder(tmp_path).files()
    assert refused.value.next_step.endswith(
        "7.bin (7 MB), 6.bin (6 MB), 5.bin (5 MB), 4.bin (4 MB), 3.bin (3 MB)."
    )
