"""EC2 fleets: what was asked for, which pools fill it, and how it is kept."""
