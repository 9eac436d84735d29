"""GPUs in words."""

from spotkeeper.cli import render


def gpu(row: render.Row) -> str:
    """Count, model and memory of the GPUs, ``-`` for none; a fraction as in ``0.5x``."""
    if row["gpu_name"] is None:
        return render.UNKNOWN
    count = row["gpu_count"] or round(row["gpu_share"], 3)
    return f"{count:g}x {row['gpu_name']} {row['gpu_memory_gib']:g}"
