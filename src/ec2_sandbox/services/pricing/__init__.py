"""The Price List: what instances and disks cost, and its files."""
