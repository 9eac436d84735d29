"""The command line: parse, one call on Keeper, render. One file per command."""
