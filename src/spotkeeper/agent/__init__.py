"""What runs on the instance; it knows nothing of the rest of the package."""

from importlib.resources import files


def boot_script() -> str:
    """The script that cloud-init runs first on every boot; it arms the guard."""
    return files(__package__).joinpath("boot.sh").read_text(encoding="utf-8")
