"""What runs on the instance; it knows nothing of the rest of the package."""

from pathlib import Path


def boot_script() -> str:
    """The script that cloud-init runs first on every boot; it arms the guard."""
    return Path(__file__).with_name("boot.sh").read_text(encoding="utf-8")
