"""Spot requests and the instances they hold: launched, interrupted, ended."""
