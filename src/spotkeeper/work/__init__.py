"""What is decided about a user's command, wherever it runs: pure, with nothing read or written.

The modules that the agent needs are packed into its file (``agent/build.py``), so they use the
standard library of Python 3.9 and nothing else of this package.
"""
