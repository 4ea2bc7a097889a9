"""`python -m evalharness` is the command line."""

from evalharness.cli import main

main()
