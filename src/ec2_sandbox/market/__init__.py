"""The Spot market of the sandbox: pools, prices, capacity. Pure; standard library only."""
